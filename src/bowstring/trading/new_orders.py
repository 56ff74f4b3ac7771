"""New orders, as strategies ask for them: what names them, and what makes them no order to reckon with."""

from collections.abc import Sequence
from decimal import Decimal
from math import isnan
from typing import cast, get_args

from bowstring.trading.messages import PlaceOrder, ReplaceOrder, Side, TimeInForce

NewOrder = PlaceOrder | ReplaceOrder

SIDES = get_args(Side)
TIMES_IN_FORCE = get_args(TimeInForce)


def new_id(order: NewOrder) -> str:
    """The client order id of the order that is to be placed."""
    return order.client_order_id if isinstance(order, PlaceOrder) else order.new_client_order_id


def flaw(order: NewOrder) -> str | None:
    """Why it is no order to reckon with, whatever type checkers let through; None if it may be one."""
    return _flaw_of_texts(order) or _flaw_of_numbers(order) or _flaw_of_choices(order)


def _flaw_of_texts(order: NewOrder) -> str | None:
    for name, text in (("client order id", new_id(order)), ("symbol", order.symbol)):
        if not isinstance(cast("object", text), str):
            return f'its {name} is the {type(text).__name__} {text!r}: write a text, "{text}"'
        if not text.isascii() and not _is_text(text):
            return f"its {name} is {text!r}, which is no text that can be written"
    return None


def _flaw_of_numbers(order: NewOrder) -> str | None:
    for name, number in (("quantity", order.quantity), ("price", order.price)):
        if not isinstance(cast("object", number), Decimal):
            return f'its {name} is the {type(number).__name__} {number!r}: write Decimal("{number}")'
        if not number.is_finite() or (number <= 0 and name == "quantity"):
            return f"its {name} is {number}"
    return None


def _flaw_of_choices(order: NewOrder) -> str | None:
    if order.side not in SIDES and order.side is not None:
        return f"its side is {order.side!r}: write {_or(SIDES)}"
    if isinstance(order, PlaceOrder) and order.time_in_force not in TIMES_IN_FORCE:
        return f"its time in force is {order.time_in_force!r}: write {_or(TIMES_IN_FORCE)}"
    if not isinstance(cast("object", order.valid_for_s), float | int) or isnan(order.valid_for_s):
        return f"its valid_for_s is {order.valid_for_s!r}: give seconds"
    return None


def _is_text(text: str) -> bool:
    """Half a surrogate pair is none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _or(values: Sequence[str]) -> str:
    return " or ".join(f'"{value}"' for value in values)
