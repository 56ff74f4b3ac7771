"""The base of guards of orders: a replacement is judged like a new order."""

from bowstring.core.components import Guard, on
from bowstring.trading.messages import PlaceOrder, ReplaceOrder, Side
from bowstring.trading.new_orders import NewOrder, flaw


class OrderGuard(Guard):
    """Judges new orders and replacements alike: write `objection`."""

    @on(PlaceOrder)
    def judge(self, order: PlaceOrder) -> str | None:
        """Refuse what is no order to reckon with, and what there is an objection to."""
        return flaw(order) or self.objection(order, order.side)

    @on(ReplaceOrder)
    def judge_replacement(self, order: ReplaceOrder) -> str | None:
        """Refuse likewise. What replaces no order of its strategy passes: nothing is sent for it."""
        return None if order.side is None else flaw(order) or self.objection(order, order.side)

    def objection(self, order: NewOrder, side: Side) -> str | None:
        """Why this order must not be sent, with the values; None if it may. It must be written by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} has no objection(order, side)")
