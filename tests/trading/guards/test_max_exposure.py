"""All positions and orders in one currency stay within the limit, whatever of the orders is filled."""

from collections.abc import Sequence
from decimal import Decimal, localcontext
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from bowstring.core.errors import ConfigError
from bowstring.core.messages import CollectorDown
from bowstring.trading.guards.max_exposure import MaxExposure
from bowstring.trading.messages import OrderStatus, Side
from tests.trading.guards.told import (
    Hand,
    by_hand,
    fill,
    judged,
    listing,
    place,
    position,
    quote,
    replace,
    tell,
    update,
    verdicts,
)

BTC, ETH = "BTC/USDT", "ETH/USDT"


def limited(limit: str = "1000") -> tuple[MaxExposure, Hand]:
    """With BTC at 100 and ETH at 10."""
    guard = MaxExposure("USDT", Decimal(limit))
    clock = by_hand(guard)
    tell(guard, quote(99, 101, symbol=BTC), quote(9, 11, symbol=ETH))
    return guard, clock


@given(st.integers(1, 10**12), st.integers(1, 10**9), st.sampled_from([-1, 0, 1]), st.sampled_from(["buy", "sell"]))
def test_an_order_is_refused_from_the_smallest_step_above_the_limit(
    quantity: int, middle: int, step: int, side: Side
) -> None:
    with localcontext(prec=5):
        guard = MaxExposure("USDT", Decimal(f"{quantity * middle - step}e-8"))
        by_hand(guard)
        tell(guard, quote(f"{middle - 1}e-4", f"{middle + 1}e-4") if middle > 1 else quote("0.5e-4", "1.5e-4"))

        order = place(f"{quantity}e-4", price="1e-4", side=side)
        assert (judged(guard, order) is None) is (step <= 0)


def test_the_refusal_tells_what_could_be_reached() -> None:
    guard, _clock = limited()

    assert judged(guard, place("10.01")) == "exposure in USDT could reach 1001, beyond 1000"


def test_orders_count_at_their_own_prices_where_these_are_higher() -> None:
    guard, _clock = limited()

    assert verdicts(guard, [place(10, price=101), place(10, price=99)]) == [False, True]


def test_positions_and_orders_of_all_symbols_in_the_currency_count_together() -> None:
    guard, _clock = limited()
    tell(guard, position(-2, symbol=BTC), position(30, symbol=ETH))  # 200 and 300
    judged(guard, place(10, symbol=ETH, price=10, client_order_id="1"))  # 100

    orders = [
        place(20, symbol=ETH, price=10, side="sell", client_order_id="2"),
        place("6.001", side="sell", client_order_id="3"),
    ]
    assert verdicts(guard, orders) == [True, False]
    assert judged(guard, place(4, side="sell", client_order_id="4")) is None
    assert judged(guard, place("0.001", side="sell", client_order_id="5")) is not None


def test_only_one_side_of_a_symbol_can_be_the_worst() -> None:
    guard, _clock = limited()

    orders = [
        place(10, client_order_id="1"),
        place(10, side="sell", client_order_id="2"),
        place("0.001", side="sell", client_order_id="3"),
        place("0.001", client_order_id="4"),
    ]
    assert verdicts(guard, orders) == [True, True, False, False]


def test_the_same_symbol_at_another_venue_counts_by_itself() -> None:
    guard, _clock = limited()
    tell(guard, quote(99, 101, venue="other"), position(6), position(-3, venue="other"))

    assert judged(guard, place("1.001")) is not None
    assert judged(guard, place(1)) is None


def test_strategies_at_one_venue_count_by_what_they_hold_on_balance() -> None:
    guard, _clock = limited()
    tell(guard, position(15), position(-5, strategy="two"))

    assert judged(guard, place("0.001")) is not None
    assert judged(guard, place("19.999", side="sell")) is None


def test_a_replacement_counts_besides_the_order_that_it_replaces() -> None:
    guard, _clock = limited()
    judged(guard, place(6, client_order_id="old"))

    assert judged(guard, replace("4.001")) is not None
    assert judged(guard, replace(4)) is None


@pytest.mark.parametrize("reduces", [False, True])
def test_beyond_the_limit_what_brings_a_position_closer_to_zero_passes_at_any_price(reduces: bool) -> None:
    guard, clock = limited()
    tell(guard, position(50, symbol=BTC), position(500, symbol=ETH))
    clock.set(100)  # so that no price is fresh

    orders = [
        place(30, side="sell", price=150, client_order_id="1", reduces=reduces),
        place(20, side="sell", price=150, client_order_id="2", reduces=reduces),
        place("0.001", side="sell", price=150, client_order_id="3", reduces=reduces),
    ]
    assert verdicts(guard, orders) == [True, True, False]


def test_beyond_the_limit_nothing_turns_a_position_around() -> None:
    guard, _clock = limited()
    tell(guard, position(50, symbol=BTC))

    assert verdicts(guard, [place("60.001", side="sell"), place(60, side="sell")]) == [False, True]


def test_without_a_fresh_price_of_its_own_symbol_new_risk_is_refused() -> None:
    guard, clock = limited()
    clock.set("5.000000001")
    assert (
        judged(guard, place())
        == "the price of BTC/USDT at venue is 5.0 s old, or its stream failed or the event loop was blocked since"
    )

    tell(guard, quote(99, 101))
    assert judged(guard, place()) is None
    tell(guard, CollectorDown(collector="quotes", reason="reset", retry_in_s=1.0))
    assert judged(guard, place(client_order_id="2")) is not None


def test_what_is_held_elsewhere_counts_at_its_latest_price_however_old() -> None:
    guard, clock = limited()
    tell(guard, position(50, symbol=ETH))
    clock.set(1000)
    tell(guard, quote(99, 101))

    assert verdicts(guard, [place("5.001"), place(5)]) == [False, True]


def test_what_is_held_elsewhere_without_a_price_cannot_be_counted() -> None:
    guard, _clock = limited()
    tell(guard, position(1, symbol="XRP/USDT"))
    assert judged(guard, place()) == "no price of XRP/USDT at venue is known"

    tell(guard, position(0, symbol="XRP/USDT"))
    assert judged(guard, place()) is None


def test_what_is_quoted_in_another_currency_is_no_matter() -> None:
    guard, _clock = limited()
    tell(guard, position(10**6, symbol="BTC/EUR"))

    orders = [place(10**6, symbol="BTC/EUR"), place(10, client_order_id="2"), place("0.001", client_order_id="3")]
    assert verdicts(guard, orders) == [True, True, False]


def test_a_perpetual_is_quoted_in_its_quote_currency() -> None:
    guard, _clock = limited()
    tell(guard, quote(99, 101, symbol="BTC/USDT:USDT"))

    assert judged(guard, place("10.001", symbol="BTC/USDT:USDT")) is not None


def test_a_currency_in_which_nothing_is_listed_is_refused_with_what_was_meant() -> None:
    guard = MaxExposure("USD", Decimal(1000))
    tell(guard, listing("BTC/USDT", seq=1))

    reason = 'MaxExposure("USD"): the bot\'s venues list no USD; did you mean USDT?'
    assert judged(guard, place(symbol="BTC/EUR", cause=2)) == reason


@pytest.mark.parametrize("stale_after_s", [0.0, float("nan")])
def test_a_budget_that_is_none_is_a_mistake(stale_after_s: float) -> None:
    with pytest.raises(ConfigError, match=r"MaxExposure stale_after_s is .*: give a time above 0 seconds"):
        MaxExposure("USDT", Decimal(1), stale_after_s=stale_after_s)


# Against a model


class Step(Struct, frozen=True):
    kind: str
    order: int
    quantity: int
    price: int
    side: Side
    symbol: str


STEPS = st.builds(
    Step,
    kind=st.sampled_from(["place", "place", "place", "fill", "fill", "cancelled", "price"]),
    order=st.integers(0, 30),
    quantity=st.integers(1, 9),
    price=st.integers(5, 15),
    side=st.sampled_from(["buy", "sell"]),
    symbol=st.sampled_from(["A/USDT", "B/USDT"]),
)


class Model:
    """All that ever happened, counted anew each time: a position and its orders, by symbol."""

    def __init__(self) -> None:
        self.positions = {"A/USDT": 0, "B/USDT": 0}
        self.prices = {"A/USDT": 10, "B/USDT": 10}
        self.orders: dict[int, Step] = {}
        self.left: dict[int, int] = {}

    def worst(self, symbol: str, sign: int) -> int:
        """The worth of what the symbol's position could become in one direction."""
        price = self.prices[symbol]
        side = "buy" if sign > 0 else "sell"
        orders = [
            (self.left[n], one.price) for n, one in self.orders.items() if (one.symbol, one.side) == (symbol, side)
        ]
        worth = sum(left * max(price, own) for left, own in orders)
        return sign * self.positions[symbol] * price + worth

    def reach(self, symbol: str, sign: int) -> int:
        side = "buy" if sign > 0 else "sell"
        left = sum(self.left[n] for n, one in self.orders.items() if (one.symbol, one.side) == (symbol, side))
        return sign * self.positions[symbol] + left

    def passes(self, number: int, step: Step, limit: int) -> bool:
        sign = 1 if step.side == "buy" else -1
        self.orders[number], self.left[number] = step, step.quantity
        others = sum(
            max(self.worst(symbol, 1), self.worst(symbol, -1)) for symbol in self.positions if symbol != step.symbol
        )
        passes = self.reach(step.symbol, sign) <= 0 or self.worst(step.symbol, sign) + others <= limit
        if not passes:
            del self.orders[number], self.left[number]
        return passes


@given(st.integers(10, 400), st.lists(STEPS, max_size=60))
def test_an_order_passes_exactly_if_the_worst_case_stays_within_the_limit(limit: int, story: Sequence[Step]) -> None:
    guard, model, numbers = MaxExposure("USDT", Decimal(limit)), Model(), count()
    by_hand(guard)
    tell(guard, *(quote(9, 11, symbol=symbol) for symbol in model.positions))
    for step in story:
        if step.kind == "place":
            number = next(numbers)
            order = place(
                step.quantity, price=step.price, side=step.side, symbol=step.symbol, client_order_id=str(number)
            )
            assert (judged(guard, order) is None) is model.passes(number, step, limit)
        elif step.kind == "price":
            model.prices[step.symbol] = step.price
            tell(guard, quote(step.price - 1, step.price + 1, symbol=step.symbol))
        elif model.orders:
            _happen(guard, model, step)


def _happen(guard: MaxExposure, model: Model, step: Step) -> None:
    number = list(model.orders)[step.order % len(model.orders)]
    order, left = model.orders[number], model.left[number]
    if step.kind == "fill":
        filled = min(left, step.quantity)
        model.left[number] -= filled
        model.positions[order.symbol] += filled if order.side == "buy" else -filled
        tell(guard, fill(filled, side=order.side, symbol=order.symbol, client_order_id=str(number)))
    if step.kind == "cancelled" or not model.left[number]:
        filled_in_all = order.quantity - model.left[number]
        status: OrderStatus = "cancelled" if model.left[number] else "filled"
        del model.orders[number], model.left[number]
        tell(
            guard,
            update(
                status,
                quantity=order.quantity,
                price=order.price,
                filled=filled_in_all,
                side=order.side,
                symbol=order.symbol,
                client_order_id=str(number),
            ),
        )
