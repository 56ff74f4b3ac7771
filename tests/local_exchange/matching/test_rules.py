"""Rules out of an instrument, and amounts as whole numbers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.feed import MARKETS
from bowstring.local_exchange.matching.rules import UNIT, Rules, notional, number, units

BTC = MARKETS["BTCUSDT"].instrument


def test_rules_are_the_instruments() -> None:
    rules = Rules.of(replace(BTC, min_price=Decimal("0.5"), max_quantity=Decimal(9000)))

    assert (rules.symbol, rules.base, rules.quote) == ("BTCUSDT", "BTC", "USDT")
    assert (rules.tick, rules.lot, rules.min_notional) == (UNIT // 100, 1000, 5 * UNIT)
    assert (rules.min_price, rules.max_quantity, rules.min_quantity) == (UNIT // 2, 9000 * UNIT, rules.lot)


@pytest.mark.parametrize("changes", [{"tick_size": Decimal("0.0001")}, {"lot_size": Decimal(0)}])
def test_amounts_of_money_must_have_eight_decimals_at_most(changes: dict[str, Decimal]) -> None:
    with pytest.raises(ConfigError, match=r"BTC/USDT: tick .* give a larger tick or lot"):
        Rules.of(replace(BTC, **changes))


@given(st.integers(-(10**18), 10**18))
def test_a_number_is_written_with_eight_decimals_and_read_back(amount: int) -> None:
    assert len(number(amount).partition(".")[2]) == 8
    assert units(Decimal(number(amount))) == amount


def test_nine_decimals_are_too_many() -> None:
    with pytest.raises(ConfigError, match="more than 8 decimals"):
        units(Decimal("0.000000001"))


@pytest.mark.parametrize("symbol", MARKETS)
def test_no_money_is_lost_in_rounding_what_is_on_tick_and_lot(symbol: str) -> None:
    rules = Rules.of(MARKETS[symbol].instrument)

    for ticks, lots in ((1, 1), (7, 3), (99_999, 12_347)):
        assert notional(ticks * rules.tick, lots * rules.lot) * UNIT == ticks * rules.tick * lots * rules.lot
