"""A market maker: quotes both sides of the mid price, and moves its quotes with ReplaceOrder.

Without Binance: `bowstring play --generate ETHUSDT --port 9000`, and in the environment of the bot
BINANCE_REST_URL=http://127.0.0.1:9000 and BINANCE_WS_URL=ws://127.0.0.1:9000.
"""

import os
from decimal import Decimal
from typing import Literal

import bowstring as bs
from bowstring.venues.binance import Binance


class MarketMaker(bs.Strategy):
    """Keeps a quote a side, ``edge`` (a share) from the mid price, and replaces one that is off by half of that."""

    def __init__(self, symbol: str, *, size: Decimal, edge: Decimal, max_position: Decimal) -> None:
        self.symbols = {symbol}
        self._size, self._edge, self._max_position = size, edge, max_position
        self._position = Decimal(0)
        self._pausing = False

    @bs.on(bs.Quote)
    def quote(self, quote: bs.Quote) -> bs.Actions:
        if self._pausing:
            return
        rules, mid = self.instrument(quote.symbol), (quote.bid + quote.ask) / 2
        if self._position < self._max_position:
            yield from self._work("buy", quote.symbol, rules.floor_price(mid * (1 - self._edge)))
        if self._position > -self._max_position:
            yield from self._work("sell", quote.symbol, rules.ceil_price(mid * (1 + self._edge)))

    def _work(self, side: Literal["buy", "sell"], symbol: str, price: Decimal) -> bs.Actions:
        working = [order for order in self.orders.values() if order.side == side]
        if not working:
            yield bs.PlaceOrder(symbol=symbol, side=side, quantity=self._size, price=price, post_only=True)
        elif [order.status for order in working] == ["open"] and abs(working[0].price - price) > self._edge / 2 * price:
            old = working[0].client_order_id  # the only one, and not waiting for an answer
            yield bs.ReplaceOrder(client_order_id=old, quantity=self._size, price=price, post_only=True)

    @bs.on(bs.OrderUpdate)
    def pause_when_rejected(self, order: bs.OrderUpdate) -> bs.Actions:
        if order.status == "rejected":
            self._pausing = True
            yield bs.WakeMe(after_s=1)

    @bs.on(bs.Woke)
    def go_on(self, _woke: bs.Woke) -> None:
        self._pausing = False

    @bs.on(bs.Position)
    def track(self, position: bs.Position) -> None:
        self._position = position.quantity


class Tape(bs.Executor):
    @bs.on(bs.Fill)
    def print_fill(self, fill: bs.Fill) -> None:
        print(f"{fill.side:<4} {fill.quantity} at {fill.price} ({fill.liquidity})", flush=True)


def main() -> None:
    venue = Binance("paper", rest_url=os.environ.get("BINANCE_REST_URL"), ws_url=os.environ.get("BINANCE_WS_URL"))
    bs.run(
        collectors=[venue.stream(quotes=["ETH/USDT"], trades=["ETH/USDT"])],  # on paper, both fill orders
        strategies=[MarketMaker("ETH/USDT", size=Decimal("0.1"), edge=Decimal("0.00005"), max_position=Decimal(1))],
        guards=[bs.MaxNotional(Decimal(1000)), bs.MaxPosition("ETH/USDT", Decimal(2)), bs.OrderRate(50)],
        executors=[venue.executor(balances={"USDT": Decimal(10_000), "ETH": Decimal(5)}), Tape()],
    )


if __name__ == "__main__":
    main()
