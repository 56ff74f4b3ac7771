"""What an account holds is promised to one order only, of whatever strategy."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from bowstring.core.errors import ConfigError
from bowstring.trading.guards.reserve_balance import ReserveBalance
from bowstring.trading.messages import OrderStatus, Side
from tests.trading.guards.told import (
    Hand,
    balance,
    by_hand,
    fill,
    judged,
    place,
    replace,
    tell,
    update,
    verdicts,
)


def reserving(free: str = "1000", *, shares: Mapping[str, Decimal] | None = None) -> tuple[ReserveBalance, Hand]:
    """With so many USDT, and 10 BTC."""
    guard = ReserveBalance(shares=shares)
    clock = by_hand(guard)
    tell(guard, balance(free), balance(10, currency="BTC"))
    return guard, clock


@given(st.integers(1, 10**12), st.integers(1, 10**12), st.sampled_from([-1, 0, 1]))
def test_a_buyer_is_refused_from_the_smallest_step_beyond_what_is_free(quantity: int, price: int, step: int) -> None:
    with localcontext(prec=5):
        guard, _clock = reserving(f"{quantity * price - step}e-8")

        order = place(f"{quantity}e-4", price=f"{price}e-4")
        assert (judged(guard, order) is None) is (step <= 0)


@given(st.integers(1, 10**12), st.sampled_from([-1, 0, 1]))
def test_a_seller_is_refused_from_the_smallest_step_beyond_what_is_free(quantity: int, step: int) -> None:
    with localcontext(prec=5):
        guard, _clock = reserving()
        tell(guard, balance(f"{quantity - step}e-4", currency="BTC"))

        assert (judged(guard, place(f"{quantity}e-4", side="sell")) is None) is (step <= 0)


def test_the_refusal_tells_what_is_needed_and_what_is_free() -> None:
    guard, _clock = reserving()
    judged(guard, place(9, client_order_id="1"))

    reason = "it needs 200 USDT, and 100 at venue is free of all live orders"
    assert judged(guard, place(2, client_order_id="2")) == reason


def test_an_order_of_another_strategy_is_reckoned_with_before_any_balance_shows_it() -> None:
    guard, _clock = reserving()
    judged(guard, place(6, strategy="one"))

    assert verdicts(guard, [place("4.001", strategy="two"), place(4, strategy="two")]) == [False, True]


def test_an_order_that_the_balance_shows_is_reckoned_with_once() -> None:
    guard, _clock = reserving()
    judged(guard, place(6))
    tell(guard, update("open", quantity=6), balance(400, 600))

    assert verdicts(guard, [place("4.001", client_order_id="2"), place(4, client_order_id="2")]) == [False, True]


def test_what_others_have_locked_is_not_free() -> None:
    guard, _clock = reserving()
    tell(guard, balance(400, 600))  # by orders that are not the bot's

    assert verdicts(guard, [place("4.001"), place(1, client_order_id="1"), place("3.001", client_order_id="2")]) == [
        False,
        True,
        False,
    ]


def test_a_balance_of_before_the_answer_need_not_show_the_order() -> None:
    guard, _clock = reserving()
    tell(guard, balance(700, 300))  # locked by others
    judged(guard, place(6))
    tell(guard, balance(700, 300))

    assert verdicts(guard, [place("1.001", client_order_id="2"), place(1, client_order_id="2")]) == [False, True]


@pytest.mark.parametrize("status", ["failed", "refused", "rejected", "expired", "cancelled"])
def test_what_has_ended_gives_back_what_it_needed(status: str) -> None:
    guard, _clock = reserving()
    judged(guard, place(10))
    tell(guard, update(status, quantity=10))  # type: ignore[arg-type]

    assert judged(guard, place(10, client_order_id="2")) is None


@pytest.mark.parametrize("status", ["pending", "unknown", "open"])
def test_what_lives_does_not(status: str) -> None:
    guard, _clock = reserving()
    judged(guard, place(10))
    tell(guard, update(status, quantity=10))  # type: ignore[arg-type]

    assert judged(guard, place("0.001", client_order_id="2")) is not None


def test_what_was_spent_is_gone_before_the_balance_shows_it() -> None:
    guard, _clock = reserving()
    judged(guard, place(6))
    tell(guard, fill(6), update("filled", quantity=6, filled=6))
    assert verdicts(guard, [place("4.001", client_order_id="2"), place(4, client_order_id="2")]) == [False, True]

    tell(guard, update("cancelled", quantity=4, client_order_id="2"), balance(400))
    assert judged(guard, place(4, client_order_id="3")) is None


def test_what_was_sold_is_gone_before_the_balance_shows_it() -> None:
    guard, _clock = reserving()
    judged(guard, place(6, side="sell"))
    tell(guard, fill(6, side="sell"), update("filled", quantity=6, filled=6, side="sell"))

    orders = [place("4.001", side="sell", client_order_id="2"), place(4, side="sell", client_order_id="2")]
    assert verdicts(guard, orders) == [False, True]


def test_a_fee_on_top_is_gone_too() -> None:
    guard, _clock = reserving()
    judged(guard, place(6))
    tell(guard, fill(6, fee=1, fee_currency="USDT"), update("filled", quantity=6, filled=6))

    assert verdicts(guard, [place(4, client_order_id="2"), place("3.99", client_order_id="2")]) == [False, True]


def test_what_was_spent_is_held_back_for_a_minute_if_no_balance_follows() -> None:
    guard, clock = reserving()
    tell(guard, fill(6))  # the balance, told before, shows it already
    clock.set("59.999999999")
    assert judged(guard, place("4.001")) is not None

    clock.set(60)
    assert judged(guard, place(10)) is None


def test_what_was_received_counts_when_a_balance_shows_it() -> None:
    guard, _clock = reserving()
    tell(guard, fill(6, side="sell"))
    assert judged(guard, place("10.001")) is not None

    tell(guard, balance(1600))
    assert judged(guard, place("10.001")) is None


def test_an_order_filled_before_its_fill_is_told_still_needs_its_money() -> None:
    guard, _clock = reserving()
    judged(guard, place(10))
    tell(guard, update("filled", quantity=10, filled=10))

    assert judged(guard, place("0.001", client_order_id="2")) is not None


def test_a_replacement_needs_its_money_besides_the_old_order() -> None:
    guard, _clock = reserving()
    judged(guard, place(6, client_order_id="old"))

    assert verdicts(guard, [replace("4.001"), replace(4)]) == [False, True]


def test_what_reduces_is_held_to_it_too() -> None:
    guard, _clock = reserving()
    judged(guard, place(10, side="sell"))

    assert judged(guard, place(1, side="sell", client_order_id="2", reduces=True)) is not None


def test_each_venue_has_its_own_balance() -> None:
    guard, _clock = reserving()
    tell(guard, balance(500, venue="other"))
    judged(guard, place(10))

    assert verdicts(guard, [place("5.001", venue="other"), place(5, venue="other")]) == [False, True]


def test_without_a_balance_nothing_is_known_to_be_free() -> None:
    guard = ReserveBalance()
    by_hand(guard)

    assert judged(guard, place()) == "no balance of USDT at venue is known"
    assert judged(guard, place(side="sell")) == "no balance of BTC at venue is known"


def test_margin_is_the_venues_to_reckon() -> None:
    guard, _clock = reserving()
    perpetual = "BTC/USDT:USDT"

    assert judged(guard, place(1000, symbol=perpetual)) is None
    tell(guard, fill(1000, symbol=perpetual), update("open", quantity=1000, symbol=perpetual, client_order_id="2"))
    assert judged(guard, place(10)) is None


@pytest.mark.parametrize("status", ["open", "unknown"])
def test_orders_of_before_a_restart_are_reckoned_with(status: str) -> None:
    guard = ReserveBalance()
    by_hand(guard)
    tell(guard, update(status, quantity=8, filled=2), balance(700, 300))  # type: ignore[arg-type]

    free = Decimal(4) if status == "open" else Decimal(1)  # an unknown one need not be among what is locked
    assert verdicts(guard, [place(free + Decimal("0.001"), client_order_id="2"), place(free, client_order_id="2")]) == [
        False,
        True,
    ]


# Shares

HALVES = {"one": Decimal("0.5"), "two": Decimal("0.25")}


def test_a_strategy_may_use_its_share_and_no_more() -> None:
    guard, _clock = reserving(shares=HALVES)

    orders = [place("5.001"), place(5), place("2.501", strategy="two"), place("2.5", strategy="two")]
    assert verdicts(guard, orders) == [False, True, False, True]


def test_all_others_may_use_together_what_the_shares_leave() -> None:
    guard, _clock = reserving(shares=HALVES)

    orders = [
        place("1.5", strategy="three"),
        place("1.001", strategy="four"),
        place(1, strategy="four"),
        place("0.001", strategy="three", client_order_id="2"),
    ]
    assert verdicts(guard, orders) == [True, False, True, False]
    assert judged(guard, place(5)) is None


def test_the_refusal_tells_the_share() -> None:
    guard, _clock = reserving(shares=HALVES)
    judged(guard, place(3))

    reason = "it needs 300 USDT, and of its share of 500.0 live orders need 300"
    assert judged(guard, place(3, client_order_id="2")) == reason


def test_a_share_is_of_what_is_held_free_or_locked() -> None:
    guard, _clock = reserving(shares=HALVES)
    judged(guard, place(5))
    tell(guard, update("open", quantity=5), balance(500, 500))

    assert judged(guard, place("0.001", client_order_id="2")) is not None
    assert judged(guard, place("2.5", strategy="two")) is None


def test_what_was_spent_is_held_no_more() -> None:
    guard, _clock = reserving(shares=HALVES)
    tell(guard, fill(2, strategy="two"))

    assert verdicts(guard, [place("4.001"), place(4)]) == [False, True]


@pytest.mark.parametrize("shares", [{"one": Decimal("0.6"), "two": Decimal("0.5")}, {"one": Decimal("1.1")}])
def test_shares_of_more_than_all_are_a_mistake(shares: Mapping[str, Decimal]) -> None:
    with pytest.raises(ConfigError, match="the shares are more than 1 together"):
        ReserveBalance(shares=shares)


def test_a_share_that_is_none_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match=r"share of one is 0\.5: give a Decimal"):
        ReserveBalance(shares={"one": 0.5})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]


# Against a venue


class Step(Struct, frozen=True):
    kind: str
    order: int
    quantity: int
    price: int
    side: Side


STEPS = st.builds(
    Step,
    kind=st.sampled_from(["place", "place", "open", "fill", "cancel", "tell", "tell", "foreign"]),
    order=st.integers(0, 30),
    quantity=st.integers(1, 9),
    price=st.integers(5, 15),
    side=st.sampled_from(["buy", "sell"]),
)


class Venue:
    """A spot account which locks what an order may need, and whose balance is told by ``tell`` only."""

    def __init__(self, guard: ReserveBalance) -> None:
        self.guard = guard
        self.held = {"USDT": 500, "BTC": 50}
        self.orders: dict[int, tuple[Step, int]] = {}
        self.on_the_way: dict[int, Step] = {}
        self.foreign = 0
        self.numbers = count()

    def needs(self, currency: str) -> int:
        own = [(step, left) for step, left in self.orders.values() if (step.side == "buy") == (currency == "USDT")]
        locked = sum(left * (step.price if step.side == "buy" else 1) for step, left in own)
        return locked + (self.foreign if currency == "USDT" else 0)

    def happen(self, step: Step) -> None:
        if step.kind == "place":
            number = next(self.numbers)
            order = place(step.quantity, price=step.price, side=step.side, client_order_id=str(number))
            if judged(self.guard, order) is None:
                self.on_the_way[number] = step
        elif step.kind == "open" and self.on_the_way:
            self.accept(*self.on_the_way.popitem())
        elif step.kind == "fill" and self.orders:
            self.fill(list(self.orders)[step.order % len(self.orders)], step.quantity)
        elif step.kind == "cancel" and self.orders:
            number = list(self.orders)[step.order % len(self.orders)]
            ended, left = self.orders.pop(number)
            self.update(number, ended, left=left, status="cancelled")
        elif step.kind == "tell":
            self.tell_balances()
        elif step.kind == "foreign":
            free = self.held["USDT"] - self.needs("USDT") - self.promised()
            self.foreign = min(step.quantity * step.price, self.foreign + max(free, 0))
            self.tell_balances()

    def promised(self) -> int:
        return sum(step.quantity * step.price for step in self.on_the_way.values() if step.side == "buy")

    def accept(self, number: int, step: Step) -> None:
        self.orders[number] = step, step.quantity
        for currency, held in self.held.items():
            assert self.needs(currency) <= held, f"more is promised than there is of {currency}"
        self.update(number, step, left=step.quantity)

    def fill(self, number: int, quantity: int) -> None:
        step, left = self.orders.pop(number)
        filled = min(left, quantity)
        worth = filled * step.price
        self.held["USDT"] += -worth if step.side == "buy" else worth
        self.held["BTC"] += filled if step.side == "buy" else -filled
        tell(self.guard, fill(filled, price=step.price, side=step.side, client_order_id=str(number)))
        if left > filled:
            self.orders[number] = step, left - filled
        self.update(number, step, left=left - filled, status="filled" if left == filled else "open")

    def update(self, number: int, step: Step, *, left: int, status: OrderStatus = "open") -> None:
        tell(
            self.guard,
            update(
                status,
                quantity=step.quantity,
                filled=step.quantity - left,
                price=step.price,
                side=step.side,
                client_order_id=str(number),
            ),
        )

    def tell_balances(self) -> None:
        for currency, held in self.held.items():
            locked = self.needs(currency)
            tell(self.guard, balance(held - locked, locked, currency=currency))


@given(st.lists(STEPS, max_size=80))
def test_no_order_that_passes_ever_needs_what_is_not_there(story: Sequence[Step]) -> None:
    guard = ReserveBalance()
    by_hand(guard)
    venue = Venue(guard)
    venue.tell_balances()
    for step in story:
        venue.happen(step)


def test_all_that_is_free_can_be_used_in_the_end() -> None:
    guard, _clock = reserving()
    venue = Venue(guard)
    venue.tell_balances()
    for number in range(5):
        venue.happen(Step("place", 0, 5, 10, "buy"))
        venue.happen(Step("open", 0, 0, 0, "buy"))
        venue.happen(Step("fill", number, 3, 0, "buy"))
        venue.happen(Step("tell", 0, 0, 0, "buy"))

    free = venue.held["USDT"] - venue.needs("USDT")
    assert verdicts(
        guard, [place(free + 1, price=1, client_order_id="x"), place(free, price=1, client_order_id="x")]
    ) == [
        False,
        True,
    ]
