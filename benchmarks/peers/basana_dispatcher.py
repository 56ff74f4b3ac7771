"""basana's `RealtimeDispatcher` for `benchmarks.dispatch`: event -> strategies -> trading signals -> executor.

Run as ``python -m benchmarks.peers.basana_dispatcher paced|saturated STRATEGIES SECONDS`` in an environment with
basana; prints a sample as JSON. It does not install uvloop, so this is the stock loop.
"""
# pyright: basic, reportMissingImports=false
# mypy: disable-error-code="import-not-found,misc"
# basana is installed in an environment of its own.

import asyncio
import sys
from collections.abc import Awaitable, Callable

import basana

from benchmarks.peers import Buy, Record, Tick, report, ticks

BACKLOG = 100  # of the saturated source: its queue has no bound of its own


class Ticked(basana.Event):
    def __init__(self, tick: Tick) -> None:
        super().__init__(basana.utc_now())
        self.tick = tick


class Signalled(basana.Event):
    def __init__(self, event: Ticked) -> None:
        super().__init__(event.when)
        self.buy = Buy(event.tick)


class Source(basana.FifoQueueEventSource, basana.Producer):
    def __init__(self, dispatcher: basana.EventDispatcher, record: Record, mode: str, seconds: float) -> None:
        super().__init__(producer=self)
        self._dispatcher, self._record, self._mode, self._seconds = dispatcher, record, mode, seconds

    async def main(self) -> None:
        async for tick in ticks(self._mode, self._seconds):
            self.push(Ticked(tick))
            while self._mode == "saturated" and len(self._queue) > BACKLOG:  # noqa: ASYNC110  # nothing tells when
                await asyncio.sleep(0)
        self._dispatcher.stop()


def strategy(signals: basana.FifoQueueEventSource) -> Callable[[basana.Event], Awaitable[None]]:
    async def buy(event: basana.Event) -> None:
        assert isinstance(event, Ticked)
        signals.push(Signalled(event))

    return buy


async def run(record: Record, mode: str, strategies: int, seconds: float) -> None:
    async def execute(event: basana.Event) -> None:
        assert isinstance(event, Signalled)
        record.add(event.buy)

    dispatcher = basana.realtime_dispatcher()
    source = Source(dispatcher, record, mode, seconds)
    for _ in range(strategies):
        signals = basana.FifoQueueEventSource()
        dispatcher.subscribe(source, strategy(signals))
        dispatcher.subscribe(signals, execute)
    await dispatcher.run()


if __name__ == "__main__":
    report(run, sys.argv)
