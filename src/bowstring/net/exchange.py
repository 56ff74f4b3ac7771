"""One HTTP exchange on aiohttp: a request that is sent once, and how far it came if there is no answer."""

import asyncio
import socket
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import aiohttp
from msgspec import Struct
from yarl import URL

MAX_BODY_BYTES = 64 * 2**20  # Binance's whole exchangeInfo: 16 MB


class Response(Struct, frozen=True):
    """An answer. ``headers`` are looked up whatever their case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"


class NoAnswer(Exception):
    """There was none. Unless ``connected``, not one byte of the request left. The text has no part of the URL."""

    def __init__(self, reason: str, *, connected: bool) -> None:
        super().__init__(reason)
        self.connected = connected


class Connections:
    """Connections of one owner, kept and used again. They belong to the loop that runs when the first is needed."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def exchange(
        self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str] | None, deadline_s: float
    ) -> Response:
        """Send, once, and read the answer; ``url`` is sent as it is. Raises `NoAnswer`."""
        if self._session is None:
            self._session = _new_session()
        way = _Way()
        try:
            async with (
                asyncio.timeout(deadline_s),
                self._session.request(
                    method,
                    URL(url, encoded=True),
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                    trace_request_ctx=way,
                ) as answer,
            ):
                return Response(answer.status, answer.headers, await _read(answer))
        except TimeoutError:
            reason = f"no answer within {deadline_s:g} s"
        except (aiohttp.ClientError, OSError) as error:
            reason = _reason(error)
        raise NoAnswer(reason, connected=way.connected)

    async def close(self) -> None:
        """Close them all."""
        if self._session is not None:
            await self._session.close()


class _Way:
    """How far a request has come: it is ``connected`` before its first byte is written."""

    connected = False


class _Lost(aiohttp.ClientError):
    """What takes the place of errors that make aiohttp send a request again."""


class _Socket(socket.socket):
    """A socket that nobody closed is left alone: its number may be another's by now.

    When an attempt to connect is cancelled just as it succeeds, uvloop closes the descriptor, but not this object.
    """

    def __del__(self) -> None:
        self.detach()


def _new_socket(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol = address[:3]
    return _Socket(family, kind, protocol)


def _new_session() -> aiohttp.ClientSession:
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(_note_connected)
    trace.on_connection_reuseconn.append(_note_connected)
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=None),
        connector=aiohttp.TCPConnector(limit=0, socket_factory=_new_socket),  # else silent requests keep cancels back
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[trace],
        middlewares=[_once],
    )


async def _note_connected(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    context.trace_request_ctx.connected = True


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Left to itself, aiohttp repeats a GET, PUT or DELETE whose kept connection was lost."""
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _Lost(_reason(error)) from None


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _Lost(f"the answer exceeds {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _reason(error: Exception) -> str:
    """What went wrong; of errors whose text may hold the URL, only the name."""
    if isinstance(error, _Lost | aiohttp.ClientConnectorError):
        return str(error).replace(" ssl:default", "")  # aiohttp says that of every URL
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed before an answer"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
