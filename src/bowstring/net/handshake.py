"""Opening a websocket connection (address, TCP, TLS, upgrade) by one deadline, leaving nothing behind if it fails."""

import asyncio
import functools
import logging
import socket
import ssl
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from picows import (
    WSError,
    WSInvalidStatusError,
    WSParsedURL,
    WSTransport,
    ws_connect,  # pyright: ignore[reportUnknownVariableType]  # its **kwargs have no type
)

from bowstring.core.clock import Clock
from bowstring.core.errors import ConfigError, Disconnected
from bowstring.net.budget import retry_after_s
from bowstring.net.frames import ABNORMAL, FrameListener

SEND_BUFFER_BYTES = 64 * 2**10  # takes 400 orders of 200 bytes for a peer that does not read; Linux's default 14,000
TLS_SHUTDOWN_S = 1.0  # aiofastnet: 30; only a connection that broke the protocol waits for TLS to shut down

# What picows would report, Disconnected tells; and at its own debug level it writes the handshake with its keys. So it
# gets a logger that no configuration reaches.
_SILENT = logging.Logger("picows", level=logging.CRITICAL)


class Handshake:
    """One attempt to connect to ``url`` by ``timeout_s``; raises `ConfigError` if that is no websocket URL.

    On Linux the connection will end when the peer has acknowledged nothing of what waits for ``unacknowledged_s``.
    """

    def __init__(self, url: str, *, timeout_s: float, unacknowledged_s: float) -> None:
        self.where = _public(url)
        self._url, self._timeout_s, self._unacknowledged_s = url, timeout_s, unacknowledged_s
        self._socket: socket.socket | None = None

    async def run(
        self, listener: FrameListener, *, ssl_context: ssl.SSLContext | None, headers: Mapping[str, str] | None
    ) -> WSTransport:
        """Connect ``listener``, or raise `Disconnected`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._upgrade(listener, ssl_context=ssl_context, headers=headers)
        except TimeoutError as error:
            raise Disconnected(f"{self.where}: no connection within {self._timeout_s:g} s") from error
        except (OSError, UnicodeError, WSError) as error:
            status, pause_s = _refusal(error)
            message = f"{self.where}: no connection: {_cause(error)}"
            raise Disconnected(message, status=status, pause_s=pause_s) from error

    async def _upgrade(
        self, listener: FrameListener, *, ssl_context: ssl.SSLContext | None, headers: Mapping[str, str] | None
    ) -> WSTransport:
        tls: dict[str, Any] = {}
        if self.where.startswith("wss:"):
            tls["ssl_context"] = ssl_context or _default_tls()
            tls["ssl_handshake_timeout"], tls["ssl_shutdown_timeout"] = self._timeout_s, TLS_SHUTDOWN_S
        try:
            transport, connected = await ws_connect(
                lambda: listener,
                self._url,
                websocket_handshake_timeout=None,
                logger_name=_SILENT,
                enable_auto_pong=False,
                max_frame_size=listener.max_message_bytes,
                extra_headers=headers,
                max_redirects=0,
                socket_factory=self._dial,
                **tls,
            )
        except BaseException:
            listener.conclude("the attempt was given up", code=ABNORMAL)
            self._hang_up()
            raise
        if connected is not listener:  # None: so ws_connect tells of a connection that was lost before the upgrade
            raise ConnectionError("the peer hung up before the upgrade")
        return transport

    async def _dial(self, address: WSParsedURL) -> socket.socket:
        """Connect to the first address that answers; a dead one does not use up the time of the others."""
        loop = asyncio.get_running_loop()
        infos = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        failure = OSError("the host has no address")
        for family, kind, protocol, _, peer in infos:
            sock = self._new_socket(family, kind, protocol)
            try:
                async with asyncio.timeout(self._timeout_s / len(infos)):
                    await loop.sock_connect(sock, peer)
            except OSError as error:
                sock.close()
                failure = error
            except BaseException:
                sock.close()
                raise
            else:
                self._socket = sock
                return sock
        raise failure

    def _new_socket(self, family: int, kind: int, protocol: int) -> socket.socket:
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        if sys.platform == "linux":
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(self._unacknowledged_s * 1000))
        return sock

    def _hang_up(self) -> None:
        """Have the transport find the end and close itself: picows forgets it when a handshake is cancelled."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def _public(url: str) -> str:
    """The URL without what may be secret: the query, and long parts of the path (listen keys)."""
    wrong = ConfigError("url must be ws://host[:port]/path or wss://..., without credentials or a fragment")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in {"ws", "wss"} or not parts.hostname or "@" in parts.netloc or parts.fragment:
        raise wrong
    path = "/".join(part if len(part) <= 32 else "..." for part in parts.path.split("/"))
    return f"{parts.scheme}://{parts.netloc}{path}"


@functools.cache
def _default_tls() -> ssl.SSLContext:
    """Verifies against the system's certificates; once, as loading them blocks for 17 ms."""
    return ssl.create_default_context()


def _cause(error: Exception) -> str:
    if isinstance(error, WSInvalidStatusError) and error.response is not None:
        return f"HTTP {error.response.status.value} {error.response.status.phrase}"
    return str(error)[:200] or type(error).__name__


def _refusal(error: Exception) -> tuple[int, float | None]:
    """The status that the server refused with, 0 if it did not, and for how long it asked for silence."""
    if not isinstance(error, WSInvalidStatusError) or error.response is None:
        return 0, None
    retry_after = error.response.headers.get("Retry-After", "")
    return error.response.status.value, retry_after_s(retry_after, now_ns=Clock().now_ns())
