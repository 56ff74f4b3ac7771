"""The cost of safety: what it takes to have every order on record before it leaves, and to start from the record.

First `benchmarks.tick_to_trade` with nothing on record that lasts (*memory*), with ``durability="process"`` and with
``"power"``, beside *bare*, picows and msgspec alone. Then the record alone: microseconds from the call until an order
is on record, 500 times a second, while the journal is told that it is open, and filled. *inline* makes checkpoints as
SQLite does by default, in a commit; *none* makes none. Last, a start on a journal of many orders, each with two reports
and a fill. The files are under ``build``: on a disk, as a bot's would be, not in memory.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from benchmarks.feed import ROOT
from benchmarks.figures import OTHER, TESTED, Ceiling, Ratio, Sample, Table, alternate, latency, pin
from benchmarks.orders import life, order
from benchmarks.venue import Venue
from bowstring.core.clock import Clock
from bowstring.trading.journal import checkpoints
from bowstring.trading.journal.file import JournalFile

PERCENTS = (50, 99, 99.9)
RATE_HZ = 500
CLIENTS: dict[str, Sequence[str]] = {
    "bare": ["bare"],
    "memory": ["order_executor"],
    "process": ["order_executor", "process"],
    "power": ["order_executor", "power"],
}
READY_S = 2.0


def run(*, runs: int, seconds: float, orders: int) -> Iterator[Table]:
    """Yield three tables. ``orders``: that a start finds on record."""
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    pin(OTHER)
    with TemporaryDirectory(dir=folder) as place, Venue() as venue:
        yield _ticks(venue, Path(place), runs=runs, seconds=seconds)
    pin(TESTED)
    with TemporaryDirectory(dir=folder) as place:
        yield _commits(Path(place), runs=runs, seconds=seconds)
        yield _starts(Path(place) / "many.journal", runs=runs, orders=orders)


def _ticks(venue: Venue, folder: Path, *, runs: int, seconds: float) -> Table:
    return Table(
        title="tick to trade on loopback, by durability",
        samples=alternate({name: partial(_tick, venue, name, folder, seconds) for name in CLIENTS}, runs=runs),
        ratios=[
            Ratio(column=f"p{percent:g} us", variant=variant, beside=beside)
            for variant, beside in (("memory", "bare"), ("process", "memory"), ("power", "memory"))
            for percent in PERCENTS
        ],
    )


def _tick(venue: Venue, client: str, folder: Path, seconds: float) -> Sample:
    module, *durability = CLIENTS[client]
    path = [str(folder / f"{time.monotonic_ns()}.journal")] if durability else []
    command = [sys.executable, "-m", f"benchmarks.clients.{module}", venue.url, *durability, *path]
    with subprocess.Popen(command, cwd=ROOT) as process:
        return latency(venue.measure(process, seconds=seconds), percents=PERCENTS)


def _commits(folder: Path, *, runs: int, seconds: float) -> Table:
    variants = {
        name: partial(_commit, folder, name, seconds)
        for name in ("process", "process, inline", "process, none", "power")
    }
    return Table(title="an order on record", samples=alternate(variants, runs=runs))


def _commit(folder: Path, variant: str, seconds: float) -> Sample:
    durability, _, how = variant.partition(", ")
    journal = JournalFile(
        folder / f"{time.monotonic_ns()}.journal",
        durability="power" if durability == "power" else "process",
        threads=how != "inline",
    )
    usual = checkpoints.SOFT_FRAMES
    checkpoints.SOFT_FRAMES = sys.maxsize if how == "none" else usual
    journal.open(Clock())
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            samples = runner.run(_record(journal, seconds=seconds))
    finally:
        journal.close()
        checkpoints.SOFT_FRAMES = usual
    return latency(samples, percents=PERCENTS) | {"longest us": max(samples) / 1000}


async def _record(journal: JournalFile, *, seconds: float) -> list[int]:
    samples: list[int] = []
    end = time.perf_counter() + seconds
    number = 0
    while time.perf_counter() < end:
        await asyncio.sleep(1 / RATE_HZ)
        action = order(number)
        began_ns = time.perf_counter_ns()
        pending = journal.record([action])
        if pending is not None:
            await pending
        samples.append(time.perf_counter_ns() - began_ns)
        for news in life(action, number):
            journal.write(news)
        number += 1
    return samples


def _starts(path: Path, *, runs: int, orders: int) -> Table:
    journal = JournalFile(path)
    journal.open(Clock())
    for number in range(orders):
        action = order(number)
        journal.record([action])
        for news in life(action, number):
            journal.write(news)
    journal.close()
    return Table(
        title=f"start on a journal of {orders:,} orders",
        samples=alternate({"start": partial(_start, path)}, runs=runs),
        ceilings=[Ceiling(column="ready s", variant="start", at_most=READY_S)],
    )


def _start(path: Path) -> Sample:
    journal = JournalFile(path)
    began = time.perf_counter()
    journal.open(Clock())
    is_open = time.perf_counter()
    remembered = journal.recall("binance")
    is_ready = time.perf_counter()
    journal.close()
    return {
        "opened s": is_open - began,
        "recalled s": is_ready - is_open,
        "ready s": is_ready - began,
        "orders": len(remembered.finished),
        "MB": path.stat().st_size / 1e6,
    }
