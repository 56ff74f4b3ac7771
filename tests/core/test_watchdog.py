"""Tests of the watchdog on virtual time, where a test plays the thread that looks, and of the thread itself."""

import asyncio
import hashlib
import logging
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event as Flag
from threading import Thread, get_ident
from threading import enumerate as threads
from types import FrameType
from typing import Any

import pytest
import uvloop

from bowstring.core import watchdog
from bowstring.core.actions import LATE
from bowstring.core.components import Collector, Emit, Executor, Strategy, on
from bowstring.core.engine import Engine
from bowstring.core.errors import ConfigError
from bowstring.core.messages import Action, ActionRefused, Event, LoopBlocked
from bowstring.core.run import run, run_engine
from bowstring.core.watchdog import Watchdog
from tests.core import watched
from tests.core.bots import Bot, Do, Doer, Echo, FakeClock, Judge, Reader, Risk, Tick, Witness, queue_of
from tests.core.conftest import OnLoop
from tests.core.lifecycle import Feed, feed_of, forever, tick_and_wait
from tests.core.watched import AFTER_S, Part, World, watch

PATIENCE_S = 60.0

current_frames = sys._current_frames  # pyright: ignore[reportPrivateUsage]  # as the watchdog does


@pytest.fixture(autouse=True)
def _world_is_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the test's own code calls is not where its author is to look."""
    monkeypatch.setattr(watchdog, "LIBRARIES", (*watchdog.LIBRARIES, watched.__file__))


def named(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the first line of each block whose handler was logged."""
    lines = [record.getMessage().splitlines()[0] for record in caplog.records if record.name == watchdog.__name__]
    return [line for line in lines if "blocks" in line]


def told(reader: Reader | Witness) -> list[tuple[str, float]]:
    """Return what a strategy heard of blocks."""
    return [(event.handler, round(event.blocked_s, 2)) for event in reader.seen if isinstance(event, LoopBlocked)]


def beat_now() -> None:
    """Have the heart beat, as the loop does when it goes on."""
    timers: list[asyncio.TimerHandle] = vars(asyncio.get_running_loop())["_scheduled"]
    next(timer for timer in timers if "_beat" in repr(timer))._run()


def blocking(seconds: float, *, name: str = "bot") -> Part:
    """Return a strategy whose handler blocks."""
    return lambda world: Bot(lambda _: world.block(seconds), name=name)


def line_of(text: str) -> str:
    """Return where in this file a text is, for the first time."""
    lines = enumerate(Path(__file__).read_text().splitlines(), 1)
    return f"{__file__}:{next(number for number, line in lines if text in line)}"


# What is named


def test_a_handler_that_blocks_is_named_while_it_does(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []

    def decide(world: World) -> None:
        world.block(0.2)
        seen.extend(named(caplog))

    watch(lambda world: Bot(lambda _: decide(world)))

    assert len(seen) == 1
    assert seen[0].startswith("bot.decide blocks the event loop, 0.11 s so far, in ")


def test_with_the_place_in_its_authors_code_and_the_stack(caplog: pytest.LogCaptureFixture) -> None:
    def compute(world: World) -> None:
        def weigh(number: int) -> int:
            world.block(0.3)  # the innermost line
            return number

        sorted([3, 1], key=weigh)

    watch(lambda world: Bot(lambda _: compute(world)))

    assert named(caplog)[0].endswith(f"in {line_of('# the innermost line')}")
    assert "in compute\n    sorted([3, 1], key=weigh)" in caplog.records[0].getMessage()


def test_once_however_long_it_takes_and_it_is_told_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    reader = Reader()

    watch(blocking(3.0), lambda _: reader)

    assert len(named(caplog)) == 1
    assert told(reader) == [("bot.decide", 2.96)]


def test_it_is_told_also_where_the_loop_goes_on_before_the_log_is_written() -> None:
    class SlowLog(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            beat_now()

    reader, log = Reader(), SlowLog()
    watchdog.log.addHandler(log)
    try:
        watch(blocking(0.15), lambda _: reader)
    finally:
        watchdog.log.removeHandler(log)

    assert [handler for handler, _s in told(reader)] == ["bot.decide"]


def test_each_time(caplog: pytest.LogCaptureFixture) -> None:
    reader = Reader()

    watch(lambda _: feed_of(Tick(), Tick(), pause_s=0.2), blocking(0.3), lambda _: reader)

    assert len(named(caplog)) == len(told(reader)) == 2


def test_what_takes_less_is_no_block(caplog: pytest.LogCaptureFixture) -> None:
    reader = Reader()

    watch(blocking(AFTER_S), lambda _: reader)

    assert named(caplog) == []
    assert told(reader) == []


# Who is named


class Thinking(Strategy):
    """Has handlers of all kinds."""

    name = "thinking"

    def __init__(self, world: World) -> None:
        self.world = world


class Awaiting(Thinking):
    @on(Tick)
    async def decide(self, tick: Tick) -> None:
        await asyncio.sleep(0.5)
        self.world.block(0.3)


class Yielding(Thinking):
    @on(Tick)
    def decide(self, tick: Tick) -> Iterator[Action]:
        yield Do()
        self.world.block(0.3)


class Helping(Thinking):
    @on(Tick)
    def decide(self, tick: Tick) -> None:
        self._compute()

    def _compute(self) -> None:
        self.world.block(0.3)  # the helping hand


class Starting(Bot):
    """Takes its time to start."""

    def __init__(self, world: World) -> None:
        super().__init__(name="starting")
        self.world = world

    async def start(self) -> None:
        self.world.block(0.3)


def collecting(world: World) -> Collector:
    async def work(emit: Emit) -> None:
        await asyncio.sleep(0.1)
        world.block(0.3)
        await forever()

    return Feed(work, name="source")


def actor(_world: World) -> Strategy:
    return Bot(lambda _: Do(), name="actor")


NAMED: dict[str, tuple[str, list[Part]]] = {
    "an async handler": ("thinking.decide", [Awaiting]),
    "a generator": ("thinking.decide", [Yielding]),
    "a helper": ("thinking.decide", [Helping]),
    "one of two": ("two.decide", [lambda _: Bot(name="one"), blocking(0.3, name="two")]),
    "a start": ("starting.start", [Starting]),
    "an executor": ("slow.do", [actor, lambda world: Doer(lambda _: world.block(0.3), name="slow")]),
    "a guard": ("judge.judge", [actor, lambda world: Judge(lambda _: world.block(0.3))]),
    "a collector": ("source.run", [collecting, actor]),
}


@pytest.mark.parametrize("case", NAMED)
def test_the_component_at_work_is_named_with_its_handler(case: str, caplog: pytest.LogCaptureFixture) -> None:
    name, parts = NAMED[case]

    watch(*parts, lambda _: Doer())

    assert [line.split(" blocks ")[0] for line in named(caplog)] == [name]


def test_in_code_of_a_library_the_place_is_the_components_own(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "LIBRARIES", ("/",))

    watch(Helping)

    assert named(caplog)[0].endswith(f"in {line_of('# the helping hand')}")


def work_beside(world: World) -> None:
    world.block(0.3)


def later(world: World) -> Strategy:
    def decide(_tick: Tick) -> None:
        asyncio.get_running_loop().call_soon(work_beside, world)

    return Bot(decide)


def of_a_function(world: World) -> Strategy:
    def decide(_tick: Tick) -> Iterator[Action]:
        yield Do()
        work_beside(world)

    return Bot(decide)


@pytest.mark.parametrize("part", [later, of_a_function])
def test_what_is_no_components_is_named_by_its_function(part: Part, caplog: pytest.LogCaptureFixture) -> None:
    watch(part, lambda _: Doer())

    assert [line.split(" blocks ")[0] for line in named(caplog)] == ["tests.core.test_watchdog.work_beside"]


def test_code_of_a_library_that_nobody_called_is_named_by_its_innermost_function(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "LIBRARIES", ("/",))

    watch(later)

    assert named(caplog)[0].startswith("bowstring.core.watchdog.Watchdog._stack blocks")


# What is not


def test_a_process_that_stood_still_was_not_blocked_by_anybody(caplog: pytest.LogCaptureFixture) -> None:
    reader = Reader()

    def stand_still(world: World) -> None:
        world.block(0.05)
        world.let_pass(30.0)
        world.look()
        world.block(0.05)

    watch(lambda world: Bot(lambda _: stand_still(world)), lambda _: reader)

    assert named(caplog) == []
    assert told(reader) == [("a process that stood still", 30.06)]
    assert "the event loop did not run for 30.06 s, by a process that stood still" in caplog.text


def test_also_where_the_loop_goes_on_before_the_thread_looks(caplog: pytest.LogCaptureFixture) -> None:
    reader = Reader()

    watch(lambda world: Bot(lambda _: world.let_pass(30.0)), lambda _: reader)

    assert named(caplog) == []
    assert told(reader) == [("a process that stood still", 29.96)]


def test_what_blocked_before_and_after_that_is_told_without_it(caplog: pytest.LogCaptureFixture) -> None:
    reader = Reader()

    def stand_still(world: World) -> None:
        world.block(0.2)
        world.let_pass(30.0)
        world.look()
        world.block(0.2)

    watch(lambda world: Bot(lambda _: stand_still(world)), lambda _: reader)

    assert len(named(caplog)) == 1
    assert told(reader) == [("bot.decide", 0.2), ("a process that stood still", 30.36)]


def test_code_that_keeps_the_interpreter_to_itself_is_named_when_it_lets_go(caplog: pytest.LogCaptureFixture) -> None:
    reader = Reader()

    def compute(world: World) -> None:
        world.let_pass(2.0, computing=True)
        world.look()

    watch(lambda world: Bot(lambda _: compute(world)), lambda _: reader)

    assert len(named(caplog)) == 1
    assert told(reader) == [("bot.decide", 1.96)]


@pytest.mark.parametrize(("seconds", "blocks"), [(2.0, [("something that was not seen", 1.96)]), (0.9, [])])
def test_where_the_loop_goes_on_before_the_thread_looks_a_second_of_that_is_told_all_the_same(
    seconds: float, blocks: list[tuple[str, float]], caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader()

    watch(lambda world: Bot(lambda _: world.let_pass(seconds, computing=True)), lambda _: reader)

    assert named(caplog) == []
    assert told(reader) == blocks


@pytest.mark.parametrize("debugger", ["pdb", "bdb", "pydevd", "_pydevd_bundle.pydevd_breakpoints"])
def test_a_debugger_is_no_handler_that_blocks(debugger: str, caplog: pytest.LogCaptureFixture) -> None:
    reader = Reader()
    prompt: dict[str, Any] = {"__name__": debugger}
    exec("def interact(world):\n    world.block(60.0)\n", prompt)

    def step(world: World) -> None:
        prompt["interact"](world)
        world.block(0.05)

    watch(lambda world: Bot(lambda _: step(world)), lambda _: reader)

    assert named(caplog) == []
    assert told(reader) == [("a debugger", 60.01)]


class StandingClock(FakeClock):
    """Stands still until the test moves it, as if the process computed then, and starts no thread that looks."""

    def cpu_ns(self) -> int:
        return self.at_ns

    def start_thread(self, target: Callable[[], None], *, name: str) -> Thread:
        thread = Thread(target=no_more)
        thread.start()
        return thread


def no_more() -> None:
    """End at once."""


def test_nor_is_a_loop_that_waits(on_loop: OnLoop, caplog: pytest.LogCaptureFixture) -> None:
    def look_late() -> None:
        while current_frames()[loop_thread].f_code.co_name not in {"select", "run"}:  # it does not wait yet
            pass
        clock.at_ns += 10**13
        dog.look()

    async def main() -> None:
        dog.start()
        await asyncio.get_running_loop().run_in_executor(None, look_late)
        dog.stop()

    loop_thread = get_ident()
    clock = StandingClock()
    dog = Engine(strategies=[Bot()], clock=clock).watchdog(after_s=1000.0)
    clock.at_ns += 10**12
    on_loop(main())

    assert named(caplog) == []


def test_nor_one_that_goes_on_while_the_watchdog_looks(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def frames() -> dict[int, FrameType]:
        beat_now()
        return current_frames()

    def go_on(world: World) -> None:
        world.let_pass(0.2, computing=True)
        monkeypatch.setattr(sys, "_current_frames", frames)
        world.look()
        monkeypatch.setattr(sys, "_current_frames", current_frames)

    watch(lambda world: Bot(lambda _: go_on(world)))

    assert named(caplog) == []


def test_code_of_the_queue_itself_is_named_as_such(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "QUEUES", watchdog.__name__)

    watch(later)

    assert named(caplog)[0].startswith("bowstring.core.watchdog.Watchdog._stack blocks")


# Risk


class Gate(Doer):
    """Notes what it is told of blocks in one list with what it is given to do."""

    def __init__(self) -> None:
        super().__init__()
        self.story: list[str] = []

    @on(LoopBlocked)
    def hear(self, blocked: LoopBlocked) -> None:
        self.story.append("blocked")

    @on(Risk)
    def dare(self, action: Risk) -> None:
        self.story.append("risk")


def refusals(witness: Witness) -> list[str]:
    return [closed.reason for closed in witness.of(ActionRefused)]


@pytest.mark.parametrize(("seconds", "story"), [(1.2, ["blocked", "risk"]), (0.9, ["risk", "blocked", "risk"])])
def test_what_blocked_for_long_adds_no_risk_until_executors_have_been_told(seconds: float, story: list[str]) -> None:
    pauses_s = [seconds, 0.0]
    gate, witness = Gate(), Witness()

    def decide(world: World) -> Risk:
        world.block(pauses_s.pop(0))
        return Risk()

    watch(
        lambda _: feed_of(Tick(), Tick(), pause_s=0.2),
        lambda world: Bot(lambda _: decide(world)),
        lambda _: gate,
        lambda _: witness,
    )

    assert gate.story == story
    assert refusals(witness) == ["bot.decide blocks the event loop"] * (seconds > 1)


def test_nor_does_anybody_else_however_many_events_come_before_that() -> None:
    gate, witness = Gate(), Witness()

    class Flood(Executor):
        @on(Do)
        def do(self, do: Do) -> Iterator[Event]:
            yield from (Echo(n=n) for n in range(2500))

    class Late(Strategy):
        @on(Echo)
        def decide(self, echo: Echo) -> Risk | None:
            return Risk() if echo.n == 2499 else None

    def decide(world: World) -> Do:
        world.block(1.2)
        return Do()

    watch(
        lambda world: Bot(lambda _: decide(world)),
        lambda _: Late(),
        lambda _: Flood(),
        lambda _: gate,
        lambda _: witness,
    )

    assert gate.story == ["blocked"]
    assert refusals(witness) == ["bot.decide blocks the event loop"]


def test_nor_does_what_comes_before_the_heartbeat_after_that_whatever_it_was() -> None:
    gate, witness = Gate(), Witness()

    def reading(world: World) -> Collector:
        async def read(emit: Emit) -> None:
            loop = asyncio.get_running_loop()
            loop.call_soon(world.let_pass, 3.0)
            loop.call_soon(emit, Tick(n=1))  # as what was read comes before timers
            await asyncio.sleep(0.1)
            emit(Tick(n=2))

        return Feed(read, finite=True)

    watch(reading, lambda _: Bot(lambda tick: [Risk(), Do(n=tick.n)]), lambda _: gate, lambda _: witness)

    assert gate.story == ["blocked", "risk"]
    assert [action.n for action in gate.given if isinstance(action, Do)] == [1, 2]
    assert refusals(witness) == [LATE]


def test_nor_where_nobody_is_to_be_named_for_as_long() -> None:
    gate = Gate()

    def decide(world: World) -> Risk:
        world.let_pass(1.2)
        return Risk()

    watch(lambda world: Bot(lambda _: decide(world)), lambda _: gate, after_s=60.0)

    assert gate.story == ["blocked"]


def test_once_nobody_watches_any_more_nothing_is_late(on_loop: OnLoop) -> None:
    async def main() -> None:
        dog = Watchdog(queue, [], clock=clock, after_s=AFTER_S)
        dog.start()
        dog.stop()
        clock.at_ns += 10**12
        queue.publish(Tick())

    clock, gate = StandingClock(), Gate()
    queue = queue_of(gate, Bot(lambda _: Risk()), clock=clock)
    on_loop(main())

    assert gate.story == ["risk"]


# The thread

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def compute() -> None:
    sum(range(10_000))


def wait_in_c() -> None:
    hashlib.pbkdf2_hmac("sha256", b"", b"", 20_000)  # lets go of the interpreter's lock


WORK = {"sleep": lambda: time.sleep(0.01), "compute": compute, "wait in C": wait_in_c}


class Flagging(logging.Handler):
    """Raises a flag at the first record, in the thread that logs it."""

    def __init__(self) -> None:
        super().__init__()
        self.flag = Flag()

    def emit(self, record: logging.LogRecord) -> None:
        self.flag.set()


@pytest.fixture
def flag() -> Iterator[Flag]:
    """Give what is set once the watchdog has named something."""
    handler = Flagging()
    watchdog.log.addHandler(handler)
    yield handler.flag
    watchdog.log.removeHandler(handler)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", WORK)
def test_a_running_bot_names_what_blocks_it_before_that_is_over(
    kind: str, loop: str, flag: Flag, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def block(_tick: Tick) -> None:
        gives_up_at = time.monotonic() + PATIENCE_S
        while not flag.is_set() and time.monotonic() < gives_up_at:
            WORK[kind]()
        was_named.append(flag.is_set())

    was_named: list[bool] = []
    reader = Reader()
    monkeypatch.setattr("bowstring.core.run._new_loop", LOOPS[loop])
    run(collectors=[feed_of(Tick(), pause_s=0.2)], strategies=[Bot(block), reader])

    assert was_named == [True]
    assert named(caplog)[0].startswith("bot.decide blocks the event loop")


def test_a_running_bot_tells_when_it_is_over_and_leaves_no_thread(flag: Flag) -> None:
    class Stopping(Reader):
        @on(LoopBlocked)
        def end(self, blocked: LoopBlocked) -> None:
            engine.stop()

    def block(_tick: Tick) -> None:
        while not flag.wait(0.01):
            pass

    reader = Stopping()
    engine = Engine(collectors=[Feed(tick_and_wait)], strategies=[Bot(block, name="one"), reader])
    run_engine(engine)

    assert [handler for handler, _s in told(reader)] == ["one.decide"]
    assert not [thread for thread in threads() if "watchdog" in thread.name]


def test_it_can_be_left_out() -> None:
    names: list[str] = []

    run(
        collectors=[feed_of(Tick(), pause_s=0.05)],
        strategies=[Bot(lambda _: names.extend(thread.name for thread in threads()))],
        blocked_after_s=None,
    )

    assert "bowstring-watchdog" not in names


@pytest.mark.parametrize("after_s", [0.0, 0.019, -1.0, float("nan"), float("inf")])
def test_an_impossible_time_is_refused(after_s: float) -> None:
    with pytest.raises(ConfigError, match=r"of the watchdog is .*: give 0\.02 seconds or more"):
        run(strategies=[Bot()], blocked_after_s=after_s)


def test_a_bot_that_fails_to_start_has_none_to_stop() -> None:
    class Failing(Bot):
        async def start(self) -> None:
            raise ValueError("no idea")

    with pytest.raises(ValueError, match="no idea"):
        run(strategies=[Failing()])
