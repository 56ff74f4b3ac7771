"""Tests of the event queue, property by property."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from bowstring.core.components import Executor, Guard, Strategy, on
from bowstring.core.errors import PublishError
from bowstring.core.inbox import LOSSLESS_CAPACITY, MARKET_CAPACITY
from bowstring.core.messages import Action, ActionRefused, ComponentFailed, Event, Events, Lagged, Resumed
from bowstring.core.queue import BACKLOG, MAX_CHAINED, MAX_DEPTH, EventQueue
from bowstring.core.subscriber import Account
from bowstring.testing.simulation import simulate
from tests.core.bots import (
    Bot,
    Do,
    Doer,
    Echo,
    FakeClock,
    Judge,
    Level,
    Note,
    Print,
    Reaction,
    Reader,
    Tick,
    Witness,
    queue_of,
    silent,
)
from tests.core.conftest import OnLoop


def fail(message: object) -> None:
    raise ValueError("broken")


def account_of(queue: EventQueue, name: str, *, role: str = "strategy") -> Account:
    return next(account for account in queue.accounts() if (account.name, account.role) == (name, role))


async def passes(count: int) -> None:
    """Let the loop make some passes."""
    for _ in range(count):
        await asyncio.sleep(0)


class Sleeper(Strategy):
    """Waits in each handler until it is woken, and then goes on with ``react``."""

    def __init__(self, react: Callable[[Event], Any] = silent, *, name: str = "sleeper") -> None:
        self.name = name
        self.react = react
        self.seen: list[Event] = []
        self.waiting: list[asyncio.Future[None]] = []

    @on(Event)
    async def sleep(self, event: Event) -> Any:
        self.seen.append(event)
        self.waiting.append(asyncio.get_running_loop().create_future())
        await self.waiting[-1]
        return self.react(event)

    async def wake(self) -> None:
        """End the wait of the present event, and let the next one come."""
        self.waiting.pop(0).set_result(None)
        await passes(5)


class Observer(Executor):
    """Answers events with what ``react`` returns."""

    def __init__(self, react: Reaction, *, name: str = "observer") -> None:
        self.name = name
        self.react = react

    @on(Tick)
    def look(self, tick: Tick) -> Any:
        return self.react(tick)


# Total order


def test_an_event_published_during_a_delivery_waits_until_that_is_over() -> None:
    readers = [Reader(name="one"), Reader(name="other")]
    queue_of(Observer(lambda _: Echo()), *readers).publish(Tick())

    for reader in readers:
        assert [(type(event), event.seq) for event in reader.seen] == [(Tick, 1), (Echo, 2)]


def test_events_of_several_sources_have_one_order() -> None:
    async def source(first: int) -> None:
        for n in range(first, first + 5):
            queue.publish(Tick(n=n))
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(source(0), source(10), source(20))

    readers = [Reader(name="one"), Reader(name="other")]
    queue = queue_of(*readers)
    asyncio.run(main())

    assert readers[0].seen == readers[1].seen
    assert [event.seq for event in readers[0].seen] == list(range(1, 16))


def test_what_an_executor_emits_while_it_carries_out_an_action_waits_too() -> None:
    def emit(do: Do) -> Echo:
        queue.publish(Echo(n=1))
        return Echo(n=2)

    reader = Reader()
    queue = queue_of(Bot(lambda _: Do()), Doer(emit), reader)
    queue.publish(Tick())

    assert [(type(event), getattr(event, "n", None), event.cause) for event in reader.seen] == [
        (Tick, 0, 0),
        (Echo, 1, 0),
        (Echo, 2, 2),
    ]


def test_what_comes_after_a_delivery_is_delivered_at_once_again() -> None:
    reader = Reader()
    queue = queue_of(Observer(lambda _: Echo()), reader)
    for count in (2, 4, 6):
        queue.publish(Tick())
        assert len(reader.seen) == count


# Actions first


def test_an_action_is_carried_out_before_the_next_subscriber_gets_the_event() -> None:
    def acts(tick: Tick) -> Iterator[Do]:
        calls.append("first")
        yield Do()

    calls: list[str] = []
    judge = Judge(lambda _: calls.append("judge"))
    second = Bot(lambda _: calls.append("second"), name="second")
    queue_of(Bot(acts), second, judge, Doer(lambda _: calls.append("do"))).publish(Tick())

    assert calls == ["first", "judge", "do", "second"]


def test_guards_see_an_event_before_executors_and_these_before_strategies() -> None:
    class Looker(Guard):
        @on(Tick)
        def look(self, tick: Tick) -> None:
            calls.append("guard")

    calls: list[str] = []
    bot, observer = Bot(lambda _: calls.append("bot")), Observer(lambda _: calls.append("executor"))
    queue_of(bot, observer, Looker()).publish(Tick())

    assert calls == ["guard", "executor", "bot"]


def test_each_handlers_actions_are_carried_out_before_the_next_handler_is_called() -> None:
    class Two(Bot):
        @on(Tick)
        def also(self, tick: Tick) -> Do:
            calls.append("also")
            return Do(n=2)

    calls: list[str] = []
    two = Two(lambda _: Do(n=1))
    queue_of(two, Doer(lambda do: calls.append(f"do {do.n}"))).publish(Tick())

    assert calls == ["do 1", "also", "do 2"]


# Isolation


def test_while_a_handler_waits_its_own_events_wait_and_all_others_go_on(on_loop: OnLoop) -> None:
    async def main() -> None:
        for n in range(3):
            queue.publish(Tick(n=n))
        await passes(5)
        assert len(reader.seen) == 3
        assert len(sleeper.seen) == 1
        assert account_of(queue, "sleeper").waiting == 2
        while sleeper.waiting:
            await sleeper.wake()

    sleeper, reader = Sleeper(), Reader()
    queue = queue_of(sleeper, reader)
    on_loop(main())

    assert sleeper.seen == reader.seen


def test_the_actions_of_a_handler_that_waited_are_published_when_it_ends(on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(tick := Tick())
        clock.at_ns += 10
        await passes(5)
        assert doer.given == []
        await sleeper.wake()
        (do,) = doer.given
        assert (do.cause, do.received_ns, do.strategy) == (tick.seq, tick.received_ns, "sleeper")

    clock = FakeClock()
    sleeper, doer = Sleeper(lambda _: Do()), Doer()
    queue = queue_of(sleeper, doer, clock=clock)
    on_loop(main())


def test_the_other_handlers_of_an_event_follow_when_one_has_waited(on_loop: OnLoop) -> None:
    class Two(Sleeper):
        @on(Tick)
        def then(self, tick: Tick) -> None:
            calls.append(tick.n)

    async def main() -> None:
        queue.publish(Tick(n=1))
        queue.publish(Tick(n=2))
        await passes(5)
        assert calls == []
        await two.wake()
        assert calls == [1]
        await two.wake()

    calls: list[int] = []
    two = Two()
    queue = queue_of(two)
    on_loop(main())

    assert calls == [1, 2]
    assert account_of(queue, "sleeper").delivered == 2


def test_the_handler_that_waited_and_those_before_it_are_not_called_again(on_loop: OnLoop) -> None:
    class Three(Bot):
        @on(Tick)
        async def wait(self, tick: Tick) -> None:
            calls.append("wait")
            await gate.wait()

        @on(Tick)
        def finish(self, tick: Tick) -> None:
            calls.append("finish")

    async def main() -> None:
        queue.publish(Tick())
        await passes(5)
        assert calls == ["decide", "wait"]
        gate.set()
        await queue.idle()

    gate = asyncio.Event()
    calls: list[str] = []
    queue = queue_of(Three(lambda _: calls.append("decide")))
    on_loop(main())

    assert calls == ["decide", "wait", "finish"]


async def fail_later(message: object) -> None:
    await asyncio.sleep(0)
    fail(message)


@pytest.mark.parametrize("handler", [fail, fail_later])
def test_after_a_handler_that_failed_the_events_other_handlers_are_not_called(handler: Any, on_loop: OnLoop) -> None:
    class Two(Bot):
        @on(Tick)
        def then(self, tick: Tick) -> None:
            calls.append(tick.n)

    async def main() -> None:
        queue.publish(Tick())
        await queue.idle()

    calls: list[int] = []
    queue = queue_of(Two(handler))
    on_loop(main())

    assert calls == []
    assert account_of(queue, "bot").halted


def test_a_strategy_that_raises_is_halted_and_all_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    witness, reader = Witness(), Reader()
    queue = queue_of(witness, Bot(fail), reader)
    queue.publish(Tick())
    queue.publish(Tick())

    (failed,) = witness.of(ComponentFailed)
    assert (failed.component, failed.role, failed.reason, failed.halted) == ("bot", "strategy", "broken", True)
    assert failed.cause == 1
    assert reader.seen == witness.seen
    assert caplog.messages == ["bot: failed, ValueError('broken')"]


def test_what_comes_while_a_strategy_is_halted_waits_for_it() -> None:
    bot = Bot(fail)
    queue = queue_of(bot)
    for _ in range(3):
        queue.publish(Tick())

    account = account_of(queue, "bot")
    assert len(bot.seen) == 1
    assert (account.published, account.delivered, account.undelivered, account.waiting) == (3, 1, 0, 2)
    assert account.halted


def test_a_failure_without_words_is_told_by_its_type() -> None:
    def wordless(tick: Tick) -> None:
        raise KeyError

    witness = Witness()
    queue_of(witness, Bot(wordless)).publish(Tick())

    assert [failed.reason for failed in witness.of(ComponentFailed)] == ["KeyError()"]


def test_a_cancellation_that_a_handler_raises_does_not_reach_the_publisher() -> None:
    def cancelled(tick: Tick) -> None:
        raise asyncio.CancelledError

    witness = Witness()
    queue_of(witness, Bot(cancelled)).publish(Tick())

    assert witness.failures == [("bot", "strategy", True)]


def test_an_executor_that_raises_on_an_event_is_told_and_goes_on() -> None:
    witness = Witness()
    queue = queue_of(witness, Observer(fail), Bot())
    queue.publish(Tick())
    queue.publish(Tick())

    assert witness.failures == [("observer", "executor", False)] * 2
    assert account_of(queue, "observer", role="observer").delivered == 2


def test_executors_that_fail_to_hear_of_failures_do_not_fail_for_ever() -> None:
    class Deaf(Executor):
        @on(Event)
        def listen(self, event: Event) -> None:
            fail(event)

    witness = Witness()
    queue_of(witness, Deaf(), Deaf(), Bot()).publish(Tick())

    assert witness.failures == [("Deaf", "executor", False), ("Deaf-2", "executor", False)]


def test_an_interrupt_passes_and_leaves_the_queue_in_order() -> None:
    def interrupted(tick: Tick) -> None:
        if tick.n == 13:
            raise KeyboardInterrupt

    reader = Reader()
    queue = queue_of(Bot(interrupted), reader)
    with pytest.raises(KeyboardInterrupt):
        queue.publish(Tick(n=13))
    queue.publish(Tick(n=1))

    assert [event.seq for event in reader.seen] == [2]


def test_an_interrupt_in_a_turn_leaves_the_queue_in_order() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    reader = Reader()
    queue = queue_of(reader)
    with pytest.raises(KeyboardInterrupt):
        queue.turn(interrupted)
    queue.publish(Tick())

    assert len(reader.seen) == 1


# Halted and resumed


def test_what_waited_is_delivered_first_when_a_strategy_is_resumed(on_loop: OnLoop) -> None:
    async def main() -> None:
        for n in range(4):
            queue.publish(Tick(n=n))
        await passes(5)
        await sleeper.wake()
        queue.publish(Tick(n=4))
        sleeper.react = silent
        queue.resume("sleeper")
        queue.publish(Tick(n=5))
        await passes(5)
        while sleeper.waiting:
            await sleeper.wake()

    sleeper = Sleeper(fail)
    queue = queue_of(sleeper)
    on_loop(main())

    account = account_of(queue, "sleeper")
    assert [event.n for event in sleeper.seen if isinstance(event, Tick)] == [0, 1, 2, 3, 4, 5]
    assert (account.undelivered, account.halted) == (0, False)


def test_a_resumed_strategy_that_has_nothing_waiting_gets_what_comes() -> None:
    bot = Bot(fail)
    queue = queue_of(bot)
    queue.publish(Tick())
    bot.react = silent
    queue.resume("bot")
    queue.publish(Tick())

    assert len(bot.seen) == 2
    assert not account_of(queue, "bot").halted


class Recovering(Bot):
    """Reads `Resumed` too, in one list with the ticks."""

    @on(Resumed)
    def go_on(self, resumed: Resumed) -> None:
        self.seen.append(resumed)

    @property
    def story(self) -> list[str]:
        return [
            f"tick {event.n}" if isinstance(event, Tick) else f"missed {event.missed}"
            for event in self.seen
            if isinstance(event, Tick | Resumed)
        ]


def publish_ticks(queue: EventQueue, first: int, last: int) -> None:
    for n in range(first, last + 1):
        queue.publish(Tick(n=n))


def test_a_strategy_that_is_resumed_with_what_waited_is_told_so_after_that() -> None:
    witness, bot = Witness(), Recovering(fail)
    queue = queue_of(witness, bot)
    publish_ticks(queue, 0, 2)
    bot.react = silent
    queue.resume("bot")
    publish_ticks(queue, 3, 3)

    assert bot.story == ["tick 0", "tick 1", "tick 2", "missed 0", "tick 3"]
    assert [resumed.strategy for resumed in witness.of(Resumed)] == ["bot"]


def test_one_that_missed_events_begins_anew_and_is_told_how_many(on_loop: OnLoop) -> None:
    async def main() -> None:
        publish_ticks(queue, 0, LOSSLESS_CAPACITY + 2)
        frozen.append(account_of(queue, "bot"))
        bot.react = silent
        queue.resume("bot")
        publish_ticks(queue, 2000, 2000)

    frozen: list[Account] = []
    bot = Recovering(fail)
    queue = queue_of(bot)
    on_loop(main())

    account = account_of(queue, "bot")
    assert (frozen[0].waiting, frozen[0].undelivered) == (LOSSLESS_CAPACITY, 2)
    assert bot.story == ["tick 0", f"missed {LOSSLESS_CAPACITY + 2}", "tick 2000"]
    assert (account.published, account.delivered) == (LOSSLESS_CAPACITY + 5, 3)
    assert (account.waiting, account.undelivered, account.halted) == (0, LOSSLESS_CAPACITY + 2, False)


def test_each_gap_is_counted_by_itself(on_loop: OnLoop) -> None:
    async def main() -> None:
        for missed in (3, 5):
            bot.react = fail
            publish_ticks(queue, 0, LOSSLESS_CAPACITY + missed)
            bot.react = silent
            queue.resume("bot")

    bot = Recovering(fail)
    queue = queue_of(bot)
    on_loop(main())

    gaps = [f"missed {LOSSLESS_CAPACITY + missed}" for missed in (3, 5)]
    assert bot.story == ["tick 0", gaps[0], "tick 0", gaps[1]]


def test_the_first_that_it_is_given_after_a_gap_is_that_it_was_resumed(on_loop: OnLoop) -> None:
    async def main() -> None:
        publish_ticks(queue, 0, LOSSLESS_CAPACITY + 1)
        bot.react = silent
        queue.publish(Echo())
        await passes(10)
        publish_ticks(queue, 9999, 9999)

    class Resuming(Executor):
        @on(Echo)
        def answer(self, echo: Echo) -> Events:
            queue.resume("bot")
            queue.resume("bot")
            return [Tick(n=n) for n in range(5000, 7500)]  # more than one turn's worth

    bot = Recovering(fail)
    queue = queue_of(Resuming(), bot)
    on_loop(main())

    assert bot.story == ["tick 0", f"missed {LOSSLESS_CAPACITY + 1 + 2500}", "tick 9999"]


def test_what_was_dropped_before_a_gap_is_not_told_after_it(on_loop: OnLoop) -> None:
    class Lagging(Recovering):
        @on(Print)
        def read(self, print_: Print) -> None:
            self.seen.append(print_)

        @on(Lagged)
        def lag(self, lagged: Lagged) -> None:
            self.seen.append(lagged)

    async def main() -> None:
        queue.publish(Tick())
        for n in range(MARKET_CAPACITY + 7):
            queue.publish(Print(n=n))
        publish_ticks(queue, 1, LOSSLESS_CAPACITY + 1)
        bot.react = silent
        queue.resume("bot")
        queue.publish(Print(n=-1))

    bot = Lagging(fail)
    queue = queue_of(bot)
    on_loop(main())

    account = account_of(queue, "bot")
    assert [type(event) for event in bot.seen] == [Tick, Resumed, Print]
    assert (account.dropped, account.undelivered) == (7, MARKET_CAPACITY + LOSSLESS_CAPACITY + 1)


def test_of_a_guard_that_goes_on_nothing_is_told() -> None:
    class Fragile(Witness):
        @on(Tick)
        def break_(self, tick: Tick) -> None:
            fail(tick)

    witness = Fragile()
    queue = queue_of(witness)
    queue.publish(Tick())
    queue.resume("Fragile")

    assert witness.of(Resumed) == []
    assert not account_of(queue, "Fragile", role="guard").halted


@pytest.mark.parametrize("name", ["bot", "nobody"])
def test_only_what_is_halted_can_be_resumed(name: str) -> None:
    queue = queue_of(Bot())

    with pytest.raises(KeyError, match=name):
        queue.resume(name)


def test_resuming_from_within_a_handler_does_not_break_the_order(on_loop: OnLoop) -> None:
    class Healer(Reader):
        @on(ComponentFailed)
        def heal(self, failed: ComponentFailed) -> None:
            bot.react = silent
            queue.resume("bot")

    async def main() -> None:
        queue.publish(Tick(n=1))
        queue.publish(Tick(n=2))
        await passes(3)
        queue.publish(Tick(n=3))

    class Commenting(Executor):
        @on(ComponentFailed)
        def comment(self, failed: ComponentFailed) -> Echo:
            return Echo()

    bot, healer, last = Bot(fail), Healer(), Reader(name="last")
    queue = queue_of(bot, healer, Commenting(), last)
    on_loop(main())

    assert [type(event) for event in last.seen] == [Tick, ComponentFailed, Echo, Tick, Tick]
    assert [tick.seq for tick in bot.seen] == [1, 4, 6]


def test_what_a_strategy_returns_after_it_was_halted_is_void(on_loop: OnLoop, caplog: pytest.LogCaptureFixture) -> None:
    class Two(Sleeper):
        @on(Tick)
        def then(self, tick: Tick) -> None:
            calls.append(tick)

    async def main() -> None:
        for _ in range(LOSSLESS_CAPACITY + 2):
            queue.publish(Tick())
        await passes(5)
        await two.wake()

    calls: list[Tick] = []
    two, doer = Two(lambda _: Do()), Doer()
    queue = queue_of(two, doer)
    on_loop(main())

    assert account_of(queue, "sleeper").halted
    assert doer.given == []
    assert calls == []
    assert caplog.messages[-1] == "sleeper: halted while its handler waited, so what it returned is void"


def test_a_strategy_resumed_while_its_handler_waits_goes_on_as_before(on_loop: OnLoop) -> None:
    async def main() -> None:
        for _ in range(LOSSLESS_CAPACITY + 2):
            queue.publish(Tick())
        await passes(5)
        queue.resume("sleeper")
        assert len(sleeper.seen) == 1
        await sleeper.wake()
        assert len(doer.given) == 1
        assert len(sleeper.seen) == 2
        await queue.cancel()

    sleeper, doer = Sleeper(lambda _: Do()), Doer()
    queue = queue_of(sleeper, doer)
    on_loop(main())


# Delivery classes


def test_lossless_events_wait_for_a_subscriber_that_is_behind(on_loop: OnLoop) -> None:
    async def main() -> None:
        for n in range(1 + LOSSLESS_CAPACITY):
            queue.publish(Tick(n=n))
        await passes(2)
        while sleeper.waiting:
            await sleeper.wake()

    sleeper = Sleeper()
    queue = queue_of(sleeper)
    on_loop(main())

    assert [event.n for event in sleeper.seen if isinstance(event, Tick)] == list(range(1025))
    account = account_of(queue, "sleeper")
    assert (account.delivered, account.halted) == (1025, False)


def test_a_strategy_whose_inbox_overflows_is_halted_loudly_and_its_inbox_is_frozen(on_loop: OnLoop) -> None:
    async def main() -> None:
        for _ in range(1 + LOSSLESS_CAPACITY):
            queue.publish(Tick())
        await passes(2)
        assert witness.failures == []
        queue.publish(Tick())
        queue.publish(Level())
        assert witness.failures == [("sleeper", "strategy", True)]
        await sleeper.wake()

    witness, sleeper = Witness(), Sleeper()
    queue = queue_of(witness, sleeper)
    on_loop(main())

    (failed,) = witness.of(ComponentFailed)
    account = account_of(queue, "sleeper")
    assert failed.reason == "its inbox is full, 1024 events wait"
    assert len(sleeper.seen) == 1
    assert (account.published, account.delivered, account.waiting, account.undelivered) == (1028, 1, 1024, 3)


def test_an_executor_whose_inbox_overflows_is_told_of_and_goes_on(on_loop: OnLoop) -> None:
    class Slow(Executor):
        @on(Tick)
        async def look(self, tick: Tick) -> None:
            seen.append(tick.n)
            await gate.wait()

    async def main() -> None:
        for n in range(LOSSLESS_CAPACITY + 3):
            queue.publish(Tick(n=n))
        await passes(2)
        gate.set()
        await queue.idle()

    gate = asyncio.Event()
    seen: list[int] = []
    witness = Witness()
    queue = queue_of(witness, Slow(), Bot())
    on_loop(main())

    account = account_of(queue, "Slow", role="observer")
    assert seen == list(range(1 + LOSSLESS_CAPACITY))
    assert witness.failures == [("Slow", "executor", False)] * 2
    assert (account.published, account.delivered, account.undelivered) == (1027, 1025, 2)


def test_of_a_state_only_the_latest_reaches_a_subscriber_that_is_behind(on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick(n=0))
        for n in range(1, 7):
            queue.publish(Level(symbol="ab"[n % 2], n=n))
        queue.publish(Tick(n=7))
        await passes(5)
        while sleeper.waiting:
            await sleeper.wake()

    sleeper, reader = Sleeper(), Reader()
    queue = queue_of(sleeper, reader)
    on_loop(main())

    assert [event.n for event in sleeper.seen if isinstance(event, Tick | Level)] == [0, 5, 6, 7]
    account = account_of(queue, "sleeper")
    assert (account.published, account.delivered, account.conflated) == (8, 4, 4)
    assert len(reader.seen) == 8


def test_what_was_lost_is_told_to_who_lost_it_before_anything_newer(on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick())
        for _ in range(MARKET_CAPACITY + 3):
            queue.publish(Print())
        await passes(5)
        clock.at_ns += 1_000
        while sleeper.waiting:
            await sleeper.wake()

    clock = FakeClock()
    sleeper, reader = Sleeper(), Reader()
    queue = queue_of(sleeper, reader, clock=clock)
    on_loop(main())

    _tick, lagged, first, *_rest = sleeper.seen
    account = account_of(queue, "sleeper")
    assert isinstance(lagged, Lagged)
    assert (lagged.count, lagged.first, lagged.last) == (3, 2, 4)
    assert (lagged.seq, lagged.cause, lagged.received_ns) == (1029, 0, clock.now_ns())
    assert first.seq == 5
    assert (account.published, account.delivered, account.dropped) == (1028, 1025, 3)
    assert not any(isinstance(event, Lagged) for event in reader.seen)


def test_who_does_not_handle_lagged_loses_in_silence(on_loop: OnLoop) -> None:
    class Printer(Strategy):
        @on(Print)
        async def read(self, event: Print) -> None:
            seen.append(event.seq)
            await asyncio.sleep(0)

    async def main() -> None:
        for _ in range(MARKET_CAPACITY + 3):
            queue.publish(Print())
        await queue.idle()

    seen: list[int] = []
    queue = queue_of(Printer(), Reader())
    on_loop(main())

    assert seen == [1, *range(4, MARKET_CAPACITY + 4)]


def test_a_lagged_handler_may_act_and_may_wait(on_loop: OnLoop) -> None:
    class Careful(Sleeper):
        @on(Lagged)
        def flatten(self, lagged: Lagged) -> Do:
            return Do(n=lagged.count)

    async def main() -> None:
        queue.publish(Tick())
        for _ in range(MARKET_CAPACITY + 1):
            queue.publish(Print())
        await passes(5)
        await careful.wake()
        assert isinstance(careful.seen[-1], Lagged)
        assert doer.given == []
        await careful.wake()
        assert [(do.n, do.cause) for do in doer.given if isinstance(do, Do)] == [(1, 1027)]
        assert careful.seen[-1].seq == 3
        await queue.cancel()

    careful, doer = Careful(), Doer()
    queue = queue_of(careful, doer)
    on_loop(main())


def test_one_that_keeps_up_loses_nothing() -> None:
    reader = Reader()
    queue = queue_of(reader)
    for _ in range(3 * MARKET_CAPACITY):
        queue.publish(Print())
        queue.publish(Level())

    account = account_of(queue, "reader")
    assert len(reader.seen) == 6 * MARKET_CAPACITY
    assert (account.conflated, account.dropped) == (0, 0)


# Handlers are atomic


def yields_and_raises(tick: Tick) -> Iterator[Do]:
    yield Do()
    fail(tick)


async def awaits_and_raises(tick: Tick) -> Iterator[Do]:
    await asyncio.sleep(0)
    return yields_and_raises(tick)


async def yields_awaits_and_raises(tick: Tick) -> Any:
    yield Do()
    await asyncio.sleep(0)
    fail(tick)


@pytest.mark.parametrize("handler", [yields_and_raises, awaits_and_raises, yields_awaits_and_raises])
def test_a_handler_that_raises_after_it_has_yielded_publishes_nothing(handler: Any, on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick())
        await queue.idle()

    witness, doer = Witness(), Doer()
    queue = queue_of(witness, doer, Bot(handler))
    on_loop(main())

    assert doer.given == []
    assert witness.failures == [("bot", "strategy", True)]


def test_all_that_a_handler_yields_is_collected_before_the_first_is_published() -> None:
    def acts(tick: Tick) -> Iterator[Do]:
        for n in range(2):
            calls.append(f"yield {n}")
            yield Do(n=n)

    calls: list[str] = []
    queue_of(Bot(acts), Doer(lambda do: calls.append(f"do {do.n}"))).publish(Tick())

    assert calls == ["yield 0", "yield 1", "do 0", "do 1"]


def test_of_answers_one_of_which_cannot_be_published_none_is() -> None:
    witness = Witness()
    queue_of(witness, Observer(lambda _: [Echo(), Do()]), Bot()).publish(Tick())

    (failed,) = witness.of(ComponentFailed)
    assert witness.of(Echo) == []
    assert failed.reason.startswith("Do(")
    assert failed.reason.endswith(" is no Event: return events, an iterable of them, or None")


ONE_ACTION: list[Reaction] = [
    lambda _: Do(),
    lambda _: [Do()],
    lambda _: (Do() for _ in range(1)),
    lambda _: {Do(): 1},
]


@pytest.mark.parametrize("answer", ONE_ACTION)
def test_one_action_or_any_iterable_will_do(answer: Any) -> None:
    doer = Doer()
    queue_of(Bot(answer), doer).publish(Tick())

    assert len(doer.given) == 1


def test_a_handler_that_returns_what_is_done_already_does_not_wait(on_loop: OnLoop) -> None:
    def act(tick: Tick) -> "asyncio.Future[Do]":
        done: asyncio.Future[Do] = asyncio.get_running_loop().create_future()
        done.set_result(Do())
        return done

    async def main() -> None:
        queue.publish(Tick())
        assert len(doer.given) == 1

    doer = Doer()
    queue = queue_of(Bot(act), doer)
    on_loop(main())


NO_ACTION: list[Reaction] = [silent, lambda _: [], lambda _: (), lambda _: iter(())]


@pytest.mark.parametrize("answer", NO_ACTION)
def test_a_handler_may_return_nothing(answer: Any) -> None:
    witness, doer = Witness(), Doer()
    queue_of(witness, Bot(answer), doer).publish(Tick())

    assert doer.given == []
    assert witness.failures == []


# The envelope


def test_an_event_is_stamped_when_it_is_published() -> None:
    clock = FakeClock()
    queue = queue_of(Bot(), clock=clock)
    queue.publish(Echo())
    queue.publish(tick := Tick())

    assert (tick.seq, tick.cause, tick.received_ns, tick.depth) == (2, 0, clock.now_ns(), 0)


def test_the_time_of_receipt_is_kept_where_the_source_knows_it() -> None:
    queue_of(Bot()).publish(tick := Tick(received_ns=123))

    assert tick.received_ns == 123


@pytest.mark.parametrize("received_ns", [-1, 1 << 63])
def test_a_time_of_receipt_that_is_none_is_a_mistake(received_ns: int) -> None:
    reader = Reader()
    queue = queue_of(reader)
    with pytest.raises(PublishError, match=f"received_ns is {received_ns}: give nanoseconds since 1970, or nothing"):
        queue.publish(Tick(received_ns=received_ns))
    queue.publish(Tick(received_ns=1))
    queue.publish(Tick(received_ns=(1 << 63) - 1))

    assert [event.seq for event in reader.seen] == [1, 2]
    assert account_of(queue, "reader").delivered == 2


def test_a_handler_that_exits_does_not_keep_the_event_from_others() -> None:
    def leave(tick: Tick) -> None:
        raise SystemExit(tick.n)

    async def run() -> None:
        queue.publish(Tick(n=7))
        await asyncio.sleep(1)

    reader = Reader()
    queue = queue_of(Bot(leave), reader)
    with pytest.raises(SystemExit, match="7"):
        simulate(run())

    assert len(reader.seen) == 1
    assert [account.delivered for account in queue.accounts()] == [1, 1]


def test_answers_carry_their_cause_and_its_time_of_receipt() -> None:
    clock = FakeClock()
    witness = Witness()
    queue_of(witness, Observer(lambda _: Echo()), Bot(), clock=clock).publish(Tick(received_ns=123))

    (echo,) = witness.of(Echo)
    assert (echo.seq, echo.cause, echo.received_ns, echo.depth) == (2, 1, 123, 1)


def test_guards_may_answer_events_too() -> None:
    class Answering(Guard):
        @on(Tick)
        def answer(self, tick: Tick) -> Events:
            yield Echo(n=1)
            yield Echo(n=2)

    witness = Witness()
    queue_of(witness, Answering(), Bot()).publish(Tick())

    assert [(echo.n, echo.cause) for echo in witness.of(Echo)] == [(1, 1), (2, 1)]


@pytest.mark.parametrize("wrong", [Do(), "tick", None])
def test_only_events_are_published(wrong: Any) -> None:
    reader = Reader()
    with pytest.raises(PublishError, match=" is no Event: return events, an iterable of them, or None"):
        queue_of(reader).publish(wrong)

    assert reader.seen == []


def test_an_event_is_published_once() -> None:
    reader = Reader()
    queue = queue_of(reader)
    queue.publish(tick := Tick())
    with pytest.raises(PublishError, match=r"^Tick 1 is published a second time: make a new one$"):
        queue.publish(tick)

    assert len(reader.seen) == 1


OLD_EVENTS: list[Reaction] = [lambda tick: tick, lambda _: [echo := Echo(), echo]]


@pytest.mark.parametrize("answer", OLD_EVENTS)
def test_an_answer_is_published_once(answer: Any) -> None:
    witness = Witness()
    queue_of(witness, Observer(answer), Bot()).publish(Tick())

    assert witness.failures == [("observer", "executor", False)]
    assert witness.of(Echo) == []


def test_a_refused_publication_leaves_the_queue_as_it_was() -> None:
    reader = Reader()
    queue = queue_of(reader)
    queue.publish(tick := Tick())
    with pytest.raises(PublishError):
        queue.publish(tick)
    queue.publish(Echo())

    assert [event.seq for event in reader.seen] == [1, 2]


# Chains


class Stubborn(Strategy):
    """Answers each refusal with the same order."""

    def __init__(self, *, times: int = 1, name: str = "stubborn") -> None:
        self.name = name
        self.times = times
        self.depths: list[int] = []

    @on(Tick)
    def begin(self, tick: Tick) -> Do:
        return Do()

    @on(ActionRefused)
    def insist(self, refused: ActionRefused) -> list[Do]:
        self.depths.append(refused.depth)
        return [Do() for _ in range(self.times)]


def refuse(action: Action) -> str | None:
    return "no" if isinstance(action, Do) and action.n == 0 else None


def test_a_strategy_that_answers_each_refusal_with_the_same_order_is_halted_and_others_go_on() -> None:
    witness, reader, stubborn = Witness(), Reader(), Stubborn()
    queue = queue_of(witness, Judge(refuse), stubborn, Doer(), reader)
    queue.publish(Tick())
    queue.publish(Tick())

    (failed,) = witness.of(ComponentFailed)
    assert stubborn.depths == list(range(1, MAX_DEPTH + 1))
    assert len(witness.of(ActionRefused)) == MAX_DEPTH == 64
    assert (failed.component, failed.halted) == ("stubborn", True)
    assert failed.reason == "a chain of 64 messages, each the cause of the next, without waiting"
    assert [type(event) for event in reader.seen] == [Tick, ComponentFailed, Tick]


def test_who_answers_the_halt_of_another_is_not_halted_for_its_chain() -> None:
    class Pager(Strategy):
        @on(ComponentFailed)
        def page(self, failed: ComponentFailed) -> Do:
            return Do(n=1)

    witness, doer = Witness(), Doer()
    queue = queue_of(witness, Judge(refuse), Stubborn(), doer, Pager(), clock=(clock := FakeClock()))
    queue.publish(tick := Tick())
    clock.at_ns += 1

    assert [(do.strategy, do.depth) for do in doer.given] == [("Pager", 0)]
    assert witness.failures == [("stubborn", "strategy", True)]
    assert tick.received_ns == doer.given[0].received_ns < clock.now_ns()


class Monitor(Strategy):
    """Answers the refusals of others with ``answer``, and its own refusals too if it is stubborn."""

    def __init__(self, answer: Do, *, name: str = "monitor", stubborn: bool = False) -> None:
        self.name = name
        self.answer = answer.n
        self.stubborn = stubborn

    @on(ActionRefused, all=True)
    def react(self, refused: ActionRefused) -> Do | None:
        return Do(n=self.answer) if refused.strategy != self.name or self.stubborn else None


@pytest.mark.parametrize("name", ["a monitor", "the monitor"])
@pytest.mark.parametrize("before", [True, False])
def test_who_answers_what_it_overhears_is_not_halted_for_it(before: bool, name: str) -> None:
    doer, witness, monitor = Doer(), Witness(), Monitor(Do(n=1), name=name)
    strategies = [monitor, Stubborn()] if before else [Stubborn(), monitor]
    queue_of(witness, Judge(refuse), *strategies, doer).publish(Tick())

    assert len(doer.given) == MAX_DEPTH
    assert witness.failures == [("stubborn", "strategy", True)]


def test_who_makes_the_chain_of_another_its_own_is_halted_too(on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick())
        await queue.idle()

    witness = Witness()
    queue = queue_of(witness, Judge(refuse), Stubborn(), Monitor(Do(), stubborn=True), Doer())
    on_loop(main())

    assert sorted(witness.failures) == [("monitor", "strategy", True), ("stubborn", "strategy", True)]
    assert max(refused.depth for refused in witness.of(ActionRefused)) <= MAX_DEPTH + 1


def test_an_event_belongs_to_its_strategy_whoever_wrote_the_name() -> None:
    class Nagging(Strategy):
        @on(Tick)
        def begin(self, tick: Tick) -> Do:
            return Do()

        @on(Note)
        def insist(self, note: Note) -> Do:
            return Do()

    witness = Witness()
    doer = Doer(lambda do: Note(strategy="".join(do.strategy)))
    queue_of(witness, Nagging(), doer).publish(Tick())

    assert witness.failures == [("Nagging", "strategy", True)]
    assert len(doer.given) == MAX_DEPTH


def test_a_strategy_that_answers_each_refusal_twice_is_halted_before_it_fills_the_memory(on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick())
        await queue.idle()
        queue.publish(Tick())

    witness, calm = Witness(), Bot(lambda _: Do(n=1))
    queue = queue_of(witness, Judge(refuse), Stubborn(times=2), calm, Doer())
    on_loop(main())

    assert witness.failures == [("stubborn", "strategy", True)]
    assert 10_000 == MAX_CHAINED < len(witness.of(ActionRefused)) < 2 * MAX_CHAINED
    assert [failed.reason.split(" messages")[1] for failed in witness.of(ComponentFailed)] == [
        ", all caused by one event from outside, without waiting"
    ]
    assert len(calm.seen) == 2


def test_two_that_answer_each_others_refusals_are_halted_in_the_end(on_loop: OnLoop) -> None:
    class Echoing(Stubborn):
        @on(ActionRefused, all=True)
        def insist(self, refused: ActionRefused) -> list[Do]:
            return [Do()] if refused.strategy != self.name else []

    async def main() -> None:
        queue.publish(Tick())
        await queue.idle()

    witness = Witness()
    queue = queue_of(witness, Judge(refuse), Echoing(name="one"), Echoing(name="other"), Doer())
    on_loop(main())

    assert {name for name, _role, _halted in witness.failures} <= {"one", "other"}
    assert witness.failures != []


def test_a_guard_that_answers_its_own_answers_is_halted() -> None:
    class Mirror(Guard):
        @on(Echo)
        def reflect(self, echo: Echo) -> Echo:
            return Echo()

    witness = Witness()
    queue_of(witness, Mirror(), Bot()).publish(Echo())

    assert witness.failures == [("Mirror", "guard", True)]
    assert [echo.depth for echo in witness.of(Echo)] == list(range(MAX_DEPTH + 1))


def test_an_executor_that_answers_its_own_answers_comes_to_an_end(on_loop: OnLoop) -> None:
    class Mirror(Executor):
        @on(Note)
        def reflect(self, note: Note) -> Note:
            return Note(strategy="bot")

    async def main() -> None:
        queue.publish(Note(strategy="bot"))
        await queue.idle()

    witness = Witness()
    queue = queue_of(witness, Mirror(), Bot())
    on_loop(main())

    assert witness.failures == [("Mirror", "executor", False)]
    assert len(witness.of(Note)) == MAX_DEPTH + MAX_CHAINED + 1


def test_many_answers_to_one_event_are_no_chain(on_loop: OnLoop) -> None:
    async def main() -> None:
        for _ in range(3):
            queue.publish(Tick())
            await queue.idle()

    doer = Doer()
    queue = queue_of(Bot(lambda _: [Do() for _ in range(MAX_CHAINED)]), doer)
    on_loop(main())

    assert len(doer.given) == 3 * MAX_CHAINED


def test_chains_of_different_events_are_counted_apart(on_loop: OnLoop) -> None:
    class Answering(Strategy):
        @on(Echo)
        def answer(self, echo: Echo) -> list[Do] | None:
            return [Do() for _ in range(MAX_CHAINED)] if echo.n else None

    def burst(tick: Tick) -> list[Echo]:
        return [Echo(n=1), *(Echo() for _ in range(BACKLOG + 10))]

    async def main() -> None:
        for received_ns in (100, 300, 200):
            queue.publish(Tick(received_ns=received_ns))
            await queue.idle()

    witness = Witness()
    queue = queue_of(witness, Observer(burst), Answering(), Doer())
    on_loop(main())

    assert witness.failures == []


# Turns


class Burst(Executor):
    """Answers each Tick with ``count`` Echoes, each of which costs ``cost_ns`` to read."""

    def __init__(self, clock: FakeClock, *, count: int, cost_ns: int = 0) -> None:
        self.clock = clock
        self.count = count
        self.cost_ns = cost_ns

    @on(Tick)
    def burst(self, tick: Tick) -> list[Echo]:
        return [Echo(n=n) for n in range(self.count)]

    @on(Echo)
    def read(self, echo: Echo) -> None:
        assert isinstance(self.clock, FakeClock)
        self.clock.at_ns += self.cost_ns


def test_the_loop_has_its_turn_after_1_000_events_and_nothing_newer_overtakes(on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick())
        assert len(reader.seen) == 1 + 1000
        queue.publish(Note(strategy="reader"))
        assert len(reader.seen) == 1 + 1000
        await passes(1)
        assert len(reader.seen) == 1 + 2000
        await passes(1)
        assert len(reader.seen) == 1 + 2001

    reader = Reader()
    queue = queue_of(Burst(clock := FakeClock(), count=2000), reader, clock=clock)
    on_loop(main())

    assert [event.seq for event in reader.seen] == list(range(1, 2003))
    assert isinstance(reader.seen[-1], Note)


def test_the_loop_has_its_turn_after_5_ms(on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick())
        counts.append(len(reader.seen))
        while len(reader.seen) < 13:
            await passes(1)
            counts.append(len(reader.seen))

    counts: list[int] = []
    clock = FakeClock()
    reader = Reader()
    queue = queue_of(Burst(clock, count=12, cost_ns=1_000_000), reader, clock=clock)
    on_loop(main())

    assert counts == [1 + 6, 1 + 12]


def test_a_subscriber_that_catches_up_gives_the_loop_its_turn_too(on_loop: OnLoop) -> None:
    class Once(Bot):
        @on(Echo)
        async def wait(self, echo: Echo) -> None:
            await gate.wait()

    async def main() -> None:
        queue.publish(Echo())
        await passes(2)
        for n in range(LOSSLESS_CAPACITY):
            queue.publish(Tick(n=n))
        gate.set()
        counts: set[int] = set()
        while len(once.seen) < LOSSLESS_CAPACITY:
            await passes(1)
            counts.add(len(once.seen))
        assert counts - {0} == {1000, LOSSLESS_CAPACITY}

    gate = asyncio.Event()
    once = Once()
    queue = queue_of(once)
    on_loop(main())

    assert [tick.n for tick in once.seen if isinstance(tick, Tick)] == list(range(LOSSLESS_CAPACITY))


def test_what_comes_while_a_subscriber_catches_up_waits_behind(on_loop: OnLoop) -> None:
    class Once(Bot):
        @on(Echo)
        async def wait(self, echo: Echo) -> None:
            await gate.wait()

    async def main() -> None:
        queue.publish(Echo())
        await passes(2)
        for n in range(1010):
            queue.publish(Tick(n=n))
        gate.set()
        while not once.seen:
            await passes(1)
        queue.publish(Tick(n=1010))
        assert len(once.seen) == 1000
        await queue.idle()

    gate = asyncio.Event()
    once = Once()
    queue = queue_of(once)
    on_loop(main())

    assert [tick.n for tick in once.seen if isinstance(tick, Tick)] == list(range(1011))


def test_a_source_that_is_ahead_of_a_backlog_waits_in_its_own_call(on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick())
        assert len(reader.seen) == 1001
        assert BACKLOG == LOSSLESS_CAPACITY == 1024
        for n in range(BACKLOG - 1):
            queue.publish(Note(strategy="reader", n=n))
        assert len(reader.seen) == 1001
        queue.publish(Note(strategy="reader", n=BACKLOG - 1))
        assert len(reader.seen) == 2001
        await queue.idle()

    reader = Reader()
    queue = queue_of(Burst(clock := FakeClock(), count=1001), reader, clock=clock)
    on_loop(main())

    assert [event.seq for event in reader.seen] == list(range(1, 1 + 1 + 1001 + BACKLOG))


def test_what_is_emitted_within_a_delivery_does_not_deliver_however_much_it_is() -> None:
    def emit(do: Do) -> None:
        for n in range(2 * BACKLOG):
            queue.publish(Echo(n=n))
        counts.append(len(reader.seen))

    async def main() -> None:
        queue.publish(Tick())
        await queue.idle()

    counts: list[int] = []
    reader = Reader()
    queue = queue_of(Bot(lambda _: Do()), Doer(emit), reader)
    asyncio.run(main())

    assert counts == [0]
    assert len(reader.seen) == 1 + 2 * BACKLOG


# Drained and idle


async def is_over(waiting: Awaitable[None]) -> "asyncio.Future[None]":
    future = asyncio.ensure_future(waiting)
    await passes(10)
    return future


def test_drained_and_idle_do_not_wait_for_nothing(on_loop: OnLoop) -> None:
    async def main() -> None:
        assert (await is_over(queue.drained())).done()
        assert (await is_over(queue.idle())).done()

    queue = queue_of(Bot())
    on_loop(main())


def test_drained_waits_for_inboxes_and_idle_for_handlers_too(on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick())
        queue.publish(Tick())
        drained, idle = await is_over(queue.drained()), await is_over(queue.idle())
        assert not drained.done()
        await sleeper.wake()
        await passes(5)
        assert drained.done()
        assert not idle.done()
        await sleeper.wake()
        await passes(5)
        assert idle.done()

    sleeper = Sleeper()
    queue = queue_of(sleeper)
    on_loop(main())


def test_drained_waits_for_actions_that_wait_and_idle_for_those_that_run(on_loop: OnLoop) -> None:
    class One(Doer):
        max_in_flight = 1

    async def wait(do: Do) -> None:
        gates.append(asyncio.Event())
        await gates[-1].wait()

    async def main() -> None:
        queue.publish(Tick())
        drained, idle = await is_over(queue.drained()), await is_over(queue.idle())
        assert not drained.done()
        gates[0].set()
        await passes(10)
        assert drained.done()
        assert not idle.done()
        gates[1].set()
        await passes(10)
        assert idle.done()

    gates: list[asyncio.Event] = []
    queue = queue_of(Bot(lambda _: [Do(), Do()]), One(wait))
    on_loop(main())


def test_drained_waits_for_what_a_turn_left(on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick())
        assert len(reader.seen) == 1001
        await queue.drained()
        assert len(reader.seen) == 1 + 2500

    reader = Reader()
    queue = queue_of(Burst(clock := FakeClock(), count=2500), reader, clock=clock)
    on_loop(main())


def test_drained_does_not_wait_for_what_is_halted(on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick())
        queue.publish(Tick())
        await passes(5)
        await sleeper.wake()
        assert account_of(queue, "sleeper").waiting == 2  # the tick and its own failure
        assert (await is_over(queue.drained())).done()
        assert (await is_over(queue.idle())).done()

    sleeper = Sleeper(fail)
    queue = queue_of(sleeper)
    on_loop(main())


def test_who_waits_for_a_strategy_goes_on_when_that_is_halted(on_loop: OnLoop) -> None:
    async def main() -> None:
        for _ in range(1 + LOSSLESS_CAPACITY):
            queue.publish(Tick())
        await passes(2)
        drained = await is_over(queue.drained())
        assert not drained.done()
        queue.publish(Tick())
        await passes(5)
        assert drained.done()
        await sleeper.wake()

    sleeper = Sleeper()
    queue = queue_of(sleeper)
    on_loop(main())


def test_who_waits_may_be_cancelled(on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick())
        queue.publish(Tick())
        one, other = await is_over(queue.drained()), await is_over(queue.drained())
        one.cancel()
        await sleeper.wake()
        await passes(5)
        assert one.cancelled()
        assert other.done()
        await sleeper.wake()

    sleeper = Sleeper()
    queue = queue_of(sleeper)
    on_loop(main())


def test_a_source_that_asks_for_drained_gives_the_loop_its_turn_after_1_000_events(on_loop: OnLoop) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        for n in range(1, 2001):
            queue.publish(Tick())
            loop.call_soon(passed.append, n)
            await queue.drained()
        assert passed == list(range(1, 1010))  # it looks at the first call and at one in 16

    passed: list[int] = []
    queue = queue_of(Bot())
    on_loop(main())


def test_a_source_that_asks_for_drained_gives_the_loop_its_turn_after_5_ms(on_loop: OnLoop) -> None:
    async def gives_way() -> bool:
        passed: list[bool] = []
        asyncio.get_running_loop().call_soon(passed.append, True)
        for _ in range(16):
            queue.publish(Tick())
            await queue.drained()
        return passed == [True]

    async def main() -> None:
        assert await gives_way()
        assert not await gives_way()
        clock.at_ns += 5_000_000
        assert not await gives_way()
        clock.at_ns += 1
        assert await gives_way()
        assert not await gives_way()

    clock = FakeClock()
    queue = queue_of(Bot(), clock=clock)
    on_loop(main())


async def has_to_wait(queue: EventQueue) -> bool:
    """Whether who asks now has to wait."""
    drained = await is_over(queue.drained())
    over = drained.done()
    drained.cancel()
    return not over


async def twice_for_nothing(queue: EventQueue) -> None:
    """Ask until the queue has noted that there is nothing to wait for."""
    for _ in range(2):
        assert not await has_to_wait(queue)


def test_drained_notes_that_an_inbox_fills(on_loop: OnLoop) -> None:
    async def main() -> None:
        await twice_for_nothing(queue)
        queue.publish(Tick())
        assert not await has_to_wait(queue)
        queue.publish(Tick())
        assert await has_to_wait(queue)
        await queue.cancel()

    queue = queue_of(Sleeper())
    on_loop(main())


def test_drained_notes_that_actions_wait(on_loop: OnLoop) -> None:
    class One(Doer):
        max_in_flight = 1

    async def wait(do: Do) -> None:
        await gate.wait()

    async def main() -> None:
        await twice_for_nothing(queue)
        queue.publish(Tick(n=1))
        assert not await has_to_wait(queue)
        queue.publish(Tick(n=1))
        assert await has_to_wait(queue)
        gate.set()
        await queue.idle()

    gate = asyncio.Event()
    queue = queue_of(Bot(lambda _: Do()), One(wait))
    on_loop(main())


def test_drained_notes_that_a_turn_left_something(on_loop: OnLoop) -> None:
    async def main() -> None:
        await twice_for_nothing(queue)
        queue.publish(Tick())
        await queue.drained()
        assert len(reader.seen) == 1 + 2500

    reader = Reader()
    queue = queue_of(Burst(clock := FakeClock(), count=2500), reader, clock=clock)
    on_loop(main())


def test_drained_notes_that_a_strategy_is_resumed(on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick())
        await passes(5)
        await sleeper.wake()
        queue.publish(Tick())
        await twice_for_nothing(queue)
        sleeper.react = silent
        queue.resume("sleeper")
        assert await has_to_wait(queue)
        while sleeper.waiting:
            await sleeper.wake()
        assert not await has_to_wait(queue)

    sleeper = Sleeper(fail)
    queue = queue_of(sleeper)
    on_loop(main())


def test_giving_the_loop_its_turn_takes_no_time() -> None:
    async def main() -> float:
        queue = queue_of(Bot())
        for _ in range(3000):
            queue.publish(Tick())
            await queue.drained()
        return asyncio.get_running_loop().time()

    assert simulate(main()) == 0


# Held and cancelled


def test_a_held_queue_keeps_everything_until_its_release() -> None:
    reader = Reader()
    queue = queue_of(reader, held=True)
    queue.publish(Tick(n=1))
    queue.publish(Tick(n=2))
    assert reader.seen == []

    queue.release()
    assert [event.seq for event in reader.seen] == [1, 2]

    queue.publish(Tick(n=3))
    assert [event.seq for event in reader.seen] == [1, 2, 3]


def test_cancelling_ends_every_handler_that_waits_and_waits_for_its_end(on_loop: OnLoop) -> None:
    async def wait(message: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(type(message))

    async def main() -> None:
        queue.publish(Tick())
        await passes(5)
        await queue.cancel()
        assert ended == [Tick, Do, Do]
        await queue.idle()

    ended: list[type] = []
    witness = Witness()
    queue = queue_of(witness, Bot(wait), Bot(lambda _: [Do(), Do()], name="other"), Doer(wait))
    on_loop(main())

    assert [how for how, _by, _reason in witness.closings] == ["ActionFailed"] * 2
    assert witness.failures == [("bot", "strategy", True)]


def test_nothing_needs_to_be_cancelled_when_nothing_waits(on_loop: OnLoop) -> None:
    queue = queue_of(Bot())
    on_loop(queue.cancel())
