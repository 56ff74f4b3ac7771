"""From event to executor: bowstring with everything on, beside a textbook `asyncio.Queue` pipeline on the same loop.

An event's age is taken at the executor, from right before it was emitted or put. In bowstring it meets a guard, the
accounts and the latency histograms on its way; the textbook has none of these. Both carry the same messages, run the
same statements in their handlers and record in the same way. *First* is the age of the first action of each event: in
the textbook every strategy runs before the executor does.

*Paced*: 1,000 events a second from another process, so the loop sleeps in between. *Saturated*: a source that always
has a next event, and waits when it is told to (``await emit.drained()``, ``await queue.put()``). The loop never sleeps
then, so events are counted by the second of its CPU, which other processes on the machine disturb the least.
"""

import asyncio
import itertools
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
import uvloop

from benchmarks import bots, textbook
from benchmarks.bots import Record, Tick, now_ns
from benchmarks.feed import ROOT, beats, paced
from benchmarks.figures import TESTED, Ratio, Sample, Table, alternate, latency, pin

RATE_HZ = 1000
RATE = "events/s of CPU"
SYMBOLS = tuple(f"{base}/USDT" for base in ("BTC", "ETH", "SOL", "XRP", "BNB", "ADA", "DOT", "LTC", "UNI", "XLM"))

Pipeline = Callable[[AsyncIterator[Tick], Record, Sequence[str]], Awaitable[None]]

PIPELINES: dict[str, Pipeline] = {"bowstring": bots.run, "textbook": textbook.run}
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}
PEERS = {"nautilus": "nautilus_bus", "basana": "basana_dispatcher"}


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """Strategies, each of one symbol, or of all: ``""``. The targets are bowstring's figures over the textbook's."""

    title: str
    symbols: Sequence[str]
    paced: Mapping[str, float | None]
    saturated: float | None

    @property
    def actions(self) -> int:
        """For an event."""
        return len(self.symbols) if "" in self.symbols else 1


CROWDS = (
    Crowd(title="1 strategy", symbols=("",), paced={"p50 us": 1 / 3, "p99 us": 1 / 2}, saturated=1.0),
    Crowd(
        title="10 strategies",
        symbols=("",) * 10,
        paced={"p50 us": 1 / 8, "p99 us": 1 / 2, "first p50 us": None},
        saturated=1.2,
    ),
    Crowd(
        title="10 strategies, a symbol each",
        symbols=SYMBOLS,
        paced={"p50 us": None, "p99 us": None},
        saturated=None,
    ),
)


def run(*, runs: int, seconds: float, peers: Mapping[str, str]) -> Iterator[Table]:
    """Yield a table for each crowd, paced and saturated. ``peers``: some of `PEERS`, and the Python of each."""
    pin(TESTED)
    with asyncio.Runner(loop_factory=LOOPS["uvloop"]) as fast, asyncio.Runner(loop_factory=LOOPS["asyncio"]) as stock:
        for (mode, measure), crowd in itertools.product(MEASURES.items(), CROWDS):
            variants: dict[str, Callable[[], Sample]] = {
                f"{name}, {loop}": partial(measure, runner, pipeline, crowd, seconds)
                for loop, runner in (("uvloop", fast), ("asyncio", stock))
                for name, pipeline in PIPELINES.items()
            }
            for peer, python in peers.items():
                if crowd.symbols is not SYMBOLS:
                    variants[peer] = partial(_ask_peer, peer, python, mode, crowd, seconds)
            yield Table(
                title=f"event to executor, {mode}, {crowd.title}",
                samples=alternate(variants, runs=runs),
                ratios=list(_paced_ratios(crowd) if mode == "paced" else _saturated_ratios(crowd)),
            )


async def _ticks(beats: AsyncIterator[None]) -> AsyncIterator[Tick]:
    symbols = itertools.cycle(SYMBOLS)
    async for _ in beats:
        yield Tick(symbol=next(symbols), price=65_000, received_ns=now_ns())


async def _no_pause(seconds: float) -> AsyncIterator[None]:
    end_ns = now_ns() + int(seconds * 1e9)
    while now_ns() < end_ns:
        yield


def _measure_paced(runner: asyncio.Runner, pipeline: Pipeline, crowd: Crowd, seconds: float) -> Sample:
    record = Record()
    with paced(rate_hz=RATE_HZ, seconds=seconds) as socket:
        runner.run(_run(pipeline, _ticks(beats(socket)), record, crowd))
    first = latency(record.ages_ns[:: crowd.actions])["p50 us"]
    return latency(record.ages_ns) | ({} if crowd.actions == 1 else {"first p50 us": first})


def _measure_saturated(runner: asyncio.Runner, pipeline: Pipeline, crowd: Crowd, seconds: float) -> Sample:
    record = Record()
    began_ns = time.process_time_ns()
    runner.run(_run(pipeline, _ticks(_no_pause(seconds)), record, crowd))
    took_ns = time.process_time_ns() - began_ns
    return {RATE: len(record.ages_ns) / crowd.actions / took_ns * 1e9} | latency(record.ages_ns)


async def _run(pipeline: Pipeline, ticks: AsyncIterator[Tick], record: Record, crowd: Crowd) -> None:
    await pipeline(ticks, record, crowd.symbols)


MEASURES = {"paced": _measure_paced, "saturated": _measure_saturated}


def _paced_ratios(crowd: Crowd) -> Iterator[Ratio]:
    for loop, (column, target) in itertools.product(LOOPS, crowd.paced.items()):
        yield Ratio(
            column=column,
            variant=f"bowstring, {loop}",
            beside=f"textbook, {loop}",
            at_most=target if loop == "uvloop" else None,
        )


def _saturated_ratios(crowd: Crowd) -> Iterator[Ratio]:
    for loop in LOOPS:
        yield Ratio(
            column=RATE,
            variant=f"bowstring, {loop}",
            beside=f"textbook, {loop}",
            at_least=crowd.saturated if loop == "uvloop" else None,
        )


def _ask_peer(peer: str, python: str, mode: str, crowd: Crowd, seconds: float) -> Sample:
    command = [python, "-m", f"benchmarks.peers.{PEERS[peer]}", mode, str(len(crowd.symbols)), str(seconds)]
    return msgspec.json.decode(subprocess.check_output(command, cwd=ROOT), type=Sample)
