"""The pings that a server sends, what it does if they are not answered, and the end of a connection's life."""

import asyncio
from time import time_ns

from aiohttp.web import WebSocketResponse

PING_S = 20.0
PONG_TIMEOUT_S = 60.0
LIFE_S = 86_400.0


class Closed(Exception):
    """Why a connection ends: what the close frame says."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code


class Heartbeat:
    """Ends with `Closed` when a ping has not been answered for a minute, and after ``life_s``."""

    def __init__(self, response: WebSocketResponse, *, life_s: float = LIFE_S) -> None:
        self._response, self._life_s = response, life_s
        self._unanswered: set[bytes] = set()
        self._deadline: float | None = None

    async def run(self) -> None:
        """Ping; must run as long as the connection."""
        loop = asyncio.get_running_loop()
        end, ping = loop.time() + self._life_s, loop.time() + PING_S
        while True:
            wake = min(end, ping, self._deadline or end)
            await asyncio.sleep(wake - loop.time())
            if loop.time() >= end:
                raise Closed(1001, "24 hours are over")
            if self._deadline is not None and loop.time() >= self._deadline:
                raise Closed(1008, "Pong timeout")
            if loop.time() >= ping:
                ping += PING_S
                await self._ping(loop.time())

    async def _ping(self, now: float) -> None:
        payload = str(time_ns() // 1_000_000).encode()
        if not self._unanswered:
            self._deadline = now + PONG_TIMEOUT_S
        self._unanswered.add(payload)
        await self._response.ping(payload)

    def pong(self, payload: bytes) -> None:
        """The client has answered a ping, or sent a pong of its own, which counts for nothing."""
        if payload in self._unanswered:
            self._unanswered.clear()
            self._deadline = None
