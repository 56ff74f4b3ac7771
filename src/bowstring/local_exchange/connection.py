"""One websocket client of the local exchange: its control messages, its frames, and Binance's rules for both."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from typing import Protocol

from aiohttp import WSMsgType
from aiohttp.web import WebSocketResponse

from bowstring.local_exchange.frames import text_frame
from bowstring.local_exchange.heartbeat import LIFE_S, Closed, Heartbeat
from bowstring.local_exchange.subscriptions import Subscriptions

MESSAGES_PER_S = 5  # pings, pongs and control messages from the client
WAITING_BYTES = 4_000_000  # to a client that does not read: 30 s of a busy connection
CLOSE_S = 2.0


class Feed(Protocol):
    """Where connections get their data from."""

    def changed(self, connection: "Connection", /) -> None:
        """Its subscriptions are new, or may have changed; the reply that says so has been sent."""
        ...

    def left(self, connection: "Connection", /) -> None:
        """It has ended."""
        ...


class Connection:
    """Delivers what is subscribed to.

    A reply goes out before any frame that it lets through: both are written in the order in which they happen here.
    """

    def __init__(
        self,
        socket: WebSocketResponse,
        transport: asyncio.WriteTransport,
        subscriptions: Subscriptions,
        *,
        feed: Feed,
        unit: int,
        life_s: float = LIFE_S,
    ) -> None:
        self.subscriptions, self.unit = subscriptions, unit
        self._socket, self._transport, self._feed = socket, transport, feed
        self._heartbeat = Heartbeat(socket, life_s=life_s)
        self._waiting: list[bytes] = []
        self._received: deque[float] = deque(maxlen=MESSAGES_PER_S)
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[Closed] = self._loop.create_future()

    async def run(self) -> None:
        """Serve until the client leaves or breaks a rule, which closes the socket with 1008."""
        ending = Closed(1000)
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._heartbeat.run())
                self._tasks.create_task(self._end())
                await self._serve()
        except* Closed as closed:
            ending = next(reason for reason in closed.exceptions if isinstance(reason, Closed))
        except* ConnectionError:
            pass
        finally:
            self._feed.left(self)
        await self.close(code=ending.code, reason=str(ending))

    @property
    def is_ending(self) -> bool:
        """Whether it is being closed, and gets no more data."""
        return self._ended.done()

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Do something for as long as the connection lasts; if it raises `Closed`, it lasts no longer."""
        return self._tasks.create_task(work)

    def send(self, frame: bytes) -> None:
        """Write a whole frame, together with all others of this step of the loop; who does not read is cut off."""
        if self.is_ending:
            return
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(frame)

    async def deliver(self, text: bytes) -> None:
        """Send a text as soon as the client has read most of those before. Raises `ConnectionError`."""
        self._flush()
        await self._socket.send_frame(text, WSMsgType.TEXT)

    def end(self, ending: Closed) -> None:
        """Close the connection, once, soon."""
        if not self.is_ending:
            self._ended.set_result(ending)

    async def close(self, *, code: int, reason: str = "") -> None:
        """Say why, wait a moment for the client to agree, then cut it off."""
        self._flush()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._socket.close(code=code, message=reason.encode())
                return
        self._transport.abort()

    def _flush(self) -> None:
        if self._waiting and not self._transport.is_closing():
            self._transport.write(b"".join(self._waiting))
            if self._transport.get_write_buffer_size() > WAITING_BYTES:
                self.end(Closed(1008, "Too slow"))
        self._waiting.clear()

    async def _serve(self) -> None:
        self._feed.changed(self)
        async for message in self._socket:
            self._count()
            if message.type is WSMsgType.TEXT:
                self.send(text_frame(self.subscriptions.answer(message.data)))
                self._flush()
                self._feed.changed(self)
            elif message.type is WSMsgType.PING:
                await self._socket.pong(message.data)
            elif message.type is WSMsgType.PONG:
                self._heartbeat.pong(bytes(message.data))
        raise Closed(1000)

    async def _end(self) -> None:
        raise await self._ended

    def _count(self) -> None:
        now = self._loop.time()
        if len(self._received) == MESSAGES_PER_S and now - self._received[0] < 1.0:
            raise Closed(1008, "Too many requests")
        self._received.append(now)
