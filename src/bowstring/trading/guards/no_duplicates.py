"""The same order is not placed again at once."""

from collections import OrderedDict
from decimal import Decimal

from bowstring.core.components import on
from bowstring.core.errors import ConfigError
from bowstring.trading.guards.order_guard import OrderGuard
from bowstring.trading.messages import OrderUpdate, Side
from bowstring.trading.new_orders import NewOrder, new_id
from bowstring.trading.orders import NEVER_LIVED

Terms = tuple[str, str, str, Side, Decimal, Decimal]
"""Strategy, venue, symbol, side, price and quantity."""


class NoDuplicates(OrderGuard):
    """Refuses an order that its strategy has placed within the last ``within_s`` seconds already.

    The same is one of the same venue, symbol, side, price and quantity, whatever became of it; but what was refused,
    rejected or is proven not sent was not placed. With each start of the bot it begins anew. What ``reduces`` a
    position is held to it too.
    """

    def __init__(self, *, within_s: float = 1.0) -> None:
        if not within_s > 0:
            raise ConfigError(f"NoDuplicates(within_s={within_s}): give a time above 0 seconds")
        self._within_s = within_s
        self._placed: OrderedDict[Terms, tuple[int, str]] = OrderedDict()  # oldest first: as many as pass in that time

    def objection(self, order: NewOrder, side: Side) -> str | None:
        """Refuse what was placed a moment ago."""
        now_ns = self.clock.monotonic_ns()
        while self._placed and now_ns - next(iter(self._placed.values()))[0] >= self._within_s * 1e9:
            self._placed.popitem(last=False)
        terms = order.strategy, order.venue, order.symbol, side, order.price, order.quantity
        if terms in self._placed:
            placed_ns, name = self._placed[terms]
            return f"it is the same as {name}, placed {(now_ns - placed_ns) / 1e9:.3f} s ago"
        self._placed[terms] = now_ns, new_id(order)
        return None

    @on(OrderUpdate)
    def forget(self, update: OrderUpdate) -> None:
        """Forget what was not placed in the end."""
        if update.status in NEVER_LIVED:
            terms = update.strategy, update.venue, update.symbol, update.side, update.price, update.quantity
            if self._placed.get(terms, (0, ""))[1] == update.client_order_id:
                del self._placed[terms]
