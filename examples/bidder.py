"""The bot of the README: bids at the touch on Binance's live market data, on paper.

Without Binance: `bowstring play --generate BTCUSDT --port 9000`, and in the environment of the bot
BINANCE_REST_URL=http://127.0.0.1:9000 and BINANCE_WS_URL=ws://127.0.0.1:9000.
"""

import os
from decimal import Decimal

import bowstring as bs
from bowstring.venues.binance import Binance


class Bidder(bs.Strategy):
    """Bids at the touch while its position is within the limit."""

    def __init__(self, symbol: str, *, size: Decimal, max_position: Decimal) -> None:
        self.symbols = {symbol}
        self._size, self._max_position = size, max_position
        self._position = Decimal(0)

    @bs.on(bs.Quote)
    def bid(self, quote: bs.Quote) -> bs.Actions:
        if not self.orders and self._position < self._max_position:
            yield bs.PlaceOrder(symbol=quote.symbol, side="buy", quantity=self._size, price=quote.bid)

    @bs.on(bs.Position)
    def track(self, position: bs.Position) -> None:
        self._position = position.quantity


class Tape(bs.Executor):
    """Prints what happens to orders. An executor may handle events too, and sees everybody's."""

    @bs.on(bs.OrderUpdate)
    def print_order(self, order: bs.OrderUpdate) -> None:
        print(f"{order.status:<9} {order.side} {order.quantity} at {order.price} {order.reason}", flush=True)


def main() -> None:
    venue = Binance("paper", rest_url=os.environ.get("BINANCE_REST_URL"), ws_url=os.environ.get("BINANCE_WS_URL"))
    bs.run(
        collectors=[venue.quotes("BTC/USDT")],
        strategies=[Bidder("BTC/USDT", size=Decimal("0.001"), max_position=Decimal("0.01"))],
        guards=[bs.MaxNotional(Decimal(500))],
        executors=[venue.executor(), Tape()],
    )


if __name__ == "__main__":
    main()
