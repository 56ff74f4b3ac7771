"""Delivers a playback to connections."""

import asyncio
from contextlib import aclosing

from bowstring.local_exchange.connection import Connection
from bowstring.local_exchange.heartbeat import Closed
from bowstring.local_exchange.playback import Playback, TooSlow


class Delivery:
    """Each connection reads the playback at its own pace, from its first subscription on."""

    def __init__(self, playback: Playback) -> None:
        self._playback = playback
        self._running: dict[Connection, asyncio.Task[None]] = {}

    def changed(self, connection: Connection) -> None:
        if connection.subscriptions.streams and connection not in self._running:
            self._running[connection] = connection.start(self._deliver(connection))

    def left(self, connection: Connection) -> None:
        self._running.pop(connection, None)

    async def finish(self) -> None:
        """Wait until those who are connected have been sent everything."""
        if self._running:
            await asyncio.wait(self._running.values())

    async def _deliver(self, connection: Connection) -> None:
        try:
            async with aclosing(self._playback.frames()) as frames:
                async for frame in frames:
                    if frame.stream in connection.subscriptions.streams:
                        await connection.deliver(frame.combined if connection.subscriptions.combined else frame.payload)
        except TooSlow as reason:
            raise Closed(1008, f"Too slow: {reason}") from None
