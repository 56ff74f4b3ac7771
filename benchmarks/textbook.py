"""The baseline of `benchmarks.dispatch`: the pipeline of every asyncio tutorial, which is also artemis's shape in Rust.

One task for the collector, one for each strategy and one for the executor, with a bounded queue before each. It has no
guard, no accounts and no order between strategies, and an exception anywhere ends it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

from benchmarks.bots import Buy, Record, Tick

CAPACITY = 1024  # artemis: 512

Events = asyncio.Queue[Tick | None]  # None: that was all
Actions = asyncio.Queue[Buy | None]


class Buyer:
    async def process_event(self, tick: Tick) -> list[Buy]:
        return [Buy(symbol=tick.symbol, price=tick.price, received_ns=tick.received_ns)]


class Specialist(Buyer):
    """Answers the ticks of its symbol only."""

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol

    async def process_event(self, tick: Tick) -> list[Buy]:
        if tick.symbol != self._symbol:
            return []
        return [Buy(symbol=tick.symbol, price=tick.price, received_ns=tick.received_ns)]


class Recorder:
    def __init__(self, record: Record) -> None:
        self._record = record

    async def execute(self, buy: Buy) -> None:
        self._record.add(buy)


async def run(ticks: AsyncIterator[Tick], record: Record, symbols: Sequence[str]) -> None:
    """One strategy for each of ``symbols``; ``""`` is all."""
    actions = Actions(CAPACITY)
    queues = [Events(CAPACITY) for _ in symbols]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_collect(ticks, queues))
        for symbol, queue in zip(symbols, queues, strict=True):
            tasks.create_task(_decide(Specialist(symbol) if symbol else Buyer(), queue, actions))
        tasks.create_task(_execute(Recorder(record), actions, len(queues)))


async def _collect(ticks: AsyncIterator[Tick], queues: Sequence[Events]) -> None:
    async for tick in ticks:
        for queue in queues:
            await queue.put(tick)
    for queue in queues:
        await queue.put(None)


async def _decide(strategy: Buyer, queue: Events, actions: Actions) -> None:
    while (tick := await queue.get()) is not None:
        for action in await strategy.process_event(tick):
            await actions.put(action)
    await actions.put(None)


async def _execute(executor: Recorder, actions: Actions, strategies: int) -> None:
    for _ in range(strategies):
        while (action := await actions.get()) is not None:
            await executor.execute(action)
