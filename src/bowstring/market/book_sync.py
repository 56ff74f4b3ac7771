"""Keeping an order book true: which snapshot and which changes belong together. Pure: no I/O, no clock.

A venue sends changes, each with the ids of the updates that it sums up, and gives snapshots on request. A book is
true from a snapshot on, as long as each change follows the one before without a gap.
"""

from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from bowstring.market.book import OrderBook

MAX_WAITING = 4096  # changes that wait for a snapshot: 400 s of one every 100 ms

Levels = Sequence[tuple[Decimal, Decimal]]
"""Prices and absolute quantities; a quantity of 0 says that the level is gone."""

Outcome = Literal["changed", "ignored", "lost", "waiting"]
"""What a change did: the book is ``changed``, was past it (``ignored``), is ``lost`` by it, or has yet to come."""


class Diff(Struct, frozen=True, kw_only=True):
    """What changed by the updates ``first`` to ``last``; ``previous`` is the last update before, where the venue tells.

    ``checksum`` is the venue's of the book after it, where there is one.
    """

    first: int
    last: int
    bids: Levels
    asks: Levels
    previous: int | None = None
    time_ns: int = 0
    checksum: int | None = None


class Snapshot(Struct, frozen=True, kw_only=True):
    """A whole book at ``update_id``; ``is_whole`` unless it was cut off at a number of levels."""

    update_id: int
    bids: Levels
    asks: Levels
    is_whole: bool = False
    time_ns: int = 0


class Counts(Struct):
    """What has happened to a book so far."""

    snapshots: int = 0
    stale_snapshots: int = 0
    changes: int = 0
    ignored: int = 0
    gaps: int = 0
    crossed: int = 0
    exhausted: int = 0
    checksums: int = 0


class BookSync:
    """Keeps one book true to the changes and snapshots that it is shown.

    The book is invalid from the moment that a gap shows, that it is crossed, or that its checksum is not the
    venue's, until the next snapshot that fits. ``checksum`` computes what the venue sends with each change.
    """

    def __init__(self, book: OrderBook, *, checksum: Callable[[OrderBook], int] | None = None) -> None:
        self.book = book
        self.counts = Counts()
        self.problem = "it has no snapshot yet"
        self._checksum = checksum
        self._waiting: deque[Diff] = deque(maxlen=MAX_WAITING)
        self._changes_before = 0  # how many changes there were when the snapshot came
        self._late = (0, 0)  # how many there were when the last change came that the book was past, and its id

    @property
    def has_waiting(self) -> bool:
        """Whether a change waits for a snapshot, which can be compared with it then."""
        return bool(self._waiting)

    def take(self, diff: Diff) -> Outcome:
        """Take in a change, in the order received. After ``lost`` a new snapshot is needed; ``problem`` says why."""
        book = self.book
        if not book.is_valid:
            self._waiting.append(diff)
            return "waiting"
        if diff.last <= book.update_id:
            return self._pass_over(diff)
        if not _follows(diff, book.update_id):
            self.counts.gaps += 1
            self.lose(f"a gap: after update {book.update_id} came {diff.first} to {diff.last}")
            self._waiting.append(diff)
            return "lost"
        return self._change(diff)

    def take_snapshot(self, snapshot: Snapshot) -> bool:
        """Take in a snapshot that was asked for while changes were received already, and what has waited for it.

        False: it is older than the first change that waits, or the book was lost again. Ask for another one.
        """
        while self._waiting and self._waiting[0].last <= snapshot.update_id:
            self._waiting.popleft()
            self.counts.ignored += 1
        if self._waiting and not _follows(self._waiting[0], snapshot.update_id):
            self.counts.stale_snapshots += 1
            self.problem = f"its snapshot of update {snapshot.update_id} is older than {self._waiting[0].first}"
            return False
        self.counts.snapshots += 1
        self._changes_before = self.counts.changes
        self.book.reset(
            update_id=snapshot.update_id,
            bids=snapshot.bids,
            asks=snapshot.asks,
            is_whole=snapshot.is_whole,
            time_ns=snapshot.time_ns,
        )
        self.problem = ""
        if self._is_bad():
            return False
        waiting, self._waiting = self._waiting, deque(maxlen=MAX_WAITING)
        for diff in waiting:
            self.take(diff)
        return self.book.is_valid

    def lose(self, problem: str) -> None:
        """Let nobody read the book until the next snapshot: its changes were missed, for this reason."""
        self.book.invalidate()
        self.problem = problem
        self._waiting.clear()

    def _pass_over(self, diff: Diff) -> Outcome:
        """A change that the book is past came twice or late; two of them, one after the other, are a stream gone back.

        A snapshot may be ahead of its stream; from the first change after it on, the book is not.
        """
        changes = self.counts.changes
        (changes_then, last), self._late = self._late, (changes, diff.last)
        if changes == self._changes_before or changes_then != changes or diff.last <= last:
            self.counts.ignored += 1
            return "ignored"
        self.counts.gaps += 1
        self.lose(f"its stream went back: after update {self.book.update_id} came {last} and {diff.last}")
        self._waiting.append(diff)
        return "lost"

    def _change(self, diff: Diff) -> Outcome:
        self.book.change(update_id=diff.last, bids=diff.bids, asks=diff.asks, time_ns=diff.time_ns)
        self.counts.changes += 1
        return "lost" if self._is_bad(diff.checksum) else "changed"

    def _is_bad(self, checksum: int | None = None) -> bool:
        """Whether the book cannot be true; it is invalid then."""
        if self.book.is_crossed():
            self.counts.crossed += 1
            self.lose(f"it is crossed after update {self.book.update_id}")
        elif self.book.is_exhausted():
            self.counts.exhausted += 1
            self.lose(f"its snapshot is used up at update {self.book.update_id}: the touch is beyond its levels")
        elif checksum is not None and self._checksum is not None and self._checksum(self.book) != checksum:
            self.counts.checksums += 1
            self.lose(f"its checksum is not {checksum} after update {self.book.update_id}")
        return not self.book.is_valid


def _follows(diff: Diff, update_id: int) -> bool:
    """Whether nothing is missing between an update and a change that goes beyond it.

    It may overlap with what is known, as its quantities are absolute. Where ids have holes the venue names the update
    before the change.
    """
    previous = diff.first - 1 if diff.previous is None else diff.previous
    return previous <= update_id
