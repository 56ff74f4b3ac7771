"""New risk is taken only where it may be, and within limits."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from bowstring.core.components import on
from bowstring.core.errors import Refused
from bowstring.core.messages import LoopBlocked
from bowstring.trading.dead_man import DeadMan
from bowstring.trading.executor import OrderExecutor
from bowstring.trading.guards.max_position import MaxPosition
from bowstring.trading.journal.port import News
from bowstring.trading.messages import OrderUpdate, PlaceOrder, RiskStateChanged
from bowstring.trading.private_stream import PrivateStream
from bowstring.trading.reconciliation import Reconciliation
from bowstring.trading.recovery import Recovery
from bowstring.trading.resolution import Doubt
from bowstring.trading.sending import Sender
from simulation.disk import JournalOfProcess
from simulation.mutants.registry import EXECUTOR, GUARD, JOURNAL, MISSED, PATH, RECONCILIATION, STREAM, mutant


@mutant("an unknown order does not count for the limit of the position", GUARD, by="I6: .* beyond its limit")
class Optimistic(MaxPosition):
    @on(OrderUpdate)
    def take_update(self, update: OrderUpdate) -> None:
        super().take_update(replace(update, status="failed") if update.status == "unknown" else update)


@mutant("orders from before a restart do not count for the limit of the position", GUARD, by="I6: .* beyond its limit")
class Newborn(MaxPosition):
    @on(OrderUpdate)
    def take_update(self, update: OrderUpdate) -> None:
        if (update.strategy, update.venue, update.client_order_id) in self.live.orders:
            super().take_update(update)


@mutant(
    "the gate opens before it is known what became of the orders",
    PATH + "Recovery",
    by="before it was found out what became",
)
class Eager(Recovery):
    async def _recover(self, strategies: Any, connect: Any) -> None:
        await connect()
        self._tell_record()
        self._desk.own(self._stream.run())
        await self._stream.up.wait()
        for strategy in strategies:
            self.tell(strategy)
        self._desk.closed = ""
        self._desk.notice()
        for order in self._desk.blotter.live.values():
            if order.status == "unknown":
                self._desk.own(Doubt(order, desk=self._desk).resolve())


@mutant("the gate opens before the venue was asked", STREAM, by=MISSED)
class Blind(PrivateStream):
    async def _catch_up(self) -> None:
        if self.up.is_set():
            await super()._catch_up()


@mutant(
    "the venue is not asked again once it is known what became of orders",
    RECONCILIATION,
    by="was told where it stands (before|with)|was told that it holds",
)
class Incurious(Reconciliation):
    async def until_done(self) -> None:
        if not self._desk.closed:
            await super().until_done()


@mutant(
    "strategies are not told where they stand", PATH + "Recovery", by="before the strategy was told where it stands"
)
class Silent(Recovery):
    def tell(self, strategy: str) -> None:
        pass


@mutant("new risk is taken while the private stream is down", STREAM, by="while the private stream was down")
class Deaf(PrivateStream):
    def _on_down(self, reason: str, retry_in_s: float) -> None:
        self._on_change(reason, retry_in_s)


@mutant("an order that claims to reduce is taken at its word", PATH + "Sender", by="to reduce a position")
class Gullible(Sender):
    def check(self, order: PlaceOrder) -> None:
        try:
            super().check(order)
        except Refused as refused:
            if "claims to reduce" not in str(refused):
                raise


@mutant("the kill switch is forgotten at a restart", JOURNAL, by="while trading was")
class Unburdened(JournalOfProcess):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._heard = RiskStateChanged(state="active")

    @property
    def risk(self) -> RiskStateChanged:
        return self._heard

    def write(self, news: Sequence[News], /) -> None:
        super().write(news)
        for one in news:
            if isinstance(one, RiskStateChanged):
                self._heard = one


@mutant("an alarm is heard and not heeded", EXECUTOR, by="while trading was")
class Heedless(OrderExecutor):
    def _bring_to(self, state: Any, *, reason: str, by: str) -> None:
        self._desk._emit(RiskStateChanged(state=state, reason=reason, by=by))  # pyright: ignore[reportPrivateUsage]  # it breaks in

    @on(RiskStateChanged)
    def wind_down(self, changed: RiskStateChanged) -> None:
        pass


@mutant(
    "new risk is taken after the loop was blocked, before the venue was asked",
    EXECUTOR,
    by="after the loop was blocked",
)
class Unruffled(OrderExecutor):
    @on(LoopBlocked)
    def look_again(self, blocked: LoopBlocked) -> None:
        pass


@mutant(
    "new risk is taken although the venue would not act for a dead bot", PATH + "DeadMan", by="for a bot that is dead"
)
class Undead(DeadMan):
    def unguarded(self) -> str:
        return ""
