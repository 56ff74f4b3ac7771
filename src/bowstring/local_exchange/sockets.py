"""The addresses of market data: ``/ws`` for raw frames, ``/stream`` for combined ones."""

import asyncio
from collections.abc import Callable, Iterable

from aiohttp import web

from bowstring.local_exchange.connection import Connection, Feed
from bowstring.local_exchange.heartbeat import LIFE_S
from bowstring.local_exchange.subscriptions import Subscriptions
from bowstring.local_exchange.wire import label

_UNITS = {"MICROSECOND": 1, "microsecond": 1}  # in us
_MILLISECOND = 1000


class Sockets:
    """All websockets of one feed, each of which lasts ``life_s`` at most.

    ``is_listen_key`` tells which names that are none of streams may be subscribed to all the same. ``refuse`` answers
    an address that may not connect.
    """

    def __init__(
        self,
        feed: Feed,
        *,
        life_s: float = LIFE_S,
        is_listen_key: Callable[[str], bool] | None = None,
        refuse: Callable[[str], web.Response | None] = lambda _address: None,
    ) -> None:
        self._refuse = refuse
        self._feed, self._life_s, self._is_listen_key = feed, life_s, is_listen_key
        self.connections: set[Connection] = set()

    def add_routes(self, app: web.Application, *, roots: Iterable[str] = ("",)) -> None:
        """Serve the addresses below each of ``roots``."""
        for root in roots:
            app.router.add_get(f"{root}/ws", self._raw)
            app.router.add_get(f"{root}/ws/{{streams:.*}}", self._raw)
            app.router.add_get(f"{root}/stream", self._combined)

    async def disconnect(self, *, code: int, reason: str = "") -> None:
        """Close every websocket with this code."""
        await asyncio.gather(*(connection.close(code=code, reason=reason) for connection in self.connections))

    async def _raw(self, request: web.Request) -> web.StreamResponse:
        return await self._connect(request, request.match_info.get("streams", ""), combined=False)

    async def _combined(self, request: web.Request) -> web.StreamResponse:
        return await self._connect(request, request.query.get("streams", ""), combined=True)

    async def _connect(self, request: web.Request, streams: str, *, combined: bool) -> web.StreamResponse:
        label(request.transport, "streams")
        if refusal := self._refuse(request.remote or ""):
            return refusal
        socket = web.WebSocketResponse(autoping=False, compress=False)
        await socket.prepare(request)
        if request.transport is None:
            return socket
        connection = Connection(
            socket,
            request.transport,
            Subscriptions(streams.split("/"), combined=combined, is_listen_key=self._is_listen_key),
            feed=self._feed,
            unit=_UNITS.get(request.query.get("timeUnit", ""), _MILLISECOND),
            life_s=self._life_s,
        )
        self.connections.add(connection)
        try:
            await connection.run()
        finally:
            self.connections.discard(connection)
        return socket
