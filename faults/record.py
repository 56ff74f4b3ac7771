"""The bot's journal, read from its file with plain SQL: not a line of the code that wrote it.

What statuses are worth is written down here once more, as the documentation has it, so that a mistake in the product's
own table is seen. From the product come only the records in which orders and fills are told.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import cast

import apsw
from msgspec import Struct

from bowstring.trading.messages import Fill, OrderStatus, Position
from bowstring.trading.orders import Order

Values = tuple[str | int, ...]

RANKED = ("pending", "unknown", "failed", "refused", "rejected", "open", "expired", "cancelled", "filled")
"""Statuses, none of which may follow one that comes after it here."""
ENDS = frozenset({"failed", "refused", "rejected", "expired", "cancelled", "filled"})
"""What no other status may follow."""
RANK: Mapping[str, int] = {status: rank for rank, status in enumerate(RANKED)}

INTENTS = """
SELECT i.strategy, i.venue, i.symbol, i.client_order_id, i.side, i.quantity, i.price,
    coalesce(s.status, 'pending'), coalesce(s.filled, '0'), coalesce(s.venue_order_id, ''), coalesce(s.reason, '')
FROM intents i LEFT JOIN states s ON s.intent = i.entry ORDER BY i.entry
"""
FILLS = """
SELECT i.strategy, f.venue, f.symbol, i.client_order_id, f.trade_id, f.side, f.price, f.quantity, f.fee,
    f.fee_currency, f.liquidity, f.recovered
FROM fills f JOIN intents i ON f.intent = i.entry ORDER BY f.entry
"""
POSITIONS = "SELECT strategy, venue, symbol, quantity FROM positions"
REPORTS = """
SELECT i.client_order_id, r.status, r.filled FROM reports r JOIN intents i ON r.intent = i.entry ORDER BY r.entry
"""
EPOCHS = "SELECT coalesce(max(number), 0) FROM epochs"


class Kept(Struct, frozen=True, kw_only=True):
    """What a journal says: every order that was ever intended, every fill, and the latest positions.

    ``setbacks`` are orders whose reports go back, in rank or in what was filled, or end twice.
    """

    orders: Sequence[Order] = ()
    fills: Sequence[Fill] = ()
    positions: Sequence[Position] = ()
    setbacks: Sequence[str] = ()


def read(path: Path) -> Kept:
    """All of it, as of now; also while a bot has it open. A file that is not there yet says nothing."""
    if not path.exists():
        return Kept()
    with _opened(path) as connection:
        connection.execute("BEGIN")  # all of it at one moment
        return Kept(
            orders=[_order(row) for row in _rows(connection, INTENTS)],
            fills=[_fill(row) for row in _rows(connection, FILLS)],
            positions=[_position(row) for row in _rows(connection, POSITIONS)],
            setbacks=[*_setbacks(_rows(connection, REPORTS))],
        )


def epochs(path: Path) -> int:
    """How many processes have begun with it: the number of the latest epoch. 0 of a file that has none yet."""
    if not path.exists():
        return 0
    with _opened(path) as connection, suppress(apsw.SQLError):  # there is no table yet
        ((number,),) = _rows(connection, EPOCHS)
        return int(number)
    return 0


@contextmanager
def _opened(path: Path) -> Generator[apsw.Connection]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(5000)
    try:
        yield connection
    finally:
        connection.close()


def _rows(connection: apsw.Connection, query: str) -> Iterator[Values]:
    return cast("Iterator[Values]", connection.execute(query))


def _order(row: Values) -> Order:
    strategy, venue, symbol, name, side, quantity, price, status, filled, venue_order_id, reason = map(str, row)
    return Order(
        strategy=strategy,
        venue=venue,
        symbol=symbol,
        client_order_id=name,
        side="buy" if side == "buy" else "sell",
        quantity=Decimal(quantity),
        price=Decimal(price),
        status=cast("OrderStatus", status),
        filled=Decimal(filled),
        venue_order_id=venue_order_id,
        reason=reason,
    )


def _fill(row: Values) -> Fill:
    strategy, venue, symbol, name, trade, side, price, quantity, fee, currency, liquidity, recovered = map(str, row)
    return Fill(
        strategy=strategy,
        venue=venue,
        symbol=symbol,
        client_order_id=name,
        trade_id=trade,
        side="buy" if side == "buy" else "sell",
        price=Decimal(price),
        quantity=Decimal(quantity),
        fee=Decimal(fee),
        fee_currency=currency,
        liquidity="maker" if liquidity == "maker" else "taker",
        recovered=recovered == "1",
    )


def _position(row: Values) -> Position:
    strategy, venue, symbol, quantity = map(str, row)
    return Position(strategy=strategy, venue=venue, symbol=symbol, quantity=Decimal(quantity))


def _setbacks(reports: Iterator[Values]) -> Iterator[str]:
    latest: dict[str, tuple[OrderStatus, Decimal]] = {}
    for row in reports:
        name, status, filled = str(row[0]), cast("OrderStatus", str(row[1])), Decimal(str(row[2]))
        before, was_filled = latest.get(name, (status, filled))
        if status not in RANK:
            yield f"{name} was {status}, which is no status"
            return
        if RANK[status] < RANK[before] or filled < was_filled or (before in ENDS and status != before):
            yield f"{name} was {before}, {was_filled:f} filled, and then {status}, {filled:f} filled"
        latest[name] = status, filled
