"""Bots on virtual time with a watchdog, where the test plays the thread that looks."""

import asyncio
from collections.abc import Callable, Coroutine
from threading import Thread
from typing import Any, cast

from bowstring.core.components import Collector, Component, Executor, Guard, Strategy
from bowstring.core.engine import Engine
from bowstring.testing.simulation import SimulatedClock, SimulatedLoop, simulate
from tests.core.bots import Tick
from tests.core.lifecycle import feed_of

AFTER_S = 0.1
LOOK_S = AFTER_S / 2

Part = Callable[["World"], Component]


class World(SimulatedClock):
    """Virtual time, and what happens in it while the loop does not run."""

    def __init__(self) -> None:
        self._loop = cast("SimulatedLoop", asyncio.get_running_loop())
        super().__init__(self._loop.clock.monotonic_ns, seed=0)
        self._cpu_ns = 0
        self.look: Callable[[], None] = _nothing

    def cpu_ns(self) -> int:
        return self._cpu_ns

    def start_thread(self, target: Callable[[], None], *, name: str) -> Thread:
        """Start one that does nothing: the test looks."""
        thread = Thread(target=_nothing, name=name)
        thread.start()
        return thread

    def let_pass(self, seconds: float, *, computing: bool = False) -> None:
        """Let time pass without a look."""
        vars(self._loop)["_now_ns"] += int(seconds * 1e9)
        self._cpu_ns += int(seconds * 1e9) * computing

    def block(self, seconds: float) -> None:
        """Let time pass with a look as often as is due, as when a handler sleeps."""
        for _ in range(round(seconds / LOOK_S)):
            self.let_pass(LOOK_S)
            self.look()


Course = Callable[[Engine, World], Coroutine[Any, Any, None]]


async def a_while(_engine: Engine, _world: World) -> None:
    """Let it run."""
    await asyncio.sleep(5.0)


def watch(*parts: Part, course: Course = a_while, after_s: float = AFTER_S) -> None:
    """Run a bot of these components with a watchdog. Unless one is a collector, it gets one `Tick`."""

    async def main() -> None:
        world = World()
        components = [part(world) for part in parts]
        engine = Engine(
            collectors=[one for one in components if isinstance(one, Collector)] or [feed_of(Tick(), pause_s=0.01)],
            strategies=[one for one in components if isinstance(one, Strategy)],
            guards=[one for one in components if isinstance(one, Guard)],
            executors=[one for one in components if isinstance(one, Executor)],
            clock=world,
        )
        watchdog = engine.watchdog(after_s=after_s)
        world.look = watchdog.look
        watchdog.start()
        running = asyncio.ensure_future(engine.run())
        await course(engine, world)
        watchdog.stop()
        engine.stop()
        await running

    simulate(main())


def _nothing() -> None:
    pass
