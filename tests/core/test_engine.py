import asyncio
from collections.abc import Callable, Sequence
from multiprocessing import active_children
from threading import Thread

import pytest

from bowstring.core.components import Collector, Emit, Executor, Guard, Strategy, on
from bowstring.core.engine import Engine
from bowstring.core.errors import ConfigError, EventsMissed, StopIncomplete, WiringError
from bowstring.core.inbox import LOSSLESS_CAPACITY
from bowstring.core.messages import Action, ActionRefused, ComponentFailed, Event, KillSwitch, Resumed
from bowstring.core.process import in_process
from bowstring.testing.simulation import simulate
from tests.core.bots import Bot, Do, Doer, Echo, Level, Reader, Risk, Tick, Witness, silent
from tests.core.lifecycle import (
    Diary,
    Feed,
    Keeper,
    Trader,
    Warden,
    Work,
    engine_of,
    feed_of,
    forever,
    keeping,
    live,
    nothing,
    now_s,
    outcome,
    stop_after,
    stubborn,
    tick_and_wait,
)
from tests.core.riddles import Doomed, Riddle

# --- start -----------------------------------------------------------------------------------------------------------


def test_executors_start_first_then_guards_and_strategies_then_collectors_and_they_stop_the_other_way_round() -> None:
    diary = Diary()

    live(
        keeping(diary),
        Trader(diary, name="trader 1"),
        Trader(diary, name="trader 2"),
        Warden(diary),
        Keeper(diary, name="keeper 1"),
        Keeper(diary, name="keeper 2"),
        course=stop_after(1),
    )

    assert diary.entries == [
        "keeper 1 starts",
        "keeper 2 starts",
        "warden starts",
        "trader 1 starts",
        "trader 2 starts",
        "feed starts",
        "feed ends",
        "trader 1 hears: asked to stop",
        "trader 2 hears: asked to stop",
        "trader 1 stops",
        "trader 2 stops",
        "keeper 1 stops",
        "keeper 2 stops",
    ]


@pytest.mark.parametrize("count", [2, 3000])
def test_what_executors_publish_while_they_start_is_told_in_order_once_everything_has_started(count: int) -> None:
    diary = Diary()

    class Early(Executor):
        @on(Echo)
        def hear(self, echo: Echo) -> None:
            pass

        async def start(self, emit: Emit) -> None:
            for n in range(count):
                emit(Tick(n=n))
                await asyncio.sleep(0.001)

    live(feed_of(Tick(n=count)), Trader(diary, start=nothing), Early())

    assert diary.entries[:-2] == ["trader starts", *(f"trader sees tick {n}" for n in range(count + 1))]


Failing = Callable[[Diary, Work], Executor | Guard | Strategy]

FAILING: dict[str, Failing] = {
    "executor": lambda diary, start: Keeper(diary, name="culprit", start=start),
    "guard": lambda diary, start: Warden(diary, name="culprit", start=start),
    "strategy": lambda diary, start: Trader(diary, name="culprit", start=start),
}


@pytest.mark.parametrize("role", FAILING)
def test_a_start_that_raises_ends_the_engine_and_is_named(role: str) -> None:
    diary = Diary()
    mistake = ConfigError("no key")

    async def fail() -> None:
        raise mistake

    _, error = outcome(keeping(diary), FAILING[role](diary, fail), Keeper(diary), Trader(diary))

    assert error is mistake
    assert "raised by the start of culprit" in mistake.__notes__
    assert (
        diary.entries
        == {
            "executor": ["culprit starts", "keeper starts", "culprit stops", "keeper stops"],
            "guard": ["keeper starts", "culprit starts", "keeper stops"],
            "strategy": ["keeper starts", "culprit starts", "keeper stops"],
        }[role]
    )


@pytest.mark.parametrize("role", FAILING)
def test_a_start_that_takes_too_long_ends_the_engine_and_is_named(role: str) -> None:
    ended_s, error = outcome(FAILING[role](Diary(), forever), Keeper(Diary()))

    assert ended_s == 60
    assert isinstance(error, TimeoutError)
    assert str(error) == "culprit did not start within 60 s"


def test_a_start_that_takes_too_long_and_goes_on_is_left_behind() -> None:
    ended_s, error = outcome(Keeper(Diary(), name="culprit", start=stubborn), tidy=False)

    assert ended_s == 69.5
    assert isinstance(error, StopIncomplete)
    assert isinstance(error.__context__, TimeoutError)
    assert str(error) == "culprit did not start within 60 s"


@pytest.mark.parametrize("reason", [TimeoutError("no answer from the venue"), asyncio.CancelledError()])
def test_a_start_that_ends_by_a_deadline_or_a_cancellation_of_its_own_is_named_too(reason: BaseException) -> None:
    async def fail() -> None:
        raise reason

    ended_s, error = outcome(Keeper(Diary(), start=fail))

    assert ended_s == 0
    assert error is not None
    assert str(error) in {"no answer from the venue", "it was cancelled from within"}
    assert "raised by the start of keeper" in error.__notes__


def test_a_stop_that_fails_because_the_start_did_hides_nothing() -> None:
    async def fail() -> None:
        raise OSError("no route")

    async def fail_too() -> None:
        raise AttributeError("it has no session")

    _, error = outcome(Keeper(Diary(), start=fail, stop=fail_too))

    assert str(error) == "no route"


def test_what_is_left_behind_at_the_venue_is_told_even_if_the_start_failed() -> None:
    async def fail() -> None:
        raise OSError("no route")

    async def leave_an_order() -> None:
        raise StopIncomplete("order 1 may be alive")

    _, error = outcome(Keeper(Diary(), stop=leave_an_order), Keeper(Diary(), name="culprit", start=fail))

    assert isinstance(error, StopIncomplete)
    assert str(error) == "keeper: order 1 may be alive"
    assert str(error.__context__) == "no route"


@pytest.mark.parametrize("role", FAILING)
def test_it_can_be_stopped_while_it_starts(role: str) -> None:
    diary = Diary()

    ended_s = live(keeping(diary), FAILING[role](diary, forever), Keeper(diary), course=stop_after(7))

    assert ended_s == 7
    assert "feed starts" not in diary.entries
    assert [entry for entry in diary.entries if "stops" in entry] == (
        ["culprit stops", "keeper stops"] if role == "executor" else ["keeper stops"]
    )


def test_it_runs_once() -> None:
    async def main() -> None:
        engine = engine_of(feed_of(), Bot())
        await engine.run()
        with pytest.raises(WiringError, match="this engine has run already: it runs once; make a new Engine, with new"):
            await engine.run()

    simulate(main())


def test_it_can_be_stopped_before_it_runs() -> None:
    diary = Diary()

    async def main() -> None:
        engine = engine_of(keeping(diary))
        engine.stop()
        assert engine.stopping
        await engine.run()

    simulate(main())

    assert diary.entries == []


# --- collectors ------------------------------------------------------------------------------------------------------


def test_a_mistake_of_the_user_in_a_collector_ends_the_engine_in_order() -> None:
    diary = Diary()
    mistake = ConfigError("no such symbol")

    async def fail(emit: Emit) -> None:
        await asyncio.sleep(2)
        raise mistake

    ended_s, error = outcome(keeping(diary), Feed(fail, name="culprit"), feed_of(Tick(), pause_s=9), Trader(diary))

    assert error is mistake
    assert ended_s == 2
    assert "raised by the collector culprit" in mistake.__notes__
    assert diary.entries[2:] == ["feed ends", "trader hears: failed, ConfigError('no such symbol')", "trader stops"]


def test_it_ends_when_all_finite_collectors_have_and_cancels_the_others() -> None:
    diary = Diary()

    ended_s = live(keeping(diary), feed_of(Tick(n=1), pause_s=1), feed_of(Tick(n=2), pause_s=2), Trader(diary))

    assert ended_s == 2
    assert diary.entries == [
        "trader starts",
        "feed starts",
        "trader sees tick 1",
        "trader sees tick 2",
        "feed ends",
        "trader hears: all finite collectors have ended",
        "trader stops",
    ]


def test_it_ends_only_when_what_they_told_is_handled() -> None:
    done: list[float] = []

    async def think(tick: Tick) -> Do:
        await asyncio.sleep(5)
        return Do()

    async def work(do: Do) -> None:
        await asyncio.sleep(1)
        done.append(now_s())

    ended_s = live(feed_of(Tick(n=1), Tick(n=2)), Bot(think), Doer(work))

    assert done == [6, 11]
    assert ended_s == 11


def test_a_flood_from_other_collectors_does_not_keep_it_from_ending() -> None:
    seen: list[int] = []

    class Slow(Strategy):
        @on(Level)
        async def think(self, level: Level) -> None:
            await asyncio.sleep(1)
            seen.append(level.n)

    async def flood(emit: Emit) -> None:
        n = 0
        while True:
            emit(Level(n=n))
            n += 1
            await asyncio.sleep(0.3)

    ended_s = live(Feed(flood, name="flood"), feed_of(Tick()), feed_of(Tick(), pause_s=2.95), Slow())

    assert seen == [0, 3, 6, 9]
    assert ended_s == 4


@pytest.mark.parametrize("count", [0, 1])
def test_without_a_finite_collector_it_runs_until_it_is_stopped(count: int) -> None:
    assert live(*[keeping(Diary())] * count, course=stop_after(1000)) == 1000


@pytest.mark.parametrize("event", [Tick, Level])
def test_a_replay_that_waits_until_its_events_are_handled_loses_none(event: Callable[..., Event]) -> None:
    seen: list[int] = []

    class Slow(Strategy):
        @on(Event)
        async def think(self, event: Event) -> None:
            if isinstance(event, Tick | Level):
                await asyncio.sleep(0.5)
                seen.append(event.n)

    async def replay(emit: Emit) -> None:
        for n in range(2000):
            emit(event(n=n))
            await emit.drained()

    live(Feed(replay, finite=True), Slow())

    assert seen == list(range(2000))


def test_an_executor_can_wait_too_until_its_events_are_handled() -> None:
    seen: list[int] = []

    class Source(Executor):
        @on(Echo)
        def hear(self, echo: Echo) -> None:
            pass

        async def start(self, emit: Emit) -> None:
            self.telling = asyncio.ensure_future(self.tell(emit))

        async def tell(self, emit: Emit) -> None:
            for n in range(2000):
                emit(Tick(n=n))
                await emit.drained()

    async def think(tick: Tick) -> None:
        await asyncio.sleep(0.001)
        seen.append(tick.n)

    live(Source(), Bot(think), course=stop_after(10))

    assert seen == list(range(2000))


# --- halted strategies -----------------------------------------------------------------------------------------------


def test_a_strategy_that_raises_is_halted_alone_until_it_is_resumed_with_what_waited() -> None:
    seen: list[int] = []
    witness, other = Witness(), Bot(name="other")

    async def think(tick: Tick) -> None:
        await asyncio.sleep(1)
        seen.append(tick.n)
        if tick.n == 1:
            raise ValueError("no books")

    async def course(engine: Engine, running: "asyncio.Future[None]") -> None:
        await asyncio.sleep(10)
        assert seen == [1]
        assert [account.name for account in engine.accounts() if account.halted] == ["bot"]
        engine.resume("bot")
        await asyncio.sleep(10)
        engine.stop()

    live(Feed(tick_and_wait), Bot(think), other, witness, course=course)

    assert seen == [1, 2, 3]
    assert len(other.seen) == 3
    assert witness.failures == [("bot", "strategy", True)]


def fail(message: object) -> None:
    raise ValueError("no books")


def test_only_a_halted_component_can_be_resumed() -> None:
    async def course(engine: Engine, running: "asyncio.Future[None]") -> None:
        with pytest.raises(LookupError, match=r'^"bot" is not halted; halted: none$'):
            engine.resume("bot")
        await asyncio.sleep(1)
        with pytest.raises(LookupError, match=r'^"other" is not halted; halted: Wrong, bot$'):
            engine.resume("other")
        with pytest.raises(LookupError, match=r'^there is no strategy or guard "bto"; there are Wrong, bot, other$'):
            engine.resume("bto")
        engine.stop()

    class Wrong(Witness):
        @on(Tick)
        def see(self, tick: Tick) -> None:
            fail(tick)

    live(Feed(tick_and_wait), Bot(fail), Bot(name="other"), Wrong(), course=course)


async def overflow(emit: Emit) -> None:
    for n in range(1 + LOSSLESS_CAPACITY + 3):  # the first halts the bot
        emit(Tick(n=n))
    await forever()


def test_a_strategy_that_missed_events_is_resumed_without_what_waited_and_told_so() -> None:
    class Recovering(Bot):
        @on(Resumed)
        def go_on(self, resumed: Resumed) -> None:
            missed.append(resumed.missed)

    async def course(engine: Engine, running: "asyncio.Future[None]") -> None:
        await asyncio.sleep(1)
        bot.react = silent
        engine.resume("bot")
        await asyncio.sleep(1)
        assert not any(account.halted for account in engine.accounts())
        engine.stop()

    missed: list[int] = []
    bot = Recovering(fail)
    live(Feed(overflow), bot, course=course)

    assert missed == [LOSSLESS_CAPACITY + 3]
    assert len(bot.seen) == 1


def test_a_guard_that_missed_events_cannot_be_resumed() -> None:
    class Wrong(Witness):
        @on(Tick)
        def see(self, tick: Tick) -> None:
            fail(tick)

    async def course(engine: Engine, running: "asyncio.Future[None]") -> None:
        await asyncio.sleep(1)
        with pytest.raises(EventsMissed, match=r"^Wrong missed \d+ events, as its inbox was full: start the bot anew$"):
            engine.resume("Wrong")
        engine.stop()

    live(Feed(overflow), Wrong(), course=course)


# --- the kill switch -------------------------------------------------------------------------------------------------


def test_from_the_moment_that_the_kill_switch_is_pulled_nothing_adds_risk_until_it_is_rearmed() -> None:
    witness, doer = Witness(), Doer()

    def decide(tick: Tick) -> list[Action]:
        if tick.n == 1:
            engines[0].kill("prices look wrong", by="alice")
        return [Risk(), Do()]

    async def course(engine: Engine, running: "asyncio.Future[None]") -> None:
        engines.append(engine)
        await asyncio.sleep(2.5)
        engine.rearm()
        await asyncio.sleep(1)
        engine.stop()

    engines: list[Engine] = []
    live(feed_of(*(Tick(n=n) for n in range(3)), pause_s=1), Bot(decide), witness, doer, course=course)

    assert [type(action) for action in doer.given] == [Risk, Do, Do, Risk, Do]
    assert witness.of(KillSwitch)[0].reason == "prices look wrong"
    assert witness.of(KillSwitch)[0].by == "alice"
    assert [closed.reason for closed in witness.of(ActionRefused)] == [
        "the kill switch was pulled by alice: prices look wrong"
    ]


def test_a_kill_switch_that_is_not_delivered_yet_is_not_rearmed() -> None:
    doer = Doer()

    def decide(tick: Tick) -> list[Action]:
        return [Risk(), Do()]

    async def course(engine: Engine, running: "asyncio.Future[None]") -> None:
        await asyncio.sleep(1.5)
        engine.kill("prices look wrong", by="alice")
        engine.rearm()
        await asyncio.sleep(1)
        engine.stop()

    live(feed_of(Tick(n=0), Tick(n=1), pause_s=1), Bot(decide), doer, course=course)

    assert [type(action) for action in doer.given] == [Risk, Do, Do]


def test_it_can_be_pulled_in_any_thread(caplog: pytest.LogCaptureFixture) -> None:
    reader = Reader()

    def pull(tick: Tick) -> None:
        thread = Thread(target=lambda: engine.kill("it is Friday", by="a thread"))
        thread.start()
        thread.join()

    engine = Engine(collectors=[feed_of(Tick(), pause_s=0.01)], strategies=[Bot(pull), reader])
    asyncio.run(engine.run())

    assert [event.by for event in reader.seen if isinstance(event, KillSwitch)] == ["a thread"]
    assert caplog.messages == ["the kill switch was pulled by a thread: it is Friday"]


def test_before_it_runs_and_when_it_has_ended_too() -> None:
    reader = Reader()

    engine = Engine(collectors=[feed_of(Tick())], strategies=[reader])
    engine.kill("not today", by="alice")
    asyncio.run(engine.run())
    engine.kill("too late", by="alice")

    assert [event.reason for event in reader.seen if isinstance(event, KillSwitch)] == ["not today"]


# --- strategies in processes -----------------------------------------------------------------------------------------


async def run_for_real(*strategies: Strategy, collectors: Sequence[Collector] = ()) -> None:
    async with asyncio.timeout(60):
        await Engine(strategies=strategies, collectors=collectors).run()


async def test_a_process_is_ended_when_the_start_of_something_else_fails() -> None:
    async def fail() -> None:
        assert [child.name for child in active_children()] == ["Doomed"]
        raise OSError("no route")

    with pytest.raises(OSError, match="no route"):
        await run_for_real(in_process(Doomed()), Trader(Diary(), start=fail))

    assert active_children() == []


async def test_the_process_of_a_halted_strategy_is_ended_too() -> None:
    reader = Reader()

    await run_for_real(in_process(Doomed()), reader, collectors=[feed_of(Riddle(n=1, extra="raise"))])

    assert [failed.component for failed in reader.seen if isinstance(failed, ComponentFailed)] == ["Doomed"]
    assert active_children() == []


def test_a_collector_that_does_not_say_how_to_run_ends_the_engine_with_what_to_do() -> None:
    class Forgotten(Collector):
        pass

    async def main() -> None:
        with pytest.raises(ConfigError, match=r"Forgotten publishes nothing: give it an `async def run\(self, emit\)`"):
            await Engine(collectors=[Forgotten()], strategies=[Bot()]).run()

    simulate(main())
