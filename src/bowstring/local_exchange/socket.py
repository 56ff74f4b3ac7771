"""One websocket client: what is sent to it goes out in order, and what it sends is handled in order."""

import asyncio
from collections import deque
from collections.abc import Callable

from aiohttp import WSMessage, WSMsgType
from aiohttp.web import WebSocketResponse

from bowstring.local_exchange.heartbeat import LIFE_S, Closed, Heartbeat

BACKLOG = 10_000  # frames that a client may be behind
CLOSE_S = 2.0

Receiver = Callable[[str | bytes], None]


class Socket:
    """``send`` never waits: a client that falls `BACKLOG` frames behind is disconnected."""

    def __init__(
        self, response: WebSocketResponse, *, transport: asyncio.Transport | None, life_s: float = LIFE_S
    ) -> None:
        self._response, self._transport = response, transport
        self._heartbeat = Heartbeat(response, life_s=life_s)
        self._outgoing: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._is_receiving = self._is_flushing = False
        self._ending, self._is_ending = Closed(1000), asyncio.Event()

    def send(self, text: bytes) -> None:
        """Send a text frame after all others."""
        self._outgoing.append(text)
        if len(self._outgoing) > BACKLOG:
            self._outgoing.clear()
            self.end(1008, "Too slow")
        if not self._is_receiving:  # then what was sent meanwhile goes out right after
            self._news.set()

    def end(self, code: int, reason: str) -> None:
        """Close the connection once all that was sent is out."""
        self._ending = Closed(code, reason)
        self._is_ending.set()

    async def run(self, receive: Receiver) -> None:
        """Serve until the client leaves, or has to."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._heartbeat.run())
                tasks.create_task(self._write())
                tasks.create_task(self._end())
                async for message in self._response:
                    self._handle(message, receive, tasks)
                    await self._drain()
                self._is_ending.set()
        except* Closed as closed:
            self._ending = next(reason for reason in closed.exceptions if isinstance(reason, Closed))
        except* ConnectionError:
            pass
        await self.close(code=self._ending.code, reason=str(self._ending))

    async def close(self, *, code: int, reason: str = "") -> None:
        """Say why and wait a moment for the client to agree."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._drain()
                await self._response.close(code=code, message=reason.encode())
        except (TimeoutError, ConnectionError):
            self.abort()

    def abort(self) -> None:
        """Drop the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    def _handle(self, message: WSMessage, receive: Receiver, tasks: asyncio.TaskGroup) -> None:
        if message.type is WSMsgType.PING:
            tasks.create_task(self._response.pong(message.data))
        elif message.type is WSMsgType.PONG:
            self._heartbeat.pong(bytes(message.data))
        elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            self._is_receiving = True
            try:
                receive(message.data)
            finally:
                self._is_receiving = False

    async def _write(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await self._drain()

    async def _end(self) -> None:
        await self._is_ending.wait()
        raise self._ending

    async def _drain(self) -> None:
        if self._is_flushing:  # by another task, which then sends this too
            return
        self._is_flushing = True
        try:
            while self._outgoing:
                await self._response.send_frame(self._outgoing.popleft(), WSMsgType.TEXT)
        finally:
            self._is_flushing = False
