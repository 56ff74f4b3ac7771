"""Supervision: what fails is started again, after a pause that grows, and everybody is told."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import cast

from bowstring.core.clock import Clock
from bowstring.core.components import Collector
from bowstring.core.errors import ConfigError, PublishError
from bowstring.core.messages import CollectorDown, CollectorUp, Event
from bowstring.core.queue import EventQueue

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0
HEALTHY_S = 10.0  # one that ran for so long before it failed starts again with the first pause; Binance: 1 a second

log = logging.getLogger(__name__)


def pauses(clock: Clock) -> Iterator[float]:
    """Seconds to wait before each new attempt: doubling up to 30 s, each cut by up to a half at random."""
    pause_s = FIRST_PAUSE_S
    while True:
        yield pause_s * clock.random.uniform(0.5, 1.0)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


async def keep_running(
    work: Callable[[], Awaitable[None]],
    *,
    clock: Clock,
    down: Callable[[str, float], None],
    finite: bool = False,
    fatal: tuple[type[Exception], ...] = (),
) -> None:
    """Run ``work`` for ever, again whenever it raises or returns; ``down(reason, retry_in_s)`` is called each time.

    With ``finite``, its return is the end. What is ``fatal`` is raised.
    """
    pauses_s = pauses(clock)
    while True:
        began_ns = clock.monotonic_ns()
        try:
            await work()
            reason = "" if finite else "it ended, which only a finite one may"
        except asyncio.CancelledError:
            reason = "it was cancelled from within"
        except fatal:
            raise
        except Exception as error:  # a user's component is called here; the failure becomes an event
            log.debug("down", exc_info=error)
            reason = str(cause_of(error)) or repr(cause_of(error))
        if _is_cancelled():  # whatever it made of that
            raise asyncio.CancelledError
        if not reason:
            return
        if clock.monotonic_ns() - began_ns > HEALTHY_S * 1e9:
            pauses_s = pauses(clock)
        pause_s = next(pauses_s)
        down(reason, pause_s)
        await asyncio.sleep(pause_s)


class Emitter:
    """The `Emit` of an executor: straight into the event queue."""

    __slots__ = ("_publish", "drained")

    def __init__(self, queue: EventQueue) -> None:
        self._publish = queue.publish
        self.drained = queue.drained

    def __call__(self, event: Event, /) -> None:
        """Publish."""
        try:
            self._publish(event)
        except PublishError as error:
            raise _mended(error, event) from None


class CollectorEmitter:
    """The `Emit` of a collector: notes that it is up, and that it is not stalled."""

    __slots__ = ("_name", "_publish", "drained", "emitted", "is_up")

    def __init__(self, queue: EventQueue, name: str) -> None:
        self._publish = queue.publish
        self._name = name
        self.drained = queue.drained
        self.emitted = 0
        self.is_up = False

    def __call__(self, event: Event, /) -> None:
        """Publish, after `CollectorUp` where that is due."""
        self.emitted += 1
        if not self.is_up:
            self.is_up = True
            self._publish(CollectorUp(collector=self._name))
        try:
            self._publish(event)
        except PublishError as error:
            raise _mended(error, event) from None

    def note_dropped(self) -> None:
        """There was an event that is not to be published: no stall."""
        self.emitted += 1


def _mended(error: PublishError, event: object) -> PublishError:
    """What the queue says to those who return events, said to who emits them."""
    if isinstance(event, Event):
        return error
    return PublishError(f"emit({event!r}): that is no Event; emit events, one at a time")


async def supervise(collector: Collector, *, queue: EventQueue, clock: Clock) -> None:
    """Keep a collector running, and publish `CollectorDown` and `CollectorUp`; returns when a finite one has ended.

    Raises its `ConfigError`: a mistake of the user, which another attempt does not mend. Each attempt is a task of its
    own and begins when the one before has ended, as one that stalled may take its time for that.
    """
    emit = CollectorEmitter(queue, collector.name)
    attempt: asyncio.Task[None] | None = None

    def down(reason: str, retry_in_s: float) -> None:
        log.warning("%s: down, %s; again in %.1f s", collector.name, reason, retry_in_s)
        queue.publish(CollectorDown(collector=collector.name, reason=reason, retry_in_s=retry_in_s))

    async def run() -> None:
        nonlocal attempt
        await _ended(attempt)
        emit.is_up = False
        attempt = asyncio.get_running_loop().create_task(collector.run(emit))
        try:
            await _watch(attempt, emit, collector.stall_after_s)
        finally:
            attempt.cancel()

    try:
        await keep_running(run, clock=clock, down=down, finite=collector.finite, fatal=(ConfigError,))
    except ConfigError as error:
        error.add_note(f"raised by the collector {collector.name}")
        raise
    finally:
        await _ended(attempt)


async def _watch(attempt: "asyncio.Task[None]", emit: CollectorEmitter, stall_after_s: float | None) -> None:
    """Wait for the end; raise TimeoutError once nothing was emitted for ``stall_after_s`` (to a quarter of it)."""
    silent_for = 0
    while silent_for < 4:
        emitted = emit.emitted
        if (await asyncio.wait({attempt}, timeout=stall_after_s and stall_after_s / 4))[0]:
            error = attempt.exception()
            if error is not None:
                raise cause_of(error)
            return
        silent_for = silent_for + 1 if emit.emitted == emitted else 0
    raise TimeoutError(f"it stalled: nothing for {stall_after_s} s")


async def _ended(attempt: "asyncio.Task[None] | None") -> None:
    """Wait for its end; what it raised is told by then, or of no interest."""
    if attempt is not None:
        await asyncio.wait({attempt})
        if not attempt.cancelled():
            attempt.exception()


def cause_of(error: BaseException) -> BaseException:
    """What went wrong first, out of a group of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
