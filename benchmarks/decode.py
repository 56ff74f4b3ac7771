"""From frame to event: Binance's frames through the adapter's parser, and of books the change of the book, too.

Beside it, on the same bytes: stdlib json and `Decimal`, with a dictionary for a book, which check nothing; and, as a
process each, ccxt.pro and, with ``--peer cryptofeed=PYTHON``, cryptofeed. The parser checks that the numbers are
finite, positive and sane, that the symbol is the stream's, that the bid is below the ask and that update ids chain. The
frames are the recorded ones in the folder that ``BOWSTRING_RECORDINGS`` names, else generated ones, without books.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec

from benchmarks.feed import ROOT
from benchmarks.figures import Ratio, Sample, Table, alternate
from bowstring.local_exchange.feed import generate
from bowstring.local_exchange.recording import RecordedFrame, open_recording
from bowstring.market.book import OrderBook
from bowstring.market.book_sync import BookSync, Diff
from bowstring.market.events import Quote, Trade
from bowstring.market.instrument import Instrument
from bowstring.venues.binance.snapshot import parse_snapshot
from bowstring.venues.binance.wire import Data, Parser, Stream

SYMBOLS = ("BTCUSDT", "ETHUSDT")
GENERATED = 1000
KINDS = ("bookTicker", "trade", "aggTrade", "depth@100ms")
BESIDE = ("stdlib json, Decimal", "ccxt.pro", "cryptofeed")

Snapshots = Mapping[str, bytes]
"""By the venue's symbol."""
Begin = Callable[[], Callable[[str], object]]
"""Sets a pass up, and returns what takes each frame."""


def run(*, runs: int, seconds: float, peers: Mapping[str, str]) -> Iterator[Table]:
    """Yield a table for each kind of frame. ``peers``: ``cryptofeed`` and its Python."""
    source, frames, snapshots = _input()
    for kind, of_kind in frames.items():
        payloads = [frame.combined.decode() for frame in of_kind]  # `net.websocket` hands over a str
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            texts = {symbol: body.decode() for symbol, body in snapshots.items() if kind == "depth@100ms"}
            json.dump({"frames": payloads, "snapshots": texts}, file)
            file.flush()
            measure_s = seconds / 4
            variants: dict[str, Callable[[], Sample]] = {
                "bowstring": partial(_measure, partial(_begin, of_kind, snapshots), payloads, measure_s),
                "stdlib json, Decimal": partial(_measure, _STDLIB[kind], payloads, measure_s),
            }
            if find_spec("ccxt"):  # `make bench` installs it
                variants["ccxt.pro"] = partial(_ask, sys.executable, "ccxt_parser", file.name, measure_s)
            if "cryptofeed" in peers and kind != "trade":  # it subscribes to aggTrade only
                variants["cryptofeed"] = partial(_ask, peers["cryptofeed"], "cryptofeed_parser", file.name, measure_s)
            samples = alternate(variants, runs=runs)
        yield Table(
            title=f"frame to event, {kind}: {len(payloads)} {source} frames",
            samples=samples,
            ratios=[Ratio(column="ns", variant="bowstring", beside=other) for other in BESIDE if other in samples],
        )


def _measure(begin: Begin, payloads: Sequence[str], seconds: float) -> Sample:
    """Time whole passes over all frames, for about so many seconds; the fastest tells the least of other processes."""
    passes: list[int] = []
    while sum(passes) < seconds * 1e9:
        take = begin()
        began = time.perf_counter_ns()
        for payload in payloads:
            take(payload)
        passes.append(time.perf_counter_ns() - began)
    return {"ns": min(passes) / len(payloads)}


def _ask(python: str, script: str, file: str, seconds: float) -> Sample:
    command = [python, "-m", f"benchmarks.peers.{script}", file, str(seconds)]
    return msgspec.json.decode(subprocess.check_output(command, cwd=ROOT), type=Sample)


def _begin(frames: Sequence[RecordedFrame], snapshots: Snapshots) -> Callable[[str], object]:
    parse = Parser(_stream(name) for name in dict.fromkeys(frame.stream for frame in frames)).parse
    syncs = {f"{symbol.lower()}@depth@100ms": _synced(symbol, body) for symbol, body in snapshots.items()}

    def take(frame: str) -> None:
        parsed = parse(frame)
        assert isinstance(parsed, Data)
        if isinstance(parsed.event, Diff):
            outcome = syncs[parsed.stream].take(parsed.event)
            assert outcome in ("changed", "ignored"), outcome

    return take


def _synced(symbol: str, body: bytes) -> BookSync:
    sync = BookSync(OrderBook(venue="binance", symbol=symbol))
    assert sync.take_snapshot(parse_snapshot(body, limit=1000))
    return sync


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


def _naive_books() -> Callable[[str], object]:
    books: dict[str, dict[str, dict[Decimal, Decimal]]] = defaultdict(lambda: {"b": {}, "a": {}})

    def take(frame: str) -> None:
        data = json.loads(frame)["data"]
        for side, levels in books[data["s"]].items():
            for price, amount in data[side]:
                if Decimal(amount):
                    levels[Decimal(price)] = Decimal(amount)
                else:
                    levels.pop(Decimal(price), None)

    return take


_STDLIB: dict[str, Begin] = {
    "bookTicker": lambda: _quote,
    "trade": lambda: partial(_trade, trade_id="t"),
    "aggTrade": lambda: partial(_trade, trade_id="a"),
    "depth@100ms": _naive_books,
}


def _input() -> tuple[str, dict[str, list[RecordedFrame]], Snapshots]:
    folder = os.environ.get("BOWSTRING_RECORDINGS")
    if not folder:
        return "generated", _by_kind(generate(SYMBOLS, seed=1, rate_hz=1000, seconds=GENERATED / 1000)), {}
    recording = open_recording(Path(folder) / "BINANCE.ws.1.0")
    snapshots = {parse_qs(urlsplit(reply.url).query)["symbol"][0]: reply.body for reply in recording.replies}
    return "recorded", _by_kind(recording.frames()), snapshots


def _by_kind(frames: Iterator[RecordedFrame]) -> dict[str, list[RecordedFrame]]:
    kinds: dict[str, list[RecordedFrame]] = defaultdict(list)
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
