"""A bot on recorded futures traffic, from `bowstring play` to its events, held against the raw recording."""

import asyncio
import json
from collections import Counter
from decimal import Decimal

import pytest

import bowstring as bs
from bowstring.market.events import BookChanged
from bowstring.venues.binance import BinanceFutures
from tests.integration.processes import playing
from tests.venues.binance.recordings import RawBook, Recorded, data_of, kind_of

pytestmark = pytest.mark.recorded("BINANCE_FUTURES")

SYMBOLS = {f"{base}/USDT:USDT": f"{base}USDT" for base in ("SUSHI", "AKRO", "KEEP", "CTK")}


class Witness(bs.Strategy):
    """Counts events, and keeps what each book shows at last."""

    def __init__(self, *, until: Counter[str], last: dict[str, int]) -> None:
        self.events: Counter[str] = Counter()
        self.books: dict[str, tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]] = {}
        self.ended = asyncio.Event()
        self._until, self._last = until, last

    @bs.on(bs.Event, all=True)
    def note(self, event: bs.Event) -> None:
        self.events[type(event).__name__] += 1
        if isinstance(event, BookChanged) and event.book.update_id == self._last[SYMBOLS[event.symbol]]:
            self.books[event.symbol] = list(event.book.bids() or ()), list(event.book.asks() or ())
        if self.events >= self._until and len(self.books) == len(SYMBOLS):
            self.ended.set()


def raw_books(recorded: Recorded) -> dict[str, RawBook]:
    """The books at the end, if the snapshots came first."""
    books = {symbol: RawBook() for symbol in SYMBOLS.values()}
    for _, _, frame in recorded.frames():
        if kind_of(frame) == "depth@100ms":
            books[data_of(frame)["s"]].event(data_of(frame))
    for _, symbol, body in recorded.snapshots():
        assert books[symbol].snapshot(json.loads(body))
    return books


async def test_futures_come_from_both_of_their_addresses_with_all_books_true() -> None:
    recorded = Recorded("BINANCE_FUTURES")
    kinds = Counter(kind_of(frame) for _, _, frame in recorded.frames())
    raw = raw_books(recorded)
    expected = Counter({"Quote": kinds["bookTicker"], "Trade": kinds["aggTrade"], "Candle": kinds["kline_1m"]})
    witness = Witness(until=expected, last={symbol: book.update_id for symbol, book in raw.items()})
    symbols = list(SYMBOLS)

    with playing(f"{recorded.path}.ws.1.0", "--speed", "max") as (_process, rest_url, ws_url):
        venue = BinanceFutures("local", rest_url=rest_url, ws_url=ws_url, strict=True)
        engine = bs.Engine(
            collectors=[
                venue.stream(quotes=symbols, trades=symbols, books=symbols),
                venue.candles(*symbols),
            ],
            strategies=[witness],
        )
        running = asyncio.ensure_future(engine.run())
        async with asyncio.timeout(30):
            await witness.ended.wait()
        engine.stop()
        await running

    for symbol, venue_symbol in SYMBOLS.items():
        book = raw[venue_symbol]
        assert witness.books[symbol] == (sorted(book.bids.items(), reverse=True), sorted(book.asks.items()))
    assert {name: witness.events[name] for name in expected} == expected
    assert witness.events["BadData"] == witness.events["BookLost"] == 0
