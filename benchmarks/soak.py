"""A long run with one subscriber that lags and one that is halted: is memory flat, and are the accounts exact?

``python -m benchmarks.soak --seconds 600 --rate 5000``. Of ten events four are of a kind that is conflated, four of one
that is dropped, oldest first, and two are lossless. The accounts are checked against what the collector, the strategies
and the executor counted themselves; exit code 1 if they differ.
"""

import argparse
import asyncio
import logging
import socket
import sys
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import ClassVar

import uvloop

import bowstring as bs
from benchmarks.feed import beats, paced
from benchmarks.figures import TESTED, environment, pin
from benchmarks.memory import Memory
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


async def soak(*, seconds: float, rate_hz: float, memory: Memory, every_s: float) -> list[str]:
    """Run the bot and print its accounts; returns what of them is wrong."""
    with paced(rate_hz=rate_hz, seconds=seconds) as socket:
        source, healthy, lagging, halted, sink = Source(socket), Healthy(), Lagging(), Halted(), Sink()
        engine = bs.Engine(
            collectors=[source], strategies=[halted, lagging, healthy], guards=[Limit()], executors=[sink]
        )
        running = asyncio.ensure_future(engine.run())
        await memory.watch(running, every_s=every_s)
        await running
    accounts = {account.name: account for account in engine.accounts() if account.published}
    print("\n".join(_rows(accounts.values())))
    market, everything = source.emitted[Price] + source.emitted[Print], source.emitted.total()
    expected = {
        "Healthy": (everything, healthy.seen, 0),
        "Lagging": (market, lagging.seen, lagging.lost),
        "Halted": (everything, halted.seen, None),  # it cannot know what was dropped while it hears nothing
        "Sink": (source.emitted[Report], sink.seen, 0),
    }
    return [
        f"{name}: counted {counts}, its account says {account}"
        for name, counts in expected.items()
        if not _is_exact(account := accounts[name], *counts)
    ]


def _is_exact(account: Account, published: int, delivered: int, dropped: int | None) -> bool:
    gone = account.conflated + account.dropped + account.waiting + account.undelivered
    return (
        account.published == account.delivered + gone
        and (account.published, account.delivered) == (published, delivered)
        and dropped in (account.dropped, None)
    )  # fmt: skip


def _rows(accounts: Iterable[Account]) -> Iterator[str]:
    columns = ("published", "delivered", "conflated", "dropped", "waiting", "undelivered")
    yield " " * 10 + "".join(f"{column:>13}" for column in columns)
    for account in accounts:
        yield f"{account.name:10}" + "".join(f"{getattr(account, column):>13,}" for column in columns)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=float, default=5000, help="events a second")
    parser.add_argument("--every", type=float, default=1.0, help="seconds from one sample of the memory to the next")
    arguments = parser.parse_args()
    print("\n".join(f"{name}: {value}" for name, value in environment().items()))
    pin(TESTED)
    logging.disable(logging.ERROR)  # one strategy fails on purpose
    seconds, every_s = arguments.seconds, arguments.every
    memory = Memory(capacity=int(seconds / every_s) + 100)
    wrong = uvloop.run(soak(seconds=seconds, rate_hz=arguments.rate, memory=memory, every_s=every_s))
    print("accounts:", "; ".join(wrong) or "exact")
    print("\n".join(memory.lines()))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
