"""Actions of which all pass the guards, or none: judged one by one, carried out only when all have passed."""

import itertools
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.core.components import Executor, on
from bowstring.core.messages import Action, ActionClosed, ActionRefused, ComponentFailed, Together
from tests.core.bots import Bot, Do, Doer, FakeClock, Judge, Order, Risk, Tick, Witness, queue_of


def refuses(*numbers: int) -> Judge:
    return Judge(lambda action: "no" if isinstance(action, Do) and action.n in numbers else None)


class Admitting(Doer):
    """Wants to see beforehand what comes."""

    def admit(self, actions: Sequence[Action]) -> None:
        self.admitted = [action.seq for action in actions]


class VenueDoer(Executor):
    """Does what is for one venue."""

    def __init__(self, venue: str) -> None:
        self.name = self.venue = venue
        self.given: list[Order] = []

    @on(Order)
    def do(self, order: Order) -> None:
        self.given.append(order)


@pytest.fixture(params=[Doer, Admitting])
def doer(request: pytest.FixtureRequest) -> Doer:
    made: Doer = request.param()
    return made


def done(doer: Doer) -> list[int]:
    return [do.n for do in doer.given if isinstance(do, Do)]


def test_all_are_carried_out_when_all_pass(doer: Doer) -> None:
    queue_of(Bot(lambda _: Together([Do(n=1), Do(n=2)])), refuses(), doer).publish(Tick())

    assert done(doer) == [1, 2]


@pytest.mark.parametrize("bad", [1, 2, 3])
def test_none_is_carried_out_when_one_is_refused(doer: Doer, bad: int) -> None:
    witness = Witness()
    queue_of(witness, Bot(lambda _: Together([Do(n=1), Do(n=2), Do(n=3)])), refuses(bad), doer).publish(Tick())

    assert doer.given == []
    assert {type(closed) for closed in witness.of(ActionClosed)} == {ActionRefused}
    assert [closed.by for closed in witness.of(ActionClosed)] == ["judge"] * 3


def test_the_refusal_names_the_one_that_was_refused_and_why() -> None:
    witness, do = Witness(), Do(n=2)
    queue_of(witness, Bot(lambda _: Together([Do(n=1), do])), refuses(2), Doer()).publish(Tick())

    assert sorted(closed.reason for closed in witness.of(ActionRefused)) == [
        f"all were to pass, and Do {do.seq} did not: no",
        "no",
    ]


def test_all_are_judged_before_the_first_is_carried_out(doer: Doer) -> None:
    calls: list[str] = []
    judge = Judge(lambda action: calls.append(f"judge {action.seq}"))

    def do(_: Action) -> None:
        calls.append("do it")

    doer.react = do
    queue_of(Bot(lambda _: Together([Do(), Do()])), judge, doer).publish(Tick())

    assert [call.split()[0] for call in calls] == ["judge", "judge", "do", "do"]


def test_each_is_stamped_like_any_action_and_numbered_with_its_group() -> None:
    doer = Doer()
    queue_of(Bot(lambda _: [Do(n=1), Together([Do(n=2), Do(n=3)]), Together([Do(n=4)])]), doer).publish(Tick())

    alone, first, second, other = doer.given
    assert [do.n for do in doer.given if isinstance(do, Do)] == [1, 2, 3, 4]
    assert alone.group == 0
    assert first.group == second.group != other.group
    assert 0 not in {first.group, other.group}
    assert [do.strategy for do in doer.given] == ["bot"] * 4
    assert len({do.seq for do in doer.given}) == 4
    assert [do.cause for do in doer.given] == [1] * 4


def test_what_is_beside_a_group_has_nothing_to_do_with_it(doer: Doer) -> None:
    def answer(_: object) -> list[Action]:
        return [Do(n=1), Together([Do(n=2), Do(n=3)]), Do(n=4), Together([Do(n=5), Do(n=6)])]

    queue_of(Bot(answer), refuses(3, 4), doer).publish(Tick())

    assert done(doer) == [1, 5, 6]


def test_groups_come_and_go_between_single_actions(doer: Doer) -> None:
    numbers = itertools.count(1)
    queue = queue_of(
        Bot(lambda tick: Together([Do(n=next(numbers)), Do(n=next(numbers))]) if tick.n else Do(n=next(numbers))),
        refuses(3),
        doer,
    )
    for n in (0, 1, 0, 1, 0):
        queue.publish(Tick(n=n))

    assert done(doer) == [1, 4, 5, 6, 7]


def test_one_that_nobody_carries_out_keeps_the_others_back() -> None:
    here, there, witness = VenueDoer("here"), VenueDoer("there"), Witness()
    queue_of(
        witness,
        here,
        there,
        Bot(lambda _: Together([Order(venue="here"), Order(venue="nowhere"), Order(venue="there")])),
    ).publish(Tick())

    assert here.given == there.given == []
    kinds = sorted(type(closed).__name__ for closed in witness.of(ActionClosed))
    assert kinds == ["ActionFailed", "ActionRefused", "ActionRefused"]


def test_one_that_adds_risk_while_the_engine_stops_keeps_the_others_back() -> None:
    witness, doer = Witness(), Doer()
    queue = queue_of(witness, doer, Bot(lambda _: Together([Do(), Risk()])))
    queue.actions.refusing_risk["stop"] = "stopping"
    queue.publish(Tick())

    assert doer.given == []
    assert [closed.by for closed in witness.of(ActionRefused)] == ["engine", "engine"]


def test_at_two_venues_both_get_theirs() -> None:
    here, there = VenueDoer("here"), VenueDoer("there")
    queue_of(here, there, Bot(lambda _: Together([Order(venue="here"), Order(venue="there")]))).publish(Tick())

    assert [len(venue.given) for venue in (here, there)] == [1, 1]


def test_the_executor_is_shown_all_that_come_to_it_at_once() -> None:
    admitting = Admitting()
    queue_of(admitting, Bot(lambda _: [Do(), Together([Do(), Do()])])).publish(Tick())

    assert admitting.admitted == [do.seq for do in admitting.given]


def test_the_strategy_is_told_of_its_members_before_the_first_is_judged() -> None:
    class Careful(Bot):
        told_of = (Do,)

        def publishing(self, actions: Sequence[Action]) -> None:
            told.append([type(action) for action in actions])

    told: list[list[type[Action]]] = []
    queue_of(Careful(lambda _: [Together([Do(), Do()]), Do()]), Doer()).publish(Tick())

    assert told == [[Do, Do, Do]]


def test_a_group_of_none_is_nothing() -> None:
    witness = Witness()
    queue_of(witness, Doer(), Bot(lambda _: Together([]))).publish(Tick())

    assert [type(event) for event in witness.seen] == [Tick]


NO_ACTION: Any = "buy"
NO_LIST: Any = Do()
MISTAKES: list[tuple[Any, str]] = [
    (lambda: [Do(), Together([Do(), Together([Do()])])], "a Together is in a Together: put all actions into one"),
    (lambda: [Do(), Together([Do(), NO_ACTION])], "'buy' is no Action: a strategy returns actions"),
    (lambda: [do := Do(), Together([do])], "Do .* is published a second time: make a new one"),
    (lambda: Together([do := Do(), do]), "Do .* is published a second time: make a new one"),
    (lambda: Together(NO_LIST), "'Do' object is not iterable"),
]


@pytest.mark.parametrize(("answer", "reason"), MISTAKES)
def test_a_mistake_in_a_group_publishes_nothing_and_halts_the_strategy(answer: Any, reason: str) -> None:
    witness, doer = Witness(), Doer()
    queue_of(Bot(lambda _: answer()), witness, doer).publish(Tick())

    assert doer.given == []
    (failed,) = witness.of(ComponentFailed)
    assert failed.halted
    assert re.match(reason, failed.reason)


def test_after_a_mistake_single_actions_go_on_as_before() -> None:
    doer = Doer()
    broken = Bot(lambda _: Together([Together([])]), name="broken")
    queue_of(broken, Bot(lambda _: Do(n=1)), refuses(), doer).publish(Tick())

    assert done(doer) == [1]


def test_a_group_may_be_published_once() -> None:
    together = Together([Do()])
    witness, doer = Witness(), Doer()
    queue = queue_of(Bot(lambda _: together), witness, doer, clock=FakeClock())
    queue.publish(Tick())
    queue.publish(Tick())

    assert len(doer.given) == 1
    assert witness.failures == [("bot", "strategy", True)]


@given(
    st.lists(st.one_of(st.integers(0, 9), st.lists(st.integers(0, 9), max_size=4)), max_size=8),
    st.sets(st.integers(0, 9)),
)
def test_a_group_passes_exactly_if_each_of_its_members_would(shape: list[int | list[int]], bad: set[int]) -> None:
    def answer(_: object) -> list[Action]:
        return [Do(n=one) if isinstance(one, int) else Together([Do(n=n) for n in one]) for one in shape]

    witness, doer = Witness(), Doer()
    queue_of(witness, Bot(answer), refuses(*bad), doer).publish(Tick())

    groups = [[one] if isinstance(one, int) else one for one in shape]
    assert done(doer) == [n for group in groups if not bad & set(group) for n in group]
    refused = [n for group in groups if bad & set(group) for n in group]
    assert len(witness.of(ActionRefused)) == len(refused)
    assert len({closed.action for closed in witness.of(ActionClosed)}) == sum(len(group) for group in groups)
