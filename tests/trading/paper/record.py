"""Plays a scenario of requests and market data to the paper gateway on virtual time, and writes down what happens."""

import asyncio
import selectors
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, TypeVar

from msgspec.structs import replace

from bowstring.core.clock import Clock
from bowstring.core.errors import Rejected
from bowstring.market.events import Quote, Trade
from bowstring.market.instrument import Instrument
from bowstring.trading.gateway import BalanceReport, FillReport, OpenOrder, OrderRef, OrderReport, Report
from bowstring.trading.messages import PlaceOrder
from bowstring.trading.paper.gateway import PaperGateway

MS = 1_000_000
START_NS = 1_700_000_000_000_000_000
T = TypeVar("T")


class VirtualSelector(selectors.SelectSelector):
    """Never waits: it moves the time on instead."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "deadlock: nothing is scheduled"
        self.now_s += max(timeout, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time, with a `Clock` that shows it."""

    def __init__(self) -> None:
        self.selector = VirtualSelector()
        super().__init__(self.selector)
        self.clock = Clock()
        self.clock.epoch_ns = START_NS
        self.clock.monotonic_ns = lambda: round(self.time() * 1e9)

    def time(self) -> float:
        return self.selector.now_s

    def jump(self, ns: int) -> None:
        """Let time pass in which the loop does not run."""
        self.selector.now_s += ns / 1e9


def run(main: Coroutine[Any, Any, T], *, loop: VirtualLoop) -> T:
    try:
        return loop.run_until_complete(asyncio.wait_for(main, 3600))
    finally:
        loop.close()


def instrument(symbol: str, *, tick: str = "1", lot: str = "1") -> Instrument:
    base, quote = symbol.split("/")
    return Instrument(
        venue="paper",
        symbol=symbol,
        venue_symbol=base + quote,
        base=base,
        quote=quote,
        tick_size=Decimal(tick),
        lot_size=Decimal(lot),
    )


@dataclass(frozen=True)
class Wait:
    """Let time pass; without ``running`` the loop does not run meanwhile, so that its timers are late."""

    ms: int
    running: bool


@dataclass(frozen=True)
class Cancel:
    """Cancel the last order, or the one sent ``back`` orders before it."""

    back: int


@dataclass(frozen=True)
class Replace:
    """Replace the last order, or the one sent ``back`` orders before it."""

    back: int
    by: PlaceOrder


OBSERVED: Literal["observed"] = "observed"
Entry = Quote | Trade | Report | Literal["observed"]
Step = PlaceOrder | Cancel | Replace | Wait | Quote | Trade


@dataclass(frozen=True)
class Scenario:
    steps: Sequence[Step]
    latency_ms: int
    lag_ms: int = 0


@dataclass
class Sent:
    """An order that was sent, how much was in the log by then, and when it arrives."""

    order: PlaceOrder
    position: int
    arrival_ns: int
    answer: OrderReport | Rejected | None = None


@dataclass
class Record:
    """What happened, in order: each event, what was reported while it was observed, and OBSERVED."""

    start: dict[str, Decimal]
    fees: dict[str, Decimal]
    log: list[Entry] = field(default_factory=list[Entry])
    sent: dict[str, Sent] = field(default_factory=dict[str, Sent])
    queried: dict[str, OrderReport | None] = field(default_factory=dict[str, OrderReport | None])
    open_orders: list[OpenOrder] = field(default_factory=list[OpenOrder])
    fills: list[FillReport] = field(default_factory=list[FillReport])
    balances: list[BalanceReport] = field(default_factory=list[BalanceReport])


def record(scenario: Scenario) -> Record:
    loop = VirtualLoop()
    written = Record(
        start={"A": Decimal(40), "B": Decimal(10), "Q": Decimal(400)},
        fees={"maker": Decimal("0.001"), "taker": Decimal("0.002")},
    )
    gateway = PaperGateway(
        "paper",
        clock=loop.clock,
        instruments=[instrument("A/Q"), instrument("B/Q")],
        balances=written.start,
        latency_s=scenario.latency_ms / 1000,
        maker_fee=written.fees["maker"],
        taker_fee=written.fees["taker"],
    )
    run(Player(scenario, gateway=gateway, written=written, loop=loop).play(), loop=loop)
    return written


class Player:
    """Plays one scenario and writes one record."""

    def __init__(self, scenario: Scenario, *, gateway: PaperGateway, written: Record, loop: VirtualLoop) -> None:
        self._scenario, self._gateway, self._written, self._loop = scenario, gateway, written, loop
        self._answers: dict[str, asyncio.Future[OrderReport]] = {}
        self._cancels: list[asyncio.Future[OrderReport]] = []

    async def play(self) -> None:
        await self._gateway.open()
        subscribed = asyncio.Event()
        streaming = asyncio.create_task(self._gateway.stream(self._written.log.append, subscribed.set))
        await subscribed.wait()
        for step in self._scenario.steps:
            await self._step(step)
        await asyncio.sleep(1)
        await self._collect_answers()
        await self._ask()
        await self._gateway.close()
        await streaming

    async def _step(self, step: Step) -> None:
        match step:
            case Wait(ms, running):
                await asyncio.sleep(ms / 1000) if running else self._loop.jump(ms * MS)
            case PlaceOrder():
                order = self._note(step)
                self._answers[order.client_order_id] = self._gateway.place(order)
            case Cancel(back):
                self._cancels.append(self._gateway.cancel(self._sent(back)))
            case Replace(back, by):
                old = self._sent(back)
                order = self._note(by)
                self._answers[order.client_order_id] = self._gateway.replace(old, order)
            case Quote() | Trade():
                self._observe(step)

    def _observe(self, event: Quote | Trade) -> None:
        received_ns = self._loop.clock.now_ns() - self._scenario.lag_ms * MS
        event = replace(event, received_ns=received_ns)
        self._written.log.append(event)
        self._gateway.observe(event)
        self._written.log.append(OBSERVED)

    def _note(self, order: PlaceOrder) -> PlaceOrder:
        order = replace(order, client_order_id=f"c{len(self._written.sent) + 1}")
        arrival_ns = self._loop.clock.now_ns() + self._scenario.latency_ms * MS
        self._written.sent[order.client_order_id] = Sent(order, len(self._written.log), arrival_ns)
        return order

    def _sent(self, back: int) -> OrderRef:
        if back >= len(self._written.sent):
            return OrderRef(symbol="A/Q", client_order_id="nobody's")
        order = list(self._written.sent.values())[-1 - back].order
        return OrderRef(symbol=order.symbol, client_order_id=order.client_order_id)

    async def _collect_answers(self) -> None:
        await asyncio.gather(*self._cancels, return_exceptions=True)
        for client_order_id, answer in self._answers.items():
            (result,) = await asyncio.gather(answer, return_exceptions=True)
            assert isinstance(result, OrderReport | Rejected)
            self._written.sent[client_order_id].answer = result

    async def _ask(self) -> None:
        for client_order_id, sent in self._written.sent.items():
            ref = OrderRef(symbol=sent.order.symbol, client_order_id=client_order_id)
            self._written.queried[client_order_id] = await self._gateway.query(ref)
        self._written.open_orders = list(await self._gateway.open_orders())
        for symbol in ("A/Q", "B/Q"):
            self._written.fills += await self._gateway.fills_since(symbol, 0)
        self._written.balances = list(await self._gateway.balances())
