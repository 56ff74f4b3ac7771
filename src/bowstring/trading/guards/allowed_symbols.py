"""What may be traded at all."""

from bowstring.core.errors import ConfigError
from bowstring.trading.guards.listing import meant
from bowstring.trading.guards.order_guard import OrderGuard
from bowstring.trading.messages import Side
from bowstring.trading.new_orders import NewOrder


class AllowedSymbols(OrderGuard):
    """Refuses an order in any symbol but these, at every venue.

    An order that ``reduces`` passes: what is held in another symbol, from an earlier setting perhaps, may be left.
    """

    def __init__(self, *symbols: str) -> None:
        if not symbols or not all(symbols):
            raise ConfigError('AllowedSymbols: give the symbols that may be traded, AllowedSymbols("BTC/USDT")')
        self._symbols = dict.fromkeys(symbols)

    def objection(self, order: NewOrder, side: Side) -> str | None:
        """Refuse what is not on the list."""
        if order.symbol in self._symbols or not order.adds_risk:
            return None
        hint = meant(order.symbol, self._symbols) or f"allowed: {', '.join(self._symbols)}"
        return f"{order.symbol} is not allowed; {hint}"
