"""A long run with one subscriber that lags and one that is halted: is memory flat, and are the accounts exact?

``python -m benchmarks.soak --seconds 600 --rate 5000``. Of ten events four are of a kind that is conflated, four of one
that is dropped, oldest first, and two are lossless. The accounts are checked against what the collector, the strategies
and the executor counted themselves; exit code 1 if they differ.

Memory is the resident set; Linux only. Its slope is a least squares fit, without the first tenth: the warming up. A
sample resembles the one before, so for the confidence interval they count as fewer: n (1 - r) / (1 + r), where r is the
correlation of neighbouring residuals.
"""

import argparse
import asyncio
import logging
import math
import os
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from statistics import correlation, linear_regression
from typing import ClassVar, NamedTuple

import uvloop

import bowstring as bs
from benchmarks.feed import beats, paced
from benchmarks.figures import TESTED, environment, pin
from bowstring.core.messages import Delivery
from bowstring.core.subscriber import Account

SYMBOLS = 3
LAG_S = 0.001  # a millisecond an event, and more events than a thousand a second


class Numbered(bs.Event, frozen=True):
    number: int


class Market(Numbered, frozen=True):
    pass


class Price(Market, frozen=True):
    delivery: ClassVar[Delivery] = "latest"

    def conflation_key(self) -> Hashable:
        return self.number % SYMBOLS


class Print(Market, frozen=True):
    delivery: ClassVar[Delivery] = "recent"


class Report(Numbered, frozen=True):
    pass


class Answer(bs.Action, frozen=True):
    number: int


KINDS: Sequence[type[Numbered]] = (Price, Print, Price, Print, Report)


class Source(bs.Collector):
    finite = True

    def __init__(self, paced: socket.socket) -> None:
        self._paced = paced
        self.emitted = Counter[type[Numbered]]()

    async def run(self, emit: bs.Emit) -> None:
        number = 0
        async for _ in beats(self._paced):
            kind = KINDS[number % len(KINDS)]
            self.emitted[kind] += 1
            number += 1
            emit(kind(number=number))


class Healthy(bs.Strategy):
    seen = 0

    @bs.on(Numbered)
    def answer(self, event: Numbered) -> bs.Actions:
        self.seen += 1
        if isinstance(event, Report):
            yield Answer(number=event.number)


class Lagging(bs.Strategy):
    seen = 0
    lost = 0

    @bs.on(Market)
    async def ponder(self, _event: Market) -> None:
        self.seen += 1
        await asyncio.sleep(LAG_S)

    @bs.on(bs.Lagged)
    def regret(self, lagged: bs.Lagged) -> None:
        self.lost += lagged.count


class Halted(bs.Strategy):
    seen = 0

    @bs.on(Numbered)
    def fail(self, _event: Numbered) -> None:
        self.seen += 1
        raise RuntimeError("on purpose")


class Limit(bs.Guard):
    @bs.on(Answer)
    def judge(self, _answer: Answer) -> str | None:
        return None


class Sink(bs.Executor):
    seen = 0

    @bs.on(Answer)
    def take(self, _answer: Answer) -> None:
        self.seen += 1


class Resources(NamedTuple):
    """What the process holds at a time, in seconds since the start."""

    at_s: float
    rss_mib: float
    fds: int
    tasks: int


async def soak(*, seconds: float, rate_hz: float, every_s: float) -> tuple[list[Resources], list[str]]:
    """Run the bot; returns samples of its resources, and what of its accounts is wrong."""
    with paced(rate_hz=rate_hz, seconds=seconds) as socket:
        source, healthy, lagging, halted, sink = Source(socket), Healthy(), Lagging(), Halted(), Sink()
        engine = bs.Engine(
            collectors=[source], strategies=[halted, lagging, healthy], guards=[Limit()], executors=[sink]
        )
        running = asyncio.ensure_future(engine.run())
        samples = [sample async for sample in _sample(running, every_s)]
        await running
    accounts = {account.name: account for account in engine.accounts() if account.published}
    print("\n".join(_rows(accounts.values())))
    market, everything = source.emitted[Price] + source.emitted[Print], source.emitted.total()
    expected = {
        "Healthy": (everything, healthy.seen, 0),
        "Lagging": (market, lagging.seen, lagging.lost),
        "Halted": (everything, halted.seen, 0),
        "Sink": (source.emitted[Report], sink.seen, 0),
    }
    return samples, [
        f"{name}: counted {counts}, its account says {account}"
        for name, counts in expected.items()
        if not _is_exact(account := accounts[name], *counts)
    ]


async def _sample(running: "asyncio.Future[None]", every_s: float) -> AsyncIterator[Resources]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not running.done():
        await asyncio.wait({running}, timeout=every_s)
        yield _resources(loop.time() - began)


def _resources(at_s: float) -> Resources:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Resources(
        at_s=at_s,
        rss_mib=pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        fds=len(os.listdir("/proc/self/fd")),
        tasks=len(asyncio.all_tasks()),
    )


def _is_exact(account: Account, published: int, delivered: int, dropped: int) -> bool:
    gone = account.conflated + account.dropped + account.waiting + account.undelivered
    return (
        account.published == account.delivered + gone
        and (account.published, account.delivered, account.dropped) == (published, delivered, dropped)
    )  # fmt: skip


def _rows(accounts: Iterable[Account]) -> Iterator[str]:
    columns = ("published", "delivered", "conflated", "dropped", "waiting", "undelivered")
    yield " " * 10 + "".join(f"{column:>13}" for column in columns)
    for account in accounts:
        yield f"{account.name:10}" + "".join(f"{getattr(account, column):>13,}" for column in columns)


def slope(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float]:
    """The least squares slope, and how far the ends of its 95 % confidence interval are from it."""
    fit = linear_regression(xs, ys)
    residuals = [y - fit.intercept - fit.slope * x for x, y in zip(xs, ys, strict=True)]
    squares = sum(residual**2 for residual in residuals)
    if squares < 1e-12:
        return fit.slope, 0.0
    alike = max(0.0, correlation(residuals[:-1], residuals[1:]))
    count = len(xs) * (1 - alike) / (1 + alike)
    if count <= 2:
        return fit.slope, math.inf
    centre = sum(xs) / len(xs)
    return fit.slope, 1.96 * math.sqrt(squares / (count - 2) / sum((x - centre) ** 2 for x in xs))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=float, default=5000, help="events a second")
    parser.add_argument("--every", type=float, default=1.0, help="seconds from one sample of the memory to the next")
    arguments = parser.parse_args()
    print("\n".join(f"{name}: {value}" for name, value in environment().items()))
    pin(TESTED)
    logging.disable(logging.ERROR)  # one strategy fails on purpose
    samples, wrong = uvloop.run(soak(seconds=arguments.seconds, rate_hz=arguments.rate, every_s=arguments.every))
    print("accounts:", "; ".join(wrong) or "exact")
    warm = samples[len(samples) // 10 :]
    per_s, margin = slope([sample.at_s for sample in warm], [sample.rss_mib for sample in warm])
    low, high = (per_s - margin) * 3600, (per_s + margin) * 3600
    print(f"rss: {warm[0].rss_mib:.1f} MiB after the warming up, {warm[-1].rss_mib:.1f} MiB at the end")
    print(f"rss slope: {per_s * 3600:+.2f} MiB/h, 95 % confidence interval {low:+.2f} to {high:+.2f}")
    print(f"open files: {warm[0].fds} to {max(sample.fds for sample in warm)}")
    print(f"tasks: {warm[0].tasks} to {max(sample.tasks for sample in warm)}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
