"""The one executor of orders, for all venues: at most one send per intent, and an unknown outcome stays unknown.

An action's way: `admit` has the intent recorded (`unsent`), the handler hands the order to the gateway in the
strategy's own call stack (`sending`, `cancelling`, `replacing`). What comes back, as an answer, by the private stream
(`private_stream`) or from a query (`resolution`), is a report to the blotter, and what is new goes out as events.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, get_args

from bowstring.core.components import Emit, Executor, on
from bowstring.core.errors import ConfigError, NotSent, StopIncomplete
from bowstring.core.messages import Action, CollectorDown, CollectorUp, ComponentFailed
from bowstring.market.instrument import InstrumentListed
from bowstring.trading.blotter import Blotter
from bowstring.trading.cancelling import Canceller
from bowstring.trading.desk import Desk
from bowstring.trading.gateway import Gateway
from bowstring.trading.intents import Intents, MemoryIntents, NewOrder, new_id
from bowstring.trading.messages import CancelOrder, PlaceOrder, ReplaceOrder
from bowstring.trading.orders import Order
from bowstring.trading.private_stream import PrivateStream
from bowstring.trading.replacing import Replacer
from bowstring.trading.sending import Sender, Sent
from bowstring.trading.unsent import Unsent

Policy = Literal["cancel", "leave"]
POLICIES = get_args(Policy)
STOP_S = 6.0  # the engine gives executors 7 s
CLOSE_S = 0.5

log = logging.getLogger(__name__)


class OrderExecutor(Executor):
    """Places, replaces and cancels orders through a `Gateway`, and keeps the state of the account's own orders.

    ``on_stop`` and ``on_halt`` say what becomes of open orders when the bot stops, and when their strategy is halted.
    Without ``intents`` they are recorded in memory, which is enough for paper trading only. ``blotter`` is for
    reading: what the executor knows.
    """

    max_in_flight = 1 << 31  # bounded in `Sender`, for orders only: a cancel always goes through

    def __init__(
        self,
        gateway: Gateway,
        *,
        intents: Intents | None = None,
        on_stop: Policy = "cancel",
        on_halt: Policy = "cancel",
    ) -> None:
        for argument, policy in (("on_stop", on_stop), ("on_halt", on_halt)):
            if policy not in POLICIES:
                raise ConfigError(f'{argument} is {policy!r}: give "cancel" or "leave"')
        self.name = f"orders {gateway.venue}"
        self.venue = gateway.venue
        self.blotter = Blotter(gateway.venue)
        self._gateway = gateway
        self._intents: Intents = intents or MemoryIntents()
        self._on_stop = on_stop
        self._on_halt = on_halt

    async def start(self, emit: Emit) -> None:
        """Connect, tell the instruments, and wait for the private stream."""
        self._desk = desk = Desk(self._gateway, blotter=self.blotter, emit=emit, clock=self.clock)
        self._unsent = Unsent(self._intents, desk=desk)
        self._sender = Sender(desk, unsent=self._unsent)
        self._canceller = Canceller(desk)
        self._replacer = Replacer(desk, unsent=self._unsent, sender=self._sender, canceller=self._canceller)
        instruments = await self._gateway.open()
        self.blotter.instruments = {instrument.symbol: instrument for instrument in instruments}
        desk.tell(InstrumentListed(symbol=instrument.symbol, instrument=instrument) for instrument in instruments)
        stream = PrivateStream(desk, on_change=self._on_stream)
        desk.own(stream.run())
        await stream.up.wait()
        desk.closed = ""

    async def stop(self) -> None:
        """Deal with open orders by policy, then disconnect. Raises `StopIncomplete` naming orders not accounted for."""
        self._desk.closed = "it is stopping"
        left = await self._wind_up()
        await self._desk.close()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._gateway.close()
        except Exception as error:  # whatever a gateway raises: what is left matters more
            log.error("%s: failed to close", self.name, exc_info=error)
        if left:
            names = ", ".join(f"{order.client_order_id} ({order.symbol}, {order.status})" for order in left)
            raise StopIncomplete(f"orders that may be alive at {self.venue}: {names}")

    def admit(self, actions: Sequence[Action]) -> None:
        """Record the intents of all orders that one handler returned, in one transaction."""
        orders = [action for action in actions if isinstance(action, PlaceOrder | ReplaceOrder)]
        if orders:
            self._unsent.admit(orders)

    @on(PlaceOrder)
    def place(self, order: PlaceOrder) -> Sent:
        """Send an order, once, before this returns wherever storage and gateway can."""
        request = partial(self._gateway.place, order)
        return self._when_ready(order, partial(self._sender.send, order, request, action=order))

    @on(ReplaceOrder)
    def replace(self, action: ReplaceOrder) -> Sent:
        """Replace an order, natively or by a confirmed cancel and a new order."""
        return self._when_ready(action, partial(self._replacer.replace, action))

    @on(CancelOrder)
    def cancel(self, action: CancelOrder) -> Sent:
        """Cancel an order; one that has ended already needs none, one that was not sent yet will not be."""
        client_order_id = action.client_order_id
        reason = "it was cancelled before it was sent"
        if self._unsent.withdraw(lambda order: new_id(order) == client_order_id, reason=reason):
            return None
        order = self.blotter.find(client_order_id)
        if order is None:
            raise NotSent(f"{client_order_id} is no order of this bot")
        return None if order.is_final else self._canceller.cancel(order)

    @on(ComponentFailed)
    def clean_up(self, failed: ComponentFailed) -> None:
        """Cancel the open orders of a strategy that was halted, if that is the policy."""
        if failed.role == "strategy" and failed.halted and self._on_halt == "cancel":
            name = failed.component
            self._unsent.withdraw(lambda order: order.strategy == name, reason=f"{name} was halted")
            self._desk.own(self._canceller.end(self.blotter.of(name)))

    def _when_ready(self, action: NewOrder, send: Callable[[], Sent]) -> Sent:
        if not self._unsent.is_ready(action):
            return self._send_later(action, send)
        try:
            return send()
        except Exception:
            self._unsent.forget(action)
            raise

    async def _send_later(self, action: NewOrder, send: Callable[[], Sent]) -> None:
        try:
            await self._unsent.ready(action)
            sent = send()
            if sent is not None:
                await sent
        finally:
            self._unsent.forget(action)

    async def _wind_up(self) -> list[Order]:
        """Do what the policy says, as far as there is time; returns the orders that it leaves in doubt."""
        live = self.blotter.live
        try:
            async with asyncio.timeout(STOP_S):
                if self._on_stop == "cancel":
                    await self._canceller.end(list(live.values()))
                else:
                    await self._desk.until(lambda: all(order.status == "open" for order in live.values()))
        except TimeoutError:
            log.error("%s: not all orders have ended within %.0f s", self.name, STOP_S)
        return [order for order in live.values() if self._on_stop == "cancel" or order.status != "open"]

    def _on_stream(self, reason: str, retry_in_s: float) -> None:
        if reason:
            log.warning("%s: private stream down, %s; again in %.1f s", self.name, reason, retry_in_s)
            self._desk.tell([CollectorDown(collector=self.name, reason=reason, retry_in_s=retry_in_s)])
        else:
            self._desk.tell([CollectorUp(collector=self.name)])
