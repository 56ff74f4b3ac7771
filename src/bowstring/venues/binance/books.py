"""The order books of one collector: each is kept true by its stream's changes, and fetched when it cannot be."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from bowstring.core.clock import Clock
from bowstring.core.components import Emit
from bowstring.core.errors import BadMessage, Disconnected, NotSent, Rejected
from bowstring.core.supervision import pauses
from bowstring.market.book import OrderBook
from bowstring.market.book_sync import BookSync, Counts, Diff, Snapshot
from bowstring.market.events import BookChanged, BookLost
from bowstring.market.instrument import Instrument

QUIET_S = 1.5  # a stream tells of a change within 1 s: without one, a snapshot cannot be behind it

Fetch = Callable[[Instrument], Awaitable[Snapshot]]
"""How to get a snapshot. Raises `Disconnected`, `Rejected`, `NotSent` or `BadMessage`."""

log = logging.getLogger(__name__)


class Books:
    """Keeps the books of some depth streams, given by their names; ``tasks`` owns the fetching of snapshots.

    Every change is published as `BookChanged`, and a loss as `BookLost`; the book is invalid before anyone is told.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        *,
        fetch: Fetch,
        emit: Emit,
        clock: Clock,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._instruments = instruments
        self._fetch = fetch
        self._emit = emit
        self._clock = clock
        self._tasks = tasks
        self._syncs = {stream: BookSync(_book(instrument)) for stream, instrument in instruments.items()}
        self._first_changes: dict[str, asyncio.Event] = {}  # of the books that are being fetched
        self._fetching: dict[str, asyncio.Task[None]] = {}

    def begin(self) -> None:
        """The streams are connected: fetch all books."""
        for stream in self._syncs:
            self._begin(stream)

    def take(self, stream: str, diff: Diff) -> None:
        """Take in a change, and publish what it does."""
        sync = self._syncs[stream]
        outcome = sync.take(diff)
        if outcome == "changed":
            self._tell(sync)
        elif outcome == "lost":
            self._tell_loss(sync)
            self._begin(stream)
        elif outcome == "waiting" and stream in self._first_changes:
            self._first_changes[stream].set()

    def distrust(self, stream: str, reason: str) -> None:
        """A message of this stream could not be read, or of any if it names none: a change may be missing."""
        for name in [stream] if stream else list(self._syncs):
            sync = self._syncs.get(name)
            if sync is not None and sync.book.is_valid:
                sync.lose(reason)
                self._tell_loss(sync)
                self._begin(name)

    def lose_all(self, reason: str) -> None:
        """The streams broke off: no book can be read any more."""
        self._end_fetching()
        for sync in self._syncs.values():
            was_valid = sync.book.is_valid
            sync.lose(reason)
            if was_valid:
                self._tell_loss(sync)

    def close(self) -> None:
        """Nobody keeps the books true any more, which nobody is told: let nobody read them."""
        self._end_fetching()
        for sync in self._syncs.values():
            sync.lose("its collector has stopped")

    def counts(self) -> dict[str, Counts]:
        """What has happened to each book, by symbol."""
        return {sync.book.symbol: sync.counts for sync in self._syncs.values()}

    def _begin(self, stream: str) -> None:
        if stream not in self._first_changes:
            self._first_changes[stream] = asyncio.Event()
            self._fetching[stream] = self._tasks.create_task(self._sync(stream))

    def _end_fetching(self) -> None:
        for task in self._fetching.values():
            task.cancel()
        self._fetching.clear()
        self._first_changes.clear()

    async def _sync(self, stream: str) -> None:
        """Fetch snapshots until one fits."""
        sync = self._syncs[stream]
        await self._quiet(stream)
        for pause_s in pauses(self._clock):
            snapshot = await self._snapshot(stream)
            if snapshot is not None and sync.take_snapshot(snapshot):
                break
            log.info("%s: no snapshot yet, %s; again in %.1f s", stream, sync.problem, pause_s)
            await asyncio.sleep(pause_s)
        del self._first_changes[stream], self._fetching[stream]
        self._tell(sync)

    async def _quiet(self, stream: str) -> None:
        """Wait for the first change, with which a snapshot can be compared; there may be none."""
        if self._syncs[stream].has_waiting:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(QUIET_S):
                await self._first_changes[stream].wait()

    async def _snapshot(self, stream: str) -> Snapshot | None:
        try:
            return await self._fetch(self._instruments[stream])
        except (Disconnected, Rejected, NotSent, BadMessage) as error:
            log.warning("%s: no snapshot, %s", stream, error)
            return None

    def _tell(self, sync: BookSync) -> None:
        book = sync.book
        self._emit(BookChanged(venue=book.venue, symbol=book.symbol, book=book))

    def _tell_loss(self, sync: BookSync) -> None:
        book = sync.book
        log.warning("%s: the book of %s is lost, %s", book.venue, book.symbol, sync.problem)
        self._emit(BookLost(venue=book.venue, symbol=book.symbol, reason=sync.problem))
        self._tell(sync)


def _book(instrument: Instrument) -> OrderBook:
    return OrderBook(venue=instrument.venue, symbol=instrument.symbol)
