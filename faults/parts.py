"""What a mutant is: some of the parts that a bot's order path is made of, broken."""

from collections.abc import Callable

from msgspec import Struct

from bowstring.trading.executor import OrderExecutor
from bowstring.trading.journal.file import JournalFile
from faults.figures import Outcome
from faults.gateway import LocalGateway


class Parts(Struct, frozen=True, kw_only=True):
    """What a bot's order path is made of. ``install`` puts in what is not given to anything."""

    gateway: type[LocalGateway] = LocalGateway
    executor: type[OrderExecutor] = OrderExecutor
    journal: type[JournalFile] = JournalFile
    install: Callable[[], None] | None = None


class Mutant(Struct, frozen=True, kw_only=True):
    """What is broken, and the rows that have to find it. ``is_quick``: in the short form too, by the first of them.

    ``shows`` stands in what each of these rows finds, a rule or a part of the text: it is not enough to find anything.
    """

    breaks: str
    rows: tuple[str, ...]
    parts: Parts
    shows: str = ""
    is_quick: bool = False

    def is_found(self, outcome: Outcome) -> bool:
        """Whether that is what came of a row."""
        return any(self.shows in text for text in outcome.evidence)
