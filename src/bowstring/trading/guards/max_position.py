"""How far a position may come."""

from decimal import Decimal
from functools import reduce

from bowstring.market.decimals import checked_limit
from bowstring.trading.guards.listing import ListingGuard
from bowstring.trading.guards.live_orders import LiveOrderGuard
from bowstring.trading.guards.positions import PositionGuard
from bowstring.trading.messages import Side
from bowstring.trading.new_orders import NewOrder
from bowstring.trading.orders import EXACT

ZERO = Decimal(0)


class MaxPosition(LiveOrderGuard, PositionGuard, ListingGuard):
    """Refuses an order in ``symbol`` that could bring the position beyond ``limit`` base units, long or short.

    The position is all strategies' together, at every venue. Every live order of the same side, pending, unknown and
    about to be replaced ones included, counts as filled, and what is filled counts even before its `Fill` has come.
    An order in the other direction passes however far beyond the limit the position is, up to the limit on that side;
    that an order ``reduces`` its own strategy's position changes nothing.
    A symbol that no venue lists would limit nothing: then every order is refused, in whatever symbol.
    """

    def __init__(self, symbol: str, limit: Decimal) -> None:
        super().__init__()
        self._symbol = symbol
        self._limit = checked_limit(limit, f'MaxPosition("{symbol}") limit')

    def concerns(self, symbol: str) -> bool:
        """The limit's own symbol."""
        return symbol == self._symbol

    def objection(self, order: NewOrder, side: Side) -> str | None:
        """Refuse beyond the limit."""
        if unlisted := self.unlisted(self._symbol, among=self.listed_symbols, order=order):
            return unlisted
        if order.symbol != self._symbol:
            return None
        reached = EXACT.add(self._reach(side), order.quantity)
        if reached > self._limit:
            direction = "long" if side == "buy" else "short"
            return f"position in {self._symbol} could reach {reached:f} {direction}, beyond {self._limit:f}"
        return self.live.add(order)

    def _reach(self, side: Side) -> Decimal:
        """How far the position can come by this side's orders, in their direction."""
        held = [position for (_, symbol), position in self.net_positions.items() if symbol == self._symbol]
        position = reduce(EXACT.add, held, ZERO)
        to_come = [one.quantity for (_, _, its_side), one in self.live.sides.items() if its_side == side]
        return reduce(EXACT.add, to_come, position if side == "buy" else position.copy_negate())
