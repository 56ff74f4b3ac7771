"""The WebSocket API: a frame becomes a call, and its result, or its refusal, a frame."""

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress

from aiohttp import web
from msgspec import UNSET, DecodeError, Raw, Struct, UnsetType
from msgspec.json import Decoder, encode

from bowstring.local_exchange.api.call import Call
from bowstring.local_exchange.api.endpoints import BY_METHOD
from bowstring.local_exchange.api.faults import Answer, Faults
from bowstring.local_exchange.api.keys import ws_payload
from bowstring.local_exchange.api.parameters import Parameters
from bowstring.local_exchange.api.refusals import Denied, illegal, status
from bowstring.local_exchange.api.rest import time_unit
from bowstring.local_exchange.api.service import Service
from bowstring.local_exchange.api.session import Session
from bowstring.local_exchange.heartbeat import LIFE_S
from bowstring.local_exchange.matching.orders import Refused
from bowstring.local_exchange.socket import Socket

BANNED = 418
CONNECTING = 2  # what it weighs
_LONGEST_ID = 36
_UNREADABLE = (DecodeError, UnicodeDecodeError, RecursionError)


class _Request(Struct):
    """One frame of a client."""

    method: str
    id: Raw = Raw(b"null")
    params: dict[str, object] | UnsetType | None = UNSET


class _Identified(Struct):
    """As much as is needed to tell what a reply is to."""

    id: Raw = Raw(b"null")


_DECODER, _IDENTIFIED = Decoder(_Request, float_hook=str), Decoder(_Identified)
_ID = Decoder(int | str | None)


class WsApi:
    """Serves ``/ws-api/v3``. ``faults`` are asked before and after each call."""

    def __init__(self, service: Service, *, life_s: float = LIFE_S) -> None:
        self._service, self._life_s = service, life_s
        self._connections: set[_Connection] = set()
        self._delayed: set[asyncio.Task[None]] = set()
        self.faults: Faults | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one client, from the handshake to the end."""
        address = request.remote or ""
        try:
            self._service.usage.request(address, weight=CONNECTING)
            unit, returns_rate_limits = _options(request.query)
        except Refused as refused:
            body = encode({"code": refused.code, "msg": refused.text})
            return web.Response(body=body, status=status(refused), content_type="application/json")
        response = web.WebSocketResponse(autoping=False, compress=False)
        await response.prepare(request)
        socket = Socket(response, transport=request.transport, life_s=self._life_s)
        session = Session(self._service, send=socket.send, unit=unit, returns_rate_limits=returns_rate_limits)
        connection = _Connection(self, socket, session, service=self._service, address=address)
        self._connections.add(connection)
        try:
            await socket.run(connection.receive)
        finally:
            session.close()
            self._connections.discard(connection)
        return response

    def spawn(self, delayed: Coroutine[None, None, None]) -> None:
        """Serve a call in its own time, whatever becomes of the connection that it came over."""
        task = asyncio.create_task(delayed)
        self._delayed.add(task)
        task.add_done_callback(self._delayed.discard)

    def announce_shutdown(self) -> None:
        """Tell all clients that the server is about to shut down."""
        for connection in self._connections:
            event = {"e": "serverShutdown", "E": self._service.now_us() // connection.session.unit}
            connection.socket.send(encode({"event": event}))

    async def close(self, *, code: int, reason: str = "") -> None:
        """Close all connections, and forget the calls that are delayed."""
        for task in self._delayed:
            task.cancel()
        for connection in [*self._connections]:
            await connection.socket.close(code=code, reason=reason)


class _Asked(Struct):
    """What is known of a request by now, for its reply."""

    id: int | str | None = None
    call: Call | None = None
    shows_limits: bool = True


class _Connection:
    """One client."""

    def __init__(self, api: WsApi, socket: Socket, session: Session, *, service: Service, address: str) -> None:
        self._api, self._service, self._address = api, service, address
        self.socket, self.session = socket, session

    def receive(self, data: str | bytes) -> None:
        """Answer one frame: at once, or, if there may be faults, in its own time."""
        asked, faults = _Asked(shows_limits=self.session.returns_rate_limits), self._api.faults
        try:
            call = self._read(asked, data)
            self._admit(asked, call)
            if faults is not None:
                return self._api.spawn(self._serve_with(faults, asked, call))
            answer = self._succeeded(asked, self._service.execute(call))
        except Refused as refused:
            answer = self._refused(asked, refused)
        return self._reply(answer)

    async def _serve_with(self, faults: Faults, asked: _Asked, call: Call) -> None:
        try:
            await faults.before(call)
            told = self._succeeded(asked, self._service.execute(call))
        except Refused as refused:
            told = self._refused(asked, refused)
        answer = await faults.after(call, told)
        if answer is None:
            self.socket.abort()
        else:
            self._reply(answer)

    def _reply(self, answer: Answer) -> None:
        self.socket.send(answer.body)
        if answer.status == BANNED:
            self.socket.end(1008, "IP banned")

    def _read(self, asked: _Asked, data: str | bytes) -> Call:
        """The call that a frame is. ``asked`` is filled in as far as it gets. Raises `Refused`."""
        request = _decode(asked, data)
        values = _texts(request.params)
        parameters = Parameters(values)
        asked.shows_limits = parameters.boolean("returnRateLimits", default=asked.shows_limits)
        endpoint = BY_METHOD.get(request.method.removeprefix("v3/"))
        if endpoint is None:
            raise Refused(-1020, "This operation is not supported.")
        key = self.session.key
        is_signed = "signature" in values or key is None or values.get("apiKey", key.id) != key.id
        asked.call = Call(
            endpoint=endpoint,
            parameters=parameters,
            interface="ws-api",
            address=self._address,
            received_us=self._service.now_us(),
            unit=self.session.unit,
            key_id=values.get("apiKey"),
            payload=ws_payload(values) if is_signed and endpoint.is_signed else b"",
            session=self.session,
            session_key=None if is_signed else key,
        )
        return asked.call

    def _admit(self, asked: _Asked, call: Call) -> None:
        try:
            self._service.admit(call)
        except Refused as refused:
            if call.session_key is not None and refused.code == -2015:
                self.session.forget()  # the key is no longer good: Binance revokes the session with an id of null
                asked.id = None
            raise

    def _succeeded(self, asked: _Asked, result: object) -> Answer:
        return self._answer(asked, 200, {"result": result})

    def _refused(self, asked: _Asked, refused: Refused) -> Answer:
        error: dict[str, object] = {"code": refused.code, "msg": refused.text}
        if isinstance(refused, Denied):
            if refused.data is not None:
                error["data"] = refused.data
            elif refused.retry_us is not None:
                unit = self.session.unit
                error["data"] = {
                    "serverTime": self._service.now_us() // unit,
                    "retryAfter": refused.retry_us // unit,
                }
        return self._answer(asked, status(refused), {"error": error})

    def _answer(self, asked: _Asked, code: int, outcome: dict[str, object]) -> Answer:
        reply: dict[str, object] = {"id": asked.id, "status": code, **outcome}
        if asked.shows_limits:
            usage, call = self._service.usage, asked.call
            limits = [usage.weight_used(self._address)]
            if call is not None and call.endpoint.orders and call.key is not None:
                limits = [*usage.orders_used(call.key.account), *limits]
            reply["rateLimits"] = limits
        return Answer(status=code, body=encode(reply))


def _decode(asked: _Asked, data: str | bytes) -> _Request:
    try:
        request = _DECODER.decode(data)
    except _UNREADABLE:
        with suppress(*_UNREADABLE):
            asked.id = _id(_IDENTIFIED.decode(data).id)
        raise Refused(-1135, "Invalid JSON Request") from None
    asked.id = _id(request.id)
    return request


def _id(raw: Raw) -> int | str | None:
    """The id to answer with: an integer of 64 bits, a short text, or null. Raises `Refused`."""
    with suppress(*_UNREADABLE):
        given: int | str | None = _ID.decode(raw)
        match given:
            case None:
                return None
            case int() if -(2**63) <= given < 2**63:
                return given
            case str() if len(given) <= _LONGEST_ID:
                return given
            case _:
                pass
    raise illegal("id", "^[a-zA-Z0-9-_]{1,36}$")


def _texts(params: Mapping[str, object] | UnsetType | None) -> dict[str, str]:
    """Parameters as text; numbers and booleans as they stand in JSON, which is how they are signed."""
    return {name: _text(value) for name, value in params.items()} if isinstance(params, dict) else {}


def _text(value: object) -> str:
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case _:
            return encode(value).decode()


def _options(query: Mapping[str, str]) -> tuple[int, bool]:
    """The us in a unit of time, and whether limits are told. Raises `Refused`."""
    unit = query.get("timeUnit")
    returns_rate_limits = Parameters(query).boolean("returnRateLimits", default=True)
    return 1000 if unit is None else time_unit(unit), returns_rate_limits
