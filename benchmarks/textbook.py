"""The baseline of `benchmarks.dispatch`: the pipeline of every asyncio tutorial, which is also artemis's shape in Rust.

One task for the collector, one for each strategy and one for the executor, with a bounded queue before each. It has no
guard, no accounts, no order between strategies, and one exception ends it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Generic, Protocol, TypeVar

E = TypeVar("E")
A = TypeVar("A")
E_contra = TypeVar("E_contra", contravariant=True)
A_co = TypeVar("A_co", covariant=True)
A_contra = TypeVar("A_contra", contravariant=True)

CAPACITY = 1024  # artemis: 512


class Strategy(Protocol[E_contra, A_co]):
    async def process_event(self, event: E_contra) -> Sequence[A_co]: ...


class Executor(Protocol[A_contra]):
    async def execute(self, action: A_contra) -> None: ...


class Pipeline(Generic[E, A]):
    def __init__(self, strategies: Sequence[Strategy[E, A]], executor: Executor[A]) -> None:
        self._strategies = strategies
        self._executor = executor
        self._events: list[asyncio.Queue[E | None]] = [asyncio.Queue(CAPACITY) for _ in strategies]
        self._actions: asyncio.Queue[A | None] = asyncio.Queue(CAPACITY)

    async def run(self, events: AsyncIterator[E]) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._collect(events))
            tasks.create_task(self._execute())
            for strategy, queue in zip(self._strategies, self._events, strict=True):
                tasks.create_task(self._run_strategy(strategy, queue))

    async def _collect(self, events: AsyncIterator[E]) -> None:
        async for event in events:
            for queue in self._events:
                await queue.put(event)
        for queue in self._events:
            await queue.put(None)

    async def _run_strategy(self, strategy: Strategy[E, A], queue: "asyncio.Queue[E | None]") -> None:
        while (event := await queue.get()) is not None:
            for action in await strategy.process_event(event):
                await self._actions.put(action)
        await self._actions.put(None)

    async def _execute(self) -> None:
        for _ in self._strategies:
            while (action := await self._actions.get()) is not None:
                await self._executor.execute(action)
