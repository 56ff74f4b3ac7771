"""What may still be filled, as a guard has to reckon with it: from the moment an order passes to its last fill."""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from functools import reduce

from msgspec import Struct, field
from msgspec.structs import replace

from bowstring.core.components import on
from bowstring.trading.guards.order_guard import OrderGuard
from bowstring.trading.messages import Fill, OrderUpdate, Recovered, Side
from bowstring.trading.new_orders import NewOrder
from bowstring.trading.orders import EXACT, Order, intended

ZERO = Decimal(0)

Key = tuple[str, str, str]
"""A strategy, a venue and a client order id."""

Place = tuple[str, str, Side]
"""A venue, a symbol and a side."""


class LiveOrder(Struct, frozen=True):
    """An order as it was asked for, or as it was told last.

    ``to_come`` is what may still be filled, or is filled and was told by no `Fill` yet, in base units. ``fills`` are
    those told, together. An order of before a restart had filled something ``before``; whether fills had told all of
    that is in ``doubt`` until `Recovered`. ``action`` is the number of the action that asked for it, 0 if unknown.
    """

    order: Order
    to_come: Decimal
    fills: Decimal = ZERO
    before: Decimal = ZERO
    doubt: bool = False
    action: int = 0


class OneSide(Struct):
    """The orders of one place; what is to come of them all is ``quantity``, and ``notional`` at their own prices.

    Some of them may be final, with fills to be told. No price is outside of ``lowest`` and ``highest``.
    """

    orders: dict[Key, LiveOrder] = field(default_factory=dict[Key, LiveOrder])
    quantity: Decimal = ZERO
    notional: Decimal = ZERO
    lowest: Decimal = ZERO
    highest: Decimal = ZERO

    def put(self, key: Key, live: LiveOrder) -> None:
        """Take an order in."""
        price = live.order.price.copy_abs()
        self.lowest = min(self.lowest, price) if self.orders else price
        self.highest = max(self.highest, price) if self.orders else price
        self.orders[key] = live
        self._count(live, EXACT.add)

    def remove(self, key: Key) -> None:
        """Forget an order."""
        self._count(self.orders.pop(key), EXACT.subtract)

    def worth(self, price: Decimal) -> Decimal:
        """What is to come at a price, each order at its own where that is higher."""
        if price >= self.highest:
            return EXACT.multiply(self.quantity, price)
        if price <= self.lowest:
            return self.notional
        each = (EXACT.multiply(live.to_come, max(live.order.price.copy_abs(), price)) for live in self.orders.values())
        return reduce(EXACT.add, each, ZERO)

    def _count(self, live: LiveOrder, change: Callable[[Decimal, Decimal], Decimal]) -> None:
        self.quantity = change(self.quantity, live.to_come)
        self.notional = change(self.notional, EXACT.multiply(live.to_come, live.order.price.copy_abs()))


class LiveOrders:
    """All orders that may still be filled. ``working`` counts those that are not final.

    A pending, an unknown and an order about to be replaced may be filled as a whole. What is filled is told twice, by
    an `OrderUpdate` and by a `Fill`, in either order: it is to come until its `Fill`, which moves the position.
    """

    def __init__(self) -> None:
        self.orders: dict[Key, LiveOrder] = {}
        self.working = 0
        self.sides: defaultdict[Place, OneSide] = defaultdict(OneSide)

    def add(self, action: NewOrder) -> str | None:
        """Take in an order that is let pass; returns why it cannot be."""
        order = intended(action)
        key = order.strategy, order.venue, order.client_order_id
        if key in self.orders:
            return f"{order.client_order_id} is a live order of {order.strategy} already"
        self._put(key, LiveOrder(order, order.quantity, action=action.seq))
        return None

    def take_update(self, update: OrderUpdate) -> None:
        """Take in how an order stands."""
        key = update.strategy, update.venue, update.client_order_id
        known = self.orders.get(key)
        order = Order.told_by(update)
        if known is None and update.told is not None:
            self._put(key, _live(order, LiveOrder(order, ZERO, before=update.told)))
        elif known is None:
            self._put(key, _live(order, LiveOrder(order, ZERO, before=order.filled, doubt=True)))
        elif not update.cause or update.cause == known.action:  # else another action had the id, and came to nothing
            self._put(key, _live(order, known))

    def take_fill(self, fill: Fill) -> None:
        """Take in that some of an order is told."""
        key = fill.strategy, fill.venue, fill.client_order_id
        known = self.orders.get(key)
        if known is not None:
            told = replace(known, fills=EXACT.add(known.fills, fill.quantity))
            self._put(key, _live(known.order, told))

    def take_recovered(self, recovered: Recovered) -> None:
        """Take in that all fills of before were told by now."""
        for key, live in list(self.orders.items()):
            if live.doubt and key[:2] == (recovered.strategy, recovered.venue):
                before = EXACT.subtract(live.order.filled, live.fills)
                self._put(key, _live(live.order, replace(live, before=before, doubt=False)))

    def _put(self, key: Key, live: LiveOrder) -> None:
        place = live.order.venue, live.order.symbol, live.order.side
        known = self.orders.pop(key, None)
        if known is not None:
            self.working -= not known.order.is_final
            self.sides[place].remove(key)
        if live.to_come > 0:
            self.orders[key] = live
            self.working += not live.order.is_final
            self.sides[place].put(key, live)


class LiveOrderGuard(OrderGuard):
    """A guard that reckons with ``live`` orders. Its `objection` ends with ``self.live.add(order)``."""

    def __init__(self) -> None:
        super().__init__()
        self.live = LiveOrders()

    def concerns(self, symbol: str) -> bool:
        """Whether orders in a symbol are to be reckoned with: all, unless you say otherwise."""
        return True

    @on(OrderUpdate)
    def take_update(self, update: OrderUpdate) -> None:
        """Note how an order stands: what was refused, or has ended, gives back its room."""
        if self.concerns(update.symbol):
            self.live.take_update(update)

    @on(Fill)
    def take_fill(self, fill: Fill) -> None:
        """Note what was told of an order."""
        if self.concerns(fill.symbol):
            self.live.take_fill(fill)

    @on(Recovered)
    def take_recovered(self, recovered: Recovered) -> None:
        """Note that all that was missed is told."""
        self.live.take_recovered(recovered)


def _live(order: Order, known: LiveOrder) -> LiveOrder:
    told = EXACT.add(known.before, known.fills)
    if known.doubt:
        told = min(told, order.filled)
    most = order.filled if order.is_final else order.quantity
    return replace(known, order=order, to_come=EXACT.subtract(most, told))
