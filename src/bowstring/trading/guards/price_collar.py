"""How far from the market a limit price may be."""

from decimal import Decimal

from bowstring.core.errors import ConfigError
from bowstring.market.decimals import checked_limit
from bowstring.trading.guards.order_guard import OrderGuard
from bowstring.trading.guards.prices import STALE_AFTER_S, PriceGuard, checked_budget
from bowstring.trading.messages import Side
from bowstring.trading.new_orders import NewOrder
from bowstring.trading.orders import EXACT


class PriceCollar(OrderGuard, PriceGuard):
    """Refuses a limit price further than ``share`` from the reference price: 0.05 is 5 % up or down.

    The reference is the middle of the quote or the book, else the last trade, of the order's venue and symbol. Where
    that is missing, crossed, or older than ``stale_after_s``, nothing is known to be right: an order that ``reduces``
    passes, all others are refused. With a fresh one, what reduces is held to the collar too.
    """

    def __init__(self, share: Decimal, *, stale_after_s: float = STALE_AFTER_S) -> None:
        super().__init__()
        self.stale_after_s = checked_budget(stale_after_s, "PriceCollar stale_after_s")
        self._share = checked_limit(share, "PriceCollar share")
        if share >= 1:
            raise ConfigError(f'PriceCollar share is {share}: give a share below 1, as in Decimal("0.05")')

    def objection(self, order: NewOrder, side: Side) -> str | None:
        """Refuse outside of the collar, and new risk where there is none."""
        reference = self.fresh_price(order.venue, order.symbol)
        if reference.value is None:
            return reference.flaw if order.adds_risk else None
        span = EXACT.multiply(self._share, reference.value)
        low, high = EXACT.subtract(reference.value, span), EXACT.add(reference.value, span)
        if low <= order.price <= high:
            return None
        low, high, middle = map(EXACT.normalize, (low, high, reference.value))
        return f"price {order.price:f} is not between {low:f} and {high:f}, within {self._share:f} of {middle:f}"
