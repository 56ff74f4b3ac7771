"""From frames to messages: what picows leaves to its user (fragments, UTF-8, reserved bits, pongs, the close frame)."""

import asyncio
import logging
import math
from collections.abc import Callable

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSProtocolError, WSTransport

log = logging.getLogger(__name__)

LOG_EVERY_S = 60.0
NO_STATUS, ABNORMAL = 1005, 1006  # RFC 6455, 7.4.1: a close frame without a code; no close frame

_TEXT, _BINARY, _CONTINUATION, _CLOSE = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION, WSMsgType.CLOSE


class FrameListener(WSListener):
    """Calls ``on_message`` for each message, in the read callback, and answers control frames.

    A breach of the protocol is raised as WSProtocolError: picows answers it, like the breaches that it finds itself,
    with a close frame, and disconnects. Nothing else is raised.
    """

    heard_at: float  # the loop's time when the last message came
    unsent: Callable[[], int]  # how many bytes are still in this process
    end: tuple[str, int] | None = None  # why the connection ended, and the close code
    failures: int = 0

    def __init__(
        self, on_message: Callable[[str | bytes], None], *, name: str, max_message_bytes: int, pong_answers: bool
    ) -> None:
        self.max_message_bytes = max_message_bytes
        self.on_end: list[Callable[[], None]] = []
        self._on_message, self._name, self._pong_answers = on_message, name, pong_answers
        self._time = asyncio.get_running_loop().time
        self._fragments, self._room = bytearray(), max_message_bytes
        self._first: WSMsgType | None = None  # the type of the message that is being reassembled
        self._logged_at: dict[type[Exception], float] = {}

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.unsent = _unsent_bytes(transport)
        self.heard_at = self._time()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if self.end is not None and kind is not _CLOSE:
            return
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            raise self._breach(WSCloseCode.PROTOCOL_ERROR, "a reserved bit is set, but no extension was agreed")
        whole = frame.fin and self._first is None and frame.payload_size <= self._room
        try:
            if whole and kind is _TEXT:
                self._deliver(frame.get_payload_as_utf8_text())
            elif whole and kind is _BINARY:
                self._deliver(frame.get_payload_as_bytes())
            elif kind is _TEXT or kind is _BINARY or kind is _CONTINUATION:
                self._reassemble(frame, kind)
            else:
                self._control(transport, frame, kind)
        except UnicodeDecodeError:
            raise self._breach(WSCloseCode.INVALID_TEXT, "a text is not UTF-8") from None

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        for tell in self.on_end:
            tell()

    def conclude(self, reason: str, *, code: int) -> None:
        """Note why the connection ends, and hear no more messages; the first reason stays."""
        self.end = self.end or (reason, code)

    def failed(self, error: Exception) -> None:
        """Count what the component's code raised, and log it once a minute and type."""
        self.failures += 1
        now = self._time()
        if now - self._logged_at.get(type(error), -math.inf) >= LOG_EVERY_S:
            self._logged_at[type(error)] = now
            log.error("%s: failure %d in a callback of the websocket", self._name, self.failures, exc_info=error)

    def _deliver(self, message: str | bytes) -> None:
        """Hand over a message of its own: a view is no faster to decode, is not UTF-8 checked, and dangles if kept."""
        self.heard_at = self._time()
        try:
            self._on_message(message)
        except Exception as error:  # noqa: BLE001  # the component's code; to raise here would disconnect
            self.failed(error)

    def _reassemble(self, frame: WSFrame, kind: WSMsgType) -> None:
        if (self._first is None) is (kind is _CONTINUATION):
            raise self._breach(WSCloseCode.PROTOCOL_ERROR, "a fragment out of order")
        if frame.payload_size > self._room:
            raise self._breach(WSCloseCode.MESSAGE_TOO_BIG, f"a message exceeds {self.max_message_bytes} bytes")
        self._first = self._first or kind
        self._fragments += frame.get_payload_as_memoryview()
        self._room -= frame.payload_size
        if frame.fin:
            message = self._fragments.decode() if self._first is _TEXT else bytes(self._fragments)
            self._fragments, self._first, self._room = bytearray(), None, self.max_message_bytes
            self._deliver(message)

    def _breach(self, code: WSCloseCode, reason: str) -> WSProtocolError:
        self.conclude(reason, code=code.value)
        return WSProtocolError(code, reason)

    def _control(self, transport: WSTransport, frame: WSFrame, kind: WSMsgType) -> None:
        """Answer a control frame; but a peer that pings and does not read gets no pongs that would pile up."""
        if kind is _CLOSE:
            code, reason = frame.get_close_code().value or NO_STATUS, frame.get_close_reason()
            self.conclude(f"the peer closed with {code}" + (f" {reason!r}" if reason else ""), code=code)
            transport.send_close(WSCloseCode.OK)  # sends nothing if ours went first
            transport.disconnect(graceful=False)
        elif kind is WSMsgType.PONG:
            self.heard_at = self._time() if self._pong_answers else self.heard_at
        elif not self.unsent():
            transport.send_pong(frame.get_payload_as_bytes())


def _unsent_bytes(transport: WSTransport) -> Callable[[], int]:
    """How to ask what the transport has not written; aiofastnet's usual answer omits what TLS has encrypted already."""
    stream = transport.underlying_transport
    written_later: Callable[[], int] = stream.get_write_buffer_size
    encrypted: Callable[[], int] | None = getattr(stream, "get_local_write_buffer_size", None)
    return written_later if encrypted is None else lambda: max(written_later(), encrypted())
