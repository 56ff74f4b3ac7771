"""A process in a simulation: it can be killed at any moment, or stopped for a while, and what it sent goes on.

What ends a task in asyncio, a cancellation, is no crash: the task cleans up. Of a `Node` that is killed nothing runs
any more, neither ``finally`` nor ``except``.
"""

import asyncio
import warnings
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Any, NoReturn, TypeVar, cast

from bowstring.testing.simulation import OWNER, SimulatedLoop, owner_of

T = TypeVar("T")

CLOSINGS = 10


class Killed(BaseException):
    """The node whose code this is raised in is dead. Nothing that is yet to run because of it reaches anything."""


class Node:
    """Owns all that is run by `run` or `call_soon`, and all that this schedules in turn.

    What its code reaches, such as a socket or a disk, must ask ``is_alive`` first: where it kills itself, the callers
    of `die` still unwind.
    """

    def __init__(self, loop: SimulatedLoop) -> None:
        self.is_alive = True
        self.context = copy_context()
        self.context.run(OWNER.set, self)
        self._loop = loop
        self._parked: list[tuple[_Call, Context]] | None = None
        self._dead: list[asyncio.Task[Any]] = []

    def run(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Begin some work of the node's, in a task."""
        return self._loop.create_task(work, context=self.context)

    def call_soon(self, callback: Callable[..., object], *args: object) -> None:
        """Have the node call something in the next turn."""
        self._loop.call_soon(callback, *args, context=self.context)

    def step(self) -> None:
        """Called before each step of the node's; for subclasses, which may `kill` here."""

    def tasks(self) -> "list[asyncio.Task[Any]]":
        """Its tasks that have not ended."""
        return [task for task in asyncio.all_tasks(self._loop) if owner_of(task) is self]

    def kill(self) -> None:
        """End it: nothing of it runs any more. Its tasks stay as they are until they are buried."""
        self.is_alive = False
        self._dead += self.tasks()

    def die(self) -> NoReturn:
        """`kill`, for the node's own code: its callers are left as well."""
        self.kill()
        raise Killed

    def pause(self) -> None:
        """Stop it, as SIGSTOP does: what is due waits."""
        if self._parked is None:
            self._parked = []

    def resume(self) -> None:
        """Let it go on, with what was due meanwhile."""
        parked, self._parked = self._parked or [], None
        for call, context in parked:
            self._loop.call_soon(call.late, context=context)

    def bury(self) -> None:
        """Have done with the tasks of a dead node, before the simulation ends."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # what was to be awaited by what never began
            for task in self._dead:
                asyncio.tasks._unregister_task(task)  # documented for those who write tasks
                _close(task)
        failures = self._loop.failures
        failures[:] = [error for error in failures if not isinstance(error, Killed)]

    def schedule(self, callback: Callable[..., object], args: tuple[Any, ...]) -> "_Call":
        """What is scheduled in place of a callback of the node's."""
        return _Call(self, callback, args)

    def perform(self, call: "_Call") -> None:
        """Run a callback that is due, or not."""
        if not self.is_alive:
            return
        if self._parked is not None:
            self._parked.append((call, copy_context()))
            return
        self.step()
        if self.is_alive:
            try:
                call.callback(*call.args)
            except Killed:
                if self.is_alive:
                    raise


def _close(task: "asyncio.Task[Any]") -> None:
    coroutine = cast("Coroutine[Any, Any, Any]", task.get_coro())
    for _ in range(CLOSINGS):  # what cleans up by waiting does not close at once
        with suppress(BaseException):
            coroutine.close()


class _Call:
    __slots__ = ("args", "callback", "handle", "_node")

    handle: asyncio.Handle

    def __init__(self, node: Node, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.callback = callback
        self.args = args
        self._node = node

    def __call__(self) -> None:
        self._node.perform(self)

    def late(self) -> None:
        """Run it now, unless it was cancelled while it waited."""
        if not self.handle.cancelled():
            self.callback(*self.args)
