import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.core.components import Collector, Emit, Strategy, on
from bowstring.core.engine import Engine
from bowstring.core.messages import Event
from bowstring.core.timers import WakeMe, Woke
from bowstring.testing.simulation import BOOT_NS, EPOCH_NS, Deadlock, SimulatedLoop, simulate, simulated_clock

HOUR_S = 3600


def now_s() -> float:
    return asyncio.get_running_loop().time()


# --- time ------------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_everybody_wakes_at_their_time_and_in_its_order(delays_s: list[float]) -> None:
    woken: list[tuple[float, float]] = []

    async def sleep(delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        woken.append((delay_s, now_s()))

    async def main() -> None:
        await asyncio.gather(*map(sleep, delays_s))

    simulate(main())

    assert [delay_s for delay_s, _ in woken] == sorted(delays_s)
    assert all(abs(at_s - delay_s) <= 2e-9 for delay_s, at_s in woken)


def test_a_clock_tells_the_loops_time_and_the_systems_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> tuple[int, int, float]:
        await asyncio.sleep(30 * HOUR_S)
        return simulated_clock().now_ns(), simulated_clock().monotonic_ns(), now_s()

    def fail() -> float:
        raise AssertionError

    with monkeypatch.context() as patch:
        for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "sleep"):
            patch.setattr(time, name, fail)
        now_ns, monotonic_ns, loop_s = simulate(main())

    assert now_ns - EPOCH_NS == monotonic_ns - BOOT_NS == 30 * HOUR_S * 10**9
    assert loop_s == 30 * HOUR_S


async def time_out() -> object:
    with suppress(TimeoutError):
        async with asyncio.timeout(HOUR_S):
            await asyncio.Event().wait()
    return now_s()


async def group() -> object:
    async with asyncio.TaskGroup() as tasks:
        sleeps = [tasks.create_task(asyncio.sleep(n, n), name=f"sleep {n}") for n in range(3)]
    return now_s(), [task.result() for task in sleeps], sleeps[0].get_name()


async def pass_through_queue() -> object:
    queue: asyncio.Queue[int] = asyncio.Queue(maxsize=1)
    async with asyncio.TaskGroup() as tasks:
        for n in range(3):
            tasks.create_task(queue.put(n))
        return [await queue.get() for _ in range(3)]


async def wait_for_event() -> object:
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(5, event.set)
    return await event.wait(), now_s()


async def call_threadsafe() -> object:
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon_threadsafe(done.set_result, now_s())
    return await done


@pytest.mark.parametrize(
    ("main", "result"),
    [
        (time_out, HOUR_S),
        (group, (2, [0, 1, 2], "sleep 0")),
        (pass_through_queue, [0, 1, 2]),
        (wait_for_event, (True, 5)),
        (call_threadsafe, 0),
    ],
)
def test_asyncio_works(main: Callable[[], Awaitable[object]], result: object) -> None:
    async def run() -> object:
        return await main()

    assert simulate(run()) == result


# --- one seed, one run -----------------------------------------------------------------------------------------------


class Crowd:
    """Tasks that sleep, pass things on and are cancelled at random, and a trace of what happened."""

    def __init__(self) -> None:
        self.clock = simulated_clock()
        self.trace: list[object] = [self.clock.new_prefix()]
        self._queue: asyncio.Queue[str] = asyncio.Queue(maxsize=2)

    async def gather(self, *, size: int) -> None:
        with suppress(ExceptionGroup):
            async with asyncio.TaskGroup() as tasks:
                members = {tasks.create_task(self._live()) for _ in range(size)}
                tasks.create_task(self._watch(members))
                await asyncio.sleep(self.clock.random.random())
                raise LookupError

    async def _live(self) -> None:
        try:
            while True:
                await asyncio.sleep(self.clock.random.choice([0, 0.001, self.clock.random.random()]))
                if self.clock.random.random() < 0.5:
                    await self._queue.put(self.clock.new_prefix())
                else:
                    async with asyncio.timeout(0.5):
                        self._note(await self._queue.get())
        except TimeoutError:
            self._note("gives up")
        finally:
            self._note("leaves")

    async def _watch(self, members: set["asyncio.Task[None]"]) -> None:
        while members:
            done, members = await asyncio.wait(members, return_when=asyncio.FIRST_COMPLETED)
            self._note([task.get_name() for task in (*done, *members)])

    def _note(self, what: object) -> None:
        task = asyncio.current_task()
        self.trace.append((self.clock.now_ns(), task and task.get_name(), what))


async def crowd(*, size: int) -> list[object]:
    members = Crowd()
    await members.gather(size=size)
    return members.trace


@given(seed=st.integers(), other=st.integers(), size=st.integers(1, 40))
def test_one_seed_gives_one_run(seed: int, other: int, size: int) -> None:
    trace = simulate(crowd(size=size), seed=seed)
    elsewhere_in_memory = [object() for _ in range(1000)]

    assert simulate(crowd(size=size), seed=seed) == trace
    assert other == seed or simulate(crowd(size=size), seed=other) != trace
    del elsewhere_in_memory


def test_one_seed_gives_one_run_in_any_process() -> None:
    root = Path(__file__).parents[2]
    program = "from tests.testing.test_simulation import *; print(simulate(crowd(size=40), seed=7))"

    def run(hash_seed: str) -> str:
        path = os.pathsep.join([str(root / "src"), str(root)])
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": hash_seed}
        return subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=True
        ).stdout

    assert run("1") == run("2") == f"{simulate(crowd(size=40), seed=7)}\n"


def test_sets_of_tasks_and_futures_keep_the_order_in_which_they_were_made() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        made: list[asyncio.Future[None]] = [loop.create_future(), loop.create_task(asyncio.sleep(0))]
        for _ in range(25):
            made += [loop.create_future(), loop.create_task(asyncio.sleep(0))]
        assert list(set(made)) == made

    simulate(main())


class Hourly(Collector):
    """Three events an hour apart."""

    finite = True

    async def run(self, emit: Emit) -> None:
        for _ in range(3):
            emit(Chime())
            await asyncio.sleep(HOUR_S)


class Chime(Event, frozen=True):
    """An hour has begun."""


class Sleepy(Strategy):
    """Needs a minute, and a timer."""

    def __init__(self, trace: list[object]) -> None:
        self._trace = trace

    @on(Chime)
    async def ponder(self, chime: Chime) -> WakeMe:
        await asyncio.sleep(60 * self.clock.random.random())
        self._note("pondered")
        return WakeMe(after_s=60)

    @on(Woke)
    def wake(self, woke: Woke) -> None:
        self._note("awake")

    def _note(self, what: str) -> None:
        self._trace.append((what, self.clock.now_ns()))


def test_a_whole_engine_runs_under_virtual_time() -> None:
    def run(seed: int) -> list[object]:
        trace: list[object] = []

        async def main() -> None:
            await Engine(collectors=[Hourly()], strategies=[Sleepy(trace)], clock=simulated_clock()).run()
            trace.append(now_s())

        simulate(main(), seed=seed)
        return trace

    assert len(run(1)) == 7
    assert run(1)[-1] == 3 * HOUR_S
    assert run(1) == run(1) != run(2)


# --- what must not happen --------------------------------------------------------------------------------------------


def test_a_deadlock_names_the_seed_and_who_waits() -> None:
    cleaned_up: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned_up.append("yes")

    async def main() -> None:
        await asyncio.sleep(1.5)
        await asyncio.create_task(wait(), name="the waiter")

    with pytest.raises(
        Deadlock, match=r"^seed 7: nothing is scheduled at 1\.5 s, and these wait: Task-1, the waiter\n"
    ):
        simulate(main(), seed=7)
    assert cleaned_up == ["yes"]


def test_an_error_is_raised_as_it_is_and_names_the_seed() -> None:
    async def main() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match=r"^nothing there\nin the simulation with seed 7$"):
        simulate(main(), seed=7)


def fail(error: Exception) -> None:
    raise error


async def fail_soon(error: Exception) -> None:
    await asyncio.sleep(0)
    raise error


def test_what_callbacks_and_lost_tasks_raise_fails_the_run() -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_soon(fail, LookupError())
        lost = asyncio.create_task(fail_soon(ArithmeticError()))
        await asyncio.sleep(1)
        assert lost.done()

    with pytest.raises(ExceptionGroup, match="seed 7") as caught:
        simulate(main(), seed=7)
    assert [type(error) for error in caught.value.exceptions] == [LookupError, ArithmeticError]


def test_the_error_of_the_run_comes_before_those_of_callbacks() -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_soon(fail, LookupError())
        await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as caught:
        simulate(main())
    assert [type(error) for error in caught.value.exceptions] == [Deadlock, LookupError]


def test_a_complaint_without_an_error_fails_the_run_too() -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_exception_handler({"message": "something is wrong"})

    with pytest.raises(ExceptionGroup) as caught:
        simulate(main())
    assert [str(error) for error in caught.value.exceptions] == ["something is wrong"]


def test_threads_are_refused() -> None:
    async def execute() -> None:
        await asyncio.to_thread(print)

    async def start() -> None:
        simulated_clock().start_thread(print, name="journal")

    with pytest.raises(RuntimeError, match="no threads, and so no executor"):
        simulate(execute())
    with pytest.raises(RuntimeError, match="no threads, so journal cannot run"):
        simulate(start())


async def test_there_is_no_simulated_clock_outside_a_simulation() -> None:
    assert not isinstance(asyncio.get_running_loop(), SimulatedLoop)
    with pytest.raises(RuntimeError, match=r"run this with simulate\(\)"):
        simulated_clock()
