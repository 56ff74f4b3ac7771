"""From event to executor: bowstring with everything on, beside a textbook `asyncio.Queue` pipeline on the same loop.

An event's age is taken at the executor, from right before it was emitted or put. In bowstring it meets a guard, the
accounts and the latency histograms on its way; the textbook has none of these. Both carry the same messages, run the
same statements in their handlers and record in the same way.

*Paced*: 1,000 events a second from another process, so the loop sleeps in between. *Saturated*: a source that always
has a next event, and waits when it is told to (``await emit.drained()``, ``await queue.put()``).
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial

import msgspec
import uvloop

import bowstring as bs
from benchmarks import textbook
from benchmarks.feed import ROOT, beats, paced
from benchmarks.figures import Ratio, Sample, Table, alternate, latency
from bowstring.core.clock import Clock

RATE_HZ = 1000
LIMIT = 1_000_000
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}
CLOCK = Clock()

now_ns = CLOCK.now_ns


class Tick(bs.Event, frozen=True):
    symbol: str
    price: int


class Buy(bs.Action, frozen=True):
    symbol: str
    price: int


class Record:
    """Ages at the executor, and when the last action got there."""

    def __init__(self) -> None:
        self.ages_ns: list[int] = []
        self.last_ns = 0

    def add(self, action: Buy) -> None:
        self.last_ns = now = now_ns()
        self.ages_ns.append(now - action.received_ns)


# --- bowstring -------------------------------------------------------------------------------------------------------


class Source(bs.Collector):
    finite = True

    def __init__(self, ticks: AsyncIterator[Tick]) -> None:
        self._ticks = ticks

    async def run(self, emit: bs.Emit) -> None:
        async for tick in self._ticks:
            emit(tick)
            await emit.drained()


class Buyer(bs.Strategy):
    def __init__(self, name: str) -> None:
        self.name = name

    @bs.on(Tick)
    def buy(self, tick: Tick) -> bs.Actions:
        yield Buy(symbol=tick.symbol, price=tick.price, received_ns=tick.received_ns)


class Limit(bs.Guard):
    @bs.on(Buy)
    def judge(self, buy: Buy) -> str | None:
        return f"{buy.price} exceeds {LIMIT}" if buy.price > LIMIT else None


class Recorder(bs.Executor):
    def __init__(self, record: Record) -> None:
        self._record = record

    @bs.on(Buy)
    def buy(self, buy: Buy) -> None:
        self._record.add(buy)


async def bowstring(ticks: AsyncIterator[Tick], record: Record, strategies: int) -> None:
    engine = bs.Engine(
        collectors=[Source(ticks)],
        strategies=[Buyer(f"buyer {number}") for number in range(strategies)],
        guards=[Limit()],
        executors=[Recorder(record)],
        clock=CLOCK,
    )
    await engine.run()


# --- the textbook ----------------------------------------------------------------------------------------------------


class TextbookBuyer:
    async def process_event(self, tick: Tick) -> list[Buy]:
        return [Buy(symbol=tick.symbol, price=tick.price, received_ns=tick.received_ns)]


class TextbookRecorder:
    def __init__(self, record: Record) -> None:
        self._record = record

    async def execute(self, buy: Buy) -> None:
        self._record.add(buy)


async def textbook_queues(ticks: AsyncIterator[Tick], record: Record, strategies: int) -> None:
    buyers = [TextbookBuyer() for _ in range(strategies)]
    await textbook.Pipeline(buyers, TextbookRecorder(record)).run(ticks)


PIPELINES = {"bowstring": bowstring, "textbook": textbook_queues}


# --- measuring -------------------------------------------------------------------------------------------------------


async def _saturating(seconds: float) -> AsyncIterator[Tick]:
    end_ns = now_ns() + int(seconds * 1e9)
    while (now := now_ns()) < end_ns:
        yield Tick(symbol="BTC/USDT", price=65_000, received_ns=now)


def measure_paced(runner: asyncio.Runner, pipeline: str, *, strategies: int, seconds: float) -> Sample:
    record = Record()
    with paced(rate_hz=RATE_HZ, seconds=seconds) as socket:

        async def ticks() -> AsyncIterator[Tick]:
            async for _ in beats(socket):
                yield Tick(symbol="BTC/USDT", price=65_000, received_ns=now_ns())

        runner.run(PIPELINES[pipeline](ticks(), record, strategies))
    return latency(record.ages_ns)


def measure_saturated(runner: asyncio.Runner, pipeline: str, *, strategies: int, seconds: float) -> Sample:
    record = Record()
    began_ns = now_ns()
    runner.run(PIPELINES[pipeline](_saturating(seconds), record, strategies))
    events = len(record.ages_ns) / strategies
    return {"events/s": events / (record.last_ns - began_ns) * 1e9}


MEASURES = {"paced": measure_paced, "saturated": measure_saturated}
TARGETS = {
    ("paced", 1): (("p50 us", 1 / 3), ("p99 us", 1 / 2)),
    ("paced", 10): (("p50 us", 1 / 8), ("p99 us", 1 / 2)),
    ("saturated", 1): (("events/s", 1.0),),
    ("saturated", 10): (("events/s", 1.2),),
}


def run(*, runs: int, seconds: float, peers: Mapping[str, str]) -> Iterator[Table]:
    """Yield a table for each mode and number of strategies. ``peers``: the Python of each other framework's environment."""
    with asyncio.Runner(loop_factory=LOOPS["uvloop"]) as fast, asyncio.Runner(loop_factory=LOOPS["asyncio"]) as stock:
        for (mode, strategies), targets in TARGETS.items():
            variants: dict[str, Callable[[], Sample]] = {
                f"{pipeline}, {loop}": partial(
                    MEASURES[mode], runner, pipeline, strategies=strategies, seconds=seconds
                )
                for loop, runner in (("uvloop", fast), ("asyncio", stock))
                for pipeline in PIPELINES
            }
            for peer, python in peers.items():
                variants[peer] = partial(_ask_peer, peer, python, mode, strategies, seconds)
            plural = "y" if strategies == 1 else "ies"
            yield Table(
                title=f"event to executor, {mode}, {strategies} strateg{plural}",
                samples=alternate(variants, runs=runs),
                ratios=[*_ratios(targets, "uvloop", gated=True), *_ratios(targets, "asyncio", gated=False)],
            )


def _ratios(targets: tuple[tuple[str, float], ...], loop: str, *, gated: bool) -> Iterator[Ratio]:
    for column, target in targets:
        yield Ratio(
            column=column,
            variant=f"bowstring, {loop}",
            beside=f"textbook, {loop}",
            at_most=target if gated and column != "events/s" else None,
            at_least=target if gated and column == "events/s" else None,
        )


def _ask_peer(peer: str, python: str, mode: str, strategies: int, seconds: float) -> Sample:
    command = [python, "-m", f"benchmarks.peers.{peer}", mode, str(strategies), str(seconds)]
    return msgspec.json.decode(subprocess.check_output(command, cwd=ROOT), type=Sample)
