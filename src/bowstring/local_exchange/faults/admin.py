"""The switches of faults over HTTP, on a port of their own, for whoever runs the exchange as a process.

| request | does |
|---|---|
| GET /faults | all switches that have not been cleared |
| POST /faults | switches a fault on, and answers with its switch |
| GET /faults/1 | one switch |
| DELETE /faults/1, /faults | clears one, or all |
| POST /mix | as POST /faults, of a `Mix` |

What is wrong with a request is answered with 400 as ``{"error": text}``.
"""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import get_args

from aiohttp import web
from msgspec import DecodeError, ValidationError, convert
from msgspec.json import Decoder, decode, encode

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.faults.kinds import AnyFault, Fault, Mix
from bowstring.local_exchange.faults.switches import FaultSwitches

_PATH = re.compile(r" - at `\$\.(.+)`$")
_SHUTDOWN_S = 1.0
_NAMES = [fault.__name__ for fault in get_args(AnyFault)]
_FAULT: Decoder[Fault] = Decoder(AnyFault)
_MIX: Decoder[Fault] = Decoder(Mix)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Admin:
    """Serves `FaultSwitches`."""

    def __init__(self, switches: FaultSwitches) -> None:
        self._switches = switches

    @asynccontextmanager
    async def serving(self, *, host: str, port: int) -> AsyncGenerator[str]:
        """Serve meanwhile; gives the address. Raises `ConfigError` if it cannot be had."""
        app = web.Application(middlewares=[_explained])
        app.router.add_get("/faults", self._list)
        app.router.add_post("/faults", self._add)
        app.router.add_post("/mix", self._mix)
        app.router.add_get("/faults/{id:[0-9]+}", self._show)
        app.router.add_delete("/faults/{id:[0-9]+}", self._clear)
        app.router.add_delete("/faults", self._clear_all)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        try:
            await _listen(runner, host, port)
            yield f"http://{host}:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _list(self, request: web.Request) -> web.Response:
        return _json(self._switches.listed())

    async def _show(self, request: web.Request) -> web.Response:
        return _json(self._switches.state(int(request.match_info["id"])))

    async def _add(self, request: web.Request) -> web.Response:
        return _json(self._switches.add(_read(await request.read(), _FAULT)))

    async def _mix(self, request: web.Request) -> web.Response:
        return _json(self._switches.add(_read(await request.read(), _MIX)))

    async def _clear(self, request: web.Request) -> web.Response:
        self._switches.clear(int(request.match_info["id"]))
        return _json([])

    async def _clear_all(self, request: web.Request) -> web.Response:
        self._switches.clear()
        return _json([])


@web.middleware
async def _explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as JSON."""
    try:
        return await handler(request)
    except ConfigError as error:
        return _json({"error": str(error)}, status=400)
    except LookupError as error:
        return _json({"error": str(error.args[0])}, status=404)
    except web.HTTPException as error:
        return _json({"error": f"{request.method} {request.path}: {error.reason}"}, status=error.status)


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        where = f"cannot serve faults on {host} port {port}"
        raise ConfigError(f"{where}: {error.strerror}; give another port, or host") from None


def _read(body: bytes, decoder: Decoder[Fault]) -> Fault:
    try:
        return decoder.decode(body)
    except ValidationError as error:
        raise ConfigError(_with_value(str(error), body)) from None
    except DecodeError as error:
        raise ConfigError(f"the body is no JSON: {error}") from None


def _with_value(message: str, body: bytes) -> str:
    """What is wrong, and with what."""
    found = _PATH.search(message)
    if found is None:
        return message
    value: object = decode(body)
    for name in found[1].split("."):
        value = convert(value, dict[str, object])[name]
    there = f"; there are {', '.join(_NAMES)}" if message.startswith("Invalid value") else ""
    return f"{found[1]} is {encode(value).decode()}: {message[: found.start()]}{there}"


def _json(value: object, *, status: int = 200) -> web.Response:
    return web.Response(body=encode(value), status=status, content_type="application/json")
