"""Supervision: what fails is started again, after a pause that grows, and everybody is told."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator

from bowstring.core.clock import Clock
from bowstring.core.components import Collector
from bowstring.core.messages import CollectorDown, CollectorUp, Event
from bowstring.core.queue import EventQueue

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0
HEALTHY_S = 60.0  # one that ran for so long before it failed starts again with the first pause

log = logging.getLogger(__name__)


def pauses(clock: Clock) -> Iterator[float]:
    """Seconds to wait before each new attempt: doubling up to 30 s, each cut by up to a half at random."""
    pause_s = FIRST_PAUSE_S
    while True:
        yield pause_s * clock.random.uniform(0.5, 1.0)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


async def keep_running(
    work: Callable[[], Awaitable[None]], *, clock: Clock, down: Callable[[str, float], None], finite: bool = False
) -> None:
    """Run ``work`` for ever, again whenever it raises or returns; ``down(reason, retry_in_s)`` is called each time.

    With ``finite``, its return is the end.
    """
    pauses_s = pauses(clock)
    while True:
        began_ns = clock.monotonic_ns()
        try:
            await work()
            if finite:
                return
            reason = "it ended, which only a finite one may"
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            reason = "it was cancelled from within"
        except Exception as error:  # noqa: BLE001  # a user's component is called here; the failure becomes an event
            log.debug("down", exc_info=error)
            reason = _reason(error)
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
        self._publish(event)


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
        self.emitted += 1
        if not self.is_up:
            self.is_up = True
            self._publish(CollectorUp(collector=self._name))
        self._publish(event)


async def supervise(collector: Collector, *, queue: EventQueue, clock: Clock) -> None:
    """Keep a collector running, and publish `CollectorDown` and `CollectorUp`; returns when a finite one has ended."""
    emit = CollectorEmitter(queue, collector.name)

    def down(reason: str, retry_in_s: float) -> None:
        log.warning("%s: down, %s; again in %.1f s", collector.name, reason, retry_in_s)
        emit.is_up = False
        queue.publish(CollectorDown(collector=collector.name, reason=reason, retry_in_s=retry_in_s))

    async def run() -> None:
        if collector.stall_after_s is None:
            await collector.run(emit)
        else:
            await _run_watched(collector, emit, collector.stall_after_s)

    await keep_running(run, clock=clock, down=down, finite=collector.finite)


async def _run_watched(collector: Collector, emit: CollectorEmitter, stall_after_s: float) -> None:
    """Run a collector; raise TimeoutError once it has emitted nothing for ``stall_after_s`` (to a quarter of it)."""
    run = asyncio.ensure_future(collector.run(emit))
    silent_for = 0
    try:
        while silent_for < 4:
            emitted = emit.emitted
            if (await asyncio.wait({run}, timeout=stall_after_s / 4))[0]:
                return run.result()
            silent_for = silent_for + 1 if emit.emitted == emitted else 0
        raise TimeoutError(f"it stalled: nothing for {stall_after_s} s")
    finally:
        run.cancel()
        await asyncio.wait({run})


def _reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or repr(error)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
