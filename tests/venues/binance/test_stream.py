import asyncio
import json
import logging
import math
from collections.abc import Callable
from typing import Any

import pytest

from bowstring.core.errors import ConfigError
from bowstring.core.messages import Event
from bowstring.market.events import BadData, MarketEvent, Quote, StreamStale, Trade
from bowstring.venues.binance import Binance, BinanceFutures, line
from bowstring.venues.binance.stream import BinanceStream
from tests.venues.binance.facts import AGG_TRADE_FRAME, TICKER_FRAME, TRADE_FRAME, combined
from tests.venues.binance.fake import FakeBinance
from tests.venues.binance.feeds import Feed, running


def venue(binance: FakeBinance, *, account: str = "", strict: bool = False) -> Binance:
    return Binance("local", account=account, rest_url=binance.rest_url, ws_url=binance.ws_url, strict=strict)


async def test_quotes_and_trades_of_one_connection_arrive_in_order(binance: FakeBinance) -> None:
    collector = venue(binance).stream(quotes=["BTC/USDT", "ETH/USDT"], agg_trades=["BTC/USDT"])
    eth = TICKER_FRAME.replace(b"btcusdt", b"ethusdt").replace(b"BTCUSDT", b"ETHUSDT")

    async with running(collector, binance) as feed:
        await binance.send(TICKER_FRAME, AGG_TRADE_FRAME, eth)
        events = await feed.until(3)

    assert [(type(event), event.symbol) for event in events if isinstance(event, MarketEvent)] == [
        (Quote, "BTC/USDT"),
        (Trade, "BTC/USDT"),
        (Quote, "ETH/USDT"),
    ]
    assert binance.streams == [["btcusdt@bookTicker", "ethusdt@bookTicker", "btcusdt@aggTrade"]]


async def test_events_carry_the_venue_with_its_account(binance: FakeBinance) -> None:
    async with running(venue(binance, account="hedge").trades("BTC/USDT"), binance) as feed:
        await binance.send(TRADE_FRAME, b"no json")
        trade, bad = await feed.until(2)

    assert isinstance(trade, Trade)
    assert isinstance(bad, BadData)
    assert trade.venue == bad.venue == "binance:hedge"


async def test_a_symbol_named_twice_is_subscribed_once(binance: FakeBinance) -> None:
    async with running(venue(binance).quotes("BTC/USDT", "BTC/USDT"), binance):
        assert binance.streams == [["btcusdt@bookTicker"]]


@pytest.mark.parametrize(
    ("frame", "stream_name", "reason"),
    [
        (b'{"stream":"btcusdt@bookTicker","data":{', "btcusdt@bookTicker", "malformed"),
        (b"not json", "binance bookTicker:BTC/USDT", "malformed"),
        (TICKER_FRAME.replace(b"99.50000000", b"NaN"), "btcusdt@bookTicker", "bid NaN is negative or absurd"),
        (TICKER_FRAME.replace(b"99.50000000", b"Infinity"), "btcusdt@bookTicker", "bid Infinity"),
        (TICKER_FRAME.replace(b"2.00000000", b"-2"), "btcusdt@bookTicker", "bid quantity -2 is negative"),
        (TICKER_FRAME.replace(b"99.50000000", b"9" * 300), "btcusdt@bookTicker", "bid 99999"),
    ],
)
async def test_bad_data_is_told_and_the_feed_lives_on(
    binance: FakeBinance, frame: bytes, stream_name: str, reason: str
) -> None:
    async with running(venue(binance).quotes("BTC/USDT"), binance) as feed:
        await binance.send(frame, TICKER_FRAME)
        bad, quote = await feed.until(2)

    assert isinstance(bad, BadData)
    assert (bad.venue, bad.stream, bad.excerpt) == ("binance", stream_name, frame.decode()[:200])
    assert bad.reason.startswith(reason)
    assert isinstance(quote, Quote)


async def test_an_undocumented_field_is_bad_data_only_when_strict(binance: FakeBinance) -> None:
    frame = TICKER_FRAME.replace(b'"u":1', b'"u":1,"new":0')

    async with running(venue(binance).quotes("BTC/USDT"), binance) as feed:
        await binance.send(frame)
        assert isinstance((await feed.until(1))[0], Quote)
    async with running(venue(binance, strict=True).quotes("BTC/USDT"), binance) as feed:
        await binance.send(frame)
        assert isinstance((await feed.until(1))[0], BadData)


async def test_frames_of_other_kinds_are_counted_and_logged_once_a_kind(
    binance: FakeBinance, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger=line.__name__)
    collector = venue(binance).quotes("BTC/USDT")
    kline, depth = combined("btcusdt@kline_1m", "{}"), combined("btcusdt@depth@100ms", "{}")

    async with running(collector, binance) as feed:
        await binance.send(kline, depth, kline, TRADE_FRAME, kline, TICKER_FRAME)
        events = await feed.until(1)

    assert [type(event) for event in events] == [Quote]
    assert collector.ignored == {"kline_1m": 3, "depth@100ms": 1, "trade": 1}
    assert [record.getMessage() for record in caplog.records] == [
        f"binance bookTicker:BTC/USDT: ignoring frames of {kind!r}: not subscribed or not known"
        for kind in ("kline_1m", "depth@100ms", "trade")
    ]


async def test_kinds_without_end_are_counted_together(binance: FakeBinance) -> None:
    collector = venue(binance).quotes("BTC/USDT")

    async with running(collector, binance) as feed:
        await binance.send(*(combined(f"btcusdt@kind{number}", "{}") for number in range(100)), TICKER_FRAME)
        await feed.until(1)

    assert len(collector.ignored) == line.MAX_KINDS + 1
    assert collector.ignored["others"] == 100 - line.MAX_KINDS


async def test_a_refused_request_and_an_announced_shutdown_are_logged(
    binance: FakeBinance, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger=line.__name__)
    async with running(venue(binance).quotes("BTC/USDT"), binance) as feed:
        await binance.send(
            b'{"error":{"code":2,"msg":"Invalid request"},"id":1}',
            b'{"result":null,"id":1}',
            b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}',
            TICKER_FRAME,
        )
        await feed.until(1)

    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "the venue refused a request: 2 Invalid request",
        "the venue announced that it will close this connection",
    ]


async def test_the_end_of_the_connection_ends_the_run_and_a_new_run_connects_again(binance: FakeBinance) -> None:
    collector = venue(binance).quotes("BTC/USDT")

    async with running(collector, binance) as feed:
        await binance.close_socket(1012)
        assert (await feed.end()).code == 1012
    async with running(collector, binance) as feed:
        await binance.send(TICKER_FRAME)
        await feed.until(1)

    assert len(binance.requests) == 1  # the instruments are known


async def test_a_quiet_connection_is_probed_and_lives_while_the_venue_answers(
    binance: FakeBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "IDLE_AFTER_S", 0.01)
    monkeypatch.setattr(line, "ANSWER_TIMEOUT_S", 0.5)

    async with running(venue(binance).quotes("BTC/USDT"), binance) as feed:
        await binance.until(lambda: len(binance.controls) >= 2)
        await binance.send(TICKER_FRAME)
        await feed.until(1)

    assert json.loads(binance.controls[0])["method"] == "LIST_SUBSCRIPTIONS"


async def test_a_connection_that_answers_no_probe_ends(binance: FakeBinance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "IDLE_AFTER_S", 0.01)
    monkeypatch.setattr(line, "ANSWER_TIMEOUT_S", 0.1)
    binance.answers = False

    async with running(venue(binance).quotes("BTC/USDT"), binance) as feed:
        assert "silent" in str(await feed.end())


async def test_a_silent_stream_is_told_once_and_again_after_data(binance: FakeBinance) -> None:
    collector = venue(binance).stream(
        quotes=["BTC/USDT"], trades=["ETH/USDT"], quotes_stale_after_s=0.05, trades_stale_after_s=None
    )

    async with running(collector, binance) as feed:
        (first,) = await feed.until(1)
        await binance.send(TICKER_FRAME)
        _, quote, second = await feed.until(3)

    assert isinstance(quote, Quote)
    for stale in (first, second):
        assert isinstance(stale, StreamStale)
        assert (stale.venue, stale.stream, stale.symbol) == ("binance", "btcusdt@bookTicker", "BTC/USDT")
        assert 0.05 <= stale.silent_s < 10


async def test_bad_frames_do_not_hide_a_silence(binance: FakeBinance) -> None:
    async with running(venue(binance).quotes("BTC/USDT", stale_after_s=0.2), binance) as feed:
        events: list[Event] = []
        while not any(isinstance(event, StreamStale) for event in events):
            await binance.send(TICKER_FRAME.replace(b"99.5", b"-99.5"))
            events = await feed.until(len(events) + 1)

    assert {type(event) for event in events} == {BadData, StreamStale}


async def test_a_quote_with_an_empty_side_is_counted_and_nothing_else_and_does_not_hide_a_silence(
    binance: FakeBinance, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger=line.__name__)
    collector = venue(binance).quotes("BTC/USDT", stale_after_s=0.2)
    no_bid = TICKER_FRAME.replace(b"99.50000000", b"0").replace(b"2.00000000", b"0")

    async with running(collector, binance) as feed:
        await binance.send(TICKER_FRAME)
        async with asyncio.timeout(10):
            while len(feed.events) < 2:
                await binance.send(no_bid)
                await asyncio.sleep(0)

    assert [type(event) for event in feed.events] == [Quote, StreamStale]
    assert list(collector.empty) == ["btcusdt@bookTicker"]
    assert collector.ignored == {}
    assert caplog.records == []


async def test_an_unknown_symbol_ends_the_run(binance: FakeBinance) -> None:
    feed = Feed(venue(binance).quotes("BTC/USDX"))

    with pytest.raises(ConfigError, match="did you mean BTC/USDT"):
        await feed.task
    assert binance.streams == []


def wrong(levels: Any) -> Any:
    """A number that no type checker looks at."""
    return levels


def collect(symbols: list[str]) -> BinanceStream:
    return Binance("paper").stream(quotes=symbols)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: collect([]), "a collector needs at least one symbol"),
        (lambda: collect(["BTCUSDT"]), "'BTCUSDT' is no spot symbol"),
        (lambda: Binance("paper").quotes("A/B", stale_after_s=0), "bookTicker stale after 0 s: give seconds above 0"),
        (lambda: Binance("paper").trades("A/B", stale_after_s=math.inf), "trade stale after inf s"),
        (lambda: Binance("paper").stream(quotes=["A/B"], max_streams=0), "0 streams on a connection: give 1 to 1024"),
        (lambda: Binance("paper").stream(quotes=["A/B"], max_streams=1025), "1025 streams on a connection"),
        (lambda: Binance("paper").books("A/B", levels=0), "0 levels of a book: give 1 to 5000"),
        (lambda: Binance("paper").books("A/B", levels=5001), "5001 levels of a book: give 1 to 5000"),
        (lambda: BinanceFutures("paper").books("A/B:B", levels=1001), "1001 levels of a book: give 1 to 1000"),
        (
            lambda: BinanceFutures("paper").quotes("A/B"),
            "'A/B' is no USDⓈ-M perpetual symbol such as \"BTC/USDT:USDT\"",
        ),
        (lambda: Binance("paper").candles("A/B", interval="1M "), "interval '1M ': give one of 1s, 1m, "),
        (lambda: Binance("paper").depth("A/B", levels=wrong(7)), "depth of 7 levels: give 5, 10 or 20, or use books"),
    ],
)
def test_a_collector_that_cannot_work_is_refused_when_it_is_made(make: Callable[[], object], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        make()


def test_collectors_of_one_venue_have_names_of_their_own() -> None:
    paper = Binance("paper")
    collectors = [
        paper.quotes("BTC/USDT"),
        paper.quotes("BTC/USDT", "ETH/USDT"),
        paper.trades("BTC/USDT"),
        paper.trades("BTC/USDT", aggregate=True),
        Binance("paper", account="hedge").quotes("BTC/USDT"),
    ]

    assert [collector.name for collector in collectors] == [
        "binance bookTicker:BTC/USDT",
        "binance bookTicker:BTC/USDT,ETH/USDT",
        "binance trade:BTC/USDT",
        "binance aggTrade:BTC/USDT",
        "binance:hedge bookTicker:BTC/USDT",
    ]
    assert len(paper.quotes(*(f"COIN{number}/USDT" for number in range(50))).name) <= 110
