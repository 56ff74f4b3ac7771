"""Real traffic, of whatever is recorded, read by the adapter and, independently, by the standard library."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cached_property
from heapq import merge
from operator import itemgetter
from typing import Any, NamedTuple

import pytest

from bowstring.local_exchange.instruments import derive_instruments
from bowstring.local_exchange.recording import open_recording
from bowstring.market.book import Level, OrderBook
from bowstring.market.book_sync import BookSync, Diff
from bowstring.market.events import Candle, DailyStats, Depth, Liquidation, MarketEvent, MarkPrice, Quote, Trade
from bowstring.venues.binance.snapshot import parse_snapshot
from bowstring.venues.binance.wire import Data, Empty, Ignored, Parser, Stream
from tests.venues.binance.recordings import RawBook, Recorded, data_of, kind_of, stems

pytestmark = pytest.mark.recorded

MS = 1_000_000


@pytest.fixture(params=stems())
def recorded(request: pytest.FixtureRequest) -> "Known":
    return Known(request.param)


class Known(Recorded):
    """With what the adapter has to know before the first frame."""

    @cached_property
    def kinds(self) -> Counter[str]:
        """How many frames of each kind there are."""
        return Counter(kind_of(frame) for _, _, frame in self.frames())

    @property
    def depths(self) -> list[str]:
        """The kinds that tell how a book changes."""
        return [kind for kind in self.kinds if kind.partition("@")[0] == "depth"]

    @cached_property
    def symbols(self) -> dict[str, str]:
        """Unified, by the venue's."""
        return {one.venue_symbol: one.symbol for one in self.instruments}

    @cached_property
    def instruments(self) -> Any:
        return derive_instruments(open_recording(self.path))

    def parser(self, *kinds: str) -> Parser:
        return Parser([Stream(kind, one) for kind in kinds for one in self.instruments], is_strict=True)


def event_of(recorded: Known, frame: bytes) -> MarketEvent | Diff | None:
    """The event that the fields spell, by code of its own; None where they say that there is nothing to tell."""
    data, kind = data_of(frame), kind_of(frame)
    spell = next(spell for name, spell in SPELLED.items() if kind.startswith(name))
    venue_symbol = json.loads(frame)["stream"].split("@", 1)[0].upper()
    return spell(data, {"venue": "binance", "symbol": recorded.symbols[venue_symbol]})


def spell_quote(data: dict[str, Any], names: dict[str, Any]) -> MarketEvent | None:
    if not (Decimal(data["b"]) and Decimal(data["a"])):
        return None
    return Quote(
        **names, bid=Decimal(data["b"]), bid_quantity=Decimal(data["B"]), ask=Decimal(data["a"]),
        ask_quantity=Decimal(data["A"]), time_ns=data.get("T", 0) * MS,
    )  # fmt: skip


def spell_trade(data: dict[str, Any], names: dict[str, Any]) -> MarketEvent:
    return Trade(
        **names, price=Decimal(data["p"]), quantity=Decimal(data["q"]), side="sell" if data["m"] else "buy",
        trade_id=str(data["t" if data["e"] == "trade" else "a"]), time_ns=data["T"] * MS,
    )  # fmt: skip


def spell_candle(data: dict[str, Any], names: dict[str, Any]) -> MarketEvent:
    k = data["k"]
    return Candle(
        **names, interval=k["i"], start_ns=k["t"] * MS, end_ns=k["T"] * MS, open=Decimal(k["o"]),
        high=Decimal(k["h"]), low=Decimal(k["l"]), close=Decimal(k["c"]), volume=Decimal(k["v"]),
        quote_volume=Decimal(k["q"]), trades=k["n"], is_closed=k["x"], time_ns=data["E"] * MS,
    )  # fmt: skip


def spell_day(data: dict[str, Any], names: dict[str, Any]) -> MarketEvent | None:
    if not any(Decimal(data[name]) for name in "ohlcvq"):
        return None
    return DailyStats(
        **names, open=Decimal(data["o"]), high=Decimal(data["h"]), low=Decimal(data["l"]), close=Decimal(data["c"]),
        volume=Decimal(data["v"]), quote_volume=Decimal(data["q"]), time_ns=data["E"] * MS,
    )  # fmt: skip


def spell_change(data: dict[str, Any], _names: dict[str, Any]) -> Diff:
    return Diff(
        first=data["U"], last=data["u"], previous=data.get("pu"), bids=pairs(data["b"]), asks=pairs(data["a"]),
        time_ns=data.get("T", data["E"]) * MS,
    )  # fmt: skip


def spell_depth(data: dict[str, Any], names: dict[str, Any]) -> MarketEvent:
    bids, asks = pairs(data.get("bids") or data.get("b", [])), pairs(data.get("asks") or data.get("a", []))
    return Depth(
        **names, bids=tuple(map(Level._make, bids)), asks=tuple(map(Level._make, asks)),
        update_id=data.get("lastUpdateId") or data["u"], time_ns=data.get("T", 0) * MS,
    )  # fmt: skip


def spell_mark(data: dict[str, Any], names: dict[str, Any]) -> MarketEvent:
    index, rate = data.get("i"), data["r"]
    return MarkPrice(
        **names, price=Decimal(data["p"]), index_price=Decimal(index) if index and Decimal(index) else None,
        funding_rate=Decimal(rate) if rate else None, next_funding_ns=data["T"] * MS, time_ns=data["E"] * MS,
    )  # fmt: skip


def spell_liquidation(data: dict[str, Any], names: dict[str, Any]) -> MarketEvent:
    o = data["o"]
    return Liquidation(
        **names, side="sell" if o["S"] == "SELL" else "buy", price=Decimal(o["ap"]), quantity=Decimal(o["z"]),
        time_ns=o["T"] * MS,
    )  # fmt: skip


SPELLED: dict[str, Callable[[dict[str, Any], dict[str, Any]], MarketEvent | Diff | None]] = {
    "bookTicker": spell_quote, "trade": spell_trade, "aggTrade": spell_trade, "kline": spell_candle,
    "miniTicker": spell_day, "depth5": spell_depth, "depth10": spell_depth, "depth20": spell_depth,
    "depth": spell_change, "markPrice": spell_mark, "forceOrder": spell_liquidation,
}  # fmt: skip
"""By the beginning of the kind, a longer one before a shorter."""


def pairs(levels: list[list[str]]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(quantity)) for price, quantity in levels]


def test_no_frame_is_left_over(recorded: Known) -> None:
    parse = recorded.parser(*recorded.kinds).parse
    parsed = [parse(frame) for _, _, frame in recorded.frames()]

    read = [one for one in parsed if isinstance(one, Data | Empty)]
    assert read == parsed
    assert Counter(one.stream.split("@", 1)[1] for one in read) == recorded.kinds
    assert recorded.kinds.total() > 0


def test_what_is_not_subscribed_is_told_by_its_kind(recorded: Known) -> None:
    parse = recorded.parser("bookTicker").parse
    parsed = [parse(frame) for _, _, frame in recorded.frames()]

    ignored = Counter(one.kind for one in parsed if isinstance(one, Ignored))
    assert ignored == recorded.kinds - Counter({"bookTicker": recorded.kinds["bookTicker"]})


def test_every_event_holds_what_the_standard_library_reads(recorded: Known) -> None:
    parse = recorded.parser(*recorded.kinds).parse
    last: dict[str, int] = {}
    for _, _, frame in recorded.frames():
        result, expected = parse(frame), event_of(recorded, frame)

        assert isinstance(result, Empty if expected is None else Data)
        if isinstance(result, Data):
            assert result.event == expected
            assert result.sequence >= last.get(result.stream, -1)
            last[result.stream] = result.sequence


def test_no_id_of_a_trade_is_left_out(recorded: Known) -> None:
    ids: dict[str, list[int]] = {}
    for _, _, frame in recorded.frames():
        data = data_of(frame)
        if kind_of(frame) == "aggTrade":
            ids.setdefault(data["s"], []).append(data["a"])

    assert bool(ids) is bool(recorded.kinds["aggTrade"])
    for symbol, numbers in ids.items():
        assert numbers == [*range(numbers[0], numbers[0] + len(numbers))], symbol


# Books


class Pair:
    """A book as the adapter keeps it, and the same one out of the raw JSON."""

    def __init__(self, symbol: str) -> None:
        self.sync = BookSync(OrderBook(venue="binance", symbol=symbol))
        self.raw = RawBook()

    def take_snapshot(self, body: bytes) -> None:
        """Unless the book needs none."""
        if not self.raw.is_there:
            fits = self.raw.snapshot(json.loads(body))
            assert self.sync.take_snapshot(parse_snapshot(body, limit=1000)) is fits

    def is_equal(self) -> bool:
        """Both are readable or none is, at the same update, with the same levels."""
        book, raw = self.sync.book, self.raw
        if not (book.is_valid and raw.is_there):
            return book.is_valid is raw.is_there
        return (
            book.update_id == raw.update_id
            and book.bids() == sorted(raw.bids.items(), reverse=True)
            and book.asks() == sorted(raw.asks.items())
        )


class Step(NamedTuple):
    """The books of a symbol after a snapshot, or after the raw ``event``."""

    symbol: str
    books: Pair
    event: dict[str, Any] | None


def rebuild(recorded: Known) -> Iterator[Step]:
    """All books, by frames and snapshots at their recorded times: what a bot would have seen, in that order."""
    depths = recorded.depths
    parse = recorded.parser(*depths).parse
    books = {venue_symbol: Pair(symbol) for venue_symbol, symbol in recorded.symbols.items()}
    for _, symbol, body in merge(recorded.frames(), recorded.snapshots(), key=itemgetter(0)):
        if symbol:
            books[symbol].take_snapshot(body)
            yield Step(symbol, books[symbol], None)
        elif kind_of(body) in depths:
            data, parsed = data_of(body), parse(body)
            assert isinstance(parsed, Data)
            assert isinstance(parsed.event, Diff)
            pair = books[data["s"]]
            pair.sync.take(parsed.event)
            pair.raw.event(data)
            yield Step(data["s"], pair, data)


def test_each_book_equals_one_out_of_the_raw_json_at_every_update(recorded: Known) -> None:
    compared = Counter[str]()
    pairs: dict[str, Pair] = {}
    for symbol, books, _ in rebuild(recorded):
        assert books.is_equal()
        pairs[symbol] = books
        compared[symbol] += books.sync.book.is_valid

    with_snapshot = {symbol for _, symbol, _ in recorded.snapshots()}
    assert with_snapshot <= pairs.keys()
    for symbol, books in pairs.items():
        assert books.sync.counts.gaps == books.raw.gaps
        assert books.sync.counts.crossed == 0
        assert bool(compared[symbol]) is (symbol in with_snapshot)
    depths = sum(recorded.kinds[kind] for kind in recorded.depths)
    counts = [(books.sync.counts, len(books.raw.waiting)) for books in pairs.values()]
    assert sum(one.changes + one.ignored + waiting for one, waiting in counts) == depths


# Quotes against books
#
# A bookTicker's u is the id of the update after which its bid and ask were the best. A depth event sums up the updates
# U to u, and the book is shown after it only. What can be held against a ticker of update t:
#
# * The book is shown at t, as the snapshot's or as an event's u: it has this bid and this ask in just these quantities.
#   These are the `exact` ones.
# * t lies between two updates at which the book is shown, one event apart. What the event does not touch was the same
#   all along; what it touches may have been anything in between. So the ticker's bid is touched by the event, or was
#   there before in just this quantity; and every better bid that was there before is touched, as it has to be gone at
#   t. The same for the ask. These are the `between` ones.
# * t is before the first or after the last update at which the book is shown: nothing can be said. The `outside` ones.


Levels = dict[Decimal, Decimal]


class Shown(NamedTuple):
    """The book at an update, and the event that led to it from the one before; None of a snapshot."""

    update_id: int
    bids: Levels
    asks: Levels
    event: dict[str, Any] | None


def is_exact(shown: Shown, ticker: dict[str, Any]) -> bool:
    return (max(shown.bids), shown.bids[max(shown.bids)]) == (Decimal(ticker["b"]), Decimal(ticker["B"])) and (
        min(shown.asks),
        shown.asks[min(shown.asks)],
    ) == (Decimal(ticker["a"]), Decimal(ticker["A"]))


def is_between(before: Shown, event: dict[str, Any], ticker: dict[str, Any]) -> bool:
    bid, ask = Decimal(ticker["b"]), Decimal(ticker["a"])
    bids, asks = untouched(before.bids, event["b"]), untouched(before.asks, event["a"])
    return (
        (touches(event["b"], bid) or bids.get(bid) == Decimal(ticker["B"]))
        and all(price <= bid for price in bids)
        and (touches(event["a"], ask) or asks.get(ask) == Decimal(ticker["A"]))
        and all(price >= ask for price in asks)
    )


def untouched(side: Levels, changes: list[list[str]]) -> Levels:
    touched = {Decimal(price) for price, _ in changes}
    return {price: quantity for price, quantity in side.items() if price not in touched}


def touches(changes: list[list[str]], price: Decimal) -> bool:
    return any(Decimal(one) == price for one, _ in changes)


def shown_books(recorded: Known) -> dict[str, list[Shown]]:
    """As the adapter shows them."""
    shown: dict[str, list[Shown]] = defaultdict(list)
    for symbol, books, event in rebuild(recorded):
        book = books.sync.book
        bids, asks = book.bids(), book.asks()
        if bids and asks and not (shown[symbol] and shown[symbol][-1].update_id == book.update_id):
            shown[symbol].append(Shown(book.update_id, dict(bids), dict(asks), event if shown[symbol] else None))
    return shown


def test_every_quote_is_consistent_with_the_book_around_it(recorded: Known) -> None:
    shown = shown_books(recorded)
    found = Counter[str]()
    for _, _, frame in recorded.frames():
        if kind_of(frame) == "bookTicker":
            ticker = data_of(frame)
            found[judge(shown[ticker["s"]], ticker)] += 1

    assert found["wrong"] == 0
    told = found.total() - found["one-sided"]
    assert found.total() == recorded.kinds["bookTicker"]
    if any(shown.values()):  # else there is nothing to hold them against
        assert found["exact"] >= 0.05 * told
        assert found["exact"] + found["between"] >= 0.5 * told  # the rest came before the first snapshot


def judge(shown: list[Shown], ticker: dict[str, Any]) -> str:
    if not (Decimal(ticker["b"]) and Decimal(ticker["a"])):
        return "one-sided"  # which is no quote
    at = ticker["u"]
    before = next((one for one in reversed(shown) if one.update_id <= at), None)
    after = next((one for one in shown if one.update_id >= at), None)
    if before is None or after is None:
        return "outside"
    if before is after:
        return "exact" if is_exact(before, ticker) else "wrong"
    assert after.event is not None
    return "between" if is_between(before, after.event, ticker) else "wrong"


def test_a_quote_with_one_number_changed_would_be_seen(recorded: Known) -> None:
    """The rules above are no empty ones: a price is always seen, a quantity wherever the book is shown at the quote."""
    shown = shown_books(recorded)
    unseen = Counter[str]()
    for _, _, frame in recorded.frames():
        ticker = data_of(frame)
        if kind_of(frame) == "bookTicker" and (kind := judge(shown[ticker["s"]], ticker)) in {"exact", "between"}:
            for name in "bBaA":
                changed = ticker | {name: str(Decimal(ticker[name]) * Decimal("1.01"))}
                if judge(shown[ticker["s"]], changed) != "wrong":
                    unseen[f"{kind} {name}"] += 1

    assert set(unseen) <= {"between B", "between A"}
