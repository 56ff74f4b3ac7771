"""What may still be filled is counted from the moment an order passes, over restarts, and exactly."""

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import force_setattr

from bowstring.trading.guards.live_orders import LiveOrderGuard
from bowstring.trading.messages import OrderStatus, Recovered, Side
from bowstring.trading.new_orders import NewOrder
from tests.trading.guards.told import fill, judged, place, tell, update
from tests.trading.scripted import SYMBOL


class Any(LiveOrderGuard):
    """Lets all pass."""

    def objection(self, order: NewOrder, side: Side) -> str | None:
        return self.live.add(order)

    def to_come(self, side: Side = "buy") -> Decimal:
        return self.live.sides["venue", SYMBOL, side].quantity

    def notional(self, side: Side = "buy") -> Decimal:
        return self.live.sides["venue", SYMBOL, side].notional


def test_an_order_counts_from_the_moment_it_passes() -> None:
    guard = Any()
    judged(guard, place(2, price=100, client_order_id="1"))
    judged(guard, place(3, price=110, client_order_id="2"))
    judged(guard, place(4, price=120, side="sell", client_order_id="3"))

    assert [guard.to_come("buy"), guard.notional("buy")] == [5, 530]
    assert [guard.to_come("sell"), guard.notional("sell")] == [4, 480]
    assert guard.live.working == 3


def test_what_is_filled_is_to_come_until_its_fill_is_told() -> None:
    guard = Any()
    judged(guard, place(5))
    tell(guard, update("open", quantity=5, filled=2))
    assert guard.to_come() == 5
    tell(guard, fill(2))
    assert guard.to_come() == 3
    tell(guard, update("cancelled", quantity=5, filled=4))
    assert [guard.to_come(), guard.live.working] == [2, 0]
    tell(guard, fill(2))

    assert guard.to_come() == 0
    assert guard.live.orders == {}


def test_the_id_of_a_live_order_cannot_be_used_for_another() -> None:
    guard = Any()
    judged(guard, place(5))

    assert judged(guard, place(1)) == "1 is a live order of one already"
    assert guard.to_come() == 5


def test_what_becomes_of_another_action_with_the_same_id_says_nothing_of_the_order() -> None:
    guard = Any()
    first = place(5)
    force_setattr(first, "seq", 7)
    judged(guard, first)

    tell(guard, update("refused", quantity=1, cause=9))
    assert guard.to_come() == 5
    tell(guard, update("refused", quantity=5, cause=7))
    assert guard.to_come() == 0


@pytest.mark.parametrize("status", ["unknown", "open"])
def test_an_order_of_before_a_restart_counts_with_what_is_left_of_it(status: OrderStatus) -> None:
    guard = Any()
    tell(guard, update(status, quantity=5, filled=2))
    assert guard.to_come() == 3

    tell(guard, fill(1), update("open", quantity=5, filled=3))
    assert guard.to_come() == 2


def test_a_fill_that_was_known_of_before_a_restart_and_told_after_it_counts_once() -> None:
    guard = Any()
    tell(guard, update("open", quantity=5, filled=3))  # of which fills had told 2
    tell(guard, fill(1))
    assert guard.to_come() == 2

    tell(guard, fill(1), update("open", quantity=5, filled=4))
    assert guard.to_come() == 1


def test_an_order_that_is_alive_after_all_counts_again() -> None:
    guard = Any()
    judged(guard, place(5))
    tell(guard, update("failed", quantity=5))
    assert guard.to_come() == 0

    tell(guard, update("open", quantity=5))
    assert guard.to_come() == 5


class Story:
    """An order of 10, as the venue has it: what is told of it comes in any order, but never twice."""

    def __init__(self, guard: Any) -> None:
        self.guard = guard
        self.filled = self.told = self.shown = 0
        self.is_over = False

    def happen(self, what: str) -> None:
        if what == "fill" and not self.is_over and self.filled < 10:
            self.filled += 1
        elif what == "tell fill" and self.told < self.filled:
            self.told += 1
            tell(self.guard, fill(1))
            self.shown = max(self.shown, self.told)
            tell(self.guard, update("open" if not self.is_over else "cancelled", quantity=10, filled=self.shown))
        elif what == "report" and not self.is_over:
            self.shown = self.filled
            tell(self.guard, update("open", quantity=10, filled=self.shown))
        elif what == "end":
            self.is_over, self.shown = True, self.filled
            tell(self.guard, update("cancelled", quantity=10, filled=self.shown))


EVENTS = st.sampled_from(["fill", "fill", "fill", "tell fill", "tell fill", "report", "end"])


@given(st.lists(EVENTS, max_size=40))
def test_position_and_what_is_to_come_make_all_that_can_be_filled(events: list[str]) -> None:
    guard = Any()
    judged(guard, place(10))
    story = Story(guard)
    for event in events:
        story.happen(event)

        can_be_filled = story.filled if story.is_over else 10
        assert guard.to_come() + story.told == can_be_filled
        assert guard.live.working == (not story.is_over and story.told < 10)


@given(st.lists(EVENTS, max_size=20), st.lists(EVENTS, max_size=20))
def test_after_a_restart_it_is_the_same_as_soon_as_what_was_missed_is_told(before: list[str], after: list[str]) -> None:
    story = Story(Any())
    judged(story.guard, place(10))
    for event in before:
        story.happen(event)
    assume(not story.is_over)
    story.guard = restarted = Any()
    tell(restarted, update("open", quantity=10, filled=story.shown))
    for _ in range(10):
        story.happen("tell fill")
        assert restarted.to_come() + story.told >= 10 - max(story.shown - story.told, 0)
    tell(restarted, Recovered(strategy="one", venue="venue"))

    for event in after:
        story.happen(event)
        assert restarted.to_come() + story.told == (story.filled if story.is_over else 10)


def test_what_is_recovered_at_one_venue_says_nothing_of_another() -> None:
    guard = Any()
    tell(guard, update("open", quantity=5, filled=3))
    for strategy, venue in (("one", "other"), ("two", "venue")):
        tell(guard, Recovered(strategy=strategy, venue=venue))
    tell(guard, fill(1))

    assert guard.to_come() == 2
