"""Tests of the way of an action: published, judged, carried out, closed."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest

from bowstring.core.actions import LATE, NEVER_NS
from bowstring.core.components import Executor, Guard, Strategy, on
from bowstring.core.errors import Expired
from bowstring.core.messages import (
    Action,
    ActionClosed,
    ActionDone,
    ActionExpired,
    ActionFailed,
    ActionRefused,
    ComponentFailed,
    Event,
    Events,
)
from tests.core.bots import (
    Bot,
    Do,
    Doer,
    Echo,
    FakeClock,
    Judge,
    Reaction,
    Reader,
    Risk,
    Tick,
    Witness,
    queue_of,
    silent,
)
from tests.core.conftest import OnLoop


def refuse(action: Action) -> str:
    return "no"


def fail(message: object) -> None:
    raise ValueError("broken")


class Fragile(Guard):
    """Fails on an event of 13, and lets every action pass."""

    @on(Tick)
    def look(self, tick: Tick) -> None:
        if tick.n == 13:
            fail(tick)

    @on(Action)
    def judge(self, action: Action) -> None:
        pass


# Publishing


def test_an_action_carries_its_strategy_and_its_cause() -> None:
    clock = FakeClock()
    doer = Doer()
    queue = queue_of(Bot(lambda _: [Do(n=1), Do(n=2)]), doer, clock=clock)
    queue.publish(Echo())
    clock.at_ns += 5
    queue.publish(tick := Tick())

    assert [(do.seq, do.cause, do.strategy, do.depth) for do in doer.given] == [(3, 2, "bot", 0), (4, 2, "bot", 0)]
    assert {do.received_ns for do in doer.given} == {tick.received_ns} == {clock.now_ns()}


def test_an_action_belongs_to_its_publisher_whatever_it_says() -> None:
    doer = Doer()
    queue_of(Bot(lambda _: Do(strategy="somebody")), doer).publish(Tick())

    assert [do.strategy for do in doer.given] == ["bot"]


NO_ACTIONS: list[tuple[Reaction, str]] = [
    (lambda _: [Do(), "buy"], "'buy' is no Action: a strategy returns actions, an iterable of them, or None"),
    (lambda _: [Do(), Echo()], "Echo.* is no Action: a strategy returns actions"),
    (lambda _: [do := Do(), do], "Do 2 is published a second time: make a new one"),
    (lambda _: 7, "7 is no Action"),
]


@pytest.mark.parametrize(("answer", "reason"), NO_ACTIONS)
def test_a_strategy_that_returns_what_is_no_new_action_publishes_nothing_and_is_halted(
    answer: Any, reason: str
) -> None:
    witness, doer = Witness(), Doer()
    queue_of(Bot(answer), witness, doer).publish(Tick())

    assert doer.given == []
    assert witness.closings == []
    (failed,) = witness.of(ComponentFailed)
    assert (failed.component, failed.halted) == ("bot", True)
    assert re.match(reason, failed.reason)


def test_an_action_is_published_once() -> None:
    do = Do()
    witness, doer = Witness(), Doer()
    queue = queue_of(Bot(lambda _: do), witness, doer)
    queue.publish(Tick())
    queue.publish(Tick())

    assert doer.given == [do]
    assert witness.failures == [("bot", "strategy", True)]


def test_a_strategy_is_told_of_all_its_actions_before_the_first_is_judged() -> None:
    class Careful(Bot):
        told_of = (Do,)

        def publishing(self, actions: Sequence[Action]) -> None:
            calls.extend(f"publishing {action.seq}" for action in actions)

    calls: list[str] = []
    judge = Judge(lambda action: calls.append(f"judge {action.seq}"))
    queue_of(Careful(lambda _: [Do(), Do()]), judge, Doer(lambda do: calls.append(f"do {do.seq}"))).publish(Tick())

    assert calls == ["publishing 2", "publishing 3", "judge 2", "do 2", "judge 3", "do 3"]


# Guards


def test_guards_judge_in_the_order_given_and_the_first_refusal_counts() -> None:
    judges = [Judge(silent, name="one"), Judge(lambda _: "too much", name="two"), Judge(refuse, name="three")]
    witness, doer = Witness(), Doer()
    queue_of(witness, *judges, doer, Bot(lambda _: Do())).publish(Tick())

    assert [len(judge.judged) for judge in judges] == [1, 1, 0]
    assert witness.closings == [("ActionRefused", "two", "too much")]
    assert doer.given == []


def test_an_empty_reason_refuses_too() -> None:
    witness = Witness()
    queue_of(witness, Judge(lambda _: ""), Doer(), Bot(lambda _: Do())).publish(Tick())

    assert witness.closings == [("ActionRefused", "judge", "")]


@pytest.mark.parametrize("verdict", [True, False])
def test_a_verdict_that_is_no_reason_refuses_and_says_what_to_return(verdict: Any) -> None:
    witness, doer = Witness(), Doer()
    queue_of(witness, Judge(lambda _: verdict), doer, Bot(lambda _: Do())).publish(Tick())

    reason = f"judge returned {verdict}: a guard returns the reason to refuse, or None"
    assert witness.closings == [("ActionRefused", "judge", reason)]
    assert doer.given == []


def test_a_refusal_concerns_one_action_only() -> None:
    judge = Judge(lambda action: "even" if isinstance(action, Do) and action.n % 2 == 0 else None)
    witness, doer = Witness(), Doer()
    queue_of(witness, judge, doer, Bot(lambda _: [Do(n=n) for n in range(4)])).publish(Tick())

    assert [do.n for do in doer.given if isinstance(do, Do)] == [1, 3]
    assert [closed.action for closed in witness.of(ActionRefused)] == [2, 4]


def test_a_closing_names_the_action_and_is_its_effect() -> None:
    reader = Reader(name="bot")
    queue_of(reader, Bot(lambda _: Do(), name="actor"), Judge(refuse), Doer(), witness := Witness()).publish(Tick())
    (refused,) = witness.of(ActionRefused)

    assert (refused.strategy, refused.action, refused.action_type) == ("actor", 2, "Do")
    assert (refused.cause, refused.depth, refused.received_ns) == (2, 1, witness.seen[0].received_ns)
    assert reader.seen == witness.seen[:1]


def test_a_guard_that_raises_on_an_action_refuses_it_and_judges_on() -> None:
    def verdict(action: Action) -> None:
        if isinstance(action, Risk):
            fail(action)

    judge = Judge(verdict)
    witness, doer = Witness(), Doer()
    queue = queue_of(witness, judge, doer, Bot(lambda _: [Risk(), Do(), Risk()]))
    queue.publish(Tick())

    reason = "judge raised ValueError('broken')"
    assert [type(action) for action in doer.given] == [Do]
    assert [closing for closing in witness.closings if closing[0] == "ActionRefused"] == [
        ("ActionRefused", "judge", reason),
        ("ActionRefused", "judge", reason),
    ]
    assert witness.failures == [("judge", "guard", False), ("judge", "guard", False)]
    assert len(judge.judged) == 3


def test_a_guard_that_raised_on_an_event_refuses_what_adds_risk_until_it_is_resumed() -> None:
    witness, doer = Witness(), Doer()
    queue = queue_of(witness, Fragile(), doer, Bot(lambda _: [Risk(), Do()]))
    queue.publish(Tick(n=13))
    queue.publish(Tick())

    assert witness.failures == [("Fragile", "guard", True)]
    assert [closing for closing in witness.closings if closing[0] == "ActionRefused"] == [
        ("ActionRefused", "Fragile", "Fragile failed and was not resumed")
    ] * 2
    assert [type(action) for action in doer.given] == [Do, Do]

    queue.resume("Fragile")
    queue.publish(Tick())

    assert [type(action) for action in doer.given] == [Do, Do, Risk, Do]


def test_a_halted_guard_is_not_asked() -> None:
    class Counting(Judge):
        @on(Tick)
        def look(self, tick: Tick) -> None:
            fail(tick)

    judge = Counting(silent)
    queue_of(judge, Doer(), Bot(lambda _: [Risk(), Do()])).publish(Tick())

    assert judge.judged == []


def test_while_risk_is_refused_everything_else_is_carried_out() -> None:
    witness, doer, judge = Witness(), Doer(), Judge(silent)
    queue = queue_of(witness, doer, judge, Bot(lambda _: [Risk(), Do()]))
    queue.actions.refusing_risk = {"one": "stopping", "two": "blocked"}
    queue.publish(Tick())
    queue.actions.refusing_risk.clear()
    queue.publish(Tick())

    assert witness.closings[0] == ("ActionRefused", "engine", "stopping; blocked")
    assert [type(action) for action in doer.given] == [Do, Risk, Do]
    assert len(judge.judged) == 3


def test_from_when_the_loop_is_late_what_adds_risk_is_refused_until_somebody_takes_that_back() -> None:
    clock, witness, doer = FakeClock(), Witness(), Doer()
    queue = queue_of(witness, doer, Bot(lambda _: [Risk(), Do()]), clock=clock)
    queue.actions.late_from_ns = clock.at_ns + 2
    for _ in range(2):
        clock.at_ns += 1
        queue.publish(Tick())
    queue.actions.late_from_ns = NEVER_NS
    queue.publish(Tick())
    queue.actions.refusing_risk.pop("watchdog")
    queue.publish(Tick())

    assert [closed.reason for closed in witness.of(ActionRefused)] == [LATE, LATE]
    assert [type(action) for action in doer.given] == [Risk, Do, Do, Do, Risk, Do]


# Carrying out


def yields(do: Do) -> Iterator[Event]:
    yield Echo(n=1)
    yield Echo(n=2)


async def waits(do: Do) -> Sequence[Event]:
    await asyncio.sleep(0)
    return [Echo(n=1), Echo(n=2)]


async def does_not_wait(do: Do) -> Iterator[Event]:
    return yields(do)


async def yields_later(do: Do) -> AsyncIterator[Event]:
    yield Echo(n=1)
    await asyncio.sleep(0)
    yield Echo(n=2)


def returns_a_future(do: Do) -> "asyncio.Future[Events]":
    future: asyncio.Future[Events] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, [Echo(n=1), Echo(n=2)])
    return future


def returns_a_done_future(do: Do) -> "asyncio.Future[Events]":
    future: asyncio.Future[Events] = asyncio.get_running_loop().create_future()
    future.set_result([Echo(n=1), Echo(n=2)])
    return future


ANSWERS: list[Reaction] = [
    lambda _: [Echo(n=1), Echo(n=2)],
    yields,
    waits,
    does_not_wait,
    yields_later,
    returns_a_future,
    returns_a_done_future,
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_executor_answers_with_events_and_then_the_action_is_done(answer: Any, on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick())
        await queue.idle()

    witness = Witness()
    queue = queue_of(witness, Bot(lambda _: Do()), Doer(answer))
    on_loop(main())

    assert [event.n for event in witness.of(Echo)] == [1, 2]
    assert {event.cause for event in witness.of(Echo)} == {2}
    assert witness.closings == [("ActionDone", "doer", "")]
    assert isinstance(witness.seen[-1], ActionDone)


SHORT_ANSWERS: list[tuple[Reaction, int]] = [
    (silent, 0),
    (lambda _: (), 0),
    (lambda _: Echo(), 1),
    (lambda _: [Echo()], 1),
]


@pytest.mark.parametrize(("answer", "events"), SHORT_ANSWERS)
def test_a_single_event_or_none_will_do(answer: Any, events: int) -> None:
    witness = Witness()
    queue_of(witness, Bot(lambda _: Do()), Doer(answer)).publish(Tick())

    assert witness.closings == [("ActionDone", "doer", "")]
    assert len(witness.of(Echo)) == events


def yields_and_raises(do: Do) -> Iterator[Event]:
    yield Echo()
    fail(do)


async def waits_and_raises(do: Do) -> None:
    await asyncio.sleep(0)
    fail(do)


async def raises_at_once(do: Do) -> None:
    fail(do)


async def yields_later_and_raises(do: Do) -> AsyncIterator[Event]:
    yield Echo()
    fail(do)


def returns_an_error(do: Do) -> "asyncio.Future[Events]":
    future: asyncio.Future[Events] = asyncio.get_running_loop().create_future()
    future.set_exception(ValueError("broken"))
    return future


@pytest.mark.parametrize(
    "answer", [fail, yields_and_raises, waits_and_raises, raises_at_once, yields_later_and_raises, returns_an_error]
)
def test_an_executor_that_raises_publishes_nothing_and_the_action_failed(answer: Any, on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick())
        await queue.idle()
        queue.publish(Echo(n=7))

    witness, bot = Witness(), Bot(lambda _: Do())
    queue = queue_of(witness, bot, Doer(answer))
    on_loop(main())

    assert witness.closings == [("ActionFailed", "doer", "broken")]
    assert [event.n for event in witness.of(Echo)] == [7]
    assert witness.failures == []


NO_EVENTS: list[Reaction] = [lambda _: "done", lambda do: [Echo(), do], lambda _: [echo := Echo(), echo]]


@pytest.mark.parametrize("answer", NO_EVENTS)
@pytest.mark.parametrize("is_async", [False, True])
def test_an_executor_that_returns_what_is_no_new_event_has_failed(answer: Any, is_async: bool, on_loop: OnLoop) -> None:
    async def later(do: Do) -> object:
        return answer(do)

    async def main() -> None:
        queue.publish(Tick())
        await queue.idle()

    witness = Witness()
    queue = queue_of(witness, Bot(lambda _: Do()), Doer(later if is_async else answer))
    on_loop(main())

    assert [(how, by) for how, by, _reason in witness.closings] == [("ActionFailed", "doer")]
    assert witness.of(Echo) == []
    assert witness.failures == []


def test_a_failure_without_words_is_told_by_its_type() -> None:
    def wordless(do: Do) -> None:
        raise ValueError

    witness = Witness()
    queue_of(witness, Bot(lambda _: Do()), Doer(wordless)).publish(Tick())

    assert witness.closings == [("ActionFailed", "doer", "ValueError()")]


@pytest.mark.parametrize("is_async", [False, True])
def test_an_action_that_expired_is_told_so(is_async: bool, on_loop: OnLoop) -> None:
    def late(do: Do) -> None:
        raise Expired("its 2.0 s are over")

    async def late_too(do: Do) -> None:
        await asyncio.sleep(0)
        late(do)

    async def main() -> None:
        queue.publish(Tick())
        await queue.idle()

    witness = Witness()
    queue = queue_of(witness, Bot(lambda _: Do()), Doer(late_too if is_async else late))
    on_loop(main())

    assert witness.closings == [("ActionExpired", "doer", "its 2.0 s are over")]


def test_each_executor_closes_an_action_for_itself() -> None:
    witness = Witness()
    queue_of(witness, Bot(lambda _: Do()), Doer(name="well"), Doer(fail, name="badly")).publish(Tick())

    assert witness.closings == [("ActionDone", "well", ""), ("ActionFailed", "badly", "broken")]


def test_what_took_time_counts_as_received_when_it_came(on_loop: OnLoop) -> None:
    async def slowly(do: Do) -> Event:
        await asyncio.sleep(0)
        clock.at_ns += 1_000
        return Echo()

    async def main() -> None:
        queue.publish(Tick())
        await queue.idle()

    clock = FakeClock()
    witness = Witness()
    queue = queue_of(witness, Bot(lambda _: Do()), Doer(slowly), clock=clock)
    on_loop(main())

    tick, echo, done = witness.seen
    assert echo.received_ns == done.received_ns == tick.received_ns + 1_000 == clock.now_ns()
    assert (echo.cause, echo.depth, done.cause, done.depth) == (2, 0, 2, 0)


def test_what_took_no_time_belongs_to_the_chain() -> None:
    def slowly(do: Do) -> Event:
        clock.at_ns += 1_000
        return Echo()

    clock = FakeClock()
    witness = Witness()
    queue_of(witness, Bot(lambda _: Do()), Doer(slowly), clock=clock).publish(Tick())

    tick, echo, done = witness.seen
    assert echo.received_ns == done.received_ns == tick.received_ns
    assert (echo.depth, done.depth) == (1, 1)


def test_nothing_is_made_of_a_done_action_that_nobody_wants_to_hear_of() -> None:
    bot = Bot(lambda _: Do())
    queue = queue_of(bot, Doer())
    queue.publish(Tick())
    queue.publish(Tick())

    assert [tick.seq for tick in bot.seen] == [1, 3]


def test_a_strategy_that_listens_hears_that_its_action_is_done_and_others_do_not() -> None:
    class Listener(Bot):
        @on(ActionDone)
        def hear(self, done: ActionDone) -> None:
            heard.append((self.name, done.strategy, done.action))

    heard: list[tuple[str, str, int]] = []
    queue_of(Listener(lambda _: Do(), name="a"), Bot(lambda _: Do(), name="b"), Doer()).publish(Tick())

    assert heard == [("a", "a", 2)]


# Full executors


class Gate:
    """What an executor's actions wait at."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []
        self.began: list[int] = []

    async def wait(self, do: Do) -> Event:
        self.began.append(do.n)
        self.waiting.append(asyncio.get_running_loop().create_future())
        await self.waiting[-1]
        return Echo(n=do.n)

    async def open(self) -> None:
        """Let the oldest go on, and see what comes of it."""
        self.waiting.pop(0).set_result(None)
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class Narrow(Doer):
    max_in_flight = 2
    capacity = 3


def test_an_executor_runs_so_many_actions_keeps_so_many_and_refuses_the_rest(on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick())
        await settle()
        assert gate.began == [0, 1]
        assert witness.closings == [
            ("ActionRefused", "doer", "doer is full: 3 actions wait"),
            ("ActionRefused", "doer", "doer is full: 3 actions wait"),
        ]
        account = list(queue.accounts())[-1]
        assert (account.published, account.delivered, account.waiting, account.undelivered) == (7, 2, 3, 2)
        await gate.open()
        assert gate.began == [0, 1, 2]
        await gate.open()
        assert gate.began == [0, 1, 2, 3]
        while gate.waiting:
            await gate.open()

    gate = Gate()
    witness = Witness()
    queue = queue_of(witness, Bot(lambda _: [Do(n=n) for n in range(7)]), Narrow(gate.wait))
    on_loop(main())

    account = list(queue.accounts())[-1]
    assert gate.began == [0, 1, 2, 3, 4]
    assert [echo.n for echo in witness.of(Echo)] == [0, 1, 2, 3, 4]
    assert [closed.action for closed in witness.of(ActionDone)] == [2, 3, 4, 5, 6]
    assert (account.published, account.delivered, account.waiting, account.undelivered) == (7, 5, 0, 2)
    assert not account.halted


def test_an_action_does_not_overtake_those_that_wait(on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick())
        queue.publish(Tick())
        await settle()
        await gate.open()
        queue.publish(Tick())
        await settle()
        while gate.waiting:
            await gate.open()

    gate = Gate()
    numbers = iter(range(100))
    queue = queue_of(Bot(lambda _: [Do(n=next(numbers)), Do(n=next(numbers))]), Narrow(gate.wait))
    on_loop(main())

    assert gate.began == [0, 1, 2, 3, 4, 5]


def test_actions_that_take_no_time_do_not_fill_an_executor() -> None:
    class One(Doer):
        max_in_flight = 1
        capacity = 0

    doer = One()
    queue_of(Bot(lambda _: [Do(), Do(), Do()]), doer).publish(Tick())

    assert len(doer.given) == 3


def test_what_waited_is_carried_out_at_once_when_it_takes_no_time(on_loop: OnLoop) -> None:
    def react(do: Do) -> Any:
        return gate.wait(do) if do.n == 0 else Echo(n=do.n)

    async def main() -> None:
        queue.publish(Tick())
        await settle()
        assert witness.of(Echo) == []
        await gate.open()

    class One(Narrow):
        max_in_flight = 1

    gate = Gate()
    witness = Witness()
    queue = queue_of(witness, Bot(lambda _: [Do(n=n) for n in range(4)]), One(react))
    on_loop(main())

    assert [echo.n for echo in witness.of(Echo)] == [0, 1, 2, 3]


def test_an_executor_has_room_again_once_nothing_waits_and_nothing_runs(on_loop: OnLoop) -> None:
    async def main() -> None:
        for _ in range(3):
            queue.publish(Tick())
            await settle()
            while gate.waiting:
                await gate.open()

    gate = Gate()
    witness = Witness()
    queue = queue_of(witness, Bot(lambda _: [Do(n=n) for n in range(5)]), Narrow(gate.wait))
    on_loop(main())

    assert gate.began == [0, 1, 2, 3, 4] * 3
    assert witness.of(ActionRefused) == []


def test_one_full_executor_does_not_hold_up_another(on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick())
        await settle()
        assert len(free.given) == 7
        while gate.waiting:
            await gate.open()

    gate = Gate()
    free = Doer(name="free")
    queue = queue_of(Bot(lambda _: [Do(n=n) for n in range(7)]), Narrow(gate.wait, name="narrow"), free)
    on_loop(main())


def test_closing_what_waits_fails_it_unsent(on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick())
        await settle()
        queue.turn(queue.actions.close_waiting, "the engine has stopped")
        assert witness.closings == [("ActionFailed", "doer", "the engine has stopped")] * 2
        while gate.waiting:
            await gate.open()

    gate = Gate()
    witness = Witness()
    queue = queue_of(witness, Bot(lambda _: [Do(n=n) for n in range(4)]), Narrow(gate.wait))
    on_loop(main())

    account = list(queue.accounts())[-1]
    assert gate.began == [0, 1]
    assert (account.published, account.delivered, account.waiting, account.undelivered) == (4, 2, 0, 2)


def test_a_cancelled_action_has_failed(on_loop: OnLoop) -> None:
    async def main() -> None:
        queue.publish(Tick())
        await settle()
        gate.waiting[0].cancel()
        await queue.idle()

    gate = Gate()
    witness = Witness()
    queue = queue_of(witness, Bot(lambda _: Do()), Doer(gate.wait))
    on_loop(main())

    assert witness.closings == [("ActionFailed", "doer", "CancelledError()")]


# Admission


class Bouncer(Doer):
    """Admits nothing with a number of 13."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.asked: list[list[int]] = []

    def admit(self, actions: Sequence[Action]) -> None:
        numbers = [action.n for action in actions if isinstance(action, Do)]
        self.asked.append(numbers)
        if 13 in numbers:
            raise ValueError("13")


def test_an_executor_is_shown_all_that_comes_to_it_before_the_first() -> None:
    def do(do: Do) -> None:
        calls.append((do.n, list(bouncer.asked)))

    calls: list[tuple[int, list[list[int]]]] = []
    bouncer = Bouncer(react=do)
    judge = Judge(lambda action: "no" if isinstance(action, Do) and action.n == 2 else None)
    queue_of(Bot(lambda _: [Do(n=1), Do(n=2), Do(n=3)]), judge, bouncer).publish(Tick())

    assert bouncer.asked == [[1, 3]]
    assert calls == [(1, [[1, 3]]), (3, [[1, 3]])]


def test_what_an_executor_does_not_admit_has_failed_as_a_whole() -> None:
    witness, bouncer = Witness(), Bouncer(name="bouncer")
    other = Doer(name="other")
    queue_of(witness, Bot(lambda _: [Do(n=1), Do(n=13)]), bouncer, other).publish(Tick())

    assert bouncer.given == []
    assert [do.n for do in other.given if isinstance(do, Do)] == [1, 13]
    assert witness.closings == [
        ("ActionFailed", "bouncer", "13"),
        ("ActionFailed", "bouncer", "13"),
        ("ActionDone", "other", ""),
        ("ActionDone", "other", ""),
    ]


def test_what_was_not_admitted_is_in_the_executors_account() -> None:
    queue = queue_of(Bot(lambda tick: [Do(n=tick.n), Do()]), Bouncer())
    queue.publish(Tick(n=13))
    queue.publish(Tick())
    account = list(queue.accounts())[-1]

    assert (account.published, account.delivered, account.undelivered) == (4, 2, 2)


def test_an_executor_is_not_asked_about_what_was_refused() -> None:
    bouncer = Bouncer()
    queue_of(Bot(lambda _: Do()), Judge(refuse), bouncer).publish(Tick())

    assert bouncer.asked == []


def test_only_executors_that_admit_are_asked() -> None:
    one, other = Bouncer(name="one"), Bouncer(name="other")
    third = Doer(name="third")
    queue_of(Bot(lambda _: [Do(n=1), Do(n=2)]), one, third, other).publish(Tick())

    assert one.asked == other.asked == [[1, 2]]
    assert [len(doer.given) for doer in (one, other, third)] == [2, 2, 2]


# What an action has to tell when it was not carried out


class Telling(Action, frozen=True, kw_only=True):
    """Tells how it ended in an event of its own."""

    broken: bool = False

    def closed_unexecuted(self, closing: ActionClosed) -> Events:
        if self.broken:
            raise ValueError("cannot tell")
        yield Echo(n=closing.action)


class Teller(Executor):
    def __init__(self, react: Any = silent) -> None:
        self.react = react

    @on(Telling)
    def tell(self, action: Telling) -> Any:
        return self.react(action)


def late(action: Action) -> None:
    raise Expired("late")


@pytest.mark.parametrize(
    ("executor", "verdict", "how"),
    [
        (Teller(), refuse, ActionRefused),
        (Teller(), fail, ActionRefused),
        (Teller(fail), silent, ActionFailed),
        (Teller(late), silent, ActionExpired),
    ],
)
def test_an_action_that_was_not_carried_out_tells_it_in_its_own_terms(
    executor: Teller, verdict: Any, how: type[ActionClosed]
) -> None:
    witness = Witness()
    queue_of(witness, Judge(verdict), executor, Bot(lambda _: Telling())).publish(Tick())

    (closed,) = witness.of(ActionClosed)
    (echo,) = witness.of(Echo)
    assert type(closed) is how
    assert echo.n == echo.cause == closed.action
    assert echo.seq == closed.seq + 1


def test_an_action_that_was_carried_out_has_no_more_to_tell() -> None:
    witness = Witness()
    queue_of(witness, Teller(), Bot(lambda _: Telling())).publish(Tick())

    assert witness.closings == [("ActionDone", "Teller", "")]
    assert witness.of(Echo) == []


def test_an_action_that_cannot_tell_is_closed_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    witness, bot = Witness(), Bot(lambda _: [Telling(broken=True), Telling()])
    queue_of(witness, Judge(refuse), Teller(), bot).publish(Tick())

    assert len(witness.of(ActionRefused)) == 2
    assert len(witness.of(Echo)) == 1
    assert witness.failures == []
    assert "Telling.closed_unexecuted: failed, ValueError('cannot tell')" in caplog.messages


# Logs


def test_a_failed_action_is_logged_with_its_executor_first(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        queue_of(Bot(lambda _: Do()), Doer(fail)).publish(Tick())

    assert caplog.messages == ["doer: Do 2: ValueError('broken')"]


def test_strategies_take_no_part_in_each_others_actions() -> None:
    class Hearing(Strategy):
        @on(ActionClosed)
        def hear(self, closed: ActionClosed) -> None:
            heard.append(closed)

    heard: list[ActionClosed] = []
    queue_of(Bot(lambda _: Do()), Hearing(), Doer(), Judge(refuse)).publish(Tick())

    assert heard == []
