"""nautilus_trader's `MessageBus` for `benchmarks.dispatch`: event -> topic -> strategies -> endpoint -> executor.

Run as ``python -m benchmarks.peers.nautilus_bus paced|saturated STRATEGIES SECONDS`` in an environment with
nautilus_trader; prints a sample as JSON. Its risk engine, cache and order objects are left out: this is the bus alone.
"""
# pyright: basic, reportMissingImports=false
# mypy: disable-error-code="import-not-found"
# nautilus_trader is installed in an environment of its own.

import sys

import uvloop
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.model.identifiers import TraderId

from benchmarks.peers import Buy, Record, Tick, report, ticks

TOPIC = "data.quotes.BINANCE.BTCUSDT"
ENDPOINT = "ExecEngine.execute"


def wire(record: Record, strategies: int) -> MessageBus:
    bus = MessageBus(trader_id=TraderId("BENCH-001"), clock=LiveClock())
    bus.register(endpoint=ENDPOINT, handler=record.add)
    for _ in range(strategies):

        def buy(tick: Tick) -> None:  # each strategy's own: the bus takes a handler once
            bus.send(endpoint=ENDPOINT, msg=Buy(tick))

        bus.subscribe(topic=TOPIC, handler=buy)
    return bus


async def run(record: Record, mode: str, strategies: int, seconds: float) -> None:
    bus = wire(record, strategies)
    async for tick in ticks(mode, seconds):
        bus.publish(topic=TOPIC, msg=tick)


if __name__ == "__main__":
    report(run, sys.argv, loop_factory=uvloop.new_event_loop)
