"""`TaskOwner`: deadlines that hold, whatever it is that runs under them."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")


class Overdue(TimeoutError):
    """Something took longer than it may."""


class TaskOwner:
    """Owns tasks that run components' code; one that goes on although it was cancelled is named, not waited for.

    ``complaint`` is what to say of it. Each is cancelled once: a second time would cut its cleaning up short.
    """

    def __init__(self) -> None:
        self._running: dict[asyncio.Future[Any], str] = {}
        self._cancelled: dict[asyncio.Future[Any], str] = {}

    def own(self, work: Awaitable[T], *, complaint: str) -> "asyncio.Future[T]":
        """Run some work, or see to a task that runs already."""
        task = asyncio.ensure_future(work)
        if task not in self._cancelled:
            self._running[task] = complaint
        return task

    async def within(self, seconds: float, work: Awaitable[T], *, complaint: str) -> T:
        """Run some work and return its result; once the time is over it is cancelled, and not waited for.

        Raises what it raises, `Overdue` with the complaint, and RuntimeError when it was cancelled from within.
        """
        task = self.own(work, complaint=complaint)
        try:
            await asyncio.wait({task}, timeout=seconds)
        finally:
            self.cancel(task)
        if not task.done():
            raise Overdue(complaint)
        if task.cancelled():
            raise RuntimeError("it was cancelled from within")
        return task.result()

    def cancel(self, task: "asyncio.Future[T]") -> None:
        """Cancel a task, unless that was done."""
        if task in self._running:
            self._cancelled[task] = self._running.pop(task)
            task.cancel()

    def cancel_all(self) -> None:
        """Cancel all tasks."""
        for task in list(self._running):
            self.cancel(task)

    async def ended(self, *, within_s: float) -> list[str]:
        """Wait until all that were cancelled have ended; returns the complaints about those that have not."""
        pending = [task for task in self._cancelled if not task.done()]
        if pending:
            await asyncio.wait(pending, timeout=within_s)
        return [complaint for task, complaint in self._cancelled.items() if not task.done()]
