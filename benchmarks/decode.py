"""From frame to event: a Binance frame through the adapter's parser, beside stdlib json and `Decimal`.

Both make the same event. The parser checks, besides, that the numbers are finite, positive and sane, that the symbol is
the stream's and that the bid is below the ask. The frames are the recorded ones in the folder that
``BOWSTRING_RECORDINGS`` names, else generated ones.
"""

import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path

from benchmarks.figures import Ratio, Sample, Table, alternate
from bowstring.local_exchange.feed import generate
from bowstring.local_exchange.recording import RecordedFrame, open_recording
from bowstring.market.events import MarketEvent, Quote, Trade
from bowstring.market.instrument import Instrument
from bowstring.venues.binance.wire import KINDS, Data, Parser, Stream

SYMBOLS = ("BTCUSDT", "ETHUSDT")
GENERATED = 1000

Frames = dict[str, list[RecordedFrame]]
"""By kind of stream."""


def run(*, runs: int, seconds: float) -> Iterator[Table]:
    """Yield a table for each kind of frame."""
    source, frames = _frames()
    for kind, of_kind in frames.items():
        payloads = [frame.combined.decode() for frame in of_kind]  # `net.websocket` hands over a str
        parser = Parser(_stream(frame.stream) for frame in of_kind)
        readers: dict[str, Callable[[str], MarketEvent]] = {
            "bowstring, Parser": partial(_parse, parser),
            "stdlib json, Decimal": _STDLIB[kind],
        }
        variants = {name: partial(_measure, read, payloads, seconds / 4) for name, read in readers.items()}
        yield Table(
            title=f"frame to event, {kind}: {len(payloads)} {source} frames",
            samples=alternate(variants, runs=runs),
            ratios=[Ratio(column="ns", variant="bowstring, Parser", beside="stdlib json, Decimal")],
        )


def _measure(read: Callable[[str], MarketEvent], payloads: list[str], seconds: float) -> Sample:
    """Time whole passes over all frames, for about so many seconds; the fastest tells the least of other processes."""
    passes: list[int] = []
    while sum(passes) < seconds * 1e9:
        began = time.perf_counter_ns()
        for payload in payloads:
            read(payload)
        passes.append(time.perf_counter_ns() - began)
    return {"ns": min(passes) / len(payloads)}


def _parse(parser: Parser, frame: str) -> MarketEvent:
    parsed = parser.parse(frame)
    assert isinstance(parsed, Data)
    return parsed.event


def _quote(frame: str) -> Quote:
    data = json.loads(frame)["data"]
    return Quote(
        venue="binance",
        symbol=data["s"],
        bid=Decimal(data["b"]),
        bid_quantity=Decimal(data["B"]),
        ask=Decimal(data["a"]),
        ask_quantity=Decimal(data["A"]),
    )


def _trade(frame: str, *, trade_id: str) -> Trade:
    data = json.loads(frame)["data"]
    return Trade(
        venue="binance",
        symbol=data["s"],
        price=Decimal(data["p"]),
        quantity=Decimal(data["q"]),
        side="sell" if data["m"] else "buy",
        trade_id=str(data[trade_id]),
        time_ns=data["T"] * 1_000_000,
    )


_STDLIB: dict[str, Callable[[str], MarketEvent]] = {
    "bookTicker": _quote,
    "trade": partial(_trade, trade_id="t"),
    "aggTrade": partial(_trade, trade_id="a"),
}


def _frames() -> tuple[str, Frames]:
    folder = os.environ.get("BOWSTRING_RECORDINGS")
    if folder:
        return "recorded", _by_kind(open_recording(Path(folder) / "BINANCE.ws.1.0").frames())
    return "generated", _by_kind(generate(SYMBOLS, seed=1, rate_hz=1000, seconds=GENERATED / 1000))


def _by_kind(frames: Iterator[RecordedFrame]) -> Frames:
    kinds: Frames = defaultdict(list)
    for frame in frames:
        kind = frame.stream.partition("@")[2]
        if kind in KINDS:
            kinds[kind].append(frame)
    return dict(kinds)


def _stream(name: str) -> Stream:
    symbol, _, kind = name.partition("@")
    instrument = Instrument(
        venue="binance",
        symbol=symbol,
        venue_symbol=symbol.upper(),
        base=symbol[:3],
        quote=symbol[3:],
        tick_size=Decimal(0),
        lot_size=Decimal(0),
    )
    return Stream(kind, instrument)
