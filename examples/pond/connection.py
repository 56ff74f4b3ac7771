"""One connection to Pond: requests go out in the caller's stack, and the rest is called back."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from msgspec import Raw

from bowstring.core.errors import BadMessage, Disconnected, NotSent, Rejected
from examples.pond.wire import Answer, FillData, Message, OrderData, QuoteData, Refusal, TradeData, parse, request

CONNECT_S = 5.0
Event = OrderData | FillData | QuoteData | TradeData


class Connection(asyncio.Protocol):
    """``lost`` is done when the connection has ended."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._on_event = on_event
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, asyncio.Future[Raw]] = {}
        self._requests = 0
        self._rest = b""

    @classmethod
    async def open(cls, host: str, port: int, on_event: Callable[[Event], None]) -> "Connection":
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_S):
            _, connection = await loop.create_connection(lambda: cls(on_event), host, port)
        return connection

    def ask(self, do: str, **fields: str | int) -> "asyncio.Future[Raw]":
        """Write a request. Raises `NotSent` if it cannot leave; its future raises `Rejected` or `Disconnected`."""
        if self._transport is None or self._transport.is_closing():
            raise NotSent("Pond: not connected")
        self._requests += 1
        answer = self._waiting[self._requests] = asyncio.get_running_loop().create_future()
        self._transport.write(request(self._requests, do, **fields))
        return answer

    def close(self) -> None:
        """It has ended once ``lost`` is done."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is of no such class

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        try:
            for line in lines:
                self._take(parse(line))
        except BadMessage:  # nothing after it can be trusted
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """What was not answered may have been carried out, or not."""
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Disconnected(f"Pond: the connection ended before the answer, {exc}"))
        if not self.lost.done():
            self.lost.set_result(None)

    def _take(self, message: Message) -> None:
        if not isinstance(message, Answer | Refusal):
            self._on_event(message)
            return
        answer = self._waiting.pop(message.id, None)
        if answer is None:
            raise BadMessage(f"{message} answers nothing")
        with suppress(asyncio.InvalidStateError):  # nobody waits any more
            if isinstance(message, Answer):
                answer.set_result(message.result)
            else:
                answer.set_exception(Rejected(f"Pond: {message.reason}"))
