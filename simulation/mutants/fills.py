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
from simulation.disk import JournalOfProcess
from simulation.mutants.registry import JOURNAL, MISSED, PATH, RECONCILIATION, STREAM, mutant


@mutant("the last report wins", "bowstring.trading.blotter.advance", by="not monotone")
def last_word(order: Order, report: OrderReport) -> Order:
    return replace(order, status=report.status, filled=report.filled)


@mutant("every report of a fill is a new one", PATH + "Blotter", by="is there twice")
class Doubling(Blotter):
    def take_fill(self, report: FillReport, *, recovered: bool = False) -> list[Event]:
        self._trades.clear()
        return super().take_fill(report, recovered=recovered)


@mutant("fills are replayed at a restart", PATH + "Blotter", by="told again, after a restart")
class Replaying(Blotter):
    def restore(self, remembered: Remembered) -> None:
        super().restore(replace(remembered, trades=()))


@mutant("a fee in the base currency is not taken off the position", PATH + "Blotter", by=r"I4: \w+ holds")
class Gross(Blotter):
    def _position(self, order: Order, report: FillReport) -> Position:
        return super()._position(order, replace(report, fee_currency=""))


@mutant("an order and its fills are put on record one by one", PATH + "Desk", by=r"I4: \w+ holds")
class Piecemeal(Desk):
    def keep(self, news: Sequence[News]) -> None:
        for one in news:
            super().keep([one])


@mutant("fills are told before they are on record", PATH + "Desk", by="told before it was on record: Fill")
class Talkative(Desk):
    def tell(self, events: Any, *, cursor: Cursor | None = None) -> None:
        told = list(events)
        for event in told:
            self._emit(event)
        asyncio.get_running_loop().call_soon(self.keep, [*told, cursor] if cursor else told)


class Lazy:
    """A journal that writes a moment later."""

    def __init__(self, journal: Any) -> None:
        self._journal = journal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    def write(self, news: Sequence[News], /) -> None:
        asyncio.get_running_loop().call_soon(self._journal.write, news)


@mutant("what happened is on the disk a moment later than it is told", JOURNAL, by="lost: fill")
class Delaying(JournalOfProcess):
    def __init__(self, journal: Any, **options: Any) -> None:
        lazy: Any = Lazy(journal)
        super().__init__(lazy, **options)


@mutant(
    "a fill is invented where an order's report says more than its fills",
    PATH + "Blotter",
    by="I4: the fill .* never was",
)
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


@mutant("the cursor is on record before the fills", RECONCILIATION, by=MISSED)
class Premature(Reconciliation):
    async def _ask(self) -> Any:
        desk = self._desk
        desk.keep([Cursor(venue=desk.gateway.venue, time_ns=await desk.ask(desk.gateway.time_ns()))])
        return await super()._ask()


@mutant("fills are asked for since the restart only", RECONCILIATION, by=MISSED)
class Myopic(Reconciliation):
    def __init__(self, desk: Desk, *, cursor_ns: int) -> None:
        super().__init__(desk, cursor_ns=0)


@mutant("there is no reconciliation but at a start and after a break", RECONCILIATION, by="not found by reconciliation")
class Idle(Reconciliation):
    async def keep_on(self, *, every_s: float) -> None:
        """All that others see of it goes on."""
        desk = self._desk
        while True:
            await desk.until(lambda: desk.paused and not desk.down, timeout_s=every_s)
            count = desk.pauses
            if desk.paused and not desk.down:
                await self.until_done()
                desk.go_on(pauses=count)
            desk.reconciled_ns = desk.clock.monotonic_ns()


@mutant("after a break nobody asks for what was missed", STREAM, by="was not taken in")
class Breezy(PrivateStream):
    async def _catch_up(self) -> None:
        if not self.up.is_set():
            await super()._catch_up()


@mutant("reports that come during the catching up are lost", STREAM, by="was not taken in")
class Leaking(PrivateStream):
    def _release_held(self) -> None:
        self._held = None
