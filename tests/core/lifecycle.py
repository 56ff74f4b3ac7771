"""What the tests of the engine share: whole bots in simulated time, and proof that nothing of them is left."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from bowstring.core.components import Collector, Component, Emit, Executor, Guard, Strategy, on
from bowstring.core.engine import Engine
from bowstring.core.messages import Event
from bowstring.core.stopping import Stopping
from bowstring.testing.simulation import SimulatedLoop, simulate, simulated_clock
from tests.core.bots import Echo, Reader, Tick

Course = Callable[[Engine, "asyncio.Future[None]"], Coroutine[Any, Any, None]]
"""What a test does while the engine runs: given the engine, and its `run`."""

Work = Callable[[], Awaitable[Any]]


class Feed(Collector):
    """Does what the test says."""

    def __init__(
        self,
        work: Callable[[Emit], Awaitable[None]],
        *,
        name: str = "feed",
        finite: bool = False,
        stall_after_s: float | None = None,
    ) -> None:
        self.work = work
        self.name = name
        self.finite = finite
        self.stall_after_s = stall_after_s

    async def run(self, emit: Emit) -> None:
        await self.work(emit)


def feed_of(*events: Event, name: str = "feed", pause_s: float = 0.0) -> Feed:
    """Return a finite collector that emits these, each after a pause."""

    async def tell(emit: Emit) -> None:
        for event in events:
            await asyncio.sleep(pause_s)
            emit(event)

    return Feed(tell, name=name, finite=True)


async def nothing(*_args: object) -> None:
    """Do nothing."""


async def forever(*_args: object) -> None:
    """Wait until cancelled."""
    await asyncio.Event().wait()


async def stubborn(*_args: object, for_s: float = 1e6) -> None:
    """Go on for a time, cancelled or not."""
    ends = now_s() + for_s
    while now_s() < ends:
        try:
            await asyncio.sleep(ends - now_s())
        except asyncio.CancelledError:
            continue


async def tick_and_wait(emit: Emit) -> None:
    emit(Tick(n=1))
    emit(Tick(n=2))
    emit(Tick(n=3))
    await forever()


class Diary:
    """Whatever happens to the components that keep it, in its order."""

    def __init__(self) -> None:
        self.entries: list[str] = []

    def note(self, entry: str) -> None:
        self.entries.append(entry)


class Keeper(Executor):
    """Notes its start and stop, and does then what the test says."""

    def __init__(self, diary: Diary, *, name: str = "keeper", start: Work = nothing, stop: Work = nothing) -> None:
        self.name = name
        self._diary = diary
        self._start, self._stop = start, stop

    @on(Echo)
    def hear(self, echo: Echo) -> None:
        pass

    async def start(self, emit: Emit) -> None:
        self._diary.note(f"{self.name} starts")
        await self._start()

    async def stop(self) -> None:
        self._diary.note(f"{self.name} stops")
        await self._stop()


class Warden(Guard):
    """Notes its start."""

    def __init__(self, diary: Diary, *, name: str = "warden", start: Work = nothing) -> None:
        self.name = name
        self._diary = diary
        self._start = start

    @on(Echo)
    def hear(self, echo: Echo) -> None:
        pass

    async def start(self) -> None:
        self._diary.note(f"{self.name} starts")
        await self._start()


class Trader(Reader):
    """Notes its start, its stop and the events of the test; at its stop it does what the test says."""

    def __init__(
        self, diary: Diary, *, name: str = "trader", start: Work = nothing, stop: Callable[[], Any] = lambda: None
    ) -> None:
        super().__init__(name=name)
        self._diary = diary
        self._start, self._stop = start, stop

    @on(Tick)
    def trade(self, tick: Tick) -> None:
        self._diary.note(f"{self.name} sees tick {tick.n}")

    @on(Stopping)
    def note_stop(self, stopping: Stopping) -> None:
        self._diary.note(f"{self.name} hears: {stopping.reason}")

    async def start(self) -> None:
        self._diary.note(f"{self.name} starts")
        await self._start()

    def stop(self) -> Any:
        self._diary.note(f"{self.name} stops")
        return self._stop()


def keeping(diary: Diary, *, name: str = "feed", finite: bool = False) -> Feed:
    """Return a collector that notes its start and its end."""

    async def work(emit: Emit) -> None:
        diary.note(f"{name} starts")
        try:
            await (nothing() if finite else forever())
        finally:
            diary.note(f"{name} ends")

    return Feed(work, name=name, finite=finite)


def now_s() -> float:
    return asyncio.get_running_loop().time()


def engine_of(*components: Component) -> Engine:
    """Return an engine of some components, each kind in the order given, in the simulation that runs."""
    return Engine(
        collectors=[component for component in components if isinstance(component, Collector)],
        strategies=[component for component in components if isinstance(component, Strategy)],
        guards=[component for component in components if isinstance(component, Guard)],
        executors=[component for component in components if isinstance(component, Executor)],
        clock=simulated_clock(),
    )


async def no_course(engine: Engine, running: "asyncio.Future[None]") -> None:
    """Let it run."""


def live(*components: Component, course: Course = no_course) -> float:
    """Run an engine to its end and return when that was; no task and no timer may be left then."""
    ended_s, error = outcome(*components, course=course)
    if error is not None:
        raise error
    return ended_s


def outcome(
    *components: Component, course: Course = no_course, tidy: bool = True
) -> tuple[float, BaseException | None]:
    """Do the same, and return also what the engine raises. Unless ``tidy`` is false, nothing may be left."""

    async def main() -> tuple[float, BaseException | None]:
        engine = engine_of(*components)
        running = asyncio.ensure_future(engine.run())
        ended_s: list[float] = []
        running.add_done_callback(lambda _running: ended_s.append(now_s()))
        await course(engine, running)
        await asyncio.wait({running})
        assert left_over() == [] or not tidy
        return ended_s[0], asyncio.CancelledError() if running.cancelled() else running.exception()

    return simulate(main())


def left_over() -> list[object]:
    """Return the tasks and timers in the simulation that runs, but for the task that asks."""
    loop = cast("SimulatedLoop", asyncio.get_running_loop())
    timers: list[Any] = vars(loop)["_scheduled"]
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    return [*tasks, *(timer for timer in timers if not timer.cancelled())]


def stop_after(seconds: float) -> Course:
    """Return a course that waits, and stops the engine."""

    async def course(engine: Engine, running: "asyncio.Future[None]") -> None:
        await asyncio.sleep(seconds)
        engine.stop()

    return course


def cancel_after(*seconds: float) -> Course:
    """Return a course that waits and cancels the engine's run, and so on."""

    async def course(engine: Engine, running: "asyncio.Future[None]") -> None:
        for pause_s in seconds:
            await asyncio.sleep(pause_s)
            running.cancel()

    return course
