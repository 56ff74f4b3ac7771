"""Where clients connect: an address that can be closed and opened again, and the wires of those who have."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import cast
from weakref import WeakKeyDictionary

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.wire import Wire

_BACKLOG = 128  # aiohttp: 128


class Port:
    """``serve`` makes the protocol that serves one client. ``number`` 0 takes a free port, and keeps it.

    A ``guard`` is shown each new wire, before anything is read from it.
    """

    def __init__(self, serve: Callable[[], asyncio.Protocol], *, host: str, number: int) -> None:
        self._serve, self._host, self.number = serve, host, number
        self._wires: WeakKeyDictionary[Wire, int] = WeakKeyDictionary()
        self._ids = count()
        self._server: asyncio.Server | None = None
        self.guard: Callable[[Wire], None] | None = None

    @property
    def wires(self) -> list[Wire]:
        """Those that are open, oldest first."""
        numbers = {wire: number for wire, number in self._wires.items() if wire.is_open}
        return sorted(numbers, key=numbers.__getitem__)

    async def open(self) -> None:
        """Let clients connect. Raises `ConfigError` if the address cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: _Arrival(self), self._host, self.number, backlog=_BACKLOG, reuse_address=True
            )
        except OSError as error:
            where = f"cannot serve on {self._host} port {self.number}"
            raise ConfigError(f"{where}: {error.strerror}; give another port, or host") from None
        self.number = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Refuse to be connected to; the wires stay as they are."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def admit(self, wire: Wire) -> None:
        """Serve a new client."""
        self._wires[wire] = next(self._ids)
        if self.guard is not None:
            self.guard(wire)
        if not wire.is_mute:
            protocol = self._serve()
            wire.set_protocol(protocol)
            protocol.connection_made(wire)


class _Arrival(asyncio.Protocol):
    """A client that has just connected."""

    def __init__(self, port: Port) -> None:
        self._port = port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._port.admit(Wire(cast("asyncio.Transport", transport)))  # uvloop's is none by its class
