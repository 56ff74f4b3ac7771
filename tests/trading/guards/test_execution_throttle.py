"""A strategy that is executed the same way again and again is stopped until a human has looked."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.core.errors import ConfigError
from bowstring.core.messages import Event, Resumed
from bowstring.trading.guards.execution_throttle import ExecutionThrottle
from bowstring.trading.messages import GuardState, RiskAlarm, RiskState, RiskStateChanged, Side
from tests.trading.guards.told import Hand, S, by_hand, fill, judged, place, replace, tell, verdicts


def throttled(
    limit: int = 3, *, within_s: float = 10.0, state: RiskState = "reducing"
) -> tuple[ExecutionThrottle, Hand]:
    guard = ExecutionThrottle(limit, within_s=within_s, state=state)
    return guard, by_hand(guard)


def executed(guard: ExecutionThrottle, *names: str, side: Side = "buy", **terms: Any) -> list[Event]:
    """Execute an order of each name; returns the alarms."""
    told = [event for name in names for event in tell(guard, fill(client_order_id=name, side=side, **terms))]
    return [event for event in told if isinstance(event, RiskAlarm)]


def kept(guard: ExecutionThrottle, *names: str) -> GuardState:
    """Execute an order of each name; returns what is to be kept then."""
    told = [event for name in names for event in tell(guard, fill(client_order_id=name))]
    return [event for event in told if isinstance(event, GuardState)][-1]


def restarted(state: GuardState) -> ExecutionThrottle:
    guard, _clock = throttled()
    tell(guard, GuardState(guard=state.guard, state=state.state))
    return guard


REASON = "3 orders to buy were executed within 10.0 s by one in BTC/USDT"


def test_the_last_execution_that_is_allowed_raises_the_alarm() -> None:
    guard, _clock = throttled()
    assert executed(guard, "1", "2") == []
    assert judged(guard, place()) is None

    (alarm,) = executed(guard, "3")
    assert isinstance(alarm, RiskAlarm)
    assert (alarm.state, alarm.reason, alarm.by) == ("reducing", REASON, "ExecutionThrottle 3 in 10.0 s")
    assert judged(guard, place()) == f"{REASON}, and no human has looked"


def test_the_alarm_may_halt_trading() -> None:
    guard, _clock = throttled(1, state="halted")

    (alarm,) = executed(guard, "1")
    assert isinstance(alarm, RiskAlarm)
    assert alarm.state == "halted"


def test_what_reduces_passes_and_a_replacement_does_not() -> None:
    guard, _clock = throttled()
    executed(guard, "1", "2", "3")

    assert verdicts(guard, [place(reduces=True), replace()]) == [True, False]


def test_only_the_same_strategy_symbol_and_side_are_stopped() -> None:
    guard, _clock = throttled()
    executed(guard, "1", "2", "3")

    orders = [place(side="sell"), place(symbol="ETH/USDT"), place(strategy="two"), place(venue="other"), place()]
    assert verdicts(guard, orders) == [True, True, True, False, False]


def test_executions_at_several_venues_count_together() -> None:
    guard, _clock = throttled()
    executed(guard, "1", "2", venue="other")

    assert len(executed(guard, "3")) == 1


def test_an_order_counts_once_however_many_its_fills() -> None:
    guard, _clock = throttled()

    assert executed(guard, "1", "1", "1", "2", "2", "1") == []
    assert len(executed(guard, "3")) == 1


def test_an_execution_on_the_other_side_begins_the_count_anew() -> None:
    guard, _clock = throttled()
    executed(guard, "1", "2")
    executed(guard, "3", side="sell")

    assert executed(guard, "4", "5") == []
    assert len(executed(guard, "6")) == 1


def test_once_it_is_over_an_execution_on_the_other_side_changes_nothing() -> None:
    guard, _clock = throttled()
    executed(guard, "1", "2", "3")
    executed(guard, "4", side="sell")

    assert judged(guard, place()) is not None


def test_the_alarm_is_raised_once() -> None:
    guard, _clock = throttled()
    executed(guard, "1", "2", "3")

    assert executed(guard, "4", "5", "6", "7") == []


@pytest.mark.parametrize(
    ("event", "passes"),
    [
        (RiskStateChanged(state="active"), True),
        (RiskStateChanged(state="reducing"), False),
        (Resumed(strategy="one"), True),
        (Resumed(strategy="two"), False),
    ],
)
def test_only_a_human_lets_it_go_on(event: Event, passes: bool) -> None:
    guard, clock = throttled()
    executed(guard, "1", "2", "3")
    clock.set(1000)
    tell(guard, event)

    assert (judged(guard, place()) is None) is passes
    assert len(executed(guard, "4", "5", "6")) == passes


def test_after_a_break_the_venues_time_counts() -> None:
    guard, _clock = throttled()
    assert [event for n in range(9) for event in executed(guard, str(n), time_ns=(100 + 5 * n) * S)] == []

    assert [len(executed(guard, name, time_ns=1000 * S)) for name in "abc"] == [0, 0, 1]


def test_it_counts_on_after_a_restart() -> None:
    guard, _clock = throttled()
    again = restarted(kept(guard, "1", "2"))
    assert judged(again, place()) is None
    assert executed(again, "2") == []

    assert len(executed(again, "3")) == 1
    assert judged(again, place()) is not None


def test_where_the_limit_was_reached_before_a_restart_the_state_of_trading_stands_for_it() -> None:
    guard, _clock = throttled()
    again = restarted(kept(guard, "1", "2", "3"))

    assert judged(again, place()) is None  # for all that the guard knows: a human may have looked meanwhile
    assert executed(again, "4", "5") == []


@pytest.mark.parametrize("event", [RiskStateChanged(state="active"), Resumed(strategy="one")])
def test_what_a_human_has_looked_at_is_not_counted_after_a_restart_either(event: Event) -> None:
    guard, _clock = throttled()
    kept(guard, "1", "2")
    (state,) = tell(guard, event)
    assert isinstance(state, GuardState)

    assert executed(restarted(state), "3", "4") == []


def test_what_it_kept_itself_or_another_kept_does_not_come_back_to_it() -> None:
    guard, _clock = throttled()
    state = kept(guard, "1", "2")
    tell(guard, RiskStateChanged(state="active"), GuardState(guard="other", state="garbage"))
    tell(guard, GuardState(guard=state.guard, state=state.state))

    assert executed(guard, "3", "4") == []


@given(st.integers(1, 4), st.lists(st.integers(0, 6), max_size=30))
def test_it_is_over_exactly_when_a_window_holds_as_many_executions_as_the_limit(limit: int, pauses: list[int]) -> None:
    guard, clock = throttled(limit, within_s=10e-9)
    times: list[int] = []
    for number, pause_ns in enumerate(pauses):
        clock.time_ns += pause_ns
        times.append(clock.time_ns)
        executed(guard, str(number))

        is_over = any(sum(end - 10 < time <= end for time in times) >= limit for end in times)
        assert (judged(guard, place()) is not None) is is_over


@pytest.mark.parametrize(("limit", "within_s"), [(0, 1.0), (1, 0.0), (1, float("nan"))])
def test_a_limit_of_none_is_a_mistake(limit: int, within_s: float) -> None:
    with pytest.raises(ConfigError, match="give at least one execution in a time above 0 seconds"):
        ExecutionThrottle(limit, within_s=within_s)


@pytest.mark.parametrize("state", ["active", "off"])
def test_a_state_that_is_no_less_risk_is_a_mistake(state: Any) -> None:
    with pytest.raises(ConfigError, match=f"ExecutionThrottle state is '{state}': give"):
        ExecutionThrottle(1, within_s=1.0, state=state)
