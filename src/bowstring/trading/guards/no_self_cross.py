"""No trade of the bot with itself."""

from bowstring.trading.guards.live_orders import LiveOrderGuard
from bowstring.trading.messages import Side
from bowstring.trading.new_orders import NewOrder


class NoSelfCross(LiveOrderGuard):
    """Refuses an order that could trade with a live order of the bot's own, of whatever strategy, at the same venue.

    An order that is pending, unknown, or about to be cancelled or replaced is one that it could trade with. What
    ``reduces`` a position is held to it too: it would reduce nothing.
    """

    def objection(self, order: NewOrder, side: Side) -> str | None:
        """Refuse what is at the price of an own order of the other side, or better."""
        other_side: Side = "sell" if side == "buy" else "buy"
        for live in self.live.sides[order.venue, order.symbol, other_side].orders.values():
            other = live.order
            reaches = order.price >= other.price if side == "buy" else order.price <= other.price
            if reaches and not other.is_final:
                own = f"{other.client_order_id}, which {other.strategy} has to {other.side} at {other.price:f}"
                return f"to {side} at {order.price:f} could trade with the bot's own {own}"
        return self.live.add(order)
