"""A bot on recorded traffic, from `bowstring play` to its fills, held against the raw recording by plain JSON."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import bowstring as bs
from bowstring.demo.bots import Bidder
from bowstring.venues.binance import Binance
from tests.integration.processes import playing

pytestmark = pytest.mark.recorded("BINANCE")

SYMBOLS = {"NKN/USDT": "NKNUSDT", "BLZ/ETH": "BLZETH", "LRC/BTC": "LRCBTC", "RUNE/EUR": "RUNEEUR"}
FUNDS = {"USDT": Decimal(1_000_000), "ETH": Decimal(1_000), "BTC": Decimal(100), "EUR": Decimal(1_000_000)}
SIZE = Decimal(500)


class Taker(Bidder):
    """A bidder that bids at the ask: in this calm recording a bid at the bid is never reached.

    ``placed`` holds, for each of its orders, how many quotes it had seen, and the limit.
    """

    def __init__(self, symbol: str) -> None:
        super().__init__(symbol, size=SIZE, max_position=SIZE)
        self.name = f"taker {symbol}"
        self.placed: list[tuple[int, Decimal]] = []
        self._seen = 0

    @bs.on(bs.Quote)
    def bid(self, quote: bs.Quote) -> bs.Actions:
        self._seen += 1
        if not self.orders:
            self.placed.append((self._seen, quote.ask))
            yield bs.PlaceOrder(symbol=quote.symbol, side="buy", quantity=self._size, price=quote.ask)


class Witness(bs.Strategy):
    """Counts events, and notes with each fill how many quotes of its symbol were delivered before."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self.quotes: Counter[str] = Counter()
        self.fills: list[tuple[int, bs.Fill]] = []
        self.ended = asyncio.Event()

    @bs.on(bs.Event, all=True)
    def count(self, event: bs.Event) -> None:
        self.events[type(event).__name__] += 1

    @bs.on(bs.CollectorDown)
    def note_end(self, _down: bs.CollectorDown) -> None:
        self.ended.set()  # the server closes its sockets at the end of the recording

    @bs.on(bs.Quote)
    def count_quote(self, quote: bs.Quote) -> None:
        self.quotes[quote.symbol] += 1

    @bs.on(bs.Fill, all=True)
    def note_fill(self, fill: bs.Fill) -> None:
        self.fills.append((self.quotes[fill.symbol], fill))


def raw(kind: str) -> Iterator[dict[str, Any]]:
    """The payloads of one kind of stream, by the standard library alone."""
    path = Path(os.environ["BOWSTRING_RECORDINGS"]) / "BINANCE.ws.1.0"
    for line in path.read_text().splitlines()[1:]:
        frame = json.loads(line.partition(": ")[2] or "{}")
        if frame.get("stream", "").endswith(f"@{kind}"):
            yield frame["data"]


async def trade_on_the_recording(witness: Witness, strategies: list[bs.Strategy]) -> None:
    path = Path(os.environ["BOWSTRING_RECORDINGS"]) / "BINANCE.ws.1.0"
    with playing(str(path), "--speed", "max", "--exit-at-end") as (_process, rest_url, ws_url):
        venue = Binance("paper", rest_url=rest_url, ws_url=ws_url, strict=True)
        engine = bs.Engine(
            collectors=[venue.stream(quotes=list(SYMBOLS), agg_trades=list(SYMBOLS))],
            strategies=[*strategies, witness],
            executors=[venue.executor(balances=FUNDS)],
        )
        running = asyncio.ensure_future(engine.run())
        async with asyncio.timeout(30):
            await witness.ended.wait()
        engine.stop()
        await running


async def test_every_frame_becomes_one_event_and_no_more() -> None:
    witness = Witness()
    await trade_on_the_recording(witness, [])

    assert witness.events["Quote"] == sum(1 for _ in raw("bookTicker"))
    assert witness.events["Trade"] == sum(1 for _ in raw("aggTrade"))
    assert witness.quotes == Counter({s: n for s, n in _raw_counts().items() if n})
    assert witness.events["BadData"] == 0


async def test_every_fill_is_one_that_the_recording_would_have_given() -> None:
    witness = Witness()
    takers = [Taker(symbol) for symbol in SYMBOLS]
    await trade_on_the_recording(witness, [*takers])

    assert len(witness.fills) >= 5
    for taker, (symbol, venue_symbol) in zip(takers, SYMBOLS.items(), strict=True):
        quotes = [data for data in raw("bookTicker") if data["s"] == venue_symbol]
        check_fills([(shown, fill) for shown, fill in witness.fills if fill.symbol == symbol], quotes, taker.placed)


def check_fills(
    fills: list[tuple[int, bs.Fill]], quotes: list[dict[str, Any]], placed: list[tuple[int, Decimal]]
) -> None:
    """Each fill is at the ask just shown, which came after its order; what was displayed was used once."""
    used, before = Decimal(0), {"a": "0", "A": "0"}
    for shown, quote in enumerate(quotes, 1):
        ask, displayed = Decimal(quote["a"]), Decimal(quote["A"])
        if ask != Decimal(before["a"]) or displayed > Decimal(before["A"]):
            used = Decimal(0)
        before = quote
        for fill in (fill for at, fill in fills if at == shown):
            placed_at, limit = placed[int(fill.client_order_id.rpartition("-")[2]) - 1]
            assert placed_at < shown
            assert fill.price == ask <= limit
            assert fill.fee == fill.quantity * Decimal("0.001")
            used += fill.quantity
            assert used <= displayed


def _raw_counts() -> dict[str, int]:
    counts = Counter(data["s"] for data in raw("bookTicker"))
    return {symbol: counts[venue_symbol] for symbol, venue_symbol in SYMBOLS.items()}


async def test_a_bid_at_the_bid_rests_unfilled_as_nothing_in_the_recording_reaches_it() -> None:
    witness = Witness()
    await trade_on_the_recording(witness, [Bidder("NKN/USDT", size=SIZE, max_position=SIZE)])
    quotes = [data for data in raw("bookTicker") if data["s"] == "NKNUSDT"]

    assert min(Decimal(data["a"]) for data in quotes) > Decimal(quotes[0]["b"])
    assert witness.events["OrderUpdate"] == 2  # open, and cancelled at the stop
    assert witness.fills == []
