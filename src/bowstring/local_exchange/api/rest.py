"""REST: an HTTP request becomes a call, and its result, or its refusal, a response."""

from collections.abc import Mapping
from urllib.parse import unquote_plus

from aiohttp import web
from msgspec import Struct
from msgspec.json import encode

from bowstring.local_exchange.api.call import Call, Endpoint
from bowstring.local_exchange.api.endpoints import by_path
from bowstring.local_exchange.api.faults import Answer, Faults
from bowstring.local_exchange.api.keys import rest_payload
from bowstring.local_exchange.api.limits import headers, retry_after_s
from bowstring.local_exchange.api.parameters import Parameters, time_unit
from bowstring.local_exchange.api.refusals import Denied, status
from bowstring.local_exchange.api.service import Service
from bowstring.local_exchange.matching.orders import Refused

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
    """Handles all requests that are no websockets. ``faults`` are asked before and after each call."""

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
        if answer is None:
            return _dropped(request)
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)

    async def answer(self, received: Received) -> Answer | None:
        """What is answered; None: nothing at all."""
        path, _, query = received.target.partition("?")
        endpoint = self._endpoints.get((received.method, path))
        if endpoint is None:
            return Answer(status=404, body=_NOT_FOUND, headers={"Content-Type": "text/html"})
        call = _call(endpoint, received)
        told = await self._serve(call, received, query.encode(errors="surrogateescape"))
        return told if self.faults is None else await self.faults.after(call, told)

    async def _serve(self, call: Call, received: Received, query: bytes) -> Answer:
        try:
            _read(call, received, query)
            self._service.admit(call)
            if self.faults is not None:
                await self.faults.before(call)
            result = self._service.execute(call)
        except Refused as refused:
            return self._refused(call, refused)
        account = call.account if call.endpoint.orders else None
        told = headers(self._service.usage, call.address, account)
        return Answer(status=200, body=encode(result), headers={"Content-Type": _JSON, **told})

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


def _dropped(request: web.Request) -> web.StreamResponse:
    """No answer at all."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
