"""One websocket client of the local exchange: its control messages, its frames, and Binance's rules for both."""

import asyncio
from collections import deque
from contextlib import aclosing, suppress
from time import time_ns

from aiohttp import WSMsgType
from aiohttp.web import WebSocketResponse

from bowstring.local_exchange.playback import Playback, TooSlow
from bowstring.local_exchange.subscriptions import Subscriptions

PING_S = 20.0
PONG_TIMEOUT_S = 60.0
MESSAGES_PER_S = 5  # pings, pongs and control messages from the client
_CLOSE_S = 2.0


class _Closed(Exception):
    """Why a connection ends: what the close frame says."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code


class Connection:
    """Delivers the subscribed frames from the first subscription on.

    A reply goes out before any frame that it lets through: both are written in the order in which they happen here.
    """

    def __init__(self, socket: WebSocketResponse, subscriptions: Subscriptions, *, playback: Playback) -> None:
        self._socket, self._subscriptions, self._playback = socket, subscriptions, playback
        self._unanswered: set[bytes] = set()
        self._received: deque[float] = deque(maxlen=MESSAGES_PER_S)
        self.delivery: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve until the client leaves or breaks a rule, which closes the socket with 1008."""
        ending = _Closed(1000)
        try:
            async with asyncio.timeout(None) as self._pong_deadline, asyncio.TaskGroup() as tasks:
                tasks.create_task(self._ping())
                await self._serve(tasks)
        except* TimeoutError:
            ending = _Closed(1008, "Pong timeout")
        except* _Closed as closed:
            ending = next(reason for reason in closed.exceptions if isinstance(reason, _Closed))
        except* ConnectionError:
            pass
        await self.close(code=ending.code, reason=str(ending))

    async def close(self, *, code: int, reason: str = "") -> None:
        """Say why and wait a moment for the client to agree."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._socket.close(code=code, message=reason.encode())

    async def _serve(self, tasks: asyncio.TaskGroup) -> None:
        self._start_delivery(tasks)
        async for message in self._socket:
            self._count()
            if message.type is WSMsgType.TEXT:
                await self._socket.send_frame(self._subscriptions.answer(message.data), WSMsgType.TEXT)
                self._start_delivery(tasks)
            elif message.type is WSMsgType.PING:
                await self._socket.pong(message.data)
            elif message.type is WSMsgType.PONG and bytes(message.data) in self._unanswered:
                self._unanswered.clear()
                self._pong_deadline.reschedule(None)
        raise _Closed(1000)

    def _start_delivery(self, tasks: asyncio.TaskGroup) -> None:
        if self.delivery is None and self._subscriptions.streams:
            self.delivery = tasks.create_task(self._deliver())

    async def _deliver(self) -> None:
        try:
            async with aclosing(self._playback.frames()) as frames:
                async for frame in frames:
                    if frame.stream in self._subscriptions.streams:
                        text = frame.combined if self._subscriptions.combined else frame.payload
                        await self._socket.send_frame(text, WSMsgType.TEXT)
        except TooSlow as reason:
            raise _Closed(1008, f"Too slow: {reason}") from None

    async def _ping(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(PING_S)
            if not self._unanswered:
                self._pong_deadline.reschedule(loop.time() + PONG_TIMEOUT_S)
            payload = str(time_ns() // 1_000_000).encode()
            self._unanswered.add(payload)
            await self._socket.ping(payload)

    def _count(self) -> None:
        now = asyncio.get_running_loop().time()
        if len(self._received) == MESSAGES_PER_S and now - self._received[0] < 1.0:
            raise _Closed(1008, "Too many requests")
        self._received.append(now)
