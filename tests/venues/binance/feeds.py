"""A collector that runs without an engine, and what it publishes."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest

from bowstring.core.clock import Clock
from bowstring.core.errors import Disconnected
from bowstring.core.messages import Event
from bowstring.venues.binance.stream import BinanceStream
from tests.venues.binance.fake import FakeBinance


class Feed:
    """A running collector, and the `Emit` that keeps what it publishes."""

    def __init__(self, collector: BinanceStream) -> None:
        self.events: list[Event] = []
        self._changed = asyncio.Event()
        collector.clock = Clock()
        self.task = asyncio.ensure_future(collector.run(self))

    def __call__(self, event: Event, /) -> None:
        self.events.append(event)
        self._changed.set()

    async def drained(self) -> None:
        """Nobody is ever behind."""

    async def until(self, count: int) -> list[Event]:
        """Wait for that many events."""
        return await self.until_seen(lambda events: len(events) >= count)

    async def until_seen(self, condition: Callable[[list[Event]], object]) -> list[Event]:
        """Wait for events that make the condition true."""
        async with asyncio.timeout(10):
            while not condition(self.events):
                self._changed.clear()
                await self._changed.wait()
        return self.events

    async def end(self) -> Disconnected:
        """What the run raises."""
        with pytest.raises(Disconnected) as raised:
            async with asyncio.timeout(10):
                await self.task
        return raised.value


@asynccontextmanager
async def running(
    collector: BinanceStream, binance: FakeBinance, *, connections: int = 1
) -> AsyncGenerator[Feed, None]:
    """The collector, connected; it is cancelled when the block ends."""
    feed, before = Feed(collector), len(binance.streams)
    try:
        await binance.until(lambda: len(binance.streams) >= before + connections)
        yield feed
    finally:
        feed.task.cancel()
        await asyncio.wait([feed.task])
