"""What trades in the demo: two strategies."""

from decimal import Decimal

import bowstring as bs
from bowstring.trading.messages import Side


class Bidder(bs.Strategy):
    """Bids at the touch while its position is within the limit."""

    def __init__(self, symbol: str, *, size: Decimal, max_position: Decimal) -> None:
        self.symbols = {symbol}
        self._size, self._max_position = size, max_position
        self._position = Decimal(0)

    @bs.on(bs.Quote)
    def bid(self, quote: bs.Quote) -> bs.Actions:
        """Keep one bid working."""
        if not self.orders and self._position < self._max_position:
            yield bs.PlaceOrder(symbol=quote.symbol, side="buy", quantity=self._size, price=quote.bid)

    @bs.on(bs.Position)
    def track(self, position: bs.Position) -> None:
        """Note the position."""
        self._position = position.quantity


class Maker(bs.Strategy):
    """Quotes both sides of the touch, and replaces a quote that the touch has left ``patience`` behind."""

    def __init__(self, symbol: str, *, size: Decimal, patience: Decimal) -> None:
        self.symbols = {symbol}
        self._size, self._patience = size, patience

    @bs.on(bs.Quote)
    def follow(self, quote: bs.Quote) -> bs.Actions:
        """Keep one quote a side."""
        yield from self._work("buy", quote.symbol, quote.bid)
        yield from self._work("sell", quote.symbol, quote.ask)

    def _work(self, side: Side, symbol: str, price: Decimal) -> bs.Actions:
        working = [order for order in self.orders.values() if order.side == side]
        if not working:
            yield bs.PlaceOrder(symbol=symbol, side=side, quantity=self._size, price=price, post_only=True)
        elif [order.status for order in working] == ["open"] and abs(working[0].price - price) > self._patience:
            old = working[0].client_order_id
            yield bs.ReplaceOrder(client_order_id=old, quantity=self._size, price=price, post_only=True)
