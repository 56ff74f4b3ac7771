"""The `Intents` port: what must be on record before the first byte of an order can leave."""

from collections.abc import Awaitable, Sequence
from decimal import Decimal
from math import isnan
from typing import Protocol, cast, get_args

from bowstring.core.errors import NotSent
from bowstring.trading.messages import PlaceOrder, ReplaceOrder, Side, TimeInForce

NewOrder = PlaceOrder | ReplaceOrder

SIDES = get_args(Side)
TIMES_IN_FORCE = get_args(TimeInForce)


class Intents(Protocol):
    """A record of every order that was meant to be sent."""

    def record(self, orders: Sequence[NewOrder], /) -> Awaitable[None] | None:
        """Record orders, all or none; None: done, else await it before sending.

        Raises `NotSent` when one of them is on record already, and what the storage raises: nothing is sent then.
        """
        ...


class MemoryIntents:
    """Intents for as long as the process lives: for paper trading and tests. Bounded by ``capacity`` ids."""

    def __init__(self, *, capacity: int = 1_000_000) -> None:
        self._capacity = capacity
        self._ids: dict[str, None] = {}

    def record(self, orders: Sequence[NewOrder], /) -> None:
        """Remember the client order ids. Raises `NotSent` for one that was recorded before."""
        ids: dict[str, None] = {}
        for client_order_id in map(new_id, orders):
            if client_order_id in self._ids or client_order_id in ids:
                raise NotSent(f"client order id {client_order_id} was used before: an intent is sent at most once")
            ids[client_order_id] = None
        self._ids.update(ids)
        while len(self._ids) > self._capacity:
            del self._ids[next(iter(self._ids))]


def new_id(order: NewOrder) -> str:
    """The client order id of the order that is to be placed."""
    return order.client_order_id if isinstance(order, PlaceOrder) else order.new_client_order_id


def flaw(order: NewOrder) -> str | None:
    """Why it is no order to reckon with, whatever type checkers let through; None if it may be one."""
    for name, number in (("quantity", order.quantity), ("price", order.price)):
        if not isinstance(cast("object", number), Decimal):
            return f'its {name} is the {type(number).__name__} {number!r}: write Decimal("{number}")'
        if not number.is_finite() or (number <= 0 and name == "quantity"):
            return f"its {name} is {number}"
    if order.side not in SIDES and order.side is not None:
        return f"its side is {order.side!r}: write {_or(SIDES)}"
    if isinstance(order, PlaceOrder) and order.time_in_force not in TIMES_IN_FORCE:
        return f"its time in force is {order.time_in_force!r}: write {_or(TIMES_IN_FORCE)}"
    if not isinstance(cast("object", order.valid_for_s), float | int) or isnan(order.valid_for_s):
        return f"its valid_for_s is {order.valid_for_s!r}: give seconds"
    return None


def _or(values: Sequence[str]) -> str:
    return " or ".join(f'"{value}"' for value in values)
