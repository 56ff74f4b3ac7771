"""The `Intents` port: what must be on record before the first byte of an order can leave."""

from collections.abc import Awaitable, Sequence
from math import isnan
from typing import Protocol

from bowstring.core.errors import NotSent
from bowstring.trading.messages import PlaceOrder, ReplaceOrder

NewOrder = PlaceOrder | ReplaceOrder


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
    """Why its numbers are none to reckon with; None if they may be an order's."""
    if not order.quantity.is_finite() or order.quantity <= 0:
        return f"its quantity is {order.quantity}"
    if not order.price.is_finite():
        return f"its price is {order.price}"
    return f"its valid_for_s is {order.valid_for_s}" if isnan(order.valid_for_s) else None
