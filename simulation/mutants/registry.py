"""Which mutants there are, and how one takes the place of what it breaks."""

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import TypeVar
from unittest.mock import patch

B = TypeVar("B")

# Under these names what the mutants break is looked up.
EXECUTOR = "simulation.life.OrderExecutor"
GUARD = "simulation.life.MaxPosition"
JOURNAL = "simulation.supervisor.JournalOfProcess"
PATH = "bowstring.trading.executor."
DOUBTS = ("bowstring.trading.sending.Doubt", "bowstring.trading.recovery.Doubt")
RECONCILIATION = "bowstring.trading.recovery.Reconciliation"
STREAM = "bowstring.trading.recovery.PrivateStream"

MISSED = "was not taken in|I4: the fill .* is not on record"

BY: dict[str, str] = {}
"""By what is wrong: which violation has to show it, as a regular expression. Others may come of it as well."""
STAND_INS: dict[str, dict[str, object]] = {}
"""By what is wrong: what stands in for what."""


def mutant(wrong: str, *names: str, by: str) -> Callable[[B], B]:
    """Declare what stands in for ``names``; ``wrong`` says what it does, ``by`` what the check of that promise says."""

    def declare(broken: B) -> B:
        BY[wrong] = by
        STAND_INS[wrong] = dict.fromkeys(names, broken)
        return broken

    return declare


@contextmanager
def broken(wrong: str) -> Generator[None]:
    """Have a mutant in place."""
    with ExitStack() as stack:
        for name, stand_in in STAND_INS[wrong].items():
            stack.enter_context(patch(name, stand_in))
        yield
