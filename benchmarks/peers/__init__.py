"""Other frameworks' dispatch, for `benchmarks.dispatch`: one script each, run in an environment of its own.

Here is what they share, of the standard library only: the same source, messages as light as they get, the same record.
"""

import asyncio
import gc
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from benchmarks.feed import beats, paced
from benchmarks.figures import TESTED, latency, pin

RATE_HZ = 1000


class Tick:
    __slots__ = ("price", "received_ns", "symbol")

    def __init__(self, received_ns: int) -> None:
        self.symbol, self.price, self.received_ns = "BTC/USDT", 65_000, received_ns


class Buy:
    __slots__ = ("price", "received_ns", "symbol")

    def __init__(self, tick: Tick) -> None:
        self.symbol, self.price, self.received_ns = tick.symbol, tick.price, tick.received_ns


class Record:
    """Ages at the executor."""

    def __init__(self) -> None:
        self.ages_ns: list[int] = []

    def add(self, buy: Buy) -> None:
        self.ages_ns.append(time.monotonic_ns() - buy.received_ns)


async def ticks(mode: str, seconds: float) -> AsyncIterator[Tick]:
    """As in `benchmarks.dispatch`."""
    if mode == "paced":
        with paced(rate_hz=RATE_HZ, seconds=seconds) as socket:
            async for _ in beats(socket):
                yield Tick(time.monotonic_ns())
    else:
        end_ns = time.monotonic_ns() + int(seconds * 1e9)
        while (now := time.monotonic_ns()) < end_ns:
            yield Tick(now)


def report(
    run: Callable[[Record, str, int, float], Awaitable[None]],
    arguments: Sequence[str],
    *,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> None:
    """Measure, and print the sample."""
    pin(TESTED)
    record, mode, strategies = Record(), arguments[1], int(arguments[2])
    gc.collect()
    gc.freeze()
    began_ns = time.process_time_ns()

    async def main() -> None:
        await run(record, mode, strategies, float(arguments[3]))

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    events = len(record.ages_ns) / strategies
    rate = {"events/s of CPU": events / (time.process_time_ns() - began_ns) * 1e9}
    print(json.dumps(({} if mode == "paced" else rate) | latency(record.ages_ns)))
