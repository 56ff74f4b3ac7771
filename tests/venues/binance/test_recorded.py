"""Real traffic of 2021, read by the parser and, independently, by the standard library."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bowstring.market.events import MarketEvent, Quote, Trade
from bowstring.market.instrument import Instrument
from bowstring.venues.binance.wire import Data, Ignored, Parser, Stream

pytestmark = pytest.mark.recorded

# The assets of the recorded symbols: which part is the quote cannot be seen from the frames.
SYMBOLS = {"NKNUSDT": "NKN/USDT", "BLZETH": "BLZ/ETH", "LRCBTC": "LRC/BTC", "RUNEEUR": "RUNE/EUR"}


def recorded_frames() -> Iterator[bytes]:
    for path in sorted(Path(os.environ["BOWSTRING_RECORDINGS"]).glob("BINANCE.ws.*")):
        for line in path.read_bytes().splitlines()[1:]:
            if line:
                yield line.split(b": ", 1)[1]


def raw_fields(frame: bytes) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(frame)["data"]
    return data


def kind_of(frame: bytes) -> str:
    return str(json.loads(frame)["stream"]).split("@", 1)[1]


def instrument(venue_symbol: str, symbol: str) -> Instrument:
    base, quote = symbol.split("/")
    step = Decimal("0.00000001")
    return Instrument(
        venue="binance",
        symbol=symbol,
        venue_symbol=venue_symbol,
        base=base,
        quote=quote,
        tick_size=step,
        lot_size=step,
    )


def parser(*kinds: str) -> Parser:
    instruments = [instrument(*names) for names in SYMBOLS.items()]
    return Parser([Stream(kind, one) for kind in kinds for one in instruments], strict=True)


def event_of(data: dict[str, Any]) -> MarketEvent:
    """The event that the fields spell, by code of its own."""
    symbol = SYMBOLS[data["s"]]
    if "B" in data:
        return Quote(
            venue="binance", symbol=symbol, bid=Decimal(data["b"]), bid_quantity=Decimal(data["B"]),
            ask=Decimal(data["a"]), ask_quantity=Decimal(data["A"]),
        )  # fmt: skip
    return Trade(
        venue="binance", symbol=symbol, price=Decimal(data["p"]), quantity=Decimal(data["q"]),
        side="sell" if data["m"] else "buy", trade_id=str(data["a"]), time_ns=data["T"] * 10**6,
    )  # fmt: skip


def test_every_subscribed_frame_is_parsed_and_every_other_one_told_by_its_kind() -> None:
    parse = parser("bookTicker", "aggTrade").parse
    parsed = Counter[str]()
    ignored = Counter[str]()
    for frame in recorded_frames():
        result = parse(frame)
        if isinstance(result, Data):
            parsed[type(result.event).__name__] += 1
        elif isinstance(result, Ignored):
            ignored[result.kind] += 1

    expected = Counter(kind_of(frame) for frame in recorded_frames())
    assert parsed == {"Quote": expected["bookTicker"], "Trade": expected["aggTrade"]}
    assert ignored == {kind: count for kind, count in expected.items() if kind not in {"bookTicker", "aggTrade"}}
    assert parsed["Quote"] > 0 < parsed["Trade"]


def test_every_event_holds_what_the_standard_library_reads() -> None:
    parse = parser("bookTicker", "aggTrade").parse
    frames = [frame for frame in recorded_frames() if kind_of(frame) in {"bookTicker", "aggTrade"}]

    for frame in frames:
        result = parse(frame)
        assert isinstance(result, Data)
        assert result.event == event_of(raw_fields(frame))


def test_combined_and_raw_frames_give_the_same_event() -> None:
    parse = parser("bookTicker", "aggTrade").parse
    for frame in recorded_frames():
        if kind_of(frame) in {"bookTicker", "aggTrade"}:
            raw = frame.split(b'"data":', 1)[1][:-1]
            assert parse(raw) == parse(frame)
