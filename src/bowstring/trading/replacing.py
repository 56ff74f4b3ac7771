"""Replacing an order: natively, or by a cancel, confirmed, and a new order."""

from collections.abc import Awaitable, Callable
from functools import partial

from bowstring.core.errors import NotSent
from bowstring.trading.cancelling import Canceller
from bowstring.trading.desk import Desk
from bowstring.trading.messages import PlaceOrder, ReplaceOrder
from bowstring.trading.orders import Order
from bowstring.trading.resolution import look_up, ref
from bowstring.trading.sending import Sender, Sent
from bowstring.trading.unsent import Unsent


class Replacer:
    """Replaces orders that were sent. Where the old order did not end as cancelled, nothing is placed.

    An order has one replacement at a time: two that wait for the same cancel would both be placed after it.
    """

    def __init__(self, desk: Desk, *, unsent: Unsent, sender: Sender, canceller: Canceller) -> None:
        self._desk = desk
        self._unsent = unsent
        self._sender = sender
        self._canceller = canceller
        self._under_way: set[str] = set()

    def replace(self, action: ReplaceOrder) -> Awaitable[None]:
        """Replace an order whose replacement is on record. Raises like `Sender.send`, or its awaitable does."""
        if action.client_order_id in self._under_way:
            raise NotSent(f"{action.client_order_id} is being replaced already")
        replacing = self._begin(action)
        self._under_way.add(action.client_order_id)
        return self._finish(action.client_order_id, replacing)

    async def _finish(self, client_order_id: str, replacing: Awaitable[None]) -> None:
        try:
            await replacing
        finally:
            self._under_way.discard(client_order_id)

    def _begin(self, action: ReplaceOrder) -> Awaitable[None]:
        self._unsent.check(action)
        old = self._desk.blotter.find(action.client_order_id)
        if old is None or old.is_final or not _is_for(action, old):
            raise NotSent(f"{action.client_order_id} is no open order of {action.strategy}")
        order = _replacement(action, old)
        self._sender.check(order)  # before the old order is touched
        if not self._desk.gateway.replaces_natively:
            return self._place_instead(action, order, old=old, cancelled=self._canceller.cancel(old))
        if old.status == "pending" and not self._desk.gateway.keeps_order:
            return self._replace_answered(action, old)
        sent = self._sender.send(order, partial(self._desk.gateway.replace, ref(old), order), action=action)
        return self._then_look_up(old, sent)

    async def _place_instead(
        self, action: ReplaceOrder, order: PlaceOrder, *, old: Order, cancelled: Awaitable[None]
    ) -> None:
        """Place an order as soon as the old one is cancelled, and only then."""
        try:
            await cancelled
            await self._until(action, lambda: self._now(old).is_final)
            self._unsent.check(action)
            status = self._now(old).status
            if status != "cancelled":
                raise NotSent(f"the order to be replaced, {old.client_order_id}, is {status}, not cancelled")
            sent = self._sender.send(order, partial(self._desk.gateway.place, order), action=action)
            if sent is not None:
                await sent
        except BaseException as error:
            self._unsent.close(action, error)
            raise

    async def _replace_answered(self, action: ReplaceOrder, old: Order) -> None:
        """Replace once the old order's own answer, or its deadline, has come: before, this could overtake it."""
        try:
            await self._until(action, lambda: self._now(old).status != "pending")
            await self._begin(action)
        except BaseException as error:
            self._unsent.close(action, error)
            raise

    async def _then_look_up(self, old: Order, sent: Sent) -> None:
        """Wait for the answer; what became of the old order is then asked for."""
        if sent is not None:
            await sent
        self._desk.own(look_up(old, desk=self._desk))

    async def _until(self, action: ReplaceOrder, condition: Callable[[], bool]) -> None:
        """Wait for something, as long as it matters to the action."""
        timeout_s = min(action.valid_for_s, self._desk.answer_s)
        await self._desk.until(lambda: condition() or self._unsent.is_withdrawn(action), timeout_s=timeout_s)

    def _now(self, order: Order) -> Order:
        return self._desk.blotter.find(order.client_order_id) or order


def _is_for(action: ReplaceOrder, old: Order) -> bool:
    """Whether the action says of the order what is so: that is what guards have judged."""
    return (action.strategy, action.symbol, action.side) == (old.strategy, old.symbol, old.side)


def _replacement(action: ReplaceOrder, old: Order) -> PlaceOrder:
    return PlaceOrder(
        received_ns=action.received_ns,
        strategy=action.strategy,
        venue=action.venue,
        symbol=old.symbol,
        client_order_id=action.new_client_order_id,
        side=old.side,
        quantity=action.quantity,
        price=action.price,
        post_only=action.post_only,
        valid_for_s=action.valid_for_s,
    )
