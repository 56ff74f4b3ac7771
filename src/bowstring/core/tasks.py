"""Handlers that wait, and what handlers return: the one place that tells these apart."""

import asyncio
import sys
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable
from types import GeneratorType
from typing import Any, cast

from bowstring.core.messages import Message

FAILURES = (Exception, asyncio.CancelledError)
"""What a component may raise. A cancellation that escapes from a handler must not cancel the handler's caller."""

TURN_EVENTS = 1000
TURN_NS = 5_000_000

_THERE = (Message, list, tuple, GeneratorType)


def awaitable(result: object) -> Awaitable[object] | None:
    """What is to be awaited for a handler's result; None when the result is there."""
    if isinstance(result, _THERE):
        return None
    if isinstance(result, Awaitable):
        return cast("Awaitable[object]", result)
    if isinstance(result, AsyncIterable):
        return _collect(cast("AsyncIterable[object]", result))
    return None


def start(work: Awaitable[object]) -> "asyncio.Future[object]":
    """Run an awaitable in a task of its own, at once where Python can (3.12 and newer), else in the next turn.

    Never by hand with ``coroutine.send``: without a current task asyncio.timeout, TaskGroup and aiohttp fail.
    """
    if not asyncio.iscoroutine(work):
        return asyncio.ensure_future(work)
    return _start(cast("Coroutine[object, object, object]", work))


def as_list(result: object) -> list[Any]:
    """A handler's result as a list of whatever it returned."""
    if result is None:
        return []
    if isinstance(result, Message) or not isinstance(result, Iterable):
        return [result]
    return list(cast("Iterable[object]", result))


class Turn:
    """How long one stretch of work may keep the loop: 1,000 messages or 5 ms."""

    __slots__ = ("_deadline_ns", "_left", "_monotonic_ns")

    def __init__(self, monotonic_ns: Callable[[], int]) -> None:
        self._monotonic_ns = monotonic_ns
        self._deadline_ns = monotonic_ns() + TURN_NS
        self._left = TURN_EVENTS

    def is_over(self) -> bool:
        """Ask before each message."""
        self._left -= 1
        return self._left < 0 or self._monotonic_ns() > self._deadline_ns


async def _collect(results: AsyncIterable[object]) -> list[object]:
    return [result async for result in results]


if sys.version_info >= (3, 12):

    def _start(work: Coroutine[object, object, object]) -> "asyncio.Future[object]":
        return asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)
else:  # Python 3.11

    def _start(work: Coroutine[object, object, object]) -> "asyncio.Future[object]":
        return asyncio.get_running_loop().create_task(work)
