"""How fast orders may be placed."""

from collections import deque

from bowstring.core.components import on
from bowstring.core.errors import ConfigError
from bowstring.trading.guards.order_guard import OrderGuard
from bowstring.trading.messages import OrderUpdate, Side
from bowstring.trading.new_orders import NewOrder, new_id


class OrderRate(OrderGuard):
    """Refuses an order when ``limit`` orders passed within the last ``per_s`` seconds, of all strategies together.

    What another guard refuses, or the executor, does not count; with each start of the bot the count begins anew. What
    ``reduces`` a position is held to it too: a strategy that runs wild may do so with any order.
    """

    def __init__(self, limit: int, *, per_s: float = 1.0) -> None:
        if limit < 1 or not per_s > 0:
            raise ConfigError(f"OrderRate({limit}, per_s={per_s}): give at least one order in a time above 0 seconds")
        self._limit = limit
        self._per_s = per_s
        self._passed: deque[tuple[int, str, str]] = deque()  # when, whose, and the id: the limit's number of them

    def objection(self, order: NewOrder, side: Side) -> str | None:
        """Refuse above the rate."""
        now_ns = self.clock.monotonic_ns()
        while self._passed and now_ns - self._passed[0][0] >= self._per_s * 1e9:
            self._passed.popleft()
        if len(self._passed) >= self._limit:
            return f"{self._limit} orders were placed within {self._per_s} s already"
        self._passed.append((now_ns, order.strategy, new_id(order)))
        return None

    @on(OrderUpdate)
    def forget(self, update: OrderUpdate) -> None:
        """Give back the place of an order that was refused in the end."""
        if update.status == "refused":
            for passed in reversed(self._passed):
                if passed[1:] == (update.strategy, update.client_order_id):
                    self._passed.remove(passed)
                    return
