"""The `Intents` port: what must be on record before the first byte of an order can leave."""

from collections.abc import Awaitable, Sequence
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
        ids = [new_id(order) for order in orders]
        for client_order_id in ids:
            if client_order_id in self._ids or ids.count(client_order_id) > 1:
                raise NotSent(f"client order id {client_order_id} was used before: an intent is sent at most once")
        self._ids.update(dict.fromkeys(ids))
        while len(self._ids) > self._capacity:
            del self._ids[next(iter(self._ids))]


def new_id(order: NewOrder) -> str:
    """The client order id of the order that is to be placed."""
    return order.client_order_id if isinstance(order, PlaceOrder) else order.new_client_order_id
