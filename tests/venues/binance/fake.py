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
    """Spot, and beside it futures of the same symbols.

    ``requests`` are the query strings seen by exchangeInfo, ``streams`` those of each websocket, and ``paths`` its
    path; ``asked`` are the symbols of which a book was asked for, and ``limits`` with how many levels.

    ``failures`` are answered first by exchangeInfo, as (HTTP status, body, headers). With ``answers = False`` the
    websocket swallows requests, with ``agrees = False`` also the end of a connection, and with ``refuses = True`` there
    are no new ones. ``books`` has the body of each symbol's snapshot; it is sent once ``gives_books`` is set, which it
    is at first. Likewise, a websocket that was ``dialled`` is opened once ``opens`` is set. It is ``ended`` when the
    client has closed it.
    """

    def __init__(self) -> None:
        self.requests: list[dict[str, str]] = []
        self.failures: deque[tuple[int, str, dict[str, str]]] = deque()
        self.streams: list[list[str]] = []
        self.paths: list[str] = []
        self.controls: list[str] = []
        self.asked: list[str] = []
        self.limits: list[str] = []
        self.books: dict[str, str] = {}
        self.gives_books = asyncio.Event()
        self.gives_books.set()
        self.opens = asyncio.Event()
        self.opens.set()
        self.dialled = self.ended = 0
        self.answers = self.agrees = True
        self.refuses = False
        self.refused = 0
        self._sockets: list[web.WebSocketResponse] = []
        self._transports: list[asyncio.Transport | None] = []
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

    async def close_socket(self, code: int, *, of: int = -1) -> None:
        await self._sockets[of].close(code=code)

    def break_off(self, number: int) -> None:
        """Drop a connection, with no close frame."""
        transport = self._transports[number]
        assert transport is not None
        transport.abort()

    def is_open(self, number: int) -> bool:
        """Whether the client has not closed that connection."""
        return not self._sockets[number].closed

    def _app(self) -> web.Application:
        app = web.Application()
        for root in ("/api/v3", "/fapi/v1"):
            app.add_routes(
                [web.get(f"{root}/exchangeInfo", self._exchange_info), web.get(f"{root}/depth", self._depth)]
            )
        app.add_routes([web.get(f"{path}/stream", self._stream) for path in ("", "/public", "/market")])
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
        describe = _listed_contract if request.path.startswith("/fapi") else _listed_symbol
        return web.json_response({"symbols": [describe(listed[name]) for name in asked]})

    async def _depth(self, request: web.Request) -> web.Response:
        symbol = request.query["symbol"]
        self.asked.append(symbol)
        self.limits.append(request.query["limit"])
        self._changed.set()
        await self.gives_books.wait()
        if symbol not in self.books:
            return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)
        return web.Response(text=self.books[symbol])

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        self.dialled += 1
        self._changed.set()
        await self.opens.wait()
        if self.refuses:
            self.refused += 1
            self._changed.set()
            return web.Response(status=503)
        socket = web.WebSocketResponse(autoclose=self.agrees)
        await socket.prepare(request)
        self._sockets.append(socket)
        self._transports.append(request.transport)
        self.streams.append(request.query["streams"].split("/"))
        self.paths.append(request.path)
        self._changed.set()
        async for message in socket:
            self.controls.append(message.data)
            self._changed.set()
            if self.answers:
                await socket.send_json({"result": self.streams[-1], "id": json.loads(message.data)["id"]})
        self.ended += 1
        self._changed.set()
        if not self.agrees:
            await asyncio.Event().wait()
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


def _listed_contract(symbol: str) -> dict[str, object]:
    quote = symbol.partition("/")[2]
    return _listed_symbol(symbol) | {"contractType": "PERPETUAL", "marginAsset": quote}
