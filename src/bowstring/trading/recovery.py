"""Recovery: how every start begins, after a crash as after a stop. There is no other start.

What is on record is restored; an order whose outcome it does not tell is unknown. The private stream is opened, and
what it tells is held back while the venue is asked for open orders, for the fills since the last time, for balances.
Orders that are still unknown are resolved, then every strategy is told where it stands. Before that nothing is sent.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from msgspec.structs import replace

from bowstring.trading.desk import Desk
from bowstring.trading.messages import Recovered
from bowstring.trading.private_stream import PrivateStream
from bowstring.trading.reconciliation import Reconciliation
from bowstring.trading.resolution import Doubt

Connect = Callable[[], Awaitable[None]]

log = logging.getLogger(__name__)


class Recovery:
    """Brings one account's desk to where it may send. ``on_stream`` is `PrivateStream`'s ``on_change``."""

    def __init__(self, desk: Desk, *, on_stream: Callable[[str, float], None]) -> None:
        self._desk = desk
        self._is_told = False
        self._on_stream = on_stream
        remembered = desk.journal.recall(desk.gateway.venue)
        desk.blotter.restore(remembered)
        desk.disputed.update(remembered.mismatches)
        desk.recall_settled()
        self.reconciliation = Reconciliation(desk, cursor_ns=remembered.cursor_ns)
        self._stream = PrivateStream(desk, reconciliation=self.reconciliation, on_change=on_stream)

    async def run(self, strategies: Iterable[str], *, connect: Connect, within_s: float) -> None:
        """Recover. Returns when that is done, or after so many seconds: then it goes on, and the desk stays closed.

        Raises what ``connect`` does.
        """
        desk = self._desk
        self._why = desk.closed
        recovering = asyncio.create_task(self._recover(strategies, connect))
        desk.adopt(recovering)
        done, _pending = await asyncio.wait({recovering}, timeout=within_s)
        if done:
            return recovering.result()
        self._tell_record()
        log.error("%s: no orders yet, %s, %s; it is tried on", desk.gateway.venue, desk.closed, desk.down)
        if not self._stream.up.is_set():
            self._on_stream(desk.closed, 0.0)
        recovering.add_done_callback(self._tell_end)
        return None

    def tell(self, strategy: str) -> None:
        """Tell a strategy where it stands."""
        blotter = self._desk.blotter
        orders = tuple(order.update() for order in blotter.of(strategy))
        positions = {held.symbol: held.quantity for held in blotter.positions() if held.strategy == strategy}
        venue = self._desk.gateway.venue
        self._desk.tell([Recovered(strategy=strategy, venue=venue, orders=orders, positions=positions)])

    async def _recover(self, strategies: Iterable[str], connect: Connect) -> None:
        desk = self._desk
        self._close("it is not connected yet")
        await connect()
        self._close("it has not recovered yet")
        self._tell_record()
        desk.own(self._stream.run())
        await self._stream.up.wait()
        unknown = [order for order in desk.blotter.live.values() if order.status == "unknown"]
        if unknown:
            names = ", ".join(order.client_order_id for order in unknown)
            self._close(f"it has not found out yet what became of {names}")
            doubts = [Doubt(order, desk=desk) for order in unknown]
            for doubt in doubts:
                desk.own(doubt.resolve())
            await desk.until(lambda: all(doubt.is_over() or doubt.is_refused for doubt in doubts))
            await self.reconciliation.until_done()  # an order that was shown late may have filled before
        for strategy in strategies:
            self.tell(strategy)
        self._close("")

    def _tell_record(self) -> None:
        """Tell, once, what is on record, as it stands by now."""
        if not self._is_told:
            self._is_told = True
            blotter = self._desk.blotter
            ended = (order for order in blotter.short_of_fills() if order.is_final)  # guards reckon with their fills
            orders = (*blotter.live.values(), *ended)
            updates = [replace(order.update(), told=blotter.filled(order.client_order_id)) for order in orders]
            self._desk.publish([*updates, *blotter.positions()])

    def _tell_end(self, recovering: "asyncio.Task[None]") -> None:
        if not recovering.cancelled() and (error := recovering.exception()):
            self._close(f"it cannot be connected, {error}")
            log.critical("%s: no orders before the bot is started anew, %s", self._desk.gateway.venue, error)

    def _close(self, why: str) -> None:
        """Say why nothing is sent yet, unless it was closed for another reason meanwhile, such as a stop."""
        if self._desk.closed == self._why:
            self._desk.closed = self._why = why
