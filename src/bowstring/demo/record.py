"""What became of an account's orders: the form in which the exchange's ledger and the bot's journal are compared.

It is all that `demo.ledger` and `demo.journal` have in common.
"""

from decimal import Context, Decimal

from msgspec import Struct, field

EXACT = Context(prec=60)


class OrderRecord(Struct, frozen=True):
    """An order."""

    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    status: str
    filled: Decimal


class FillRecord(Struct, frozen=True):
    """One execution of an order."""

    client_order_id: str
    side: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: str


class Record(Struct):
    """Orders by client order id, fills by symbol and trade, positions by symbol, fees by currency.

    ``never_there`` are the orders that the exchange is said never to have had; ``changes`` are what trading has changed
    balances by.
    """

    orders: dict[str, OrderRecord] = field(default_factory=dict[str, OrderRecord])
    never_there: set[str] = field(default_factory=set[str])
    fills: dict[str, FillRecord] = field(default_factory=dict[str, FillRecord])
    fees: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    positions: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    changes: dict[str, Decimal] = field(default_factory=dict[str, Decimal])

    @property
    def open_orders(self) -> int:
        """How many may still fill."""
        return sum(order.status in ("open", "unknown", "pending") for order in self.orders.values())
