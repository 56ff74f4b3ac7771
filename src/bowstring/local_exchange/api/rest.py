"""REST: an HTTP request becomes a call, and its result, or its refusal, a response."""

from urllib.parse import unquote_plus

from aiohttp import web
from msgspec.json import encode

from bowstring.local_exchange.api.call import Call
from bowstring.local_exchange.api.endpoints import by_path
from bowstring.local_exchange.api.faults import Answer, Faults
from bowstring.local_exchange.api.keys import rest_payload
from bowstring.local_exchange.api.limits import headers, retry_after_s
from bowstring.local_exchange.api.parameters import Parameters
from bowstring.local_exchange.api.refusals import Denied, status
from bowstring.local_exchange.api.service import Service
from bowstring.local_exchange.matching.orders import Refused

_UNITS = {"MILLISECOND": 1000, "millisecond": 1000, "MICROSECOND": 1, "microsecond": 1}
_NOT_FOUND = b"<html><body><h2>404 Not found</h2></body></html>"
_JSON = "application/json;charset=UTF-8"


class Rest:
    """Handles all requests that are no websockets. ``faults`` are asked before and after each call."""

    def __init__(self, service: Service, *, legacy: bool = False) -> None:
        self._service = service
        self._endpoints = by_path(with_legacy=legacy)
        self.faults: Faults | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        received_us = self._service.now_us()
        path, _, query = request.raw_path.partition("?")
        endpoint = self._endpoints.get((request.method, path))
        if endpoint is None:
            return web.Response(body=_NOT_FOUND, status=404, content_type="text/html")
        body = b"" if request.method == "GET" else await request.read()
        call = Call(
            endpoint=endpoint,
            parameters=Parameters({}),
            interface="rest",
            address=request.remote or "",
            received_us=received_us,
            key_id=request.headers.get("X-MBX-APIKEY"),
        )
        told = await self._answer(call, request, query.encode(errors="surrogateescape"), body)
        answer = told if self.faults is None else await self.faults.after(call, told)
        if answer is None:
            return _dropped(request)
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)

    async def _answer(self, call: Call, request: web.Request, query: bytes, body: bytes) -> Answer:
        try:
            _read(call, request, query, body)
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


def _read(call: Call, request: web.Request, query: bytes, body: bytes) -> None:
    """Read the parameters of a call, of which those in the query win. Raises `Refused`."""
    call.parameters = Parameters(_values(body) | _values(query))
    call.payload = rest_payload(query, body)
    unit = request.headers.get("X-MBX-TIME-UNIT")
    if unit is not None:
        call.unit = time_unit(unit)


def time_unit(name: str) -> int:
    """The us in a unit of time. Raises `Refused`."""
    if name not in _UNITS:
        raise Refused(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
    return _UNITS[name]


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
