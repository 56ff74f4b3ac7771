"""The engine: owns the queues, the lifecycle and the supervision. Nothing else."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from bowstring.core.checks import listed, warn_of_unheard_symbols
from bowstring.core.clock import Clock
from bowstring.core.components import Collector, Component, Executor, Guard, Strategy
from bowstring.core.errors import EventsMissed, WiringError
from bowstring.core.messages import KillSwitch
from bowstring.core.owner import TaskOwner
from bowstring.core.queue import EventQueue
from bowstring.core.routing import Wiring, give_names
from bowstring.core.stopping import Stop
from bowstring.core.subscriber import Account
from bowstring.core.supervision import Emitter, supervise
from bowstring.core.timers import Timers
from bowstring.core.watchdog import Watchdog

START_S = 60.0  # for each component

log = logging.getLogger(__name__)


class Engine:
    """A bot: its components around one event queue and one action queue. It runs once.

    Raises `WiringError` when the components do not fit together. An executor for `WakeMe` is always there.
    """

    def __init__(
        self,
        *,
        collectors: Iterable[Collector] = (),
        strategies: Iterable[Strategy] = (),
        guards: Iterable[Guard] = (),
        executors: Iterable[Executor] = (),
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.started = asyncio.Event()
        self.shared: list[object] = []
        self._collectors = listed(collectors, Collector)
        self._guards = listed(guards, Guard)
        self._strategies = listed(strategies, Strategy)
        self._executors = [*listed(executors, Executor), Timers()]
        components = [*self._collectors, *self._strategies, *self._guards, *self._executors]
        give_names(components)
        self._components = components
        for component in components:
            component.clock = self.clock
        for executor in self._executors:
            executor.strategies = [strategy.name for strategy in self._strategies]
            executor.engine = self
        self._wiring = Wiring(self._guards, self._executors, self._strategies)
        warn_of_unheard_symbols(self._strategies, self._collectors)
        self._queue = EventQueue(self._wiring, clock=self.clock, held=True)
        self._asked_to_stop = asyncio.Event()
        self._begun: list[Component] = []
        self._tasks = TaskOwner()
        self._reason = ""
        self._has_run = False
        self._pulled = deque[KillSwitch]()  # and not delivered yet
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """Start everything, run until `stop` or until all finite collectors have ended, and stop in order.

        Raises, with a note that names the component, what a ``start`` raises (TimeoutError when it takes too long) and
        a collector's `ConfigError`; `StopIncomplete` when something was left behind. When it is cancelled it stops in
        order too; cancelled again, at once. `WiringError` when it has run before.
        """
        if self._has_run:
            raise WiringError("this engine has run already: it runs once; make a new Engine, with new components")
        self._has_run = True
        self._loop = asyncio.get_running_loop()
        life = self._tasks.own(self._live(), complaint="the engine did not end")
        asked = self._tasks.own(self._asked_to_stop.wait(), complaint="the engine did not end")
        ends: list[asyncio.Future[Any]] = [life, asked]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if life.done():
                life.result()
        except asyncio.CancelledError:
            self.stop("cancelled")
            raise
        except Exception as error:
            self.stop(f"failed, {error!r}")
            raise
        finally:
            stop = Stop(
                queue=self._queue,
                wiring=self._wiring,
                tasks=self._tasks,
                begun=self._begun,
                up=self.started.is_set(),
            )
            await stop.run(self._reason)

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._asked_to_stop.is_set()

    def stop(self, reason: str = "asked to stop") -> None:
        """Begin to stop, in order; `run` returns when that is done. For the event loop's thread only."""
        self._reason = self._reason or reason
        self._queue.actions.refusing_risk["stop"] = "the engine is stopping"
        self._asked_to_stop.set()

    def kill(self, reason: str, *, by: str) -> None:
        """Publish a `KillSwitch`. From this call on nothing that adds risk is carried out, until `rearm`.

        It may be called in any thread, and by a signal handler. So it works also while a handler keeps the event loop
        from running: what that one returns adds no risk any more, and the event is delivered as soon as the loop runs.
        """
        self.refuse_risk(f"the kill switch was pulled by {by}: {reason}")
        pulled = KillSwitch(reason=reason, by=by)
        self._pulled.append(pulled)
        if self._loop is None:
            self._pull(pulled)
            return
        with suppress(RuntimeError):  # the loop is closed: there is nothing left to stop
            self._loop.call_soon_threadsafe(self._pull, pulled)

    def refuse_risk(self, reason: str) -> None:
        """From this call on nothing that adds risk is carried out, until `rearm`. It may be called in any thread."""
        self._queue.actions.refusing_risk["trading"] = reason

    def rearm(self) -> None:
        """Carry out again what adds risk. What executors keep to themselves, as that trading is halted, stays so."""
        if not self._pulled:  # else one is not delivered yet
            self._queue.actions.refusing_risk.pop("trading", None)

    def resume(self, name: str) -> None:
        """Let a halted strategy or guard go on. For the event loop's thread only.

        What waited for it is delivered first. If there was no room for all that waited, a strategy is given nothing of
        it, and begins anew with what comes. Either way `Resumed` says how many events it missed, and its executors of
        orders then tell it where it stands. Raises LookupError if it is not halted, and `EventsMissed` for a guard that
        missed any: what it knows cannot be told anew.
        """
        halted = {subscriber.name: subscriber for subscriber in self._wiring.subscribers if subscriber.halted}
        if name not in halted:
            names = sorted(one.name for one in (*self._strategies, *self._guards))
            if name not in names:
                raise LookupError(f'there is no strategy or guard "{name}"; there are {", ".join(names) or "none"}')
            raise LookupError(f'"{name}" is not halted; halted: {", ".join(halted) or "none"}')
        if halted[name].frozen and halted[name].role == "guard":
            missed = halted[name].undelivered
            raise EventsMissed(f"{name} missed {missed} events, as its inbox was full: start the bot anew")
        self._queue.resume(name)

    def watchdog(self, *, after_s: float) -> Watchdog:
        """What names the component that keeps the event loop from running for ``after_s``, to be started in `run`."""
        return Watchdog(self._queue, self._components, clock=self.clock, after_s=after_s)

    def accounts(self) -> list[Account]:
        """Where every message went and how old it was, for each strategy, guard and executor."""
        return list(self._queue.accounts())

    async def _live(self) -> None:
        """Start and collect, until the finite collectors have ended and all that was told is handled."""
        emit = Emitter(self._queue)
        # All at once: each has its journal read before it waits for anything, so that a stop knows of all open orders.
        await asyncio.gather(*(self._begin(executor, partial(executor.start, emit)) for executor in self._executors))
        for guard in self._guards:
            await self._begin(guard, guard.start)
        for strategy in self._strategies:
            await self._begin(strategy, strategy.start)
        self._queue.release()
        self.started.set()
        await self._collect()
        await self._queue.idle()
        self.stop("all finite collectors have ended")

    async def _begin(self, component: Component, start: Callable[[], Awaitable[None]]) -> None:
        self._begun.append(component)
        late = f"{component.name} did not start within {START_S:.0f} s"
        try:
            await self._tasks.within(START_S, start(), complaint=late)
        except Exception as error:
            error.add_note(f"raised by the start of {component.name}")
            raise

    async def _collect(self) -> None:
        """Run all collectors, until the finite ones have ended; for ever if there are none."""
        running = {self._supervise(collector): collector.finite for collector in self._collectors}
        never = asyncio.get_running_loop().create_future()
        finite = {task for task, is_finite in running.items() if is_finite} or {never}
        pending = finite | running.keys()
        while finite & pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        for task in pending:
            self._tasks.cancel(task)

    def _supervise(self, collector: Collector) -> "asyncio.Future[None]":
        work = supervise(collector, queue=self._queue, clock=self.clock)
        return self._tasks.own(work, complaint=f"{collector.name} did not end when it was cancelled")

    def _pull(self, pulled: KillSwitch) -> None:
        log.critical("the kill switch was pulled by %s: %s", pulled.by, pulled.reason)
        self._queue.publish(pulled)
        self._pulled.popleft()
