"""bowstring in `benchmarks.tick_to_trade`: a bot that sends frames itself, by its options."""

import sys
from decimal import Decimal

import bowstring as bs
from benchmarks.clients.order import QUANTITY, frame
from benchmarks.figures import TESTED, pin
from bowstring.core.run import BLOCKED_AFTER_S
from bowstring.net.websocket import WebSocket, connect
from bowstring.venues.binance import Binance

SYMBOL = "BTC/USDT"
LIMIT = Decimal(500)
BITCOIN = bs.Instrument(
    venue="binance",
    symbol=SYMBOL,
    venue_symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.00001"),
)


class Bidder(bs.Strategy):
    @bs.on(bs.Quote)
    def bid(self, quote: bs.Quote) -> bs.Actions:
        yield bs.PlaceOrder(symbol=quote.symbol, side="buy", quantity=QUANTITY, price=quote.bid)


class Cap(bs.Guard):
    @bs.on(bs.PlaceOrder)
    def judge(self, order: bs.PlaceOrder) -> str | None:
        notional = order.price * order.quantity
        return f"notional {notional} exceeds {LIMIT}" if notional > LIMIT else None


class Sender(bs.Executor):
    """Sends each order in the call chain of the quote, and tells at once that it is filled."""

    _websocket: WebSocket

    def __init__(self, url: str) -> None:
        self._url = url

    async def start(self, emit: bs.Emit) -> None:
        self._websocket = await connect(f"{self._url}/orders", on_message=lambda _message: None)

    @bs.on(bs.PlaceOrder)
    def place(self, place: bs.PlaceOrder) -> bs.Events:
        self._websocket.send(frame(client_order_id=place.client_order_id, price=place.price))
        yield bs.OrderUpdate(
            strategy=place.strategy,
            venue=place.venue,
            symbol=place.symbol,
            client_order_id=place.client_order_id,
            status="filled",
            side=place.side,
            quantity=place.quantity,
            price=place.price,
            filled=place.quantity,
        )


def main(url: str, *options: str) -> None:
    bs.run(
        collectors=[Binance("local", ws_url=url, instruments=[BITCOIN]).quotes(SYMBOL)],
        strategies=[Bidder()],
        guards=[Cap()],
        executors=[Sender(url)],
        spin="spin" in options,
        blocked_after_s=None if "unwatched" in options else BLOCKED_AFTER_S,
    )


if __name__ == "__main__":
    pin(TESTED)
    main(*sys.argv[1:])
