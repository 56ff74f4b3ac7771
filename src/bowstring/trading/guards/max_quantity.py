"""How large an order may be."""

from decimal import Decimal

from bowstring.market.decimals import checked_limit
from bowstring.trading.guards.listing import ListingGuard
from bowstring.trading.guards.order_guard import OrderGuard
from bowstring.trading.messages import Side
from bowstring.trading.new_orders import NewOrder


class MaxQuantity(OrderGuard, ListingGuard):
    """Refuses an order in ``symbol`` of more than ``limit`` base units.

    What ``reduces`` a position is held to it too: the limit is for mistakes, and a large position can be left by
    several orders.
    A symbol that no venue lists would limit nothing: then every order is refused, in whatever symbol.
    """

    def __init__(self, symbol: str, limit: Decimal) -> None:
        super().__init__()
        self._symbol = symbol
        self._limit = checked_limit(limit, f'MaxQuantity("{symbol}") limit')

    def objection(self, order: NewOrder, side: Side) -> str | None:
        """Refuse above the limit."""
        if unlisted := self.unlisted(self._symbol, among=self.listed_symbols, order=order):
            return unlisted
        if order.symbol != self._symbol or order.quantity <= self._limit:
            return None
        return f"quantity {order.quantity:f} of {self._symbol} exceeds {self._limit:f}"
