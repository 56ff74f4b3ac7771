"""The cost of safety: what it takes to have every order on record before it leaves, and to start from the record.

First `benchmarks.tick_to_trade` with nothing on record that lasts (*memory*), with ``durability="process"`` and with
``"power"``, beside *bare*, picows and msgspec alone. Then the record alone: microseconds from the call until an order
is on record, 500 times a second, while the journal is told that it is open, and filled. *inline* makes checkpoints as
SQLite does by default, in a commit; *none* makes none. Last, a start on a journal of many orders, each with two reports
and a fill, beside one on an empty journal: from the start of the process until its strategy is told that it has
recovered, on the local exchange. The files are under ``build``: on a disk, as a bot's would be, not in memory.
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
from benchmarks.local_exchange import local_exchange
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
        yield _starts(Path(place), runs=runs, orders=orders)


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


def _starts(folder: Path, *, runs: int, orders: int) -> Table:
    variants = {"start": folder / "many.journal", "first start": folder / "new.journal"}
    _fill(variants["start"], orders=orders)
    with local_exchange("--speed", "0") as told:
        return Table(
            title=f"start on a journal of {orders:,} orders",
            samples=alternate({name: partial(_start, told, path) for name, path in variants.items()}, runs=runs),
            ceilings=[Ceiling(column="ready s", variant="start", at_most=READY_S)],
            ratios=[Ratio(column="ready s", variant="start", beside="first start")],
        )


def _fill(path: Path, *, orders: int) -> None:
    journal = JournalFile(path)
    journal.open(Clock())
    for number in range(orders):
        action = order(number)
        journal.record([action])
        for news in life(action, number):
            journal.write(news)
    journal.close()


def _start(told: bytes, path: Path) -> Sample:
    """Of a process: the interpreter, all imports, the journal, the exchange, `Recovered`."""
    command = [sys.executable, "-m", "benchmarks.clients.restart", str(path)]
    began = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as bot:
        assert bot.stdin is not None
        assert bot.stdout is not None
        bot.stdin.write(told)
        bot.stdin.close()
        line = bot.stdout.readline()
        ready_s = time.perf_counter() - began
    if line != b"ready\n" or bot.returncode:
        raise ChildProcessError(f"the bot said {line!r}, and ended with {bot.returncode}")
    return {"ready s": ready_s, "MB": path.stat().st_size / 1e6}
