"""The budget against a server that counts what arrives in its own windows, by its own clock."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bowstring.core.errors import ConfigError, NotSent
from bowstring.net.budget import KINDS, Charge, Kind, WeightBudget

S = 1_000_000_000
WINDOW_S = 60
START_NS = 1_000 * WINDOW_S * S + 10 * S


class Time:
    """Stands still until the test moves it."""

    def __init__(self, now_ns: int = START_NS) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns

    def pass_(self, seconds: float) -> None:
        self.now_ns += math.ceil(seconds * S)


def budget(time: Time, *, limit: int = 100, reserve: int = 10, skew_s: float = 1.0) -> WeightBudget:
    return WeightBudget(limit, reserve=reserve, skew_s=skew_s, now_ns=time)


def spend(budget: WeightBudget, weight: int, *, kind: Kind = "read", used: int | None = None) -> None:
    """Send and get an answer at once."""
    budget.settle(budget.take(weight, kind=kind), used=used)


def test_what_exceeds_the_limit_less_the_reserve_waits_for_the_next_window() -> None:
    time = Time()
    reads = budget(time)

    spend(reads, 90)

    assert reads.wait_s(1) == 51  # to the end of the minute, and the skew
    with pytest.raises(NotSent, match=r"weight 1 exceeds what is left of 100: nothing for 51.000 s"):
        reads.take(1, kind="write")
    time.pass_(reads.wait_s(1))
    spend(reads, 90)


@pytest.mark.parametrize(("kind", "room"), [("read", 90), ("write", 90), ("cancel", 100)])
def test_only_cancels_may_use_the_reserve(kind: Kind, room: int) -> None:
    keyed = budget(Time())

    assert keyed.wait_s(room, kind=kind) == 0
    assert keyed.wait_s(room + 1, kind=kind) == math.inf
    spend(keyed, 90)
    assert keyed.wait_s(10, kind="cancel") == 0
    assert keyed.wait_s(11, kind="cancel") == 51


def test_a_request_under_way_counts_in_the_next_window_too() -> None:
    time = Time()
    keyed = budget(time)

    late = keyed.take(60)
    time.pass_(51)
    assert keyed.wait_s(31) > 0
    keyed.settle(late)
    assert keyed.wait_s(31) == 60
    time.pass_(60)
    assert keyed.wait_s(90) == 0


def test_near_the_turn_of_a_window_a_request_counts_in_both() -> None:
    time = Time()
    keyed = budget(time)

    time.pass_(49.5)
    spend(keyed, 90)
    time.pass_(1.0)
    assert keyed.wait_s(1) == 60.5
    time.pass_(60.5)
    assert keyed.wait_s(90) == 0


def test_what_the_server_says_was_used_counts_when_it_is_more() -> None:
    keyed = budget(Time())

    spend(keyed, 1, used=70)
    assert keyed.wait_s(20) == 0
    assert keyed.wait_s(21) == 51
    spend(keyed, 1, used=3)
    assert keyed.wait_s(20) == 51


def test_what_the_server_may_not_have_counted_yet_is_added_to_what_it_says() -> None:
    keyed = budget(Time())

    keyed.take(30)
    spend(keyed, 1, used=50)

    assert keyed.wait_s(10) == 0
    assert keyed.wait_s(11) == 51


def test_what_the_server_says_of_the_window_before_is_not_taken_for_this_one() -> None:
    time = Time()
    keyed = budget(time)

    late = keyed.take(1)
    time.pass_(51)
    keyed.settle(late, used=89)

    assert keyed.wait_s(89) == 0


def test_in_a_pause_nothing_is_sent_not_even_a_cancel() -> None:
    time = Time()
    keyed = budget(time)

    keyed.pause(7)
    keyed.pause(3)  # an answer that came later and says less

    for kind in ("read", "write", "cancel"):
        assert keyed.wait_s(1, kind=kind) == 7
    with pytest.raises(NotSent, match=r"the server asked to wait: nothing for 7.000 s"):
        keyed.take(1, kind="cancel")
    time.pass_(7)
    spend(keyed, 1, kind="cancel")


def test_a_pause_without_an_end_lasts_as_long_as_the_window() -> None:
    keyed = budget(Time())

    keyed.pause(None)

    assert keyed.wait_s(1, kind="cancel") == 51


def test_a_pause_of_reads_lets_writes_and_cancels_pass() -> None:
    keyed = budget(Time())

    keyed.pause(7, kinds=("read",))

    assert keyed.wait_s(1) == 7
    assert keyed.wait_s(1, kind="write") == keyed.wait_s(1, kind="cancel") == 0


def test_without_a_limit_there_is_always_room() -> None:
    keyed = WeightBudget()

    for _ in range(1000):
        spend(keyed, 10**9)
    assert keyed.wait_s(10**9) == 0


@pytest.mark.parametrize(("limit", "reserve"), [(0, 0), (10, 10), (10, -1)])
def test_a_budget_without_room_is_refused(limit: int, reserve: int) -> None:
    with pytest.raises(ConfigError, match=f"a budget of {limit} with a reserve of {reserve}"):
        WeightBudget(limit, reserve=reserve)


@pytest.mark.parametrize(("window_s", "skew_s"), [(60, 30), (60, -1), (math.inf, 1), (0, 0)])
def test_windows_that_cannot_be_told_apart_are_refused(window_s: float, skew_s: float) -> None:
    with pytest.raises(ConfigError, match="the skew is below half a window"):
        WeightBudget(100, window_s=window_s, skew_s=skew_s)


@given(
    st.integers(0, 120 * 10**9),
    st.lists(st.tuples(st.integers(1, 40), st.sampled_from(["read", "write", "cancel"])), max_size=20),
    st.integers(1, 100),
)
def test_after_the_wait_there_is_room_if_nobody_else_takes_it(
    offset_ns: int, spent: list[tuple[int, Kind]], weight: int
) -> None:
    time = Time(START_NS + offset_ns)
    keyed = budget(time)
    for one, kind in spent:
        if keyed.wait_s(one, kind=kind) == 0:
            spend(keyed, one, kind=kind)

    wait_s = keyed.wait_s(weight, kind="cancel")

    assert wait_s <= WINDOW_S + 2
    time.pass_(wait_s)
    spend(keyed, weight, kind="cancel")


@given(
    st.lists(
        st.tuples(st.floats(0, 0.5), st.sampled_from([0.0, 0.3, 2.0]), st.floats(-1, 1), st.integers(25, 50)),
        min_size=5,
        max_size=20,
    ),
    st.floats(-3, 0),
)
def test_around_the_turn_of_a_window_none_is_overrun(
    requests: list[tuple[float, float, float, int]], start_s: float
) -> None:
    turn = START_NS // (WINDOW_S * S) + 1
    time = Time(turn * WINDOW_S * S + round(start_s * S))
    keyed = budget(time)
    counted = Counter[int]()
    for pause_s, delay_s, skew_s, weight in requests:
        time.pass_(pause_s)
        if keyed.wait_s(weight, kind="cancel") == 0:
            charge = keyed.take(weight, kind="cancel")
            time.pass_(delay_s)
            counted[(time.now_ns + round(skew_s * S)) // (WINDOW_S * S)] += weight
            keyed.settle(charge, used=counted[turn])

    assert max(counted.values(), default=0) <= 100


class Traffic(RuleBasedStateMachine):
    """Clients that share a key, in any interleaving, and a server whose clock is off by what may be."""

    LIMIT, RESERVE, SKEW_NS = 100, 20, S

    def __init__(self) -> None:
        super().__init__()
        self.time = Time()
        self.skew_ns = 0
        self.keyed = budget(self.time, limit=self.LIMIT, reserve=self.RESERVE)
        self.sent: list[tuple[Charge, Kind]] = []
        self.arrived: list[tuple[Charge, int]] = []
        self.counted = Counter[int]()
        self.without_cancels = Counter[int]()
        self.closed_until_ns = 0

    @rule(skew_ns=st.integers(-SKEW_NS, SKEW_NS))
    def drift(self, skew_ns: int) -> None:
        self.skew_ns = skew_ns

    @rule(seconds=st.one_of(st.floats(0, 3), st.floats(0, 200)))
    def wait(self, seconds: float) -> None:
        self.time.pass_(seconds)

    @rule(offset_s=st.floats(-1.5, 1.5))
    def wait_for_about_the_next_window(self, offset_s: float) -> None:
        ahead_s = WINDOW_S - self.time.now_ns / S % WINDOW_S
        self.time.pass_(max(0.0, ahead_s + offset_s))

    @rule(weight=st.integers(1, 60), kind=st.sampled_from(["read", "write", "cancel"]))
    def send(self, weight: int, kind: Kind) -> None:
        try:
            self.sent.append((self.keyed.take(weight, kind=kind), kind))
        except NotSent:
            return
        assert self.time.now_ns >= self.closed_until_ns

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        charge, kind = self.sent.pop(data.draw(st.integers(0, len(self.sent) - 1)))
        window = (self.time.now_ns + self.skew_ns) // (WINDOW_S * S)
        self.counted[window] += charge.weight
        self.without_cancels[window] += charge.weight if kind != "cancel" else 0
        self.arrived.append((charge, self.counted[window]))

    @precondition(lambda self: self.arrived)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        charge, used = self.arrived.pop(data.draw(st.integers(0, len(self.arrived) - 1)))
        self.keyed.settle(charge, used=data.draw(st.sampled_from([None, used])))

    @rule(seconds=st.integers(0, 100))
    def ban(self, seconds: int) -> None:
        self.keyed.pause(seconds)
        self.closed_until_ns = max(self.closed_until_ns, self.time.now_ns + seconds * S)

    @invariant()
    def no_window_is_overrun(self) -> None:
        assert max(self.counted.values(), default=0) <= self.LIMIT

    @invariant()
    def the_reserve_is_for_cancels(self) -> None:
        assert max(self.without_cancels.values(), default=0) <= self.LIMIT - self.RESERVE

    @invariant()
    def it_remembers_no_more_than_two_windows(self) -> None:
        self.keyed.wait_s(1)
        assert len(vars(self.keyed)["_used"]) <= 2


TestTraffic = Traffic.TestCase


def test_what_turned_out_to_be_free_is_not_counted() -> None:
    keyed = budget(Time())

    charge = keyed.take(90, kind="write")
    assert keyed.wait_s(1) > 0
    keyed.settle(charge, is_free=True)

    assert keyed.wait_s(90) == 0
    assert keyed.wait_s(91) == math.inf


@pytest.mark.parametrize(("writes_only", "paused"), [(True, ["write"]), (False, ["read", "write", "cancel"])])
def test_a_limit_of_new_orders_keeps_no_cancel_waiting(writes_only: bool, paused: list[Kind]) -> None:
    keyed = budget(Time())

    keyed.obey(429, 5.0, writes_only=writes_only)

    assert [kind for kind in KINDS if keyed.wait_s(1, kind=kind) == 5.0] == paused
