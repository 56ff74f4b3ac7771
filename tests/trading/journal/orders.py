"""Orders and what becomes of them, as a journal is told."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import apsw
from msgspec import Struct
from msgspec.structs import replace

from bowstring.trading.journal.port import Journal, News
from bowstring.trading.messages import Fill, OrderStatus, OrderUpdate, PlaceOrder, Position, RiskStateChanged
from bowstring.trading.orders import EXACT, Order, intended

VENUE = "binance"
SYMBOL = "BTC/USDT"
SIZE = Decimal("0.00000005")
"""Which `str` writes as 5E-8."""


def order(client_order_id: str = "a", *, venue: str = VENUE) -> PlaceOrder:
    """An order to buy."""
    return PlaceOrder(
        strategy="bidder",
        venue=venue,
        symbol=SYMBOL,
        client_order_id=client_order_id,
        side="buy",
        quantity=SIZE,
        price=Decimal("65000.10"),
        seq=7,
        received_ns=3,
    )


def told(action: PlaceOrder, status: OrderStatus, *, filled: str = "0", reason: str = "") -> OrderUpdate:
    """A change of an order."""
    after = replace(
        intended(action), status=status, filled=Decimal(filled), reason=reason, venue_order_id="77", time_ns=5
    )
    return after.update()


def fill(action: PlaceOrder, trade_id: str = "1", *, quantity: str = "0.00000002") -> Fill:
    """An execution of an order."""
    return Fill(
        strategy=action.strategy,
        venue=action.venue,
        symbol=action.symbol,
        client_order_id=action.client_order_id,
        trade_id=f"{action.client_order_id}-{trade_id}",
        side=action.side,
        price=action.price,
        quantity=Decimal(quantity),
        fee=Decimal("0.0000000001"),
        fee_currency="BTC",
        liquidity="maker",
        time_ns=6,
    )


def position(quantity: str, *, venue: str = VENUE, strategy: str = "bidder") -> Position:
    """A position."""
    return Position(strategy=strategy, venue=venue, symbol=SYMBOL, quantity=Decimal(quantity))


def life(action: PlaceOrder, *, after: int = 0) -> Sequence[Sequence[News]]:
    """What is told of an order that is filled, one call each, ``after`` so many others."""
    whole = fill(action, f"t{action.client_order_id}", quantity=format(SIZE, "f"))
    held = EXACT.multiply(EXACT.subtract(SIZE, whole.fee), after + 1)
    return [
        [told(action, "open")],
        [whole, position(format(held, "f"), venue=action.venue), told(action, "filled", filled=format(SIZE, "f"))],
    ]


class Known(Struct, frozen=True, kw_only=True):
    """All that a journal remembers, as it can be compared."""

    live: Mapping[str, Order]
    finished: Sequence[Order]
    trades: frozenset[tuple[str, str]]
    filled: Mapping[str, Decimal]
    positions: frozenset[tuple[str, str, Decimal]]
    cursor_ns: int
    mismatches: Mapping[str, str]
    guards: Mapping[str, str]
    risk: RiskStateChanged


def known(journal: Journal, venue: str = VENUE) -> Known:
    """What a journal that is open remembers."""
    remembered = journal.recall(venue)
    return Known(
        live={one.client_order_id: one for one in remembered.live},
        finished=list(remembered.finished),
        trades=frozenset(remembered.trades),
        filled={name: total for name, total in remembered.filled.items() if total},
        positions=frozenset((held.strategy, held.symbol, held.quantity) for held in remembered.positions),
        cursor_ns=remembered.cursor_ns,
        mismatches=remembered.mismatches,
        guards=dict(journal.guard_states()),
        risk=journal.risk,
    )


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """What a query finds in a journal's file.

    Not with `sqlite3`: the locks of one SQLite are lost when another in the same process closes the file.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    found = list(connection.execute(query))
    connection.close()
    return found
