"""How much an order may be worth."""

from decimal import Decimal

from bowstring.market.decimals import checked_limit
from bowstring.trading.guards.order_guard import OrderGuard
from bowstring.trading.messages import Side
from bowstring.trading.new_orders import NewOrder
from bowstring.trading.orders import EXACT


class MaxNotional(OrderGuard):
    """Refuses an order whose price times quantity exceeds ``limit``, in quote currency.

    What ``reduces`` a position is held to it too: the limit is for mistakes, and a large position can be left by
    several orders.
    """

    def __init__(self, limit: Decimal) -> None:
        self._limit = checked_limit(limit, "MaxNotional limit")

    def objection(self, order: NewOrder, side: Side) -> str | None:
        """Refuse above the limit."""
        notional = EXACT.multiply(order.price.copy_abs(), order.quantity)
        return f"notional {notional:f} exceeds {self._limit:f}" if notional > self._limit else None
