"""A naive model of an account: what its orders, fills and balances must be."""

from dataclasses import dataclass, field
from decimal import Decimal

from bowstring.testing.conformance.wallet import ZERO, added
from bowstring.trading.messages import OrderStatus, PlaceOrder, Side


@dataclass
class Modelled:
    """An order as it must be."""

    placed: PlaceOrder
    status: OrderStatus = "open"
    filled: Decimal = ZERO

    @property
    def remaining(self) -> Decimal:
        """What is not filled."""
        return self.placed.quantity - self.filled


@dataclass
class Model:
    """The account as it must be: orders in the order of their acceptance, fills as (id, price, quantity)."""

    orders: dict[str, Modelled] = field(default_factory=dict[str, Modelled])
    fills: list[tuple[str, Decimal, Decimal]] = field(default_factory=list[tuple[str, Decimal, Decimal]])

    @property
    def open(self) -> list[Modelled]:
        """Orders that rest."""
        return [order for order in self.orders.values() if order.status == "open"]

    @property
    def position(self) -> Decimal:
        """What was bought, less what was sold."""
        return added(order.filled if order.placed.side == "buy" else -order.filled for order in self.orders.values())

    def add(self, placed: PlaceOrder) -> Modelled:
        """An order was accepted."""
        order = self.orders[placed.client_order_id] = Modelled(placed)
        return order

    def taken(self, side: Side, *, price: Decimal, quantity: Decimal) -> list[Modelled]:
        """A counterparty takes: the best price first, then who came first. Returns the orders that were filled."""
        sign = 1 if side == "buy" else -1
        hit = [one for one in self.open if one.placed.side != side and sign * (one.placed.price - price) <= 0]
        filled: list[Modelled] = []
        for order in sorted(hit, key=lambda one: sign * one.placed.price):
            part = min(quantity, order.remaining)
            if part:
                quantity -= part
                self.fill(order, price=order.placed.price, quantity=part)
                filled.append(order)
        return filled

    def fill(self, order: Modelled, *, price: Decimal, quantity: Decimal) -> None:
        """Some of an order is filled."""
        order.filled += quantity
        order.status = "open" if order.remaining else "filled"
        self.fills.append((order.placed.client_order_id, price, quantity))
