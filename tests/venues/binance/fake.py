"""A loopback server that speaks as much of Binance as the market data adapter needs."""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from aiohttp import web

LISTED = {"BTC/USDT": "TRADING", "ETH/USDT": "TRADING", "ETH/BTC": "TRADING", "LUNA/USDT": "BREAK"}


class FakeBinance:
    """``requests`` are the query strings seen by exchangeInfo, ``streams`` those of each websocket.

    ``failures`` are answered first, as (HTTP status, body, headers). With ``answers = False`` the websocket swallows
    requests.
    """

    def __init__(self) -> None:
        self.requests: list[dict[str, str]] = []
        self.failures: deque[tuple[int, str, dict[str, str]]] = deque()
        self.streams: list[list[str]] = []
        self.controls: list[str] = []
        self.answers = True
        self._sockets: list[web.WebSocketResponse] = []
        self._changed = asyncio.Event()
        self._runner = web.AppRunner(self._app(), shutdown_timeout=0.1)
        self.rest_url = self.ws_url = ""

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        address = f"127.0.0.1:{self._runner.addresses[0][1]}"
        self.rest_url, self.ws_url = f"http://{address}", f"ws://{address}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until the server has seen what makes the condition true."""
        async with asyncio.timeout(10):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def send(self, *frames: bytes, to: int = -1) -> None:
        """Send text frames to a connection, by default to the latest."""
        for frame in frames:
            await self._sockets[to].send_frame(frame, web.WSMsgType.TEXT)

    async def close_socket(self, code: int) -> None:
        await self._sockets[-1].close(code=code)

    def _app(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.get("/api/v3/exchangeInfo", self._exchange_info), web.get("/stream", self._stream)])
        return app

    async def _exchange_info(self, request: web.Request) -> web.Response:
        self.requests.append(dict(request.query))
        self._changed.set()
        if self.failures:
            status, text, headers = self.failures.popleft()
            return web.Response(status=status, text=text, headers=headers)
        listed = {symbol.replace("/", ""): symbol for symbol in LISTED}
        asked = json.loads(request.query.get("symbols", "null")) or list(listed)
        if not listed.keys() >= set(asked):
            return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)
        return web.json_response({"symbols": [_listed_symbol(listed[name]) for name in asked]})

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append(socket)
        self.streams.append(request.query["streams"].split("/"))
        self._changed.set()
        async for message in socket:
            self.controls.append(message.data)
            self._changed.set()
            if self.answers:
                await socket.send_json({"result": self.streams[-1], "id": json.loads(message.data)["id"]})
        return socket


def _listed_symbol(symbol: str) -> dict[str, object]:
    base, quote = symbol.split("/")
    return {
        "symbol": base + quote,
        "status": LISTED[symbol],
        "baseAsset": base,
        "quoteAsset": quote,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001"},
            {"filterType": "NOTIONAL", "minNotional": "5.0", "maxNotional": "9000000.0"},
        ],
    }
