"""bowstring in `benchmarks.signed_orders`: a bot that trades on the local exchange, its ways timed from outside.

``session``: logged on with Ed25519. ``ed25519``, ``hmac``: each order is signed. ``rest``: each is signed, with HMAC.
"""

import asyncio
import sys
from decimal import Decimal
from pathlib import Path

from aiohttp.http_writer import StreamWriter
from picows import WSFrame, WSTransport

import bowstring as bs
from benchmarks.clients.bot import SYMBOL
from benchmarks.clients.order import QUANTITY
from benchmarks.clients.stopwatch import Stopwatch, now_ns
from benchmarks.figures import TESTED, pin
from benchmarks.local_exchange import Account, told
from bowstring.net.frames import FrameListener
from bowstring.net.websocket import WebSocket
from bowstring.trading.gateway import OrderReport
from bowstring.venues.binance import Binance
from bowstring.venues.binance.gateway import BinanceGateway
from bowstring.venues.binance.rest_orders import RestOrders
from bowstring.venues.binance.session import Session
from bowstring.venues.binance.signing import HmacSigner, Keys, Params, Signer, Window, private_key_signer
from bowstring.venues.binance.user_data import Answer


class Bidder(bs.Strategy):
    """Bids at each quote, for what is there at once, which is nothing."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        self._stopwatch = stopwatch

    @bs.on(bs.Quote)
    def bid(self, quote: bs.Quote) -> bs.Actions:
        if not self._stopwatch.awaits:
            self._stopwatch.begin()
            yield bs.PlaceOrder(
                symbol=quote.symbol, side="buy", quantity=QUANTITY, price=quote.bid, time_in_force="ioc"
            )


class Countdown(bs.Collector):
    finite = True

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def run(self, emit: bs.Emit) -> None:
        await asyncio.sleep(self._seconds)


class TimedSigner:
    """A signer, timed; ``logs_on`` or not, so that Ed25519 can be measured both ways."""

    def __init__(self, signer: Signer, stopwatch: Stopwatch, *, logs_on: bool) -> None:
        self.logs_on = logs_on
        self.sign = stopwatch.timed("signing", signer.sign)


def keys(account: Account, mode: str, stopwatch: Stopwatch) -> Keys:
    if mode in ("session", "ed25519"):
        signer = private_key_signer(Path(account.ed25519_private_key_file).read_bytes())
        return Keys(account.ed25519_key, signer=TimedSigner(signer, stopwatch, logs_on=mode == "session"))
    return Keys(account.key, signer=TimedSigner(HmacSigner(account.secret), stopwatch, logs_on=False))


def watch(stopwatch: Stopwatch) -> None:
    """Put the stopwatch around what reads from sockets and writes to them."""
    hear = FrameListener.on_ws_frame
    take = Session._take  # pyright: ignore[reportPrivateUsage]  # timed without a trace in the product
    write = StreamWriter._write  # pyright: ignore[reportPrivateUsage]  # likewise
    place = RestOrders.place

    def timed_hear(listener: FrameListener, transport: WSTransport, frame: WSFrame) -> None:
        stopwatch.frame_ns = now_ns()
        hear(listener, transport, frame)

    def timed_take(session: Session, answer: Answer) -> None:
        stopwatch.answered(stopwatch.frame_ns)
        take(session, answer)

    async def timed_place(orders: RestOrders, params: Params, *, window: Window | None) -> OrderReport:
        report = await place(orders, params, window=window)
        stopwatch.answered()
        return report

    send = stopwatch.timed("socket", WebSocket.send)

    def timed_send(websocket: WebSocket, text: str | bytes) -> None:
        send(websocket, text)
        stopwatch.written()

    def timed_write(writer: StreamWriter, chunk: bytes) -> None:
        timed(writer, chunk)
        stopwatch.written()

    timed = stopwatch.timed("socket", write)
    for owner, name, function in (
        (FrameListener, "on_ws_frame", timed_hear),
        (Session, "_take", timed_take),
        (RestOrders, "place", timed_place),
        (WebSocket, "send", timed_send),
        (StreamWriter, "_write", timed_write),
        (BinanceGateway, "place", stopwatch.timed("encoding", BinanceGateway.place)),
    ):
        setattr(owner, name, function)


def main(mode: str, *, seconds: float) -> None:
    exchange, stopwatch = told(sys.stdin.readline()), Stopwatch()
    venue = Binance("local", rest_url=exchange.rest, ws_url=exchange.ws)
    watch(stopwatch)
    executor = venue.executor(
        keys=keys(exchange.accounts[0], mode, stopwatch), orders_over="rest" if mode == "rest" else "ws"
    )
    bs.run(
        collectors=[venue.quotes(SYMBOL), Countdown(seconds)],
        strategies=[Bidder(stopwatch)],
        guards=[bs.MaxNotional(Decimal(500))],
        executors=[executor],
    )
    stopwatch.print()


if __name__ == "__main__":
    pin(TESTED)
    main(sys.argv[1], seconds=float(sys.argv[2]))
