"""Recovery: how every start begins, after a crash as after a stop. There is no other start.

What is on record is restored; an order whose outcome it does not tell is unknown. The private stream is opened, and
what it tells is held back while the venue is asked for open orders, for the fills since the last time, for balances.
Orders that are still unknown are resolved, then every strategy is told where it stands. Before that nothing is sent.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from bowstring.trading.desk import Desk
from bowstring.trading.messages import GuardState, Recovered
from bowstring.trading.private_stream import PrivateStream
from bowstring.trading.reconciliation import Reconciliation
from bowstring.trading.resolution import Doubt

log = logging.getLogger(__name__)


class Recovery:
    """Brings one account's desk to where it may send. ``on_stream`` is `PrivateStream`'s ``on_change``."""

    def __init__(self, desk: Desk, *, on_stream: Callable[[str, float], None]) -> None:
        self._desk = desk
        remembered = desk.journal.recall(desk.gateway.venue)
        desk.blotter.restore(remembered)
        desk.disputed.update(remembered.mismatches)
        desk.recall_settled()
        self.reconciliation = Reconciliation(desk, cursor_ns=remembered.cursor_ns)
        self._stream = PrivateStream(desk, reconciliation=self.reconciliation, on_change=on_stream)

    def recall_risk(self, guard_states: Mapping[str, str]) -> None:
        """Tell guards what they asked to be kept, and everybody that trading is not what it should be."""
        risk = self._desk.journal.risk
        self._desk.tell(GuardState(guard=guard, state=state) for guard, state in guard_states.items())
        if risk.state != "active":
            self._desk.tell([replace(risk, seq=0, cause=0, received_ns=0, depth=0)])

    async def run(self, strategies: Iterable[str], *, within_s: float) -> None:
        """Recover. Returns when that is done, or after so many seconds: then it goes on, and the desk stays closed."""
        desk = self._desk
        self._why = desk.closed
        self._close("it has not recovered yet")
        desk.tell([*(order.update() for order in desk.blotter.live.values()), *desk.blotter.positions()])
        desk.own(self._stream.run())
        desk.own(self._recover(strategies))
        await desk.until(lambda: not desk.closed, timeout_s=within_s)
        if desk.closed:
            log.error("%s: no orders yet, %s; it is tried on", desk.gateway.venue, desk.down or desk.closed)

    def tell(self, strategy: str) -> None:
        """Tell a strategy where it stands."""
        blotter = self._desk.blotter
        orders = tuple(order.update() for order in blotter.of(strategy))
        positions = {held.symbol: held.quantity for held in blotter.positions() if held.strategy == strategy}
        venue = self._desk.gateway.venue
        self._desk.tell([Recovered(strategy=strategy, venue=venue, orders=orders, positions=positions)])

    async def _recover(self, strategies: Iterable[str]) -> None:
        await self._stream.up.wait()
        desk = self._desk
        unknown = [order for order in desk.blotter.live.values() if order.status == "unknown"]
        if unknown:
            names = ", ".join(order.client_order_id for order in unknown)
            self._close(f"it has not found out yet what became of {names}")
            await asyncio.gather(*(Doubt(order, desk=desk).resolve() for order in unknown))
            await self.reconciliation.until_done()  # an order that was shown late may have filled before
        for strategy in strategies:
            self.tell(strategy)
        self._close("")
        desk.notice()

    def _close(self, why: str) -> None:
        """Say why nothing is sent yet, unless it was closed for another reason meanwhile, such as a stop."""
        if self._desk.closed == self._why:
            self._desk.closed = self._why = why
