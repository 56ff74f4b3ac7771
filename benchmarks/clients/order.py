"""The frame that every client answers a quote with: Binance's ``order.place``, unsigned."""

from decimal import Decimal

import msgspec

QUANTITY = Decimal("0.00100000")


class Params(msgspec.Struct):
    price: str
    quantity: str
    symbol: str = "BTCUSDT"
    side: str = "BUY"
    type: str = "LIMIT"
    timeInForce: str = "GTC"  # noqa: N815  # the venue's name


class Order(msgspec.Struct):
    id: str
    params: Params
    method: str = "order.place"


encode = msgspec.json.Encoder().encode


def frame(*, client_order_id: str, price: Decimal) -> bytes:
    """A limit order to buy, as JSON."""
    return encode(Order(id=client_order_id, params=Params(price=format(price, "f"), quantity=format(QUANTITY, "f"))))
