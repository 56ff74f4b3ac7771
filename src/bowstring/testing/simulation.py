"""Deterministic simulation: real asyncio code under virtual time, with nothing left to chance.

`simulate` runs a coroutine on an event loop on which waiting takes no time: when nothing is ready, the clock jumps
to the next timer. There is no I/O, no thread and no other source of surprise, so one seed gives one run, always.

Two things are beyond the loop, because sets order them by their addresses: coroutines, of which
`asyncio.as_completed` makes a set (give it tasks), and tasks made by hand with ``asyncio.Task(...)``.
"""

import asyncio
import random
import sys
from asyncio.base_events import BaseEventLoop
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar
from itertools import count
from threading import Thread
from typing import Any, NoReturn, Protocol, TypeVar, TypeVarTuple

from bowstring.core.clock import Clock
from bowstring.core.errors import BowstringError

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

BOOT_NS = 10**12  # a monotonic clock does not begin with the program
EPOCH_NS = 1_704_067_200_000_000_000  # 2024-01-01T00:00:00Z


class Scheduled(Protocol):
    """A callback of an owner's: ``handle`` is that under which the loop has it."""

    handle: asyncio.Handle

    def __call__(self) -> None:
        """Run it, unless the owner has something against it."""
        ...


class Owner(Protocol):
    """Has a say in when its own callbacks run: see `bowstring.testing.node`."""

    def schedule(self, callback: Callable[..., object], args: tuple[Any, ...]) -> Scheduled:
        """What is scheduled in place of a callback."""
        ...


OWNER: ContextVar[Owner | None] = ContextVar("owner", default=None)
"""Whose the present code is, and all that it schedules."""


class Deadlock(BowstringError):
    """Something is awaited, and nothing is scheduled that could ever bring it."""


class SimulatedClock(Clock):
    """The loop's virtual time since ``epoch_ns``, with seeded randomness and ids, and without threads."""

    has_threads = False

    def __init__(self, monotonic_ns: Callable[[], int], *, seed: int | str, epoch_ns: int = EPOCH_NS) -> None:
        self.monotonic_ns = monotonic_ns
        self.epoch_ns = epoch_ns
        self.random = random.Random(seed)

    def start_thread(self, target: Callable[[], None], *, name: str) -> Thread:
        """Refuse: what a thread does, and when, depends on more than the seed."""
        raise RuntimeError(f"a simulation has no threads, so {name} cannot run in one: give it a stand-in")


class SimulatedLoop(BaseEventLoop):
    """An event loop for one seed: ``clock`` is its clock, ``failures`` what callbacks and lost tasks raised."""

    def __init__(self, *, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.clock = SimulatedClock(self._monotonic_ns, seed=seed, epoch_ns=EPOCH_NS - BOOT_NS)
        self.failures: list[BaseException] = []
        self._now_ns = 0
        self._serials = count(1)
        self._selector = self  # what BaseEventLoop waits with
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """The virtual time in seconds, from 0."""
        return self._now_ns / 1e9

    def select(self, timeout: float | None) -> None:
        """Jump over ``timeout`` seconds: where another loop would wait for I/O."""
        if timeout is None:
            waiting = ", ".join(sorted(task.get_name() for task in asyncio.all_tasks(self)))
            raise Deadlock(f"seed {self.seed}: nothing is scheduled at {self.time()} s, and these wait: {waiting}")
        self._now_ns += round(timeout * 1e9)

    def block(self, seconds: float) -> None:
        """Let time pass while nothing else runs: what a callback does that blocks the loop."""
        self._now_ns += round(seconds * 1e9)

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Schedule a callback for the next turn, unless its owner has something against it by then."""
        owner = OWNER.get() if context is None else context.get(OWNER)
        if owner is None:
            return super().call_soon(callback, *args, context=context)
        scheduled = owner.schedule(callback, args)
        scheduled.handle = super().call_soon(scheduled, context=context)
        return scheduled.handle

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Schedule a callback for a time, unless its owner has something against it by then."""
        owner = OWNER.get() if context is None else context.get(OWNER)
        if owner is None:
            return super().call_at(when, callback, *args, context=context)
        scheduled = owner.schedule(callback, args)
        scheduled.handle = timer = super().call_at(when, scheduled, context=context)
        return timer

    def create_future(self) -> "asyncio.Future[Any]":
        """A future that has its place in any set."""
        return _Future(self, serial=next(self._serials))

    def create_task(self, coro: Generator[Any, None, T] | Coroutine[Any, Any, T], **options: Any) -> "asyncio.Task[T]":
        """A task that has its place in any set, and a name that is the same in each run."""
        return _Task(coro, loop=self, serial=next(self._serials), **options)

    call_soon_threadsafe = call_soon

    def run_in_executor(self, executor: object, func: object, *args: object) -> NoReturn:
        """Refuse: an executor has threads."""
        raise RuntimeError("a simulation has no threads, and so no executor")

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what nobody caught, for `simulate` to raise."""
        self.failures.append(context.get("exception") or RuntimeError(context["message"]))

    def _monotonic_ns(self) -> int:
        return BOOT_NS + self._now_ns

    def _process_events(self, events: None) -> None:
        """There are none: nothing comes from outside."""


def simulate(main: Coroutine[Any, Any, T], *, seed: int = 0) -> T:
    """Run a coroutine under virtual time and return its result. Its clock is `simulated_clock()`.

    Raises what it raises; `Deadlock` when it can never end; and, once it is over, an ExceptionGroup if a callback
    raised or a task's error was never looked at. Each names the seed.
    """
    loop = SimulatedLoop(seed=seed)
    note = f"in the simulation with seed {seed}"
    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            result = runner.run(main)
    except BaseException as error:
        error.add_note(note)
        if not loop.failures:
            raise
        loop.failures.insert(0, error)
    else:
        if not loop.failures:
            return result
    raise BaseExceptionGroup(note, loop.failures)


def simulated_clock() -> SimulatedClock:
    """The clock of the simulation that runs."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, SimulatedLoop):
        raise RuntimeError("no simulation runs here: run this with simulate()")
    return loop.clock


class _Future(asyncio.Future[Any]):
    """Hashed by its number in the run: a set of default futures is ordered by their addresses."""

    def __init__(self, loop: SimulatedLoop, *, serial: int) -> None:
        self._serial = serial
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._serial


class _Task(asyncio.Task[T]):
    """Hashed like `_Future`, and named by its number too: asyncio counts on over all loops of the process."""

    def __init__(
        self, coro: Any, *, serial: int, name: str | None = None, context: Context | None = None, **options: Any
    ) -> None:
        self._serial = serial
        self.owner = OWNER.get() if context is None else context.get(OWNER)
        super().__init__(coro, name=name or f"Task-{serial}", context=context, **options)

    def __hash__(self) -> int:
        return self._serial


def owner_of(task: "asyncio.Task[Any]") -> Owner | None:
    """Whose a task of a simulated loop is."""
    if isinstance(task, _Task):
        return task.owner
    if sys.version_info >= (3, 12):  # made by hand, as those are that begin at once
        return task.get_context().get(OWNER)
    return None
