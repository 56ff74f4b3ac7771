"""How tests run a collector without an engine: what it tells is kept, and can be waited for."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import TypeVar

from bowstring.core.clock import Clock
from bowstring.core.components import Collector
from bowstring.core.messages import Event

E = TypeVar("E", bound=Event)


class LoopClock(Clock):
    """The time of the running loop."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.monotonic_ns = lambda: round(loop.time() * 1e9)
        self.epoch_ns = 1_700_000_000 * 10**9
        self.random = Random(0)


class Told:
    """An `Emit` that keeps the ``events``."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = asyncio.Event()

    def __call__(self, event: Event, /) -> None:
        self.events.append(event)
        self._changed.set()

    async def drained(self) -> None:
        """Never behind."""

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of a type."""
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until what was told makes the condition true."""
        async with asyncio.timeout(20):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def running(collector: Collector, told: Told) -> AsyncGenerator["asyncio.Task[None]"]:
    """Run it once, by the loop's clock, until the end of the block; what it raises, the test finds in the task."""
    collector.clock = LoopClock()
    task = asyncio.get_running_loop().create_task(collector.run(told))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
