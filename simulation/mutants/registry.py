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

STAND_INS: dict[str, dict[str, object]] = {}
"""By what is wrong: what stands in for what."""


def mutant(wrong: str, *names: str) -> Callable[[B], B]:
    """Declare what stands in for ``names``; ``wrong`` says what it does."""

    def declare(broken: B) -> B:
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
