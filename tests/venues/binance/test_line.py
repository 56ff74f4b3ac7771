"""Several connections beside each other, and one after the other: what they bring is one stream without a seam."""

import asyncio
import logging
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import pytest

from bowstring.core.errors import ConfigError
from bowstring.core.messages import CollectorDown, CollectorUp, Event
from bowstring.market.book import Level, OrderBook
from bowstring.market.book_sync import Counts
from bowstring.market.events import BookChanged, BookLost, MarketEvent, Trade
from bowstring.market.instrument import Instrument
from bowstring.venues.binance import Binance, BinanceFutures, books, line, snapshots
from bowstring.venues.binance.stream import MAX_STREAMS, MAX_URL
from bowstring.venues.binance.trade_ids import TradeCounts
from tests.venues.binance.facts import (
    BTC,
    FUTURES_AGG_TRADE,
    FUTURES_TICKER,
    TICKER_FRAME,
    TRADE_FRAME,
    combined,
    instrument,
)
from tests.venues.binance.fake import FakeBinance
from tests.venues.binance.feeds import Feed, running

SHUTDOWN = b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}'


def venue(binance: FakeBinance, *, instruments: Sequence[Instrument] | None = None) -> Binance:
    return Binance("local", rest_url=binance.rest_url, ws_url=binance.ws_url, instruments=instruments)


def trade(number: int, base: str = "BTC") -> bytes:
    frame = TRADE_FRAME.replace(b"12345", str(number).encode())
    return frame.replace(b"btc", base.lower().encode()).replace(b"BTC", base.encode())


def trades(events: Sequence[Event], base: str = "BTC") -> list[int]:
    return [int(event.trade_id) for event in events if isinstance(event, Trade) and event.symbol == f"{base}/USDT"]


def diff(first: int, last: int | None = None, *, bid: str = "99") -> bytes:
    levels = f'"b":[["{bid}","{first}"]],"a":[]'
    data = f'{{"e":"depthUpdate","E":1672515782136,"s":"BTCUSDT","U":{first},"u":{last or first},{levels}}}'
    return combined("btcusdt@depth@100ms", data)


def book(update_id: int) -> str:
    return f'{{"lastUpdateId":{update_id},"bids":[["99","1"]],"asks":[["101","1"]]}}'


def of(*events: Event) -> list[str]:
    return [type(event).__name__ for event in events]


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quiet books are fetched soon."""
    monkeypatch.setattr(books, "QUIET_S", 0.05)


# Beside each other


async def test_more_streams_than_fit_a_connection_are_split_in_their_order(binance: FakeBinance) -> None:
    collector = venue(binance).stream(quotes=["BTC/USDT", "ETH/USDT"], trades=["BTC/USDT"], max_streams=2)

    async with running(collector, binance, connections=2) as feed:
        await feed.until(2)
        first = binance.streams.index(["btcusdt@bookTicker", "ethusdt@bookTicker"])
        await binance.send(TICKER_FRAME, to=first)
        await feed.until(3)
        await binance.send(TRADE_FRAME, to=1 - first)
        events = await feed.until(4)

    assert sorted(binance.streams) == [["btcusdt@bookTicker", "ethusdt@bookTicker"], ["btcusdt@trade"]]
    assert of(*events) == ["CollectorUp", "CollectorUp", "Quote", "Trade"]
    assert {event.collector for event in events if isinstance(event, CollectorUp)} == {
        f"{collector.name} 1/2",
        f"{collector.name} 2/2",
    }


async def test_streams_whose_names_fit_no_url_are_split_too(binance: FakeBinance) -> None:
    instruments = [instrument(f"COIN{number}{'X' * 20}/USDT") for number in range(400)]
    collector = venue(binance, instruments=instruments).quotes(*(one.symbol for one in instruments))

    async with running(collector, binance, connections=3):
        pass

    names = [f"{one.venue_symbol.lower()}@bookTicker" for one in instruments]
    assert sorted(name for names in binance.streams for name in names) == sorted(names)
    lengths = [len(f"{binance.ws_url}/stream?streams={'/'.join(names)}") for names in binance.streams]
    assert max(lengths) <= MAX_URL
    assert sorted(lengths)[1] > MAX_URL - 60  # all but the last are full
    assert len(instruments) < MAX_STREAMS


async def test_streams_of_futures_are_asked_for_where_they_are_served(binance: FakeBinance) -> None:
    futures = BinanceFutures("local", rest_url=binance.rest_url, ws_url=binance.ws_url)
    symbols = ["BTC/USDT:USDT"]
    collector = futures.stream(quotes=symbols, trades=symbols, books=symbols, mark_prices=symbols, liquidations=symbols)

    async with running(collector, binance, connections=2) as feed:
        await feed.until(2)
        public = binance.paths.index("/public/stream")
        await binance.send(combined("btcusdt@bookTicker", FUTURES_TICKER), to=public)
        await feed.until(3)
        await binance.send(combined("btcusdt@aggTrade", FUTURES_AGG_TRADE), to=1 - public)
        events = (await feed.until(4))[2:]

    assert dict(zip(binance.paths, binance.streams, strict=True)) == {
        "/public/stream": ["btcusdt@bookTicker", "btcusdt@depth@100ms"],
        "/market/stream": ["btcusdt@aggTrade", "btcusdt@markPrice@1s", "btcusdt@forceOrder"],
    }
    assert of(*events) == ["Quote", "Trade"]
    assert {(one.venue, one.symbol) for one in events if isinstance(one, MarketEvent)} == {
        ("binance_futures", "BTC/USDT:USDT")
    }


async def test_one_connection_that_breaks_leaves_the_others_going_and_comes_again(binance: FakeBinance) -> None:
    collector = venue(binance).stream(quotes=["BTC/USDT"], trades=["BTC/USDT"], max_streams=1)

    async with running(collector, binance, connections=2) as feed:
        await feed.until(2)
        quotes = binance.streams.index(["btcusdt@bookTicker"])
        await binance.close_socket(1012, of=quotes)
        await feed.until(3)
        await binance.send(TRADE_FRAME, to=1 - quotes)
        await feed.until_seen(lambda events: len(events) >= 5)
        await binance.send(TICKER_FRAME, to=2)
        events = (await feed.until(6))[2:]

    down = next(event for event in events if isinstance(event, CollectorDown))
    up = next(event for event in events if isinstance(event, CollectorUp))
    assert sorted(of(*events)) == ["CollectorDown", "CollectorUp", "Quote", "Trade"]
    assert down.collector == up.collector == f"{collector.name} 1/2"
    assert "1012" in down.reason
    assert 0 < down.retry_in_s < 1
    assert binance.streams[2] == ["btcusdt@bookTicker"]


async def test_no_more_than_a_few_books_are_fetched_at_once(binance: FakeBinance) -> None:
    instruments = [instrument(f"C{number}/USDT") for number in range(20)]
    binance.books = {one.venue_symbol: book(10) for one in instruments}
    binance.gives_books.clear()
    collector = venue(binance, instruments=instruments).stream(
        books=[one.symbol for one in instruments], max_streams=10
    )

    async with running(collector, binance, connections=2) as feed:
        await binance.until(lambda: len(binance.asked) >= snapshots.AT_ONCE)
        await asyncio.sleep(0.05)
        at_once = len(binance.asked)
        binance.gives_books.set()
        events = await feed.until(22)

    assert at_once == snapshots.AT_ONCE
    assert len({event.symbol for event in events if isinstance(event, BookChanged)}) == 20
    assert {one.snapshots for one in collector.book_counts().values()} == {1}


# Books over the wire


async def test_a_book_over_the_wire_is_true_at_each_event(binance: FakeBinance) -> None:
    collector = venue(binance).books("BTC/USDT")
    binance.books["BTCUSDT"] = book(11)

    async with running(collector, binance) as feed:
        await binance.send(diff(10), diff(11), diff(12, bid="99.5"))
        (first,) = await feed.until(1)
        live = book_of(first)
        assert (live.update_id, live.bid) == (12, Level(Decimal("99.5"), Decimal(12)))
        await binance.send(diff(13, bid="99.6"))
        await feed.until(2)
        assert live.bid == Level(Decimal("99.6"), Decimal(13))

        binance.books["BTCUSDT"] = book(20)
        await binance.send(diff(20))
        lost, told = (await feed.until(4))[2:]
        assert isinstance(lost, BookLost)
        assert book_of(told) is live
        await binance.send(diff(21, bid="99.7"))
        await feed.until(5)
        assert (live.update_id, live.bid) == (21, Level(Decimal("99.7"), Decimal(21)))

    assert live.bids() is None  # nobody keeps it true any more
    assert collector.book_counts() == {"BTC/USDT": Counts(snapshots=2, changes=3, ignored=3, gaps=1)}


def book_of(event: Event) -> OrderBook:
    assert isinstance(event, BookChanged)
    return event.book


@pytest.mark.parametrize(("levels", "limit"), [(1, "50"), (51, "100"), (300, "500"), (1000, "1000")])
async def test_a_book_of_futures_is_asked_for_in_a_size_that_there_is(
    binance: FakeBinance, levels: int, limit: str
) -> None:
    binance.books["BTCUSDT"] = book(11)
    futures = BinanceFutures("local", rest_url=binance.rest_url, ws_url=binance.ws_url)

    async with running(futures.books("BTC/USDT:USDT", levels=levels), binance) as feed:
        (event,) = await feed.until(1)

    assert book_of(event).symbol == "BTC/USDT:USDT"
    assert binance.limits == [limit]


async def test_a_connection_that_breaks_takes_its_books_with_it(binance: FakeBinance) -> None:
    collector = venue(binance).books("BTC/USDT")
    binance.books["BTCUSDT"] = book(10)

    async with running(collector, binance) as feed:
        await binance.send(diff(10))
        live = book_of((await feed.until(1))[0])
        await binance.close_socket(1012)
        await feed.end()

    assert of(*feed.events) == ["BookChanged", "BookLost", "BookChanged"]
    assert not live.is_valid


@pytest.mark.parametrize("broken", [diff(11, bid="NaN"), b'{"stream":"btcusdt@depth@100ms","data":{', b'{"stream'])
async def test_a_change_that_cannot_be_read_costs_the_book_before_anybody_hears_of_it(
    binance: FakeBinance, broken: bytes
) -> None:
    collector = venue(binance).books("BTC/USDT")
    binance.books["BTCUSDT"] = book(10)

    async with running(collector, binance) as feed:
        await binance.send(diff(10))
        live = book_of((await feed.until(1))[0])
        binance.books["BTCUSDT"] = book(11)
        await binance.send(broken)
        events = await feed.until(5)

    assert of(*events) == ["BookChanged", "BookLost", "BookChanged", "BadData", "BookChanged"]
    assert live.update_id == 11


async def test_a_book_without_an_address_of_snapshots_is_told(binance: FakeBinance) -> None:
    collector = Binance("local", ws_url=binance.ws_url, instruments=[BTC]).books("BTC/USDT")

    async with running(collector, binance) as feed:
        await binance.send(diff(10))
        with pytest.raises(ConfigError, match="books need snapshots: give a rest_url beside the instruments"):
            await feed.task


# One after the other


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new connection each time the old one is 0.2 s old."""
    monkeypatch.setattr(line, "ROTATE_AFTER_S", 0.2)


@pytest.mark.usefixtures("_soon")
async def test_a_new_connection_takes_over_before_the_old_one_is_closed(
    binance: FakeBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = venue(binance).trades("BTC/USDT")

    async with running(collector, binance) as feed:
        await binance.send(trade(1), trade(2))
        await binance.until(lambda: len(binance.streams) == 2)
        monkeypatch.setattr(line, "ROTATE_AFTER_S", 60)
        assert binance.is_open(0)
        await binance.send(trade(4), trade(5), to=1)
        await binance.send(trade(3), to=0)
        await feed.until(3)
        assert binance.is_open(0)
        await binance.send(trade(4), trade(5), to=0)
        await binance.until(lambda: not binance.is_open(0))
        await binance.send(trade(6), to=1)
        events = await feed.until(6)

    assert trades(events) == [1, 2, 3, 4, 5, 6]
    assert of(*events) == ["Trade"] * 6
    assert collector.repeated == 2
    assert binance.streams == [["btcusdt@trade"]] * 2
    assert collector.trade_counts() == {"BTC/USDT": TradeCounts()}


@pytest.mark.usefixtures("_soon")
async def test_the_old_connection_stays_until_the_last_stream_has_gone_over(
    binance: FakeBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = venue(binance).trades("BTC/USDT", "ETH/USDT", "ETH/BTC")  # of which the last one says nothing

    async with running(collector, binance) as feed:
        await binance.send(trade(1), trade(7, "ETH"))
        await binance.until(lambda: len(binance.streams) == 2)
        monkeypatch.setattr(line, "ROTATE_AFTER_S", 60)
        await binance.send(trade(2), trade(9, "ETH"), to=1)
        await binance.send(trade(2), to=0)
        await feed.until(3)
        assert binance.is_open(0)
        await binance.send(trade(8, "ETH"), trade(9, "ETH"), to=0)
        await binance.until(lambda: not binance.is_open(0))
        events = await feed.until(5)

    assert trades(events) == [1, 2]
    assert trades(events, "ETH") == [7, 8, 9]


@pytest.mark.usefixtures("_soon")
async def test_what_the_old_connection_brought_is_not_published_again_however_late_the_new_one_brings_it(
    binance: FakeBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "OVERLAP_S", 0.05)

    async with running(venue(binance).trades("BTC/USDT"), binance) as feed:
        await binance.send(trade(1), trade(2))
        await binance.until(lambda: len(binance.streams) == 2)
        monkeypatch.setattr(line, "ROTATE_AFTER_S", 60)  # of the third one
        await binance.until(lambda: not binance.is_open(0))
        await binance.until(lambda: len(binance.streams) == 3)
        await binance.until(lambda: not binance.is_open(1))  # it outlasts a whole connection, too
        await binance.send(trade(1), trade(2), trade(3), to=2)
        events = await feed.until(3)

    assert trades(events) == [1, 2, 3]


@pytest.mark.usefixtures("_soon")
async def test_over_many_connections_nothing_is_lost_or_doubled_and_books_stay_valid(binance: FakeBinance) -> None:
    collector = venue(binance).stream(trades=["BTC/USDT"], books=["BTC/USDT"])
    binance.books["BTCUSDT"] = book(0)
    seen: list[tuple[int, bool]] = []

    class Reader(Feed):
        def __call__(self, event: Event, /) -> None:
            super().__call__(event)
            if isinstance(event, BookChanged):
                seen.append((event.book.update_id, event.book.is_valid))

    feed = Reader(collector)
    await binance.until(lambda: binance.streams)
    sent = 0
    while len(binance.streams) < 5 or binance.is_open(3):
        sent += 1
        for number in range(len(binance.streams)):
            if binance.is_open(number):
                await binance.send(trade(sent), diff(sent), to=number)
        await asyncio.sleep(0.005)
    events = await feed.until_seen(lambda events: trades(events)[-1] == sent)
    feed.task.cancel()
    await asyncio.wait([feed.task])

    assert trades(events) == list(range(1, sent + 1))
    assert all(is_valid for _, is_valid in seen)
    assert [after - before for (before, _), (after, _) in pairwise(seen)] == [1] * (len(seen) - 1)
    assert seen[-1][0] == sent
    assert collector.book_counts()["BTC/USDT"].gaps == 0
    assert collector.book_counts()["BTC/USDT"].snapshots == 1
    assert set(of(*events)) == {"Trade", "BookChanged"}


async def test_an_announced_shutdown_brings_a_new_connection_at_once(
    binance: FakeBinance, monkeypatch: pytest.MonkeyPatch
) -> None:

    async with running(venue(binance).trades("BTC/USDT"), binance) as feed:
        await binance.send(trade(1), SHUTDOWN, SHUTDOWN, SHUTDOWN)
        await binance.until(lambda: len(binance.streams) == 2)
        await binance.send(trade(2), to=1)
        await binance.send(trade(2), trade(3), to=0)
        await binance.until(lambda: not binance.is_open(0))
        await binance.send(trade(3), trade(4), to=1)
        events = await feed.until(4)

    assert trades(events) == [1, 2, 3, 4]
    assert len(binance.streams) == 2


async def test_a_shutdown_that_the_new_connection_announces_brings_the_next_one(
    binance: FakeBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "OVERLAP_S", 0.05)

    async with running(venue(binance).trades("BTC/USDT"), binance):
        await binance.send(SHUTDOWN)
        await binance.until(lambda: len(binance.streams) == 2)
        await binance.send(SHUTDOWN)
        await binance.until(lambda: len(binance.streams) == 3)


@pytest.mark.usefixtures("_soon")
async def test_without_a_new_connection_the_old_one_is_kept_and_another_one_tried(
    binance: FakeBinance, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(line, "ROTATE_AGAIN_S", 0.05)
    caplog.set_level(logging.WARNING, logger=line.__name__)

    async with running(venue(binance).trades("BTC/USDT"), binance) as feed:
        binance.refuses = True
        await binance.send(trade(1))
        await binance.until(lambda: binance.refused == 2)
        await binance.send(trade(2), to=0)
        await feed.until(2)
        binance.refuses = False
        await binance.until(lambda: len(binance.streams) == 2)
        await binance.send(trade(4), to=1)
        await binance.send(trade(3), trade(4), to=0)
        events = await feed.until(4)

    assert trades(events) == [1, 2, 3, 4]
    assert "no new connection before the old one ends" in caplog.text


async def test_an_old_connection_that_breaks_before_it_has_caught_up_ends_the_run(binance: FakeBinance) -> None:
    async with running(venue(binance).trades("BTC/USDT"), binance) as feed:
        await binance.send(SHUTDOWN)
        await binance.until(lambda: len(binance.streams) == 2)
        await binance.send(trade(2), to=1)
        await binance.close_socket(1012, of=0)
        assert (await feed.end()).code == 1012
        await binance.until(lambda: not binance.is_open(1))

    assert feed.events == []  # whether there was a trade before that one, nobody knows


async def test_an_old_connection_that_breaks_while_the_new_one_is_made_ends_the_run_at_once(
    binance: FakeBinance,
) -> None:
    binance.books["BTCUSDT"] = book(11)

    async with running(venue(binance).books("BTC/USDT"), binance) as feed:
        await binance.send(diff(11))
        (told,) = await feed.until(1)
        binance.opens.clear()  # as in an outage: the attempt would take 10 s to fail
        await binance.send(SHUTDOWN)
        await binance.until(lambda: binance.dialled == 2)
        await binance.close_socket(1012)
        async with asyncio.timeout(5):
            assert (await feed.end()).code == 1012

    assert book_of(told).bid is None
    assert of(*feed.events) == ["BookChanged", "BookLost", "BookChanged"]


async def test_an_old_connection_that_breaks_does_not_wait_for_the_new_one_to_be_closed(binance: FakeBinance) -> None:
    binance.books["BTCUSDT"] = book(11)
    binance.agrees = False

    async with running(venue(binance).books("BTC/USDT"), binance) as feed:
        await binance.send(diff(11))
        (told,) = await feed.until(1)
        await binance.send(SHUTDOWN)
        await binance.until(lambda: len(binance.streams) == 2)
        binance.break_off(0)
        async with asyncio.timeout(3):
            await feed.until(3)

    assert book_of(told).bid is None


async def test_a_new_connection_that_breaks_while_the_old_one_is_closed_ends_the_run_at_once(
    binance: FakeBinance,
) -> None:
    binance.books["BTCUSDT"] = book(11)
    binance.agrees = False  # the end of a connection takes 5 s then

    async with running(venue(binance).books("BTC/USDT"), binance) as feed:
        await binance.send(diff(11))
        (told,) = await feed.until(1)
        await binance.send(SHUTDOWN)
        await binance.until(lambda: len(binance.streams) == 2)
        await binance.send(diff(11), to=0)
        await binance.send(diff(11), to=1)
        await binance.until(lambda: binance.ended == 1)
        binance.break_off(1)
        async with asyncio.timeout(3):
            await feed.end()

    assert book_of(told).bid is None


async def test_a_new_connection_that_breaks_before_the_old_one_is_closed_ends_the_run(binance: FakeBinance) -> None:
    async with running(venue(binance).trades("BTC/USDT", "ETH/USDT"), binance) as feed:
        await binance.send(trade(1), trade(1, "ETH"), SHUTDOWN)
        await binance.until(lambda: len(binance.streams) == 2)
        await binance.send(trade(1), to=1)
        await binance.close_socket(1012, of=1)
        assert (await feed.end()).code == 1012
        await binance.until(lambda: not binance.is_open(0))


@pytest.mark.usefixtures("_soon")
async def test_a_silent_stream_holds_the_old_connection_no_longer_than_the_overlap(
    binance: FakeBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "OVERLAP_S", 0.5)

    async with running(venue(binance).trades("BTC/USDT", "ETH/USDT"), binance) as feed:
        await binance.send(trade(1), trade(7, "ETH"))
        await binance.until(lambda: len(binance.streams) == 2)
        monkeypatch.setattr(line, "ROTATE_AFTER_S", 60)
        await binance.send(trade(1), trade(2), to=1)
        await feed.until(3)
        assert binance.is_open(0)
        await binance.until(lambda: not binance.is_open(0))
        await binance.send(trade(3), trade(8, "ETH"), to=1)
        events = await feed.until(5)

    assert trades(events) == [1, 2, 3]
    assert trades(events, "ETH") == [7, 8]


@pytest.mark.usefixtures("_soon")
async def test_quiet_streams_go_over_when_both_connections_had_time_enough(
    binance: FakeBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "OVERLAP_S", 0.05)

    async with running(venue(binance).trades("BTC/USDT"), binance) as feed:
        await binance.send(trade(1))
        await feed.until(1)
        await binance.until(lambda: len(binance.streams) == 2)
        monkeypatch.setattr(line, "ROTATE_AFTER_S", 60)
        await binance.send(trade(2), to=1)
        await binance.until(lambda: not binance.is_open(0))
        await binance.send(trade(3), to=1)
        events = await feed.until(3)

    assert trades(events) == [1, 2, 3]


async def test_stopping_in_the_middle_closes_both_connections(binance: FakeBinance) -> None:
    async with running(venue(binance).trades("BTC/USDT"), binance):
        await binance.send(SHUTDOWN)
        await binance.until(lambda: len(binance.streams) == 2)

    await binance.until(lambda: not (binance.is_open(0) or binance.is_open(1)))


# Trades that never came


@pytest.mark.usefixtures("_soon")
async def test_trades_that_no_connection_brought_are_counted(
    binance: FakeBinance, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(line, "OVERLAP_S", 0.05)
    collector = venue(binance).trades("BTC/USDT", "ETH/USDT")

    async with running(collector, binance) as feed:
        await binance.send(trade(1), trade(1, "ETH"))
        await binance.until(lambda: len(binance.streams) == 2)
        monkeypatch.setattr(line, "ROTATE_AFTER_S", 60)
        await binance.send(trade(4), trade(2, "ETH"), to=1)  # and the old one never gets so far
        await binance.until(lambda: not binance.is_open(0))
        await feed.until(4)
        assert collector.trade_counts() == {
            "BTC/USDT": TradeCounts(holes=1, missing=2),
            "ETH/USDT": TradeCounts(),
        }
        await binance.close_socket(1012)
        await feed.end()
    async with running(collector, binance) as feed:
        await binance.send(trade(9), trade(3, "ETH"), to=-1)
        await feed.until(2)

    assert collector.trade_counts() == {"BTC/USDT": TradeCounts(holes=2, missing=6), "ETH/USDT": TradeCounts()}
    assert "binance trade:BTC/USDT,ETH/USDT: 2 trades of BTC/USDT between 1 and 4 never came" in caplog.messages


async def test_a_trade_that_could_not_be_read_is_counted_too(binance: FakeBinance) -> None:
    collector = venue(binance).trades("BTC/USDT")

    async with running(collector, binance) as feed:
        assert collector.trade_counts() == {"BTC/USDT": TradeCounts()}
        await binance.send(trade(1), trade(2).replace(b"100.10", b"NaN"), trade(3))
        await feed.until(3)

    assert collector.trade_counts() == {"BTC/USDT": TradeCounts(holes=1, missing=1)}


async def test_of_futures_the_aggregates_are_counted(binance: FakeBinance) -> None:
    futures = BinanceFutures("local", rest_url=binance.rest_url, ws_url=binance.ws_url)
    collector = futures.stream(trades=["BTC/USDT:USDT"], quotes=["ETH/USDT:USDT"])
    frame = combined("btcusdt@aggTrade", FUTURES_AGG_TRADE)  # of the trades 100 to 105

    async with running(collector, binance, connections=2) as feed:
        await feed.until(2)
        market = binance.paths.index("/market/stream")
        await binance.send(frame, frame.replace(b"5933014", b"5933017").replace(b'"f":100', b'"f":106'), to=market)
        await feed.until(4)

    assert collector.trade_counts() == {"BTC/USDT:USDT": TradeCounts(holes=1, missing=2)}


def test_before_the_start_there_are_no_counts() -> None:
    assert Binance("paper").trades("BTC/USDT").trade_counts() == {}
