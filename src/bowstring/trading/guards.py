"""Guards: small classes that refuse an order, with the reason. A replacement is judged like a new order."""

from collections import deque
from decimal import Decimal

from bowstring.core.components import Guard, on
from bowstring.trading.intents import NewOrder, new_id
from bowstring.trading.messages import FINAL, Fill, OrderUpdate, PlaceOrder, Position, ReplaceOrder, Side


class MaxNotional(Guard):
    """Refuses an order whose price times quantity exceeds ``limit``, in quote currency."""

    def __init__(self, limit: Decimal) -> None:
        self._limit = limit

    @on(PlaceOrder)
    def judge(self, order: PlaceOrder) -> str | None:
        """Refuse above the limit."""
        return self._judge(order)

    @on(ReplaceOrder)
    def judge_replacement(self, order: ReplaceOrder) -> str | None:
        """Refuse above the limit."""
        return self._judge(order)

    def _judge(self, order: NewOrder) -> str | None:
        notional = order.price * order.quantity
        return f"notional {notional} exceeds {self._limit}" if notional > self._limit else None


class OrderRate(Guard):
    """Refuses an order when ``limit`` orders passed within the last ``per_s`` seconds, of all strategies together."""

    def __init__(self, limit: int, *, per_s: float = 1.0) -> None:
        self._limit = limit
        self._per_s = per_s
        self._passed_ns: deque[int] = deque(maxlen=limit)

    @on(PlaceOrder)
    def judge(self, _order: PlaceOrder) -> str | None:
        """Refuse above the rate."""
        return self._judge()

    @on(ReplaceOrder)
    def judge_replacement(self, _order: ReplaceOrder) -> str | None:
        """Refuse above the rate."""
        return self._judge()

    def _judge(self) -> str | None:
        now_ns = self.clock.monotonic_ns()
        if len(self._passed_ns) == self._limit and now_ns - self._passed_ns[0] < self._per_s * 1e9:
            return f"{self._limit} orders were placed within {self._per_s} s already"
        self._passed_ns.append(now_ns)
        return None


class MaxPosition(Guard):
    """Refuses an order in ``symbol`` that could bring the position beyond ``limit`` base units, long or short.

    The position is all strategies' together, at every venue. Every live order of the same side, pending, unknown and
    about to be replaced ones included, counts as filled.
    """

    def __init__(self, symbol: str, limit: Decimal) -> None:
        self._symbol = symbol
        self._limit = limit
        self._positions: dict[tuple[str, str], Decimal] = {}
        self._live: dict[str, tuple[Side, Decimal]] = {}

    @on(PlaceOrder)
    def judge(self, order: PlaceOrder) -> str | None:
        """Refuse beyond the limit."""
        return self._judge(order)

    @on(ReplaceOrder)
    def judge_replacement(self, order: ReplaceOrder) -> str | None:
        """Refuse beyond the limit: the order to be replaced may still fill."""
        return self._judge(order)

    @on(Position)
    def take_position(self, position: Position) -> None:
        """Note the absolute position of one strategy at one venue."""
        if position.symbol == self._symbol:
            self._positions[position.strategy, position.venue] = position.quantity

    @on(Fill)
    def take_fill(self, fill: Fill) -> None:
        """Move what was filled from the order to the position, which its own event then makes exact."""
        if fill.client_order_id in self._live:
            side, remaining = self._live[fill.client_order_id]
            self._live[fill.client_order_id] = side, remaining - fill.quantity
            key = fill.strategy, fill.venue
            signed = fill.quantity if fill.side == "buy" else -fill.quantity
            self._positions[key] = self._positions.get(key, Decimal(0)) + signed

    @on(OrderUpdate)
    def take_update(self, update: OrderUpdate) -> None:
        """Note what of an order can still fill."""
        if update.symbol != self._symbol:
            return
        if update.status in FINAL:
            self._live.pop(update.client_order_id, None)
        else:
            self._live[update.client_order_id] = update.side, update.quantity - update.filled

    def _judge(self, order: NewOrder) -> str | None:
        if order.symbol != self._symbol:
            return None
        sign = 1 if order.side == "buy" else -1
        open_quantity = sum((remaining for side, remaining in self._live.values() if side == order.side), Decimal(0))
        reached = sum(self._positions.values(), Decimal(0)) + sign * (open_quantity + order.quantity)
        if sign * reached > self._limit:
            return f"position in {self._symbol} could reach {reached}, beyond {self._limit}"
        self._live[new_id(order)] = order.side or "buy", order.quantity
        return None
