"""Guards that look at one order at a time, each at its limit, one step below and one above."""

from collections.abc import Callable
from decimal import Decimal, localcontext
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.core.components import Executor, Guard, on
from bowstring.core.errors import ConfigError
from bowstring.core.routing import Wiring, give_names
from bowstring.trading.guards import (
    AllowedSymbols,
    MaxExposure,
    MaxNotional,
    MaxPosition,
    MaxQuantity,
    OrderGuard,
    PriceCollar,
)
from bowstring.trading.guards.daily_loss import DailyLoss
from bowstring.trading.messages import PlaceOrder, Side
from bowstring.trading.new_orders import NewOrder
from tests.trading.guards.told import judged, listing, place, replace, tell
from tests.trading.scripted import SYMBOL

STEPS = st.sampled_from([-1, 0, 1])

LIMITED: dict[str, Callable[[Any], Guard]] = {
    "MaxNotional limit": MaxNotional,
    'MaxQuantity\\("BTC/USDT"\\) limit': partial(MaxQuantity, "BTC/USDT"),
    'MaxPosition\\("BTC/USDT"\\) limit': partial(MaxPosition, "BTC/USDT"),
    'MaxExposure\\("USDT"\\) limit': partial(MaxExposure, "USDT"),
    'DailyLoss\\("USDT"\\) limit': partial(DailyLoss, "USDT"),
    "PriceCollar share": PriceCollar,
}


@pytest.mark.parametrize(
    ("limit", "shown"), [("500", "'500'"), (500.0, "500.0"), (2, "2"), (Decimal(-1), "-1"), (Decimal("NaN"), "NaN")]
)
@pytest.mark.parametrize("named", LIMITED)
def test_a_limit_that_is_none_is_a_mistake(named: str, limit: object, shown: str) -> None:
    with pytest.raises(ConfigError, match=f"^{named} is {shown}: give a "):
        LIMITED[named](limit)


# The base of them all


class Nothing(OrderGuard):
    """Has no objection to anything."""

    def objection(self, order: NewOrder, side: Side) -> str | None:
        return None


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN", "sNaN", "Infinity"])
def test_a_quantity_that_is_none_is_refused(quantity: str) -> None:
    assert judged(Nothing(), place(quantity)) == f"its quantity is {quantity}"
    assert judged(Nothing(), replace(quantity)) == f"its quantity is {quantity}"


def test_a_replacement_of_no_order_passes_as_nothing_is_sent_for_it() -> None:
    assert judged(MaxNotional(Decimal(1)), replace(1000, side=None)) is None
    assert judged(MaxNotional(Decimal(1)), replace(1000)) is not None


def test_a_guard_without_an_objection_says_what_is_missing() -> None:
    class Unfinished(OrderGuard):
        pass

    with pytest.raises(NotImplementedError, match=r"Unfinished has no objection\(order, side\)"):
        judged(Unfinished(), place())


def test_a_guard_of_orders_fits_an_executor_that_only_places_them() -> None:
    class Placer(Executor):
        @on(PlaceOrder)
        def place(self, order: PlaceOrder) -> None:
            pass

    guard, placer = MaxNotional(Decimal(1)), Placer()
    give_names([guard, placer])

    assert Wiring([guard], [placer], []).plan(PlaceOrder).guards


# Notional


@given(st.integers(1, 10**20), st.integers(1, 10**20), STEPS, st.booleans())
def test_a_notional_is_refused_from_the_smallest_step_above_the_limit(
    price: int, quantity: int, step: int, reduces: bool
) -> None:
    with localcontext(prec=5):
        guard = MaxNotional(Decimal(f"{price * quantity - step}e-16"))

        refusals = [
            judged(guard, place(f"{quantity}e-8", price=f"{price}e-8", reduces=reduces)),
            judged(guard, replace(f"{quantity}e-8", price=f"{price}e-8")),
        ]

    assert [bool(refusal) for refusal in refusals] == [step > 0, step > 0]


def test_the_refusal_tells_the_notional_and_the_limit() -> None:
    assert judged(MaxNotional(Decimal(500)), place(6)) == "notional 600 exceeds 500"


def test_a_price_below_zero_has_a_notional_too() -> None:
    assert judged(MaxNotional(Decimal(500)), place(6, price=-100)) == "notional 600 exceeds 500"


# Quantity


@given(st.integers(1, 10**20), STEPS, st.booleans())
def test_a_quantity_is_refused_from_the_smallest_step_above_the_limit(quantity: int, step: int, reduces: bool) -> None:
    with localcontext(prec=5):
        guard = MaxQuantity(SYMBOL, Decimal(f"{quantity - step}e-8"))

        refusals = [
            judged(guard, place(f"{quantity}e-8", reduces=reduces)),
            judged(guard, replace(f"{quantity}e-8")),
        ]

    assert [bool(refusal) for refusal in refusals] == [step > 0, step > 0]


def test_the_refusal_tells_the_quantity_and_the_limit() -> None:
    assert judged(MaxQuantity(SYMBOL, Decimal(5)), place("5.001")) == "quantity 5.001 of BTC/USDT exceeds 5"


def test_a_quantity_in_another_symbol_is_no_matter() -> None:
    assert judged(MaxQuantity(SYMBOL, Decimal(5)), place(100, symbol="ETH/USDT")) is None


def test_a_largest_quantity_of_what_no_venue_lists_refuses_everything() -> None:
    guard = MaxQuantity("BTCUSDT", Decimal(5))
    tell(guard, listing("BTC/USDT"))

    reason = 'MaxQuantity("BTCUSDT"): the bot\'s venues list no BTCUSDT; did you mean BTC/USDT?'
    assert judged(guard, place(cause=10**9)) == reason


# Symbols


def test_only_the_symbols_on_the_list_are_allowed() -> None:
    guard = AllowedSymbols("BTC/USDT", "ETH/USDT")

    assert judged(guard, place(symbol="BTC/USDT")) is None
    assert judged(guard, place(symbol="ETH/USDT", venue="elsewhere")) is None
    assert judged(guard, replace(symbol="ETH/USDT")) is None
    assert judged(guard, replace(symbol="XRP/EUR")) is not None


@pytest.mark.parametrize(
    ("symbol", "hint"),
    [
        ("BTCUSDT", "did you mean BTC/USDT?"),
        ("XRP/EUR", "allowed: BTC/USDT, ETH/USDT"),
        ("btc/usdt", "did you mean BTC/USDT?"),
    ],
)
def test_the_refusal_says_what_may_have_been_meant(symbol: str, hint: str) -> None:
    guard = AllowedSymbols("BTC/USDT", "ETH/USDT")

    assert judged(guard, place(symbol=symbol)) == f"{symbol} is not allowed; {hint}"


def test_what_is_held_in_another_symbol_may_be_left() -> None:
    guard = AllowedSymbols("BTC/USDT")

    assert judged(guard, place(symbol="ETH/USDT", side="sell", reduces=True)) is None


@pytest.mark.parametrize("symbols", [(), ("BTC/USDT", "")])
def test_a_list_of_nothing_is_a_mistake(symbols: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="give the symbols that may be traded"):
        AllowedSymbols(*symbols)
