"""One TCP connection to the exchange, as it may go wrong below HTTP: without a word, or byte by byte."""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Literal

Interface = Literal["rest", "ws-api", "streams"]
Data = bytes | bytearray | memoryview

_AT_ONCE = struct.pack("ii", 1, 0)  # to linger for 0 s: closing sends a RST
_MOST_WAITING = 64 * 1024


class Wire(asyncio.Transport):
    """A transport that does what its server wants, until something is to go wrong with it.

    ``interface`` is what it is used for, as far as known, ``accounts`` those that its client has shown keys of.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self.interface: Interface = "rest"
        self.accounts: Callable[[], Iterable[str]] = tuple
        self._transport = transport
        self._detour: Callable[[Data], None] | None = None
        self._drip: _Drip | None = None
        self.is_mute = self._is_closed = False

    @property
    def is_open(self) -> bool:
        """Whether the client is still there, as far as is known."""
        return not self._transport.is_closing()

    def mute(self) -> None:
        """Neither send nor hear anything any more: the client learns nothing, not even that its server hung up."""
        if self.is_mute or not self.is_open:
            return
        if self._drip is not None:
            self._drip.forget()
            self._drip = None
        self.is_mute, self._detour = True, _nowhere
        self._transport.set_protocol(_Deaf(self._transport.get_protocol(), self))
        if not self._transport.is_reading():
            self._transport.resume_reading()  # to hear of the client's end

    def reset(self) -> None:
        """End the connection with a RST, even a mute one."""
        self._is_closed = True
        where: socket.socket | None = self._transport.get_extra_info("socket")
        if where is not None and not self._transport.is_closing():
            where.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._transport.abort()

    def drip(self, size: int, *, every_s: float, interface: Interface | None) -> None:
        """Send so many bytes at a time from now on, if it is used for that."""
        if not self.is_mute:
            self._drip = _Drip(self._transport, size=size, every_s=every_s)
            self._detour = lambda data: self._write_slowly(data, interface)

    def pour(self) -> None:
        """Send everything at once again."""
        if self._drip is not None:
            self._drip.pour()
            self._drip = None
            self._detour = _nowhere if self.is_mute else None

    def write(self, data: Data) -> None:
        if self._detour is None:
            self._transport.write(data)
        else:
            self._detour(data)

    def writelines(self, list_of_data: Iterable[Data]) -> None:
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        self._is_closed = True
        if self._drip is not None:
            self._drip.close()
        elif not self.is_mute:
            self._transport.close()

    def abort(self) -> None:
        if self.is_mute:
            self._is_closed = True
        else:
            self.reset()

    def is_closing(self) -> bool:
        return self._is_closed or self._transport.is_closing()

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def is_reading(self) -> bool:
        return self._transport.is_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._transport.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        waiting = 0 if self._drip is None else self._drip.size
        return waiting + self._transport.get_write_buffer_size()

    def can_write_eof(self) -> bool:
        return False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._transport.get_protocol()

    def _write_slowly(self, data: Data, interface: Interface | None) -> None:
        if self._drip is not None and (interface in (None, self.interface) or self._drip.size):
            self._drip.write(data)
        else:
            self._transport.write(data)


class _Drip:
    """What waits to be sent, a little at a time; who writes has to pause when it is much."""

    def __init__(self, transport: asyncio.Transport, *, size: int, every_s: float) -> None:
        self._transport, self._bytes, self._every_s = transport, size, every_s
        self._waiting = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._is_paused = self._is_closing = False

    @property
    def size(self) -> int:
        return len(self._waiting)

    def write(self, data: Data) -> None:
        self._waiting += data
        if self._timer is None:
            self._step()
        if self.size > _MOST_WAITING:
            self._pause(True)

    def close(self) -> None:
        """Once everything is sent."""
        self._is_closing = True
        if self._timer is None:
            self._transport.close()

    def pour(self) -> None:
        self._send(self.size)

    def forget(self) -> None:
        self._waiting.clear()
        self._pause(False)

    def _step(self) -> None:
        self._timer = None
        self._send(self._bytes)
        if self._waiting:
            self._timer = asyncio.get_running_loop().call_later(self._every_s, self._step)

    def _send(self, size: int) -> None:
        if not self._transport.is_closing():
            self._transport.write(bytes(self._waiting[:size]))
        del self._waiting[:size]
        if not self._waiting:
            self._pause(False)
            if self._is_closing:
                self._transport.close()

    def _pause(self, is_paused: bool) -> None:
        protocol = self._transport.get_protocol()
        if is_paused != self._is_paused and isinstance(protocol, asyncio.Protocol):
            self._is_paused = is_paused
            (protocol.pause_writing if is_paused else protocol.resume_writing)()


class _Deaf(asyncio.Protocol):
    """Hears nothing but that the client is gone."""

    def __init__(self, protocol: asyncio.BaseProtocol, wire: Wire) -> None:
        self._protocol, self._wire = protocol, wire

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)


def label(
    transport: asyncio.Transport | None, interface: Interface, *, accounts: Callable[[], Iterable[str]] = tuple
) -> None:
    """Tell a wire what it is used for."""
    if isinstance(transport, Wire):
        transport.interface, transport.accounts = interface, accounts


def _nowhere(data: Data) -> None:
    """Forget it."""
