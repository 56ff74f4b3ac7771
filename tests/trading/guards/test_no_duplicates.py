"""A strategy does not place the same order again at once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.core.errors import ConfigError
from bowstring.trading.guards.no_duplicates import NoDuplicates
from bowstring.trading.messages import OrderStatus
from tests.trading.guards.told import Hand, by_hand, judged, place, replace, tell, update, verdicts


def guarded(within_s: float = 1.0) -> tuple[NoDuplicates, Hand]:
    guard = NoDuplicates(within_s=within_s)
    return guard, by_hand(guard)


def test_the_same_order_is_refused_and_the_reason_names_the_first() -> None:
    guard, clock = guarded()
    assert judged(guard, place(client_order_id="1")) is None
    clock.set("0.25")

    assert judged(guard, place(client_order_id="2")) == "it is the same as 1, placed 0.250 s ago"


def test_a_number_is_the_same_however_it_is_written() -> None:
    guard, _clock = guarded()

    assert verdicts(guard, [place("1.0", price="100"), place("1", price="100.00", client_order_id="2")]) == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"quantity": 2},
        {"price": 101},
        {"side": "sell"},
        {"symbol": "ETH/USDT"},
        {"strategy": "two"},
        {"venue": "other"},
    ],
)
def test_another_order_is_none_of_it(other: dict[str, Any]) -> None:
    guard, _clock = guarded()

    assert verdicts(guard, [place(), place(client_order_id="2", **other)]) == [True, True]


def test_a_replacement_is_an_order_like_any_other() -> None:
    guard, _clock = guarded()

    assert verdicts(guard, [place(), replace()]) == [True, False]


def test_what_reduces_is_held_to_it_too() -> None:
    guard, _clock = guarded()

    assert verdicts(guard, [place(), place(client_order_id="2", reduces=True)]) == [True, False]


@pytest.mark.parametrize(("after_ns", "passes"), [(999_999_999, False), (1_000_000_000, True), (1_000_000_001, True)])
def test_after_exactly_the_time_it_may_be_placed_again(after_ns: int, passes: bool) -> None:
    guard, clock = guarded()
    judged(guard, place())
    clock.time_ns = after_ns

    assert (judged(guard, place(client_order_id="2")) is None) is passes


@pytest.mark.parametrize("status", ["refused", "failed", "rejected"])
def test_what_was_not_placed_in_the_end_may_be_placed_again(status: OrderStatus) -> None:
    guard, _clock = guarded()
    judged(guard, place())
    tell(guard, update(status))

    assert judged(guard, place(client_order_id="2")) is None


@pytest.mark.parametrize("status", ["open", "unknown", "filled", "cancelled", "expired"])
def test_what_was_placed_counts_whatever_became_of_it(status: OrderStatus) -> None:
    guard, _clock = guarded()
    judged(guard, place())
    tell(guard, update(status))

    assert judged(guard, place(client_order_id="2")) is not None


def test_that_the_second_was_refused_does_not_free_the_way_for_a_third() -> None:
    guard, _clock = guarded()
    judged(guard, place(client_order_id="1"))
    judged(guard, place(client_order_id="2"))
    tell(guard, update("refused", client_order_id="2"))

    assert judged(guard, place(client_order_id="3")) is not None


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 3)), max_size=40))
def test_an_order_passes_exactly_if_no_equal_one_passed_within_the_time(story: list[tuple[int, int]]) -> None:
    guard, clock = guarded(within_s=10e-9)
    passed: list[tuple[int, int]] = []
    for number, (pause_ns, quantity) in enumerate(story):
        clock.time_ns += pause_ns
        refused = judged(guard, place(quantity, client_order_id=str(number))) is not None

        assert refused == any(clock.time_ns - time_ns < 10 and equal == quantity for time_ns, equal in passed)
        if not refused:
            passed.append((clock.time_ns, quantity))


def test_it_forgets_what_is_past() -> None:
    guard, clock = guarded()
    for number in range(100):
        clock.set(number)
        judged(guard, place(number + 1))

    assert len(guard._placed) == 1  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("within_s", [0.0, -1.0, float("nan")])
def test_a_time_that_is_none_is_a_mistake(within_s: float) -> None:
    with pytest.raises(ConfigError, match="give a time above 0 seconds"):
        NoDuplicates(within_s=within_s)
