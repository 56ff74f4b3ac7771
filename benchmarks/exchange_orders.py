"""Orders to the local exchange from another process, over REST and over the WebSocket API.

Each is signed, checked, matched, written to the ledger and answered in full; every second one trades. Beside it
``answers``: aiohttp gives one and the same answer of that length to the same requests, and does nothing else.
"""

import asyncio
import hashlib
import hmac
import json
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import uvloop
from aiohttp import web
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,  # pyright: ignore[reportUnknownVariableType]  # its **kwargs are untyped
)

from benchmarks.feed import ROOT
from benchmarks.figures import OTHER, TESTED, Floor, Ratio, Sample, Table, alternate, cpu_s, pin

REST_HZ, WS_API_HZ = 1500, 5000
CONNECTIONS, AHEAD = 8, 8  # of REST; requests under way at once of the WebSocket API, on two connections
ANSWER = (
    b'{"symbol":"BTCUSDT","orderId":12345,"orderListId":-1,"clientOrderId":"a-12345","transactTime":1700000000000,'
    b'"price":"65000.00000000","origQty":"0.00100000","executedQty":"0.00100000","status":"FILLED","timeInForce":"GTC",'
    b'"type":"LIMIT","side":"BUY","workingTime":1700000000000,"fills":[{"price":"65000.00000000","qty":"0.00100000",'
    b'"commission":"0.00000100","commissionAsset":"BTC","tradeId":6789}],"selfTradePreventionMode":"EXPIRE_MAKER"}'
)
_WARM_S = 0.3

Told = dict[str, Any]  # what the exchange prints


def run(*, runs: int, seconds: float) -> Iterator[Table]:
    """A table for each interface."""
    for name, least, client in (("REST", REST_HZ, _rest), ("WebSocket API", WS_API_HZ, _ws_api)):
        variants: dict[str, Callable[[], Sample]] = {
            "orders": partial(_measured, _exchange, client, seconds=seconds),
            "answers": partial(_measured, _answers, client, seconds=seconds),
        }
        yield Table(
            title=f"orders over {name}",
            samples=alternate(variants, runs=runs),
            floors=[Floor(column="orders a second", variant="orders", at_least=least)],
            ratios=[Ratio(column="orders a second", variant="orders", beside="answers")],
        )


class Orders:
    """What clients send: alice and bob in turn sell and buy at one price; ``took_ns`` is how long each answer took."""

    def __init__(self, told: Told) -> None:
        self._accounts = told["accounts"][:2]
        self._numbers = count()
        self.took_ns: list[int] = []

    def next(self) -> tuple[str, list[tuple[str, object]], bytes]:
        """A key, parameters, and its secret."""
        number = next(self._numbers)
        account, side = self._accounts[number % 2], ("SELL", "BUY")[number % 2]
        params: list[tuple[str, object]] = [
            ("newClientOrderId", f"a-{number}"),
            ("newOrderRespType", "FULL"),
            ("price", "65000.00"),
            ("quantity", "0.00100"),
            ("side", side),
            ("symbol", "BTCUSDT"),
            ("timeInForce", "GTC"),
            ("timestamp", time.time_ns() // 1_000_000),
            ("type", "LIMIT"),
        ]
        return account["key"], params, account["secret"].encode()

    def rest(self) -> bytes:
        """The next request of REST."""
        key, params, secret = self.next()
        body = "&".join(f"{name}={value}" for name, value in params)
        body += f"&signature={hmac.new(secret, body.encode(), hashlib.sha256).hexdigest()}"
        head = f"POST /api/v3/order HTTP/1.1\r\nHost: localhost\r\nX-MBX-APIKEY: {key}\r\nContent-Length: {len(body)}"
        return f"{head}\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n{body}".encode()

    def ws_api(self) -> bytes:
        """The next request of the WebSocket API; its parameters are signed in the order of their names."""
        key, params, secret = self.next()
        params.insert(0, ("apiKey", key))
        payload = "&".join(f"{name}={value}" for name, value in params)
        signature = hmac.new(secret, payload.encode(), hashlib.sha256).hexdigest()
        return json.dumps(
            {"id": 1, "method": "order.place", "params": {**dict(params), "signature": signature}}
        ).encode()


class _RestLine(asyncio.Protocol):
    """One connection: the next request goes out when the last one is answered."""

    def __init__(self, orders: Orders) -> None:
        self._orders, self._received = orders, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one, but not by inheritance
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if found and len(body) >= int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]):
            assert head.startswith(b"HTTP/1.1 200"), self._received
            self._orders.took_ns.append(time.perf_counter_ns() - self._sent_ns)
            self._received = b""
            self._send()

    def _send(self) -> None:
        request, self._sent_ns = self._orders.rest(), time.perf_counter_ns()
        self._transport.write(request)


async def _rest(told: Told, orders: Orders, *, seconds: float) -> None:
    host, _, port = told["rest"].removeprefix("http://").partition(":")
    loop = asyncio.get_running_loop()
    lines = [await loop.create_connection(partial(_RestLine, orders), host, int(port)) for _ in range(CONNECTIONS)]
    await asyncio.sleep(seconds)
    for transport, _ in lines:
        transport.abort()


class _WsApiLine(WSListener):
    """One connection with some requests under way; answers come in the order of the requests."""

    def __init__(self, orders: Orders) -> None:
        self._orders, self._sent_ns = orders, list[int]()

    def on_ws_connected(self, transport: WSTransport) -> None:
        for _ in range(AHEAD // 2):
            self._send(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        assert frame.msg_type == WSMsgType.TEXT, frame.get_close_message()
        assert b'"status":200' in frame.get_payload_as_bytes()[:40], frame.get_payload_as_bytes()
        self._orders.took_ns.append(time.perf_counter_ns() - self._sent_ns.pop(0))
        self._send(transport)

    def _send(self, transport: WSTransport) -> None:
        request = self._orders.ws_api()
        self._sent_ns.append(time.perf_counter_ns())
        transport.send(WSMsgType.TEXT, request)


async def _ws_api(told: Told, orders: Orders, *, seconds: float) -> None:
    url = f"{told['ws']}/ws-api/v3?returnRateLimits=false"
    lines = [await ws_connect(partial(_WsApiLine, orders), url) for _ in range(2)]
    await asyncio.sleep(seconds)
    for transport, _ in lines:
        transport.disconnect(graceful=False)


def _measured(serve: Callable[[], Any], client: Callable[..., Any], *, seconds: float) -> Sample:
    pin(OTHER)
    with serve() as (told, process):
        orders = Orders(told)
        uvloop.run(client(told, orders, seconds=_WARM_S))
        orders.took_ns.clear()
        began, used_s = time.perf_counter(), cpu_s(process)
        uvloop.run(client(told, orders, seconds=seconds))
        took_s, used_s = time.perf_counter() - began, cpu_s(process) - used_s
    ordered = sorted(orders.took_ns)
    return {
        "orders a second": len(ordered) / took_s,
        "a second of CPU": len(ordered) / max(0.01, used_s),
        "p50 us": ordered[len(ordered) // 2] / 1000,
        "p99 us": ordered[len(ordered) * 99 // 100] / 1000,
    }


@contextmanager
def _exchange() -> Generator[tuple[Told, int]]:
    with TemporaryDirectory() as folder:
        command = ["bowstring", "exchange", "--json", "--port", "0", "--symbols", "BTCUSDT", "--speed", "0"]
        with _process([*command, "--unlimited", "--ledger", str(Path(folder) / "ledger")]) as served:
            yield served


@contextmanager
def _answers() -> Generator[tuple[Told, int]]:
    with _process(["benchmarks.exchange_orders"]) as served:
        yield served


@contextmanager
def _process(module: list[str]) -> Generator[tuple[Told, int]]:
    command = ["taskset", "-c", str(TESTED), sys.executable, "-m", *module]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline()), process.pid
        finally:
            process.terminate()


async def _answer_always() -> None:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=ANSWER, content_type="application/json")

    async def converse(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        with suppress(ConnectionError):  # the client goes when its time is over
            async for _ in socket:
                await socket.send_str('{"id":1,"status":200,"result":' + ANSWER.decode() + "}")
        return socket

    app = web.Application()
    app.router.add_get("/ws-api/v3", converse)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    place = f"127.0.0.1:{runner.addresses[0][1]}"
    accounts = [{"key": "k" * 64, "secret": "s"}] * 2
    print(json.dumps({"rest": f"http://{place}", "ws": f"ws://{place}", "accounts": accounts}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_answer_always())
