"""States are monotone; fills are counted once, none is missed, and none is made up."""

import asyncio
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from bowstring.core.messages import Event
from bowstring.trading.blotter import Blotter
from bowstring.trading.desk import Desk
from bowstring.trading.gateway import FillReport, OrderReport
from bowstring.trading.journal.port import Cursor, News, Remembered
from bowstring.trading.messages import Position
from bowstring.trading.orders import Order
from bowstring.trading.private_stream import PrivateStream
from bowstring.trading.reconciliation import Reconciliation
from simulation.mutants.registry import PATH, RECONCILIATION, STREAM, mutant


@mutant("the last report wins", "bowstring.trading.blotter.advance")
def last_word(order: Order, report: OrderReport) -> Order:
    return replace(order, status=report.status, filled=report.filled)


@mutant("every report of a fill is a new one", PATH + "Blotter")
class Doubling(Blotter):
    def take_fill(self, report: FillReport, *, recovered: bool = False) -> list[Event]:
        self._trades.clear()
        return super().take_fill(report, recovered=recovered)


@mutant("fills are replayed at a restart", PATH + "Blotter")
class Replaying(Blotter):
    def restore(self, remembered: Remembered) -> None:
        super().restore(replace(remembered, trades=()))


@mutant("a fee in the base currency is not taken off the position", PATH + "Blotter")
class Gross(Blotter):
    def _position(self, order: Order, report: FillReport) -> Position:
        return super()._position(order, replace(report, fee_currency=""))


@mutant("an order and its fills are put on record one by one", PATH + "Desk")
class Piecemeal(Desk):
    def keep(self, news: Sequence[News]) -> None:
        for one in news:
            super().keep([one])


@mutant("fills are told before they are on record", PATH + "Desk")
class Talkative(Desk):
    def tell(self, events: Any, *, cursor: Cursor | None = None) -> None:
        told = list(events)
        for event in told:
            self._emit(event)
        asyncio.get_running_loop().call_soon(self.keep, [*told, cursor] if cursor else told)


@mutant("a fill is invented where an order's report says more than its fills", PATH + "Blotter")
class Inventive(Blotter):
    def take_report(self, report: OrderReport) -> list[Event]:
        order = self.find(report.client_order_id)
        missing = report.filled - self.filled(report.client_order_id)
        if order is None or missing <= 0:
            return super().take_report(report)
        invented = FillReport(
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            trade_id=f"made up {order.client_order_id} {report.filled}",
            side=order.side,
            price=order.price,
            quantity=missing,
            fee=order.price * 0,
            fee_currency="USDT",
            liquidity="maker",
        )
        return [*self.take_fill(invented, recovered=True), *super().take_report(report)]


@mutant("the cursor is on record before the fills", RECONCILIATION)
class Premature(Reconciliation):
    async def _ask(self) -> Any:
        answers, desk = await super()._ask(), self._desk
        desk.keep([Cursor(venue=desk.gateway.venue, time_ns=await desk.ask(desk.gateway.time_ns()))])
        return answers


@mutant("fills are asked for since the restart only", RECONCILIATION)
class Myopic(Reconciliation):
    def __init__(self, desk: Desk, *, cursor_ns: int) -> None:
        super().__init__(desk, cursor_ns=0)


@mutant("there is no reconciliation but at a start and after a break", RECONCILIATION)
class Idle(Reconciliation):
    async def keep_on(self, *, every_s: float) -> None:
        await asyncio.Event().wait()


@mutant("after a break nobody asks for what was missed", STREAM)
class Breezy(PrivateStream):
    async def _catch_up(self) -> None:
        if not self.up.is_set():
            await super()._catch_up()


@mutant("reports that come during the catching up are lost", STREAM)
class Leaking(PrivateStream):
    def _release_held(self) -> None:
        self._held = None
