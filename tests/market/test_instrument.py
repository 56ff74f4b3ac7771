from collections.abc import Callable
from decimal import Context, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bowstring.market.instrument import Instrument


def instrument(**limits: Decimal) -> Instrument:
    rules = {"tick_size": Decimal("0.01"), "lot_size": Decimal("0.001")} | limits
    return Instrument(venue="v", symbol="BTC/USDT", venue_symbol="BTCUSDT", base="BTC", quote="USDT", **rules)


# Steps as venues write them (0.00001000), as Python prints them (1E-8), and odd ones (5, 10, 0.025, 1E+1).
steps = st.one_of(
    st.sampled_from([Decimal(s) for s in ("0.00001000", "1E-8", "10", "5", "1E+1", "0.025", "1.00000000", "3")]),
    st.decimals(min_value="1E-18", max_value=1000, places=18),
)
values = st.one_of(
    st.decimals(min_value="-1E18", max_value="1E18", places=18),
    st.decimals(min_value=0, max_value=10, places=30),
)
contexts = st.sampled_from([Context(), Context(prec=3), Context(prec=1, rounding="ROUND_UP"), Context(prec=60)])


@given(values, steps, contexts)
def test_rounding_is_on_the_step_on_the_right_side_and_within_one_step(
    value: Decimal, step: Decimal, context: Context
) -> None:
    rules = instrument(tick_size=step, lot_size=step)

    with localcontext(context):
        floor, ceil, lot = rules.floor_price(value), rules.ceil_price(value), rules.floor_quantity(value)

    exact, width = Fraction(value), Fraction(step)
    assert Fraction(floor) == exact // width * width
    assert Fraction(ceil) == -(-exact // width) * width
    assert lot == floor


@given(values, steps)
def test_rounding_what_is_on_the_step_changes_nothing(value: Decimal, step: Decimal) -> None:
    rules = instrument(tick_size=step)
    on_step = rules.floor_price(value)

    assert rules.floor_price(on_step) == rules.ceil_price(on_step) == on_step


@given(values, steps)
def test_a_rounded_value_has_the_decimals_of_its_step(value: Decimal, step: Decimal) -> None:
    rules = instrument(tick_size=step)

    assert rules.floor_price(value).as_tuple().exponent == step.as_tuple().exponent
    assert rules.ceil_price(value).as_tuple().exponent == step.as_tuple().exponent


@pytest.mark.parametrize(
    ("value", "step", "floor", "ceil"),
    [
        ("0.123456789", "0.00001000", "0.12345000", "0.12346000"),
        ("0.123456789", "1E-8", "0.12345678", "0.12345679"),
        ("127", "5", "125", "130"),
        ("127", "10", "120", "130"),
        ("0.4", "1", "0", "1"),
        ("-0.4", "1", "-1", "0"),
        ("12345678901234567890.123456789012345", "1E-12", "12345678901234567890.123456789012",
         "12345678901234567890.123456789013"),
        ("1.5", "0", "1.5", "1.5"),
        ("Infinity", "0.01", "Infinity", "Infinity"),
    ],
)  # fmt: skip
def test_rounds_as_written(value: str, step: str, floor: str, ceil: str) -> None:
    rules = instrument(tick_size=Decimal(step))

    assert format(rules.floor_price(Decimal(value)), "f") == floor
    assert format(rules.ceil_price(Decimal(value)), "f") == ceil


limits = st.none() | st.decimals(min_value="0.001", max_value=1000, places=3)
orders = st.decimals(min_value="-2", max_value=1000, places=3)


@given(orders, orders, steps | st.just(Decimal(0)), steps | st.just(Decimal(0)), st.tuples(*[limits] * 6), contexts)
def test_an_order_violates_nothing_if_and_only_if_it_keeps_every_rule(
    price: Decimal,
    quantity: Decimal,
    tick: Decimal,
    lot: Decimal,
    bounds: tuple[Decimal | None, ...],
    context: Context,
) -> None:
    least_price, most_price, least_quantity, most_quantity, least_notional, most_notional = bounds
    rules = instrument(
        tick_size=tick,
        lot_size=lot,
        min_price=least_price or Decimal(0),
        max_price=most_price or Decimal(0),
        min_quantity=least_quantity or Decimal(0),
        max_quantity=most_quantity or Decimal(0),
        min_notional=least_notional or Decimal(0),
        max_notional=most_notional or Decimal(0),
    )

    with localcontext(context):
        violation = rules.violation(price=price, quantity=quantity)

    p, q = Fraction(price), Fraction(quantity)
    kept = [
        p > 0,
        q > 0,
        not tick or p % Fraction(tick) == 0,
        not lot or q % Fraction(lot) == 0,
        *(
            not limit or value >= limit
            for value, limit in ((p, least_price), (q, least_quantity), (p * q, least_notional))
        ),
        *(
            not limit or value <= limit
            for value, limit in ((p, most_price), (q, most_quantity), (p * q, most_notional))
        ),
    ]
    assert (violation is None) == all(kept)


@given(orders, orders)
def test_a_rounded_order_is_never_off_its_steps(price: Decimal, quantity: Decimal) -> None:
    rules = instrument()
    price, quantity = rules.ceil_price(price), rules.floor_quantity(quantity)
    assume(price > 0 and quantity > 0)

    assert rules.violation(price=price, quantity=quantity) is None


RULES = instrument(
    min_price=Decimal("0.02"),
    max_price=Decimal(100),
    min_quantity=Decimal("0.002"),
    max_quantity=Decimal(5),
    min_notional=Decimal(1),
    max_notional=Decimal(200),
)


@pytest.mark.parametrize(
    ("price", "quantity", "reason"),
    [
        ("NaN", "1", "price NaN is no price"),
        ("1", "Infinity", "quantity Infinity is no quantity"),
        ("1E+1000000", "1", "price 1E+1000000 is no price"),
        ("0", "1", "price 0 is not positive"),
        ("1", "-1", "quantity -1 is not positive"),
        ("1.005", "1", "price 1.005 is off its step 0.01"),
        ("1", "1.0005", "quantity 1.0005 is off its step 0.001"),
        ("0.01", "1", "price 0.01 is below the least price 0.02"),
        ("100.01", "1", "price 100.01 is above the greatest price 100"),
        ("1", "0.001", "quantity 0.001 is below the least quantity 0.002"),
        ("1", "5.001", "quantity 5.001 is above the greatest quantity 5"),
        ("0.99", "1", "notional 0.99 is below the least notional 1"),
        ("100", "2.001", "notional 200.100 is above the greatest notional 200"),
    ],
)
def test_says_which_value_breaks_which_limit(price: str, quantity: str, reason: str) -> None:
    assert RULES.violation(price=Decimal(price), quantity=Decimal(quantity)) == reason


@pytest.mark.parametrize("order", [("0.02", "5"), ("100", "2"), ("1", "1")])
def test_limits_are_inclusive(order: tuple[str, str]) -> None:
    price, quantity = order
    rules = instrument(
        min_price=RULES.min_price, max_price=RULES.max_price, max_quantity=RULES.max_quantity, max_notional=Decimal(200)
    )

    assert rules.violation(price=Decimal(price), quantity=Decimal(quantity)) is None


ROUNDINGS: list[Callable[[Instrument, Decimal], Decimal]] = [
    Instrument.floor_price, Instrument.ceil_price, Instrument.floor_quantity
]  # fmt: skip


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_not_a_number_stays_not_a_number(rounding: Callable[[Instrument, Decimal], Decimal]) -> None:
    assert rounding(RULES, Decimal("NaN")).is_nan()
