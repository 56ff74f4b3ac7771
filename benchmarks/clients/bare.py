"""The floor of `benchmarks.tick_to_trade`: a picows callback that decodes with msgspec and sends the order."""

import sys
from decimal import Decimal
from itertools import count

import msgspec
import uvloop
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,  # pyright: ignore[reportUnknownVariableType]  # its **kwargs have no type
)

from benchmarks.clients.order import frame as order_frame
from benchmarks.figures import TESTED, pin


class BookTicker(msgspec.Struct):
    s: str
    b: Decimal
    B: Decimal
    a: Decimal
    A: Decimal


class Combined(msgspec.Struct):
    stream: str
    data: BookTicker


decode = msgspec.json.Decoder(Combined).decode


class Quotes(WSListener):
    def __init__(self, orders: WSTransport) -> None:
        self._orders = orders
        self._ids = count(1)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.TEXT:
            quote = decode(frame.get_payload_as_memoryview()).data
            if quote.b < quote.a:
                self._orders.send(WSMsgType.TEXT, order_frame(client_order_id=str(next(self._ids)), price=quote.b))


async def main(url: str) -> None:
    orders, _ = await ws_connect(WSListener, f"{url}/orders")
    quotes, _ = await ws_connect(lambda: Quotes(orders), f"{url}/stream?streams=btcusdt@bookTicker")
    await quotes.wait_disconnected()


if __name__ == "__main__":
    pin(TESTED)
    uvloop.run(main(sys.argv[1]))
