"""The stop of an engine, in order, each step with a deadline: it ends within 10 s, whatever the components do."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

from bowstring.core.components import Component, Executor, Strategy
from bowstring.core.errors import StopIncomplete
from bowstring.core.messages import Action, Event
from bowstring.core.owner import Overdue, TaskOwner
from bowstring.core.process import ProcessStrategy
from bowstring.core.queue import EventQueue
from bowstring.core.routing import Wiring
from bowstring.core.subscriber import Subscriber
from bowstring.core.tasks import FAILURES, as_list, awaitable

STOP_S = 9.5  # and half a second to close the loop; its steps:
COLLECTORS_S = 0.8
SETTLE_S = 0.3  # twice: what was told is handled before strategies stop, and their last actions before executors do
STRATEGIES_S = 1.0
EXECUTORS_S = 7.0
HANDLERS_S = 0.1

log = logging.getLogger(__name__)


class Stopping(Event, frozen=True):
    """The engine stops: from now on nothing that adds risk is carried out."""

    reason: str


class Stop:
    """Stops what an engine has ``begun``; ``tasks`` are its start or its collectors.

    Strategies have a say in it only if the engine is ``up``, with everything started.
    """

    def __init__(
        self, *, queue: EventQueue, wiring: Wiring, tasks: TaskOwner, begun: Sequence[Component], up: bool
    ) -> None:
        self._queue = queue
        self._wiring = wiring
        self._tasks = tasks
        self._begun = begun
        self._up = up

    async def run(self, reason: str) -> None:
        """Raises `StopIncomplete` with what is left behind. When this is cancelled, everything is, at once."""
        log.info("stopping: %s", reason)
        deadline = _now() + STOP_S
        try:
            self._tasks.cancel_all()
            await self._tasks.ended(within_s=COLLECTORS_S)
            if self._up:
                await self._stop_strategies(Stopping(reason))
            left = await self._stop_executors()
            await self._carried_out(until=deadline - HANDLERS_S)
            left += await self._end_handlers(until=deadline)
        finally:
            self._cancel_handlers()
        if left:
            raise StopIncomplete("; ".join(dict.fromkeys(left)))

    async def _stop_strategies(self, stopping: Stopping) -> None:
        self._queue.publish(stopping)
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                await self._queue.idle()
        await asyncio.gather(*(self._stop_strategy(strategy, stopping) for strategy in self._wiring.strategies))
        await self._carried_out(until=_now() + SETTLE_S)

    async def _stop_strategy(self, subscriber: Subscriber, stopping: Stopping) -> None:
        strategy = subscriber.component
        if subscriber.halted or not isinstance(strategy, Strategy):
            return
        late = f"{strategy.name} did not stop within {STRATEGIES_S:.0f} s"
        try:
            last: object = strategy.stop()
            work = awaitable(last)
            if work is not None:
                last = await self._tasks.within(STRATEGIES_S, work, complaint=late)
            actions = as_list(last)
        except Exception as error:  # noqa: BLE001  # a user's component is called here; the failure becomes an event
            self._queue.turn(partial(self._queue.fail, subscriber, error, cause=stopping))
        else:
            self._queue.turn(self._publish_last, subscriber, actions, stopping)

    def _publish_last(self, strategy: Subscriber, actions: Sequence[Action], stopping: Stopping) -> None:
        try:
            self._queue.actions.act(strategy, actions, stopping)
        except FAILURES as error:
            self._queue.fail(strategy, error, cause=stopping)

    async def _stop_executors(self) -> list[str]:
        """Stop executors, and the processes of strategies, all at once; returns what they could not finish."""
        executors = [component for component in self._begun if isinstance(component, Executor)]
        processes = [component for component in self._begun if isinstance(component, ProcessStrategy)]
        stops = [self._stop_executor(executor, executor.stop) for executor in executors]
        stops += [self._stop_executor(process, process.close) for process in processes]
        left = [complaint for complaint in await asyncio.gather(*stops) if complaint]
        if self._up:
            self._queue.turn(self._queue.actions.close_waiting, "the engine has stopped")
        return left

    async def _stop_executor(self, component: Component, stop: Callable[[], Awaitable[None]]) -> str:
        late = f"{component.name} did not stop within {EXECUTORS_S:.0f} s"
        try:
            await self._tasks.within(EXECUTORS_S, stop(), complaint=late)
        except Overdue:
            return late
        except Exception as error:  # a user's component is called here; the failure is reported at the end
            if not isinstance(error, StopIncomplete):  # which says all, and is told by who ran the engine
                log.error("%s: failed to stop", component.name, exc_info=error)
            if self._up or isinstance(error, StopIncomplete):  # else that it did not start says enough
                return f"{component.name}: {str(error) or repr(error)}"
        return ""

    async def _carried_out(self, *, until: float) -> None:
        """Wait until nothing is in flight."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                while tasks := [task for worker in self._wiring.workers for task in worker.tasks]:
                    await asyncio.wait(tasks)

    async def _end_handlers(self, *, until: float) -> list[str]:
        """Cancel what is suspended, and what begins in answer to that; returns the complaints about what goes on."""
        while True:
            any_cancelled = self._cancel_handlers()
            left = await self._tasks.ended(within_s=until - _now())
            if left or not any_cancelled:
                return left

    def _cancel_handlers(self) -> bool:
        suspended = [(one.name, one.task) for one in self._wiring.subscribers if one.task is not None]
        suspended += [(worker.name, task) for worker in self._wiring.workers for task in worker.tasks]
        for name, task in suspended:
            self._tasks.cancel(self._tasks.own(task, complaint=f"{name}: a handler goes on although it was cancelled"))
        return bool(suspended)


def _now() -> float:
    return asyncio.get_running_loop().time()
