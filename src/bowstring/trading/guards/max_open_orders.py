"""How many orders may be open at once."""

from bowstring.core.errors import ConfigError
from bowstring.trading.guards.listing import ListingGuard
from bowstring.trading.guards.live_orders import LiveOrderGuard
from bowstring.trading.messages import Side
from bowstring.trading.new_orders import NewOrder


class MaxOpenOrders(LiveOrderGuard, ListingGuard):
    """Refuses an order when ``limit`` orders are live, of all strategies at every venue; with a ``symbol``, in that.

    Pending and unknown ones are live, and an order about to be replaced besides its replacement. What ``reduces`` a
    position is one more all the same: cancel another first.
    A symbol that no venue lists would limit nothing: then every order is refused, in whatever symbol.
    """

    def __init__(self, limit: int, *, symbol: str = "") -> None:
        super().__init__()
        if limit < 1:
            raise ConfigError(f"MaxOpenOrders({limit}): let there be one at least")
        self._limit = limit
        self._symbol = symbol

    def concerns(self, symbol: str) -> bool:
        """All symbols, or the one."""
        return self._symbol in {"", symbol}

    def objection(self, order: NewOrder, side: Side) -> str | None:
        """Refuse one too many."""
        if self._symbol and (unlisted := self.unlisted(self._symbol, among=self.listed_symbols, order=order)):
            return unlisted
        if not self.concerns(order.symbol):
            return None
        if self.live.working >= self._limit:
            return f"{self.live.working} orders{self._symbol and ' in '}{self._symbol} are live already"
        return self.live.add(order)
