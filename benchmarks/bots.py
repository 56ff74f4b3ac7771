"""The messages of `benchmarks.dispatch`, and bowstring's pipeline: a real engine, with a guard."""

from collections.abc import AsyncIterator, Sequence

import bowstring as bs
from bowstring.core.clock import Clock

LIMIT = 1_000_000
CLOCK = Clock()

now_ns = CLOCK.now_ns


class Tick(bs.Event, frozen=True):
    symbol: str
    price: int


class Buy(bs.Action, frozen=True):
    symbol: str
    price: int


class Record:
    """Ages at the executor."""

    def __init__(self) -> None:
        self.ages_ns: list[int] = []

    def add(self, buy: Buy) -> None:
        self.ages_ns.append(now_ns() - buy.received_ns)


class Source(bs.Collector):
    finite = True

    def __init__(self, ticks: AsyncIterator[Tick]) -> None:
        self._ticks = ticks

    async def run(self, emit: bs.Emit) -> None:
        async for tick in self._ticks:
            emit(tick)
            await emit.drained()


class Buyer(bs.Strategy):
    """Answers each tick of its symbol, or of all if it has none."""

    def __init__(self, name: str, symbol: str) -> None:
        self.name = name
        self.symbols = {symbol} if symbol else None

    @bs.on(Tick)
    def buy(self, tick: Tick) -> bs.Actions:
        yield Buy(symbol=tick.symbol, price=tick.price, received_ns=tick.received_ns)


class Limit(bs.Guard):
    @bs.on(Buy)
    def judge(self, buy: Buy) -> str | None:
        return f"{buy.price} exceeds {LIMIT}" if buy.price > LIMIT else None


class Recorder(bs.Executor):
    def __init__(self, record: Record) -> None:
        self._record = record

    @bs.on(Buy)
    def buy(self, buy: Buy) -> None:
        self._record.add(buy)


async def run(ticks: AsyncIterator[Tick], record: Record, symbols: Sequence[str]) -> None:
    """One strategy for each of ``symbols``; ``""`` is all."""
    engine = bs.Engine(
        collectors=[Source(ticks)],
        strategies=[Buyer(f"buyer {number}", symbol) for number, symbol in enumerate(symbols)],
        guards=[Limit()],
        executors=[Recorder(record)],
        clock=CLOCK,
    )
    await engine.run()
