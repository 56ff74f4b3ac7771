"""What names a new order, and what makes it none."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from bowstring.trading.messages import PlaceOrder, ReplaceOrder
from bowstring.trading.new_orders import flaw, new_id


def placed(client_order_id: str, *, quantity: str = "1", price: str = "1") -> PlaceOrder:
    return PlaceOrder(
        symbol="BTC/USDT",
        side="buy",
        quantity=Decimal(quantity),
        price=Decimal(price),
        client_order_id=client_order_id,
    )


def replaced(new_client_order_id: str) -> ReplaceOrder:
    return ReplaceOrder(
        client_order_id="old", new_client_order_id=new_client_order_id, quantity=Decimal(1), price=Decimal(1)
    )


def test_the_new_id_is_that_of_the_order_to_be_placed() -> None:
    assert new_id(placed("1")) == "1"
    assert new_id(replaced("2")) == "2"


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_a_flaw(number: str) -> None:
    assert flaw(placed("1", quantity=number)) == f"its quantity is {number}"
    assert flaw(placed("1", price=number)) == f"its price is {number}"


def test_a_time_that_is_none_is_a_flaw() -> None:
    assert flaw(replace(placed("1"), valid_for_s=float("nan"))) == "its valid_for_s is nan: give seconds"
    assert flaw(replace(placed("1"), valid_for_s=float("inf"))) is None


@pytest.mark.parametrize(("quantity", "wrong"), [("0", True), ("-1", True), ("0.00000001", False)])
def test_a_quantity_is_above_zero(quantity: str, wrong: bool) -> None:
    assert bool(flaw(placed("1", quantity=quantity))) is wrong


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("quantity", 0.001, 'its quantity is the float 0.001: write Decimal("0.001")'),
        ("quantity", 1, 'its quantity is the int 1: write Decimal("1")'),
        ("price", "65000", "its price is the str '65000': write Decimal(\"65000\")"),
        ("side", "BUY", 'its side is \'BUY\': write "buy" or "sell"'),
        ("side", "long", 'its side is \'long\': write "buy" or "sell"'),
        ("time_in_force", "GTC", 'its time in force is \'GTC\': write "gtc" or "ioc" or "fok"'),
        ("valid_for_s", "2", "its valid_for_s is '2': give seconds"),
    ],
)
def test_what_no_type_checker_lets_through_is_a_flaw(field: str, value: object, reason: str) -> None:
    assert flaw(replace(placed("1"), **{field: value})) == reason


def test_a_replacement_of_an_order_that_is_gone_has_no_side_and_no_flaw() -> None:
    assert flaw(replaced("1")) is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"client_order_id": 7}, 'its client order id is the int 7: write a text, "7"'),
        ({"symbol": 7}, 'its symbol is the int 7: write a text, "7"'),
        ({"client_order_id": "\ud800"}, "its client order id is '\\ud800', which is no text that can be written"),
    ],
)
def test_what_names_it_is_a_text_that_can_be_written(changed: dict[str, str], told: str) -> None:
    assert flaw(replace(placed("1"), **changed)) == told


def test_it_may_be_named_in_any_script() -> None:
    assert flaw(placed("заявка")) is None
