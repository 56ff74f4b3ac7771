import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bowstring.core.errors import NotSent
from bowstring.trading.gateway import OrderRef
from bowstring.trading.messages import PlaceOrder
from bowstring.venues.binance.order_requests import check, naming, placing, replacing
from tests.venues.binance.facts import BTC

RULES = replace(
    BTC,
    min_price=Decimal(1),
    max_price=Decimal(1000),
    min_quantity=Decimal("0.001"),
    max_quantity=Decimal(100),
    min_notional=Decimal(5),
    max_notional=Decimal(10_000),
)
ORDER = PlaceOrder(
    symbol="BTC/USDT", client_order_id="a-1", side="buy", quantity=Decimal("0.5"), price=Decimal("100.10")
)


def test_a_limit_order() -> None:
    assert placing(ORDER, "BTCUSDT") == {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.5",
        "price": "100.10",
        "newClientOrderId": "a-1",
        "newOrderRespType": "RESULT",
    }


def test_a_post_only_order_has_a_type_of_its_own_and_no_time_in_force() -> None:
    params = placing(replace(ORDER, post_only=True, side="sell"), "BTCUSDT")

    assert (params["type"], params["side"], "timeInForce" in params) == ("LIMIT_MAKER", "SELL", False)


@pytest.mark.parametrize(("time_in_force", "sent"), [("gtc", "GTC"), ("ioc", "IOC"), ("fok", "FOK")])
def test_times_in_force(time_in_force: Any, sent: str) -> None:
    assert placing(replace(ORDER, time_in_force=time_in_force), "BTCUSDT")["timeInForce"] == sent


@given(st.decimals("0.00000000000000000001", "1e20", allow_nan=False), st.integers(-30, 30))
def test_numbers_are_written_without_an_exponent_and_to_the_last_digit(value: Decimal, exponent: int) -> None:
    written = placing(replace(ORDER, price=value.scaleb(exponent)), "BTCUSDT")["price"]

    assert re.fullmatch(r"[0-9]+(\.[0-9]+)?", str(written))
    assert Decimal(str(written)) == value.scaleb(exponent)


def test_an_order_is_named_by_the_venues_id_where_that_is_known() -> None:
    named = OrderRef(symbol="BTC/USDT", client_order_id="a-1")
    numbered = replace(named, venue_order_id="12569099453")

    assert naming(named, "BTCUSDT") == {"symbol": "BTCUSDT", "origClientOrderId": "a-1"}
    assert naming(numbered, "BTCUSDT") == {"symbol": "BTCUSDT", "orderId": 12569099453}
    new = placing(ORDER, "BTCUSDT") | {"cancelReplaceMode": "STOP_ON_FAILURE"}
    assert replacing(named, ORDER, "BTCUSDT") == new | {"cancelOrigClientOrderId": "a-1"}
    assert replacing(numbered, ORDER, "BTCUSDT") == new | {"cancelOrderId": 12569099453}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"price": Decimal("100.101")}, "BTC/USDT: price 100.101 is off its step 0.01"),
        ({"price": Decimal("0.5")}, "price 0.5 is below the least price 1"),
        ({"price": Decimal(1001)}, "price 1001 is above the greatest price 1000"),
        ({"quantity": Decimal("0.500001")}, "quantity 0.500001 is off its step 0.00001"),
        ({"quantity": Decimal("0.0009")}, "quantity 0.0009 is below the least quantity 0.001"),
        ({"quantity": Decimal(101)}, "quantity 101 is above the greatest quantity 100"),
        ({"quantity": Decimal("0.049")}, "notional 4.90490 is below the least notional 5"),
        ({"quantity": Decimal("99.91")}, "notional 10000.9910 is above the greatest notional 10000"),
        ({"post_only": True, "time_in_force": "ioc"}, 'BTC/USDT: a post-only order rests, so "ioc" contradicts it'),
        ({"post_only": True, "time_in_force": "fok"}, 'BTC/USDT: a post-only order rests, so "fok" contradicts it'),
        ({"client_order_id": "a.1"}, "client order id 'a.1': Binance takes 1 to 36 of A-Z, a-z, 0-9, _ and -"),
        ({"client_order_id": "a" * 37}, "Binance takes 1 to 36"),
        ({"client_order_id": "a-1\n"}, "Binance takes 1 to 36"),
        ({"client_order_id": "\N{ARABIC-INDIC DIGIT ONE}"}, "Binance takes 1 to 36"),
    ],
)
def test_what_the_venue_would_refuse_is_not_sent(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotSent, match=re.escape(reason)):
        check(replace(ORDER, **changes), RULES)


def test_what_the_venue_takes_is_sent() -> None:
    for changes in (
        {},
        {"post_only": True},
        {"time_in_force": "fok"},
        {"client_order_id": "aZ_9-" * 7},
        {"quantity": Decimal("0.05")},
        {"price": Decimal("100.10000000")},
    ):
        check(replace(ORDER, **changes), RULES)
