"""The WebSocket API: a frame becomes a call, and its result, or its refusal, a frame."""

import asyncio
from collections.abc import Coroutine, Mapping

from aiohttp import web
from msgspec.json import encode

from bowstring.local_exchange.api.call import Faults
from bowstring.local_exchange.api.conversation import Conversation
from bowstring.local_exchange.api.limits import retry_after_s
from bowstring.local_exchange.api.parameters import Parameters, time_unit
from bowstring.local_exchange.api.refusals import Denied, status
from bowstring.local_exchange.api.service import Service
from bowstring.local_exchange.heartbeat import LIFE_S
from bowstring.local_exchange.matching.orders import Refused
from bowstring.local_exchange.socket import Socket
from bowstring.local_exchange.wire import label

CONNECTING = 2  # what it weighs


class WsApi:
    """Serves ``/ws-api/v3``. ``faults`` are asked about each call that is let in."""

    def __init__(self, service: Service, *, life_s: float = LIFE_S) -> None:
        self._service, self._life_s = service, life_s
        self._connections: dict[Socket, Conversation] = {}
        self._delayed: set[asyncio.Task[None]] = set()
        self.faults: Faults | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one client, from the handshake to the end."""
        address = request.remote or ""
        label(request.transport, "ws-api")
        if refusal := self.refuse(address):
            return refusal
        try:
            self._service.usage.request(address, weight=CONNECTING)
            unit, returns_rate_limits = _options(request.query)
        except Refused as refused:
            return _refused(refused, self._service.now_us())
        response = web.WebSocketResponse(autoping=False, compress=False)
        await response.prepare(request)
        socket = Socket(response, transport=request.transport, life_s=self._life_s)
        conversation = Conversation(
            socket,
            service=self._service,
            address=address,
            unit=unit,
            returns_rate_limits=returns_rate_limits,
            faults=lambda: self.faults,
            spawn=self._spawn,
        )
        label(request.transport, "ws-api", accounts=conversation.session.accounts)
        self._connections[socket] = conversation
        try:
            await socket.run(conversation.receive)
        finally:
            conversation.session.close()
            del self._connections[socket]
        return response

    def refuse(self, address: str) -> web.Response | None:
        """Count a connection, of market data too; an answer if it is one too many."""
        try:
            self._service.usage.connect(address)
        except Refused as refused:
            return _refused(refused, self._service.now_us())
        return None

    def _spawn(self, delayed: Coroutine[None, None, None]) -> None:
        """Let a call be served whatever becomes of the connection that it came over."""
        task = asyncio.create_task(delayed)
        self._delayed.add(task)
        task.add_done_callback(self._delayed.discard)

    def announce_shutdown(self) -> None:
        """Tell all clients that the server is about to shut down."""
        for socket, conversation in self._connections.items():
            event = {"e": "serverShutdown", "E": self._service.now_us() // conversation.session.unit}
            socket.send(encode({"event": event}))

    async def close(self, *, code: int, reason: str = "") -> None:
        """Close all connections, and forget the calls that are delayed."""
        for task in self._delayed:
            task.cancel()
        await self.disconnect(code=code, reason=reason)

    async def disconnect(self, *, code: int, reason: str = "") -> None:
        """Close all connections."""
        await asyncio.gather(*(socket.close(code=code, reason=reason) for socket in self._connections))


def _options(query: Mapping[str, str]) -> tuple[int, bool]:
    """The us in a unit of time, and whether limits are told. Raises `Refused`."""
    unit = query.get("timeUnit")
    returns_rate_limits = Parameters(query).boolean("returnRateLimits", default=True)
    return 1000 if unit is None else time_unit(unit), returns_rate_limits


def _refused(refused: Refused, now_us: int) -> web.Response:
    retry = retry_after_s(refused, now_us) if isinstance(refused, Denied) else None
    return web.Response(
        body=encode({"code": refused.code, "msg": refused.text}),
        status=status(refused),
        content_type="application/json",
        headers={"Retry-After": retry} if retry else None,
    )
