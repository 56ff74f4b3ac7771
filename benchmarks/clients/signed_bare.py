"""The floor of `benchmarks.signed_orders`: picows callbacks, msgspec, and JSON put together by hand.

``session``: logged on with Ed25519. ``hmac``: each order is signed. Both get the account's events, and ignore them.
"""

import asyncio
import base64
import hmac
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,  # pyright: ignore[reportUnknownVariableType]  # its **kwargs have no type
)

from benchmarks.clients.bare import decode
from benchmarks.clients.stopwatch import Stopwatch, now_ns
from benchmarks.figures import TESTED, pin
from benchmarks.local_exchange import Account, told


class Orders(WSListener):
    """Sends orders. An answer, and not an event, begins with an id."""

    def __init__(self, account: Account, stopwatch: Stopwatch, *, is_session: bool) -> None:
        self.logged_on = asyncio.Event()
        self._account, self._stopwatch, self._is_session = account, stopwatch, is_session
        self._ids = count(1)
        self._keyed = hmac.new(account.secret.encode(), digestmod="sha256")
        self._sign = stopwatch.timed("signing", self._hmac)

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._write = self._stopwatch.timed("socket", transport.send)
        for request in _session(self._account) if self._is_session else _subscription(self._account, self._hmac):
            transport.send(WSMsgType.TEXT, request)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        text = frame.get_payload_as_bytes()
        if text.startswith(b'{"id":'):
            assert b'"status":200' in text, text
            self._stopwatch.answered()
            if b'"subscriptionId"' in text:
                self.logged_on.set()

    def send(self, price: object) -> None:
        encode = self._stopwatch.timed("encoding", self._send)
        encode(price)
        self._stopwatch.written()

    def _send(self, price: object) -> None:
        number, now_ms = next(self._ids), time.time_ns() // 1_000_000
        if self._is_session:
            signed = ""
        else:
            payload = (
                f"apiKey={self._account.key}&newClientOrderId=b{number}&price={price}&quantity=0.00100000"
                f"&recvWindow=2000&side=BUY&symbol=BTCUSDT&timeInForce=IOC&timestamp={now_ms}&type=LIMIT"
            )
            signed = f',"apiKey":"{self._account.key}","signature":"{self._sign(payload)}"'
        text = (
            f'{{"id":{number},"method":"order.place","params":{{"newClientOrderId":"b{number}","price":"{price}",'
            f'"quantity":"0.00100000","recvWindow":2000,"side":"BUY","symbol":"BTCUSDT","timeInForce":"IOC",'
            f'"timestamp":{now_ms},"type":"LIMIT"{signed}}}}}'
        )
        self._write(WSMsgType.TEXT, text.encode())

    def _hmac(self, payload: str) -> str:
        mac = self._keyed.copy()
        mac.update(payload.encode())
        return mac.hexdigest()


class Quotes(WSListener):
    def __init__(self, orders: Orders, stopwatch: Stopwatch) -> None:
        self._orders, self._stopwatch = orders, stopwatch

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self._stopwatch.frame_ns = now_ns()
        if frame.msg_type is WSMsgType.TEXT:
            quote = decode(frame.get_payload_as_memoryview()).data
            if not self._stopwatch.awaits and quote.b < quote.a:
                self._stopwatch.begin()
                self._orders.send(quote.b)


def _session(account: Account) -> Iterator[bytes]:
    """Log on and subscribe."""
    private = load_pem_private_key(Path(account.ed25519_private_key_file).read_bytes(), None)
    assert isinstance(private, Ed25519PrivateKey)

    def sign(payload: str) -> str:
        return base64.b64encode(private.sign(payload.encode())).decode()

    yield _signed("session.logon", account.ed25519_key, sign)
    yield b'{"id":0,"method":"userDataStream.subscribe"}'


def _subscription(account: Account, sign: Callable[[str], str]) -> Iterator[bytes]:
    yield _signed("userDataStream.subscribe.signature", account.key, sign)


def _signed(method: str, key: str, sign: Callable[[str], str]) -> bytes:
    now_ms = time.time_ns() // 1_000_000
    signature = sign(f"apiKey={key}&timestamp={now_ms}")
    params = f'"apiKey":"{key}","timestamp":{now_ms},"signature":"{signature}"'
    return f'{{"id":0,"method":"{method}","params":{{{params}}}}}'.encode()


async def main(mode: str, *, seconds: float) -> None:
    exchange, stopwatch = told(sys.stdin.readline()), Stopwatch()
    listener = Orders(exchange.accounts[1], stopwatch, is_session=mode == "session")
    orders, _ = await ws_connect(lambda: listener, f"{exchange.ws_api}?returnRateLimits=false")
    await listener.logged_on.wait()
    url = f"{exchange.ws}/stream?streams=btcusdt@bookTicker"
    quotes, _ = await ws_connect(lambda: Quotes(listener, stopwatch), url)
    await asyncio.sleep(seconds)
    for transport in (quotes, orders):
        transport.disconnect()
    stopwatch.print()


if __name__ == "__main__":
    pin(TESTED)
    uvloop.run(main(sys.argv[1], seconds=float(sys.argv[2])))
