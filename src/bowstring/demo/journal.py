"""The bot's journal, as the events that are on record in it, and as a record to be compared."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Literal, TypeVar

from msgspec import Struct, field
from msgspec.json import Decoder, decode

import bowstring as bs
from bowstring.demo.record import EXACT, FillRecord, OrderRecord, Record
from bowstring.trading.journal.commands import export
from bowstring.trading.messages import FINAL, OrderStatus, Side

NEVER_THERE = frozenset[OrderStatus]({"refused", "rejected", "expired", "failed"})
"""An order that ended so, and of which the exchange has told nothing, was never there."""
UNANSWERED = frozenset[OrderStatus]({"pending", "unknown"})
NONE = Decimal(0)

R = TypeVar("R", bound=Struct)


class Journal(Struct):
    """What is on record: every order as it is known, every fill, and every strategy's positions."""

    orders: list[bs.OrderUpdate] = field(default_factory=list[bs.OrderUpdate])
    fills: list[bs.Fill] = field(default_factory=list[bs.Fill])
    positions: list[bs.Position] = field(default_factory=list[bs.Position])

    @property
    def unanswered(self) -> list[str]:
        """The client order ids of those whose outcome is not on record."""
        return [order.client_order_id for order in self.orders if order.status in UNANSWERED]

    @property
    def live(self) -> list[bs.OrderUpdate]:
        """The orders that may still fill."""
        return [order for order in self.orders if order.status not in FINAL]

    def record(self) -> Record:
        """What it amounts to."""
        record = Record()
        for order in self.orders:
            name = order.client_order_id
            record.orders[name] = OrderRecord(
                order.symbol, order.side, order.quantity, order.price, order.status, order.filled
            )
            if order.status in NEVER_THERE and not order.venue_order_id and not order.filled:
                record.never_there.add(name)
        with localcontext(EXACT):
            for fill in self.fills:
                _add(record, fill)
            for position in self.positions:
                held = record.positions.get(position.symbol, NONE)
                record.positions[position.symbol] = held + position.quantity
        return record


def _add(record: Record, fill: bs.Fill) -> None:
    record.fills[f"{fill.symbol} trade {fill.trade_id}"] = FillRecord(
        fill.client_order_id, fill.side, fill.price, fill.quantity, fill.fee, fill.fee_currency, fill.liquidity
    )
    record.fees[fill.fee_currency] = record.fees.get(fill.fee_currency, NONE) + fill.fee
    base, quote = fill.symbol.split("/")
    bought = fill.quantity if fill.side == "buy" else -fill.quantity
    changes: Iterable[tuple[str, Decimal]] = (
        (base, bought),
        (quote, -bought * fill.price),
        (fill.fee_currency, -fill.fee),
    )
    for currency, change in changes:
        record.changes[currency] = record.changes.get(currency, NONE) + change


class _Line(Struct):
    """A line of an export; the first one is of no table."""

    table: str = ""


class _Intent(Struct):
    """An order as it was to be sent."""

    entry: int
    strategy: str
    venue: str
    symbol: str
    client_order_id: str
    side: Side
    quantity: Decimal
    price: Decimal


class _State(Struct):
    """What is known of an order by now."""

    intent: int
    status: OrderStatus = "pending"
    filled: Decimal = NONE
    venue_order_id: str = ""


class _Fill(Struct):
    """One execution."""

    intent: int
    trade_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Literal["maker", "taker"]
    recovered: bool


def read_journal(path: Path) -> Journal:
    """Read a journal's file, whoever writes to it meanwhile; there is nothing in one that is not there yet.

    It is `bowstring journal export` that is read, as any other program would.
    """
    tables: defaultdict[str, list[str]] = defaultdict(list)
    for line in export(path) if path.exists() else ():
        tables[decode(line, type=_Line).table].append(line)
    intents = {intent.entry: intent for intent in _rows(tables["intents"], _Intent)}
    states = {state.intent: state for state in _rows(tables["states"], _State)}
    return Journal(
        [_order(intent, states.get(entry) or _State(entry)) for entry, intent in intents.items()],
        [_fill(intents[fill.intent], fill) for fill in _rows(tables["fills"], _Fill)],
        _rows(tables["positions"], bs.Position),
    )


def _rows(lines: Sequence[str], row: type[R]) -> list[R]:
    decoder = Decoder(row, strict=False)  # a yes is 1
    return [decoder.decode(line) for line in lines]


def _order(intent: _Intent, state: _State) -> bs.OrderUpdate:
    return bs.OrderUpdate(
        strategy=intent.strategy,
        venue=intent.venue,
        symbol=intent.symbol,
        client_order_id=intent.client_order_id,
        side=intent.side,
        quantity=intent.quantity,
        price=intent.price,
        status=state.status,
        filled=state.filled,
        venue_order_id=state.venue_order_id,
    )


def _fill(intent: _Intent, fill: _Fill) -> bs.Fill:
    return bs.Fill(
        strategy=intent.strategy,
        venue=intent.venue,
        symbol=intent.symbol,
        client_order_id=intent.client_order_id,
        trade_id=fill.trade_id,
        side=fill.side,
        price=fill.price,
        quantity=fill.quantity,
        fee=fill.fee,
        fee_currency=fill.fee_currency,
        liquidity=fill.liquidity,
        recovered=fill.recovered,
    )
