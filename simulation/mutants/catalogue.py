"""All mutants: the order path, broken on purpose, at least once for each promise. The checks must catch every one."""

from simulation.mutants import account, doubts, fills, gates, registry, sends

MODULES = sends, doubts, gates, fills, account
MUTANTS = tuple(registry.STAND_INS)
"""What each does wrong."""
