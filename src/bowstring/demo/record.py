"""What became of an account's orders: by the exchange's ledger, and by what the bot was told.

Both are brought into one form here. Apart from it they have nothing in common: not a line of code, not a connection.
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct, field

import bowstring as bs
from bowstring.local_exchange.audit import Audit, LedgerOrder
from bowstring.trading.messages import OrderStatus, Side

STATUSES: dict[str, OrderStatus] = {
    "NEW": "open",
    "PARTIALLY_FILLED": "open",
    "FILLED": "filled",
    "CANCELED": "cancelled",
    "EXPIRED": "expired",
    "EXPIRED_IN_MATCH": "expired",
}
SIDES: dict[str, Side] = {"BUY": "buy", "SELL": "sell"}
NEVER_THERE = frozenset[OrderStatus]({"refused", "rejected", "expired", "failed"})
"""An order that ended so, and of which the exchange has told nothing, was never there."""


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
    """Orders by client order id, fills by symbol and trade, positions by symbol, balances as free and locked.

    ``never_there`` are the orders that the exchange is said never to have had.
    """

    orders: dict[str, OrderRecord] = field(default_factory=dict[str, OrderRecord])
    never_there: set[str] = field(default_factory=set[str])
    fills: dict[str, FillRecord] = field(default_factory=dict[str, FillRecord])
    fees: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    positions: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    balances: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict[str, tuple[Decimal, Decimal]])

    @property
    def open_orders(self) -> int:
        """How many may still fill."""
        return sum(order.status in ("open", "unknown") for order in self.orders.values())


class Told(bs.Executor):
    """Keeps what a bot is told of its orders, fills, positions and balances."""

    def __init__(self) -> None:
        self._orders: dict[str, bs.OrderUpdate] = {}
        self._fills: list[bs.Fill] = []
        self._positions: dict[tuple[str, str], bs.Position] = {}
        self._balances: dict[str, bs.Balance] = {}

    @property
    def has_signed_on(self) -> bool:
        """Whether the bot has heard of the account at all."""
        return bool(self._balances)

    @bs.on(bs.OrderUpdate)
    def note_order(self, update: bs.OrderUpdate) -> None:
        """Keep the latest."""
        self._orders[update.client_order_id] = update

    @bs.on(bs.Fill)
    def note_fill(self, fill: bs.Fill) -> None:
        """Keep all: one that is told twice is to be seen."""
        self._fills.append(fill)

    @bs.on(bs.Position)
    def note_position(self, position: bs.Position) -> None:
        """Keep each strategy's latest."""
        self._positions[position.strategy, position.symbol] = position

    @bs.on(bs.Balance)
    def note_balance(self, balance: bs.Balance) -> None:
        """Keep the latest."""
        self._balances[balance.currency] = balance

    def record(self) -> Record:
        """What it amounts to."""
        record = Record()
        for name, order in self._orders.items():
            record.orders[name] = OrderRecord(
                order.symbol, order.side, order.quantity, order.price, order.status, order.filled
            )
            if order.status in NEVER_THERE and not order.venue_order_id and not order.filled:
                record.never_there.add(name)
        for fill in self._fills:
            _add_fill(record, fill.symbol, fill.trade_id, _told_fill(fill))
        positions: defaultdict[str, Decimal] = defaultdict(Decimal)
        for position in self._positions.values():
            positions[position.symbol] += position.quantity
        record.positions = dict(positions)
        record.balances = {name: (balance.free, balance.locked) for name, balance in self._balances.items()}
        return record


def of_ledger(audit: Audit, account: str) -> Record:
    """What a ledger says of an account."""
    record = Record()
    positions: defaultdict[str, Decimal] = defaultdict(Decimal)
    for order in _orders_of(audit, account):
        base, quote = audit.symbols[order.symbol]
        symbol, name = f"{base}/{quote}", order.client_order_id
        if name in record.orders:
            name = f"{name}, accepted again as order {order.id}"
        record.orders[name] = OrderRecord(
            symbol, SIDES[order.side], order.quantity, order.price, STATUSES[order.status], order.executed
        )
        for fill in order.fills:
            liquidity = "maker" if fill.is_maker else "taker"
            shown = FillRecord(name, SIDES[order.side], fill.price, fill.quantity, fill.fee, fill.fee_asset, liquidity)
            _add_fill(record, symbol, str(fill.trade), shown)
            change = fill.quantity if order.side == "BUY" else -fill.quantity
            positions[symbol] += change - (fill.fee if fill.fee_asset == base else 0)
    record.positions = dict(positions)
    held, locked = audit.accounts[account].held, audit.accounts[account].locked
    record.balances = {asset: (held[asset] - locked[asset], locked[asset]) for asset in [*held]}
    return record


def _orders_of(audit: Audit, account: str) -> Iterable[LedgerOrder]:
    return [order for order in audit.orders.values() if order.account == account]


def _told_fill(fill: bs.Fill) -> FillRecord:
    return FillRecord(
        fill.client_order_id, fill.side, fill.price, fill.quantity, fill.fee, fill.fee_currency, fill.liquidity
    )


def _add_fill(record: Record, symbol: str, trade: str, fill: FillRecord) -> None:
    name = f"{symbol} trade {trade}"
    if name in record.fills:  # as of an order that traded with another one of the same account, or a second time
        name = f"{name}, once more"
    record.fills[name] = fill
    record.fees[fill.fee_currency] = record.fees.get(fill.fee_currency, Decimal(0)) + fill.fee
