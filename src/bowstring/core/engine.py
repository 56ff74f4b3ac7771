"""The engine: owns the queues, the lifecycle and the supervision. Nothing else."""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from functools import partial

from bowstring.core.clock import Clock
from bowstring.core.components import Collector, Executor, Guard, Strategy
from bowstring.core.errors import StopIncomplete
from bowstring.core.messages import Event
from bowstring.core.queue import EventQueue
from bowstring.core.routing import Wiring, give_names
from bowstring.core.subscriber import Account, Subscriber
from bowstring.core.supervision import Emitter, supervise
from bowstring.core.tasks import as_list
from bowstring.core.timers import Timers

START_S = 60.0
STRATEGY_STOP_S = 1.0
EXECUTOR_STOP_S = 7.0  # a stop as a whole ends within 10 s

log = logging.getLogger(__name__)


class Stopping(Event, frozen=True):
    """The engine stops: from now on nothing that adds risk is carried out."""

    reason: str


class Engine:
    """A bot: its components around one event queue and one action queue.

    Raises `WiringError` when the components do not fit together. An executor for `WakeMe` is always there.
    """

    def __init__(
        self,
        *,
        collectors: Sequence[Collector] = (),
        strategies: Sequence[Strategy] = (),
        guards: Sequence[Guard] = (),
        executors: Sequence[Executor] = (),
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.started = asyncio.Event()
        self._collectors = collectors
        self._guards = guards
        self._strategies = strategies
        self._executors = [*executors, Timers()]
        components = [*collectors, *strategies, *guards, *self._executors]
        give_names(components)
        for component in components:
            component.clock = self.clock
        self._wiring = Wiring(guards, self._executors, strategies)
        self._queue = EventQueue(self._wiring, clock=self.clock, held=True)
        self._asked_to_stop = asyncio.Event()
        self._begun: list[Executor] = []
        self._reason = ""

    async def run(self) -> None:
        """Start everything, run until `stop` or until all finite collectors have ended, and stop in order.

        Raises what a component's ``start`` raises, and `StopIncomplete` when something was left behind. When it is
        cancelled it stops in order too; cancelled again, at once.
        """
        try:
            await self._start()
            await self._collect()
        finally:
            await self._stop_in_order()

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._asked_to_stop.is_set()

    def stop(self, reason: str = "asked to stop") -> None:
        """Begin to stop, in order; `run` returns when that is done. For the event loop's thread only."""
        self._reason = self._reason or reason
        self._asked_to_stop.set()

    def resume(self, name: str) -> None:
        """Let a halted strategy or guard go on: what waited for it is delivered first."""
        self._queue.resume(name)

    def accounts(self) -> list[Account]:
        """Where every message went and how old it was, for each strategy, guard and executor."""
        return list(self._queue.accounts())

    async def _start(self) -> None:
        async with asyncio.timeout(START_S):
            for executor in self._executors:
                self._begun.append(executor)
                await executor.start(Emitter(self._queue))
            for guard in self._guards:
                await guard.start()
            for strategy in self._strategies:
                await strategy.start()
        self._queue.release()
        self.started.set()

    async def _collect(self) -> None:
        """Run all collectors until asked to stop, or until the finite ones have ended and all they told is handled."""
        async with asyncio.TaskGroup() as group:
            running = {
                group.create_task(supervise(collector, queue=self._queue, clock=self.clock)): collector.finite
                for collector in self._collectors
            }
            stop = group.create_task(self._asked_to_stop.wait())
            ends = [task for task, finite in running.items() if finite]
            if ends:
                group.create_task(self._stop_after(ends))
            await stop
            for task in running:
                task.cancel()

    async def _stop_after(self, ends: Sequence["asyncio.Task[None]"]) -> None:
        await asyncio.wait(ends)
        await self._queue.idle()
        self.stop("all finite collectors have ended")

    async def _stop_in_order(self) -> None:
        log.info("stopping: %s", self._reason or "failed")
        self._queue.actions.refusing_risk = "the engine is stopping"
        if self.started.is_set():
            stopping = Stopping(self._reason)
            self._queue.publish(stopping)
            for strategy in self._wiring.strategies:
                await self._take_last_actions(strategy, stopping)
        left = await self._stop_executors()
        self._queue.actions.close_waiting("the engine has stopped")
        await self._queue.cancel()
        if left:
            raise StopIncomplete("; ".join(left))

    async def _take_last_actions(self, subscriber: Subscriber, stopping: Stopping) -> None:
        if subscriber.halted or not isinstance(subscriber.component, Strategy):
            return
        try:
            async with asyncio.timeout(STRATEGY_STOP_S):
                last = subscriber.component.stop()
                actions = as_list(await last if isinstance(last, Awaitable) else last)
        except Exception as error:  # noqa: BLE001  # a user's component is called here; the failure becomes an event
            self._queue.turn(partial(self._queue.fail, subscriber, error, cause=stopping))
            return
        self._queue.turn(partial(self._queue.actions.act, subscriber, actions, cause=stopping))

    async def _stop_executors(self) -> list[str]:
        """Stop all executors at once; returns what they could not finish."""
        stops = [self._stop_executor(executor) for executor in self._begun]
        return [left for left in await asyncio.gather(*stops) if left]

    async def _stop_executor(self, executor: Executor) -> str:
        try:
            async with asyncio.timeout(EXECUTOR_STOP_S):
                await executor.stop()
        except TimeoutError:
            return f"{executor.name} did not stop within {EXECUTOR_STOP_S:.0f} s"
        except Exception as error:  # noqa: BLE001  # a user's component is called here; the failure is reported at the end
            log.error("%s: failed to stop", executor.name, exc_info=error)
            return f"{executor.name}: {error}"
        return ""
