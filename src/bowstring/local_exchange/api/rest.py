"""REST: an HTTP request becomes a call, and its result, or its refusal, a response."""

import asyncio
from collections.abc import Mapping
from urllib.parse import unquote_plus

from aiohttp import web
from msgspec import Struct
from msgspec.json import encode

from bowstring.local_exchange.api.call import Call, Endpoint, Faults
from bowstring.local_exchange.api.endpoints import by_path
from bowstring.local_exchange.api.faults import Answer, Lost
from bowstring.local_exchange.api.keys import rest_payload
from bowstring.local_exchange.api.limits import headers, retry_after_s
from bowstring.local_exchange.api.parameters import Parameters, time_unit
from bowstring.local_exchange.api.refusals import Denied, status
from bowstring.local_exchange.api.service import Service
from bowstring.local_exchange.matching.orders import Refused
from bowstring.local_exchange.wire import Wire

_NOT_FOUND = b"<html><body><h2>404 Not found</h2></body></html>"
_JSON = "application/json;charset=UTF-8"


class Received(Struct, frozen=True, kw_only=True):
    """A request as it came in: ``target`` is path and query, percent-encoded as they were sent."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    address: str
    time_us: int


class Rest:
    """Handles all requests that are no websockets. ``faults`` are asked about each call that is let in."""

    def __init__(self, service: Service, *, legacy: bool = False) -> None:
        self._service = service
        self._endpoints = by_path(with_legacy=legacy)
        self.faults: Faults | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        time_us = self._service.now_us()
        received = Received(
            method=request.method,
            target=request.raw_path,
            headers=request.headers,
            body=b"" if request.method == "GET" else await request.read(),
            address=request.remote or "",
            time_us=time_us,
        )
        answer = await self.answer(received)
        if isinstance(answer, Lost):
            return _lost(answer, request.transport)
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)

    async def answer(self, received: Received) -> Answer | Lost:
        """What is answered, if anything is."""
        path, _, query = received.target.partition("?")
        endpoint = self._endpoints.get((received.method, path))
        if endpoint is None:
            return Answer(status=404, body=_NOT_FOUND, headers={"Content-Type": "text/html"})
        call = _call(endpoint, received)
        told = await self._serve(call, received, query.encode(errors="surrogateescape"))
        return told if call.trouble is None else await call.trouble.after(told)

    async def _serve(self, call: Call, received: Received, query: bytes) -> Answer:
        try:
            _read(call, received, query)
            self._service.admit(call)
            if self.faults is not None:
                await self._meet(self.faults, call)
            result = self._service.execute(call)
        except Refused as refused:
            return self._refused(call, refused)
        account = call.account if call.endpoint.orders else None
        told = headers(self._service.usage, call.address, account)
        return Answer(status=200, body=encode(result), headers={"Content-Type": _JSON, **told})

    async def _meet(self, faults: Faults, call: Call) -> None:
        call.trouble = faults.meet(call)
        if call.trouble is not None:
            await call.trouble.before()

    def _refused(self, call: Call, refused: Refused) -> Answer:
        told = {"Content-Type": _JSON, **headers(self._service.usage, call.address, None)}
        error: dict[str, object] = {"code": refused.code, "msg": refused.text}
        if isinstance(refused, Denied):
            if refused.data is not None:
                error["data"] = refused.data
            if retry := retry_after_s(refused, self._service.now_us()):
                told["Retry-After"] = retry
        return Answer(status=status(refused), body=encode(error), headers=told)


def _call(endpoint: Endpoint, received: Received) -> Call:
    return Call(
        endpoint=endpoint,
        parameters=Parameters({}),
        interface="rest",
        address=received.address,
        received_us=received.time_us,
        key_id=received.headers.get("X-MBX-APIKEY"),
    )


def _read(call: Call, received: Received, query: bytes) -> None:
    """Read the parameters of a call, of which those in the query win. Raises `Refused`."""
    unit = received.headers.get("X-MBX-TIME-UNIT")
    if unit is not None:
        call.unit = time_unit(unit)
    call.parameters = Parameters(_values(received.body) | _values(query))
    if call.endpoint.is_signed:
        call.payload = rest_payload(query, received.body)


def _values(form: bytes) -> dict[str, str]:
    if not form:
        return {}
    pairs = [pair.partition("=") for pair in form.decode(errors="replace").split("&") if pair]
    values = {_text(name): _text(value) for name, _, value in pairs}
    if len(values) < len(pairs):
        raise Refused(-1101, "Duplicate values for a parameter detected.")
    return values


def _text(encoded: str) -> str:
    return unquote_plus(encoded) if "%" in encoded or "+" in encoded else encoded


def _lost(lost: Lost, transport: asyncio.Transport | None) -> web.StreamResponse:
    """A response that nobody will see."""
    if lost is Lost.SILENCE and isinstance(transport, Wire):
        transport.mute()
    elif transport is not None:
        transport.abort()
    return web.Response()
