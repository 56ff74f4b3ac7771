"""The one websocket client: a connection's life, from the handshake to the reason of its end.

Reconnecting is not in here: a collector's ``run`` connects, subscribes and awaits ``closed()``; when that raises, the
engine starts ``run`` again (docs/decisions/0002-reconnect-is-supervision.md). Frames become messages in
`bowstring.net.frames`, the connection is opened in `bowstring.net.handshake`.
"""

import asyncio
import logging
import math
import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self

from picows import WSCloseCode, WSMsgType, WSProtocolError, WSTransport

from bowstring.core.errors import Disconnected, NotSent
from bowstring.net.frames import ABNORMAL, FrameListener
from bowstring.net.handshake import Handshake
from bowstring.net.reset_watch import ResetWatch

log = logging.getLogger(__name__)

LOST = "the connection was lost, with no close frame (1006)"
MAX_MESSAGE_BYTES = 16 * 2**20  # aiohttp: 4 MiB for a message, picows: 10 MiB for a frame

_TEXT = WSMsgType.TEXT
_DISCARD = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: closing the socket drops what the kernel has not sent


async def connect(
    url: str,
    *,
    on_message: Callable[[str | bytes], None],
    name: str = "",
    ssl_context: ssl.SSLContext | None = None,
    headers: Mapping[str, str] | None = None,
    connect_timeout_s: float = 10.0,
    idle_after_s: float | None = None,
    probe: "Callable[[WebSocket], None] | None" = None,
    probe_timeout_s: float = 5.0,
    max_message_bytes: int = MAX_MESSAGE_BYTES,
) -> "WebSocket":
    """Connect; from then on, maybe before this returns, ``on_message`` gets each message in the read callback.

    A text is a ``str``, a binary message ``bytes``: own objects, not views. What ``on_message`` raises is counted, and
    logged under ``name`` once a minute and type; the connection lives on. After ``idle_after_s`` without a message
    ``probe`` is called, to send a request that a message answers (by default a ping, whose pong will do); without an
    answer in ``probe_timeout_s`` the connection ends. Redirects are not followed.

    Raises `Disconnected` if there is no connection within ``connect_timeout_s``, `ConfigError` for a wrong URL.
    """
    handshake = Handshake(url, timeout_s=connect_timeout_s, unacknowledged_s=probe_timeout_s)
    listener = FrameListener(
        on_message, name=name or handshake.where, max_message_bytes=max_message_bytes, pong_answers=probe is None
    )
    transport = await handshake.run(listener, ssl_context=ssl_context, headers=headers)
    websocket = WebSocket(transport, listener, where=handshake.where, answer_timeout_s=probe_timeout_s)
    if transport.is_disconnected:
        return websocket
    resets = ResetWatch(
        transport.underlying_transport.get_extra_info("socket"), on_reset=partial(websocket.abort, LOST)
    )
    listener.on_end.append(resets.stop)
    if idle_after_s is not None:
        ask = transport.send_ping if probe is None else partial(probe, websocket)
        watch = _Watch(websocket, listener, ask, idle_after_s=idle_after_s, answer_timeout_s=probe_timeout_s)
        listener.on_end.append(watch.stop)
    return websocket


class WebSocket:
    """An open connection, made by `connect`; as an async context manager it closes itself."""

    def __init__(self, transport: WSTransport, listener: FrameListener, *, where: str, answer_timeout_s: float) -> None:
        self._transport, self._stream = transport, transport.underlying_transport
        self._listener, self._where, self._answer_timeout_s = listener, where, answer_timeout_s
        self._closed_by_us = False

    @property
    def failures(self) -> int:
        """How many exceptions ``on_message`` and ``probe`` have raised."""
        return self._listener.failures

    @property
    def obstacle(self) -> str:
        """Why nothing can be sent now; ``""`` if it can."""
        if self._transport.is_close_frame_sent or self._stream.is_closing():
            return "the connection is closed"
        waiting = self._listener.unsent()
        return f"{waiting} bytes wait for the peer to read" if waiting else ""

    def send(self, text: str | bytes) -> None:
        """Write one text frame, given as ``str`` or as UTF-8, in the caller's stack.

        Raises `NotSent` if not one byte of it left: the connection is ending, or an earlier frame still waits in this
        process because the peer does not read. Raises `Disconnected` if writing failed: the outcome is unknown.

        On return the kernel has the frame, or at least its beginning, and the rest follows before anything else. That
        the peer got it, only an answer proves. When the peer acknowledges nothing for ``probe_timeout_s``, the
        connection ends and the rest never leaves (on Linux; elsewhere only ``idle_after_s`` finds that).
        """
        if obstacle := self.obstacle:
            raise NotSent(f"{self._where}: {obstacle}")
        self._transport.send(_TEXT, text)
        if self._stream.is_closing():
            raise Disconnected(f"{self._where}: writing failed, the outcome is unknown", code=ABNORMAL)

    async def closed(self) -> None:
        """Wait for the end: returns if `close` brought it, else raises `Disconnected`.

        Its code is the one that the peer closed with, or names the peer's breach (1002, 1007, 1009), or is 1006: there
        was no close frame.
        """
        await self._ended()
        if not self._closed_by_us:
            reason, code = self._listener.end or (LOST, ABNORMAL)
            raise Disconnected(f"{self._where}: {reason}", code=code)

    async def close(self) -> None:
        """Send a close frame, wait for the peer's answer for at most ``probe_timeout_s``, then drop the connection."""
        if not (self._transport.is_close_frame_sent or self._stream.is_closing()):
            self._closed_by_us = True
            self._listener.conclude("closed", code=WSCloseCode.OK.value)
            self._transport.send_close(WSCloseCode.OK)
        try:
            async with asyncio.timeout(self._answer_timeout_s):
                await self._ended()
        except TimeoutError:
            log.debug("%s: no answer to the close frame", self._where)
        finally:
            self.abort("no answer to the close frame")
            await self._ended()

    def abort(self, reason: str) -> None:
        """End it now: what the kernel has not sent is discarded, and `closed` raises `Disconnected` with the reason."""
        if self._transport.is_disconnected:
            return
        self._listener.conclude(reason, code=ABNORMAL)
        with suppress(OSError):
            self._stream.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DISCARD)
        self._transport.disconnect(graceful=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _ended(self) -> None:
        try:
            await self._transport.wait_disconnected()
        except WSProtocolError as error:
            self._listener.conclude(str(error), code=int(error.code))


class _Watch:
    """Finds that the peer fell silent: a timer looks at the time of the last message, which messages only stamp."""

    def __init__(
        self,
        websocket: WebSocket,
        listener: FrameListener,
        probe: Callable[[], None],
        *,
        idle_after_s: float,
        answer_timeout_s: float,
    ) -> None:
        self._websocket, self._listener, self._probe = websocket, listener, probe
        self._idle_after_s, self._answer_timeout_s = idle_after_s, answer_timeout_s
        self._loop = asyncio.get_running_loop()
        self._look()

    def stop(self) -> None:
        """Look no more."""
        self._handle.cancel()

    def _look(self) -> None:
        """Probe if the silence lasted. The clock decides, as timers may come early: uvloop's are whole milliseconds."""
        silent_s = self._loop.time() - self._listener.heard_at
        if silent_s < self._idle_after_s:
            self._handle = self._loop.call_later(self._idle_after_s - silent_s, self._look)
            return
        self._listener.heard_at = -math.inf
        self._handle = self._loop.call_later(self._answer_timeout_s, self._let_read)
        try:
            self._probe()
        except Exception as error:  # noqa: BLE001  # the component's code; without an answer the connection ends
            self._listener.failed(error)

    def _let_read(self) -> None:
        """If the loop was blocked, an answer may lie in the socket: it is read before the verdict.

        Hence a timer: what uvloop calls soon, it calls before it polls the sockets.
        """
        self._handle = self._loop.call_later(0.001, self._judge)

    def _judge(self) -> None:
        if self._listener.heard_at > -math.inf:
            self._look()
        else:
            self._websocket.abort(
                f"silent for {self._idle_after_s:g} s, and for {self._answer_timeout_s:g} s after a probe"
            )
