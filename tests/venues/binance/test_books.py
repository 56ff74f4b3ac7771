"""Books on virtual time: what a strategy could read at each event is true, or nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from decimal import Decimal
from itertools import pairwise

import pytest

from bowstring.core.errors import BadMessage, Disconnected, NotSent, Rejected
from bowstring.core.messages import Event
from bowstring.market.book import OrderBook
from bowstring.market.book_sync import Counts, Diff, Snapshot
from bowstring.market.events import BookChanged, BookLost
from bowstring.market.instrument import Instrument
from bowstring.testing.simulation import simulate, simulated_clock
from bowstring.venues.binance.books import QUIET_S, Books
from tests.venues.binance.facts import BTC, ETH, instrument

STREAM = "btcusdt@depth@100ms"
Levels = list[tuple[Decimal, Decimal]]


def levels(*prices: str) -> Levels:
    return [(Decimal(price), Decimal(1)) for price in prices]


def diff(first: int, last: int | None = None, *, bids: Levels | None = None, asks: Levels | None = None) -> Diff:
    return Diff(first=first, last=last or first, bids=bids or [], asks=asks or [])


def snapshot(update_id: int, *, bids: Levels | None = None) -> Snapshot:
    return Snapshot(update_id=update_id, bids=bids or levels("99"), asks=levels("101"))


class Seen:
    """An `Emit` that notes what a subscriber could read at each event, and when."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.readings: list[tuple[str, int | None]] = []
        self.times: list[float] = []
        self.book: OrderBook | None = None

    def __call__(self, event: Event, /) -> None:
        self.events.append(event)
        self.times.append(asyncio.get_running_loop().time())
        if isinstance(event, BookChanged):
            self.book = event.book
        read = self.book.update_id if self.book is not None and self.book.is_valid else None
        self.readings.append((type(event).__name__, read))
        if self.book is not None and not self.book.is_valid:
            assert [self.book.bid, self.book.ask, self.book.bids(), self.book.asks()] == [None] * 4

    async def drained(self) -> None:
        """Nobody is ever behind."""


class Venue:
    """Gives the snapshots and errors of a script, each after ``latency_s``; the last one again and again."""

    def __init__(self, *script: Snapshot | Exception, latency_s: float = 0.1) -> None:
        self.asked: list[tuple[str, float]] = []
        self._script = list(script)
        self._latency_s = latency_s

    async def fetch(self, instrument: Instrument) -> Snapshot:
        self.asked.append((instrument.symbol, asyncio.get_running_loop().time()))
        await asyncio.sleep(self._latency_s)
        answer = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def run(
    scenario: Callable[[Books, Seen], Awaitable[None]],
    fetch: Callable[[Instrument], Awaitable[Snapshot]],
    *instruments: Instrument,
) -> tuple[Books, Seen]:
    """Play a scenario; what is still being fetched at its end is given up."""

    async def main() -> tuple[Books, Seen]:
        seen = Seen()
        async with asyncio.TaskGroup() as tasks:
            books = Books(
                {f"{one.venue_symbol.lower()}@depth@100ms": one for one in instruments or (BTC,)},
                fetch=fetch,
                emit=seen,
                clock=simulated_clock(),
                tasks=tasks,
            )
            await scenario(books, seen)
            books.close()
        return books, seen

    coroutine: Coroutine[None, None, tuple[Books, Seen]] = main()
    return simulate(coroutine)


CHANGED, LOST = "BookChanged", "BookLost"


def test_a_book_is_fetched_after_the_first_change_and_told_with_it_applied() -> None:
    venue = Venue(snapshot(10))

    async def scenario(books: Books, seen: Seen) -> None:
        books.begin()
        await asyncio.sleep(0.5)
        books.take(STREAM, diff(10, 12, bids=levels("99.5")))
        await asyncio.sleep(1)
        assert seen.book is not None
        assert [level.price for level in seen.book.bids() or ()] == [Decimal("99.5"), 99]

    books, seen = run(scenario, venue.fetch)

    assert venue.asked == [("BTC/USDT", 0.5)]
    assert seen.readings == [(CHANGED, 12)]
    assert books.counts() == {"BTC/USDT": Counts(snapshots=1, changes=1)}


def test_a_quiet_book_is_fetched_without_waiting_for_a_change() -> None:
    venue = Venue(snapshot(10))

    async def scenario(books: Books, seen: Seen) -> None:
        books.begin()
        await asyncio.sleep(QUIET_S + 0.5)

    _, seen = run(scenario, venue.fetch)

    assert venue.asked == [("BTC/USDT", QUIET_S)]
    assert seen.readings == [(CHANGED, 10)]


def test_a_book_whose_first_change_came_with_the_connection_is_fetched_at_once() -> None:
    venue = Venue(snapshot(10))

    async def scenario(books: Books, seen: Seen) -> None:
        books.take(STREAM, diff(11))
        books.begin()
        await asyncio.sleep(1)

    _, seen = run(scenario, venue.fetch)

    assert venue.asked == [("BTC/USDT", 0)]
    assert seen.readings == [(CHANGED, 11)]


def test_each_change_is_told() -> None:
    async def scenario(books: Books, seen: Seen) -> None:
        await synced(books)
        for update_id in (11, 12, 13):
            books.take(STREAM, diff(update_id))

    _, seen = run(scenario, Venue(snapshot(10)).fetch)

    assert seen.readings == [(CHANGED, 10), (CHANGED, 11), (CHANGED, 12), (CHANGED, 13)]


async def synced(books: Books) -> None:
    books.begin()
    await asyncio.sleep(QUIET_S + 0.5)


def test_a_stale_snapshot_is_never_read_and_another_one_asked_for() -> None:
    venue = Venue(snapshot(5), snapshot(8), snapshot(11))

    async def scenario(books: Books, seen: Seen) -> None:
        books.begin()
        books.take(STREAM, diff(10, 12))
        await asyncio.sleep(2)

    books, seen = run(scenario, venue.fetch)

    assert len(venue.asked) == 3
    assert seen.readings == [(CHANGED, 12)]
    assert books.counts()["BTC/USDT"] == Counts(snapshots=1, stale_snapshots=2, changes=1)


def test_a_gap_is_told_before_anything_else_and_mended_by_a_new_snapshot() -> None:
    venue = Venue(snapshot(10), snapshot(21))

    async def scenario(books: Books, seen: Seen) -> None:
        await synced(books)
        books.take(STREAM, diff(20, 21))
        assert seen.book is not None
        assert not seen.book.is_valid
        books.take(STREAM, diff(22))
        await asyncio.sleep(1)
        books.take(STREAM, diff(23))

    books, seen = run(scenario, venue.fetch)

    assert seen.readings == [(CHANGED, 10), (LOST, None), (CHANGED, None), (CHANGED, 22), (CHANGED, 23)]
    lost = seen.events[1]
    assert isinstance(lost, BookLost)
    assert (lost.venue, lost.symbol) == ("binance", "BTC/USDT")
    assert lost.reason == "a gap: after update 10 came 20 to 21"
    assert books.counts()["BTC/USDT"] == Counts(snapshots=2, changes=2, ignored=1, gaps=1)
    assert [at for _, at in venue.asked] == [QUIET_S, QUIET_S + 0.5]  # at once, as a change waits for it


def test_a_crossed_book_is_told_as_lost_and_never_read() -> None:
    async def scenario(books: Books, seen: Seen) -> None:
        await synced(books)
        books.take(STREAM, diff(11, bids=levels("101.5")))
        books.take(STREAM, diff(12))
        await asyncio.sleep(1)

    books, seen = run(scenario, Venue(snapshot(10), snapshot(12)).fetch)

    assert seen.readings == [(CHANGED, 10), (LOST, None), (CHANGED, None), (CHANGED, 12)]
    assert books.counts()["BTC/USDT"].crossed == 1


def test_a_crossed_snapshot_is_never_read() -> None:
    async def scenario(books: Books, seen: Seen) -> None:
        await synced(books)
        await asyncio.sleep(1)

    books, seen = run(scenario, Venue(snapshot(10, bids=levels("102")), snapshot(11)).fetch)

    assert seen.readings == [(CHANGED, 11)]
    assert books.counts()["BTC/USDT"] == Counts(snapshots=2, crossed=1)


def test_a_duplicated_change_is_ignored() -> None:
    async def scenario(books: Books, seen: Seen) -> None:
        await synced(books)
        for update_id in (11, 11, 12, 11):
            books.take(STREAM, diff(update_id))

    books, seen = run(scenario, Venue(snapshot(10)).fetch)

    assert seen.readings == [(CHANGED, 10), (CHANGED, 11), (CHANGED, 12)]
    assert books.counts()["BTC/USDT"].ignored == 2


def test_changes_in_another_order_lose_the_book_until_the_next_snapshot() -> None:
    async def scenario(books: Books, seen: Seen) -> None:
        await synced(books)
        for update_id in (12, 11, 13):
            books.take(STREAM, diff(update_id))
        await asyncio.sleep(1)

    _, seen = run(scenario, Venue(snapshot(10), snapshot(13)).fetch)

    assert seen.readings == [(CHANGED, 10), (LOST, None), (CHANGED, None), (CHANGED, 13)]


def test_a_gap_while_a_snapshot_is_fetched_asks_for_another_one() -> None:
    async def scenario(books: Books, seen: Seen) -> None:
        books.begin()
        for first in (11, 15, 16):
            books.take(STREAM, diff(first))
        await asyncio.sleep(2)

    books, seen = run(scenario, Venue(snapshot(10), snapshot(15)).fetch)

    assert seen.readings == [(CHANGED, 16)]
    assert books.counts()["BTC/USDT"].gaps == 1


def test_a_disconnect_loses_all_books_and_tells_of_those_that_could_be_read() -> None:
    async def scenario(books: Books, seen: Seen) -> None:
        await synced(books)
        books.lose_all("cut")

    _, seen = run(scenario, by_symbol({"BTC/USDT": snapshot(10)}), BTC, ETH)

    assert seen.readings == [(CHANGED, 10), (LOST, None), (CHANGED, None)]
    assert isinstance(seen.events[1], BookLost)
    assert seen.events[1].reason == "cut"


@pytest.mark.parametrize("stream", [STREAM, ""])  # of a message that names none, any may be meant
def test_what_could_not_be_read_costs_the_book_before_anybody_is_told_and_it_is_fetched_anew(stream: str) -> None:
    venue = Venue(snapshot(10), snapshot(20))

    async def scenario(books: Books, seen: Seen) -> None:
        await synced(books)
        books.distrust("btcusdt@trade", "no change of a book")
        books.distrust(stream, "malformed")
        await asyncio.sleep(QUIET_S + 0.5)

    _, seen = run(scenario, venue.fetch)

    assert seen.readings == [(CHANGED, 10), (LOST, None), (CHANGED, None), (CHANGED, 20)]
    assert isinstance(seen.events[1], BookLost)
    assert seen.events[1].reason == "malformed"


def by_symbol(snapshots: dict[str, Snapshot]) -> Callable[[Instrument], Awaitable[Snapshot]]:
    """A venue that fails for all others."""

    async def fetch(instrument: Instrument) -> Snapshot:
        if instrument.symbol in snapshots:
            return snapshots[instrument.symbol]
        raise Disconnected("no answer")

    return fetch


def cut(books: Books) -> None:
    books.lose_all("cut")


@pytest.mark.parametrize("end", [cut, Books.close])
def test_a_snapshot_that_comes_after_the_end_brings_no_book_back(end: Callable[[Books], None]) -> None:
    venue = Venue(snapshot(10), snapshot(20), latency_s=1)

    async def scenario(books: Books, seen: Seen) -> None:
        books.begin()
        await asyncio.sleep(QUIET_S + 0.5)
        end(books)
        await asyncio.sleep(10)

    _, seen = run(scenario, venue.fetch)

    assert len(venue.asked) == 1
    assert seen.events == []


def test_when_its_collector_stops_a_book_cannot_be_read_any_more() -> None:
    async def scenario(books: Books, seen: Seen) -> None:
        await synced(books)

    _, seen = run(scenario, Venue(snapshot(10)).fetch)

    assert seen.readings == [(CHANGED, 10)]
    assert seen.book is not None
    assert seen.book.bid is None


@pytest.mark.parametrize(
    "error", [Disconnected("no answer"), Rejected("no", code="-1003"), NotSent("closed"), BadMessage("malformed")]
)
def test_what_fails_is_fetched_again_after_pauses_that_grow(error: Exception) -> None:
    venue = Venue(*[error] * 8, snapshot(10), latency_s=0)

    async def scenario(books: Books, seen: Seen) -> None:
        books.begin()
        await asyncio.sleep(120)

    _, seen = run(scenario, venue.fetch)

    times = [at for _, at in venue.asked]
    waits = [after - before for before, after in pairwise(times)]
    assert seen.readings == [(CHANGED, 10)]
    assert len(times) == 9
    assert all(0.5 * longest <= wait <= longest for wait, longest in zip(waits, longest_waits(), strict=False))


def longest_waits() -> list[float]:
    return [min(0.2 * 2**attempt, 30.0) for attempt in range(10)]


def test_an_error_that_has_no_name_ends_the_run() -> None:
    async def fetch(instrument: Instrument) -> Snapshot:
        raise ZeroDivisionError

    async def scenario(books: Books, seen: Seen) -> None:
        books.begin()
        await asyncio.sleep(10)

    with pytest.raises(ExceptionGroup) as raised:
        run(scenario, fetch)
    assert raised.group_contains(ZeroDivisionError)


def test_books_are_fetched_beside_each_other_and_one_that_fails_stops_no_other() -> None:
    symbols = [f"C{number}/USDT" for number in range(20)]

    async def scenario(books: Books, seen: Seen) -> None:
        await synced(books)

    _, seen = run(
        scenario,
        by_symbol({symbol: snapshot(10) for symbol in symbols[1:]}),
        *map(instrument, symbols),
    )

    assert sorted(event.symbol for event in seen.events if isinstance(event, BookChanged)) == sorted(symbols[1:])
