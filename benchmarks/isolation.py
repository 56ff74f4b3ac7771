"""What one strategy's slowness does to another: the other's latency beside the offender, and beside a quiet strategy.

``python -m benchmarks.isolation``. The offenders are given every event before the other is:

* one in a process of its own that burns pure Python for a second an event, on a core that the bot does not use;
* an async one that awaits a second an event;
* an inline ``def`` that blocks for a second now and then, which does hold up everybody, but loses and reorders nothing.

An age counts from when the bot read the event to the other strategy's handler. Of 100 events 99 are market data that
may be conflated for whom is behind, and one is lossless. *Lost* are the lossless events that a strategy in the bot's
process never got, *reordered* those that it got after a later one.

The last table is what a process of its own costs a strategy that does next to nothing: from when the bot read an event
to the executor of the action that it is answered with, beside the same strategy inline. All its events are lossless;
*lost* are those without an action.
"""

import argparse
import asyncio
import socket
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from functools import partial
from typing import ClassVar

import uvloop

import bowstring as bs
from benchmarks.feed import beats, paced
from benchmarks.figures import OTHER, TESTED, Ratio, Sample, Table, alternate, environment, latency, pin
from bowstring.core.clock import Clock
from bowstring.core.components import Strategy
from bowstring.core.messages import Delivery

RATE_HZ = 1000
LOSSLESS_EVERY = 100
BLOCKED_EVERY = 1000
CLOCK = Clock()


class Numbered(bs.Event, frozen=True):
    number: int


class Price(Numbered, frozen=True):
    delivery: ClassVar[Delivery] = "latest"

    def conflation_key(self) -> Hashable:
        return Price


class Report(Numbered, frozen=True):
    pass


class Notes:
    """What a strategy was given, and how late."""

    def __init__(self) -> None:
        self.ages_ns: list[int] = []
        self.reports: list[int] = []

    def add(self, event: Numbered) -> None:
        self.ages_ns.append(CLOCK.now_ns() - event.received_ns)
        if isinstance(event, Report):
            self.reports.append(event.number)

    def lost(self, sent: int) -> int:
        return sent - len(set(self.reports))

    def reordered(self) -> int:
        return sum(after < before for before, after in zip(self.reports, self.reports[1:], strict=False))


class Source(bs.Collector):
    finite = True

    def __init__(self, paced: socket.socket, at_end: Callable[[], None], *, lossless_every: int) -> None:
        self._paced = paced
        self._at_end = at_end
        self._lossless_every = lossless_every
        self.reports = 0

    async def run(self, emit: bs.Emit) -> None:
        number = 0
        async for _ in beats(self._paced):
            number += 1
            lossless = number % self._lossless_every == 0
            self.reports += lossless
            kind = Report if lossless else Price
            emit(kind(number=number, received_ns=CLOCK.now_ns()))
        self._at_end()


class Witness(bs.Strategy):
    def __init__(self, name: str) -> None:
        self.name = name
        self.notes = Notes()

    @bs.on(Numbered)
    def see(self, event: Numbered) -> None:
        self.notes.add(event)


class Sleeper(bs.Strategy):
    """Awaits ``seconds`` an event, until it is to hurry and catch up."""

    def __init__(self, seconds: float) -> None:
        self.notes = Notes()
        self.hurry = asyncio.Event()
        self._seconds = seconds

    @bs.on(Numbered)
    async def ponder(self, event: Numbered) -> None:
        self.notes.add(event)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                await self.hurry.wait()


class Blocker(bs.Strategy):
    """Blocks the loop for ``seconds`` at every thousandth event."""

    def __init__(self, seconds: float) -> None:
        self.notes = Notes()
        self._seconds = seconds

    @bs.on(Numbered)
    def block(self, event: Numbered) -> None:
        self.notes.add(event)
        if event.number % BLOCKED_EVERY == 0:
            time.sleep(self._seconds)


class Burner(bs.Strategy):
    """Burns ``seconds`` of CPU an event, in a process of its own."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def start(self) -> None:
        pin(OTHER)

    @bs.on(Price)
    def burn(self, _price: Price) -> None:
        end = time.perf_counter() + self._seconds
        while time.perf_counter() < end:
            pass


class Answer(bs.Action, frozen=True):
    number: int


class Answerer(bs.Strategy):
    """Answers every report, on ``core``."""

    def __init__(self, core: int) -> None:
        self._core = core

    async def start(self) -> None:
        pin(self._core)

    @bs.on(Report)
    def answer(self, report: Report) -> bs.Actions:
        yield Answer(report.number)


class Taker(bs.Executor):
    def __init__(self) -> None:
        self.ages_ns: list[int] = []

    @bs.on(Answer)
    def take(self, answer: Answer) -> None:
        self.ages_ns.append(CLOCK.now_ns() - answer.received_ns)


OFFENDERS: dict[str, Callable[[float], Strategy]] = {
    "burning in a process of its own": lambda seconds: bs.in_process(Burner(seconds)),
    "awaiting": Sleeper,
    "blocking the loop": Blocker,
}
TARGET = {"burning in a process of its own": 1.2}  # the others' p99


def run(*, runs: int, seconds: float, offence_s: float) -> Iterator[Table]:
    """Yield a table for each offender, and the one of the round trip."""
    pin(TESTED)
    for what, offender in OFFENDERS.items():
        variants = {
            "beside a quiet one": partial(_measure, partial(Witness, "quiet"), seconds),
            "beside the offender": partial(_measure, partial(offender, offence_s), seconds),
        }
        yield Table(
            title=f"a strategy, and beside it one that spends {offence_s:g} s on an event, {what}",
            samples=alternate(variants, runs=runs),
            ratios=[
                Ratio(column=column, variant="beside the offender", beside="beside a quiet one", at_most=target)
                for column, target in (("p50 us", None), ("p99 us", TARGET.get(what)))
            ],
        )
    answerers = {"inline": lambda: Answerer(TESTED), "in_process": lambda: bs.in_process(Answerer(OTHER))}
    yield Table(
        title="an event to a strategy, and its action to the executor",
        samples=alternate({name: partial(_round_trip, made, seconds) for name, made in answerers.items()}, runs=runs),
        ratios=[Ratio(column=column, variant="in_process", beside="inline") for column in ("p50 us", "p99 us")],
    )


def _round_trip(answerer: Callable[[], Strategy], seconds: float) -> Sample:
    return uvloop.run(_run_answerer(answerer(), seconds))


async def _run_answerer(answerer: Strategy, seconds: float) -> Sample:
    taker = Taker()
    with paced(rate_hz=RATE_HZ, seconds=seconds) as socket:
        source = Source(socket, lambda: None, lossless_every=1)
        await bs.Engine(collectors=[source], strategies=[answerer], executors=[taker], clock=CLOCK).run()
    return latency(taker.ages_ns) | {"lost": source.reports - len(taker.ages_ns)}


def _measure(offender: Callable[[], Strategy], seconds: float) -> Sample:
    return uvloop.run(_run_bot(offender(), seconds))


async def _run_bot(offender: Strategy, seconds: float) -> Sample:
    def hurry() -> None:
        if isinstance(offender, Sleeper):
            offender.hurry.set()

    witness = Witness("witness")
    with paced(rate_hz=RATE_HZ, seconds=seconds) as socket:
        source = Source(socket, hurry, lossless_every=LOSSLESS_EVERY)
        await bs.Engine(collectors=[source], strategies=[offender, witness], clock=CLOCK).run()
    notes = [one.notes for one in (witness, offender) if isinstance(one, Witness | Sleeper | Blocker)]
    return latency(witness.notes.ages_ns) | {
        "lost": sum(one.lost(source.reports) for one in notes),
        "reordered": sum(one.reordered() for one in notes),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.isolation")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each run (default: %(default)s)")
    parser.add_argument("--offence", type=float, default=1.0, help="seconds, of the offender (default: %(default)s)")
    arguments = parser.parse_args()
    print("\n".join(f"{name}: {value}" for name, value in environment().items()))
    for table in run(runs=arguments.runs, seconds=arguments.seconds, offence_s=arguments.offence):
        print("", *table.lines(), sep="\n", flush=True)


if __name__ == "__main__":
    main()
