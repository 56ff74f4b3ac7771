"""Round trips on an account: buys at the bid, then sells what it has at the ask.

On the local exchange, unless BINANCE_MODE says testnet or live: run `bowstring exchange`, and put what it prints of one
account into the environment, as BOWSTRING_BINANCE_KEY (ed25519_key) and BOWSTRING_BINANCE_PRIVATE_KEY_FILE.
EXCHANGE_REST_URL and EXCHANGE_WS_URL say where it is, if not on its usual port.
"""

import os
from decimal import Decimal
from typing import Literal

import bowstring as bs
from bowstring.venues.binance import Binance

SYMBOL, SIZE, PATIENCE = "BTC/USDT", Decimal("0.001"), Decimal(5)


class RoundTrips(bs.Strategy):
    """Keeps one order, and takes it back when the touch is more than ``PATIENCE`` away from it."""

    symbols = frozenset({SYMBOL})
    position = Decimal(0)

    @bs.on(bs.Quote)
    def work(self, quote: bs.Quote) -> bs.Actions:
        rules = self.instrument(SYMBOL)
        held = rules.floor_quantity(self.position)
        sells = rules.violation(price=quote.ask, quantity=held) is None
        side: Literal["buy", "sell"] = "sell" if sells else "buy"
        price, quantity = (quote.ask, held) if sells else (quote.bid, SIZE)
        for order in self.orders.values():
            if order.status == "open" and (order.side != side or abs(order.price - price) > PATIENCE):
                yield bs.CancelOrder(client_order_id=order.client_order_id)
        if not self.orders:
            yield bs.PlaceOrder(symbol=SYMBOL, side=side, quantity=quantity, price=price, post_only=True)

    @bs.on(bs.Position)
    def track(self, position: bs.Position) -> None:
        self.position = position.quantity


class Tape(bs.Executor):
    """Prints what becomes of orders."""

    @bs.on(bs.OrderUpdate)
    def print_order(self, order: bs.OrderUpdate) -> None:
        print(f"{order.status:<9} {order.side:<4} {order.quantity:f} at {order.price:.2f} {order.reason}", flush=True)

    @bs.on(bs.Fill)
    def print_fill(self, fill: bs.Fill) -> None:
        print(f"{'fee':<9} {fill.fee:f} {fill.fee_currency} of {fill.quantity:f} at {fill.price:.2f}", flush=True)


def venue() -> Binance:
    mode = os.environ.get("BINANCE_MODE", "local")
    if mode == "testnet":
        return Binance("testnet")
    if mode == "live":
        return Binance("live")
    if mode != "local":
        raise SystemExit(f"BINANCE_MODE is {mode!r}: give local, testnet or live")
    return Binance("local", rest_url=os.environ.get("EXCHANGE_REST_URL"), ws_url=os.environ.get("EXCHANGE_WS_URL"))


def main() -> None:
    binance = venue()
    bs.run(
        collectors=[binance.quotes(SYMBOL)],
        strategies=[RoundTrips()],
        guards=[bs.MaxNotional(Decimal(200)), bs.MaxPosition(SYMBOL, Decimal("0.002")), bs.OrderRate(5)],
        executors=[binance.executor(), Tape()],
    )


if __name__ == "__main__":
    main()
