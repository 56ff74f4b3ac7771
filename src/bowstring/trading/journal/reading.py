"""What a start begins from, read from the tables."""

from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal

from msgspec.structs import replace

from bowstring.trading.journal.database import Database
from bowstring.trading.journal.port import Remembered
from bowstring.trading.journal.rows import (
    CursorRow,
    FillRow,
    GuardRow,
    IntentRow,
    MismatchRow,
    PositionRow,
    RiskRow,
    StateRow,
)
from bowstring.trading.messages import Position, RiskStateChanged
from bowstring.trading.orders import EXACT, Order

FINISHED_RECALLED = 10_000  # as many as late reports can concern

LIVE = (
    "LEFT JOIN states ON intent = entry WHERE ended IS NULL AND +venue = ? ORDER BY entry"  # +: no index, all are read
)
ALL_LIVE = "LEFT JOIN states ON intent = entry WHERE ended IS NULL ORDER BY entry"
STATES_OF_LIVE = "WHERE ended IS NULL"
FINISHED = "JOIN states ON intent = entry WHERE ended >= ? AND +venue = ? ORDER BY ended"
SINCE = """
SELECT ended FROM states JOIN intents ON intent = entry
WHERE ended IS NOT NULL AND +venue = ? ORDER BY ended DESC LIMIT 1 OFFSET ?
"""


TABLES_BY_VENUE = ("intents", "positions", "cursors", "mismatches")
VENUES = " UNION ".join(f"SELECT venue FROM {table}" for table in TABLES_BY_VENUE)
FEES = "SELECT DISTINCT symbol, fee_currency FROM fills WHERE venue = ?"


def recall(database: Database, venue: str) -> Remembered:
    """What is on record of the account at a venue. Raises `Damaged`."""
    live = database.select(IntentRow, LIVE, (venue,))
    oldest = database.execute(SINCE, (venue, FINISHED_RECALLED - 1))
    since = oldest[0][0] if oldest else 0
    finished = database.select(IntentRow, FINISHED, (since, venue))
    states = database.select(StateRow, STATES_OF_LIVE) + database.select(StateRow, "WHERE ended >= ?", (since,))
    known = {state.intent: state for state in states}
    fills = database.select(FillRow, "JOIN states USING (intent) WHERE ended >= ? AND +venue = ?", (since, venue))
    for intent in live:
        fills += database.select(FillRow, "WHERE intent = ? ORDER BY entry", (intent.entry,))
    names = {intent.entry: intent.client_order_id for intent in (*live, *finished)}
    filled: defaultdict[str, Decimal] = defaultdict(Decimal)
    for fill in fills:
        filled[names[fill.intent]] = EXACT.add(filled[names[fill.intent]], fill.quantity)
    cursors = database.select(CursorRow, "WHERE venue = ?", (venue,))
    return Remembered(
        live=[_order(intent, known.get(intent.entry)) for intent in live],
        finished=[_order(intent, known.get(intent.entry)) for intent in finished],
        trades=[(names[fill.intent], fill.trade_id) for fill in fills],
        filled=dict(filled),
        positions=[_position(row) for row in database.select(PositionRow, "WHERE venue = ?", (venue,))],
        cursor_ns=cursors[0].time_ns if cursors else 0,
        fees=sorted((str(symbol), str(currency)) for symbol, currency in database.execute(FEES, (venue,))),
        mismatches={row.symbol: row.reason for row in database.select(MismatchRow, "WHERE venue = ?", (venue,))},
    )


def recall_all(database: Database) -> dict[str, Remembered]:
    """What is on record of each account, by venue. Raises `Damaged`."""
    return {str(venue): recall(database, str(venue)) for (venue,) in database.execute(VENUES)}


def strays(database: Database, venues: Collection[str]) -> list[Order]:
    """Live orders on record at other venues than these. Raises `Damaged`."""
    live = [intent for intent in database.select(IntentRow, ALL_LIVE) if intent.venue not in venues]
    states = {state.intent: state for state in database.select(StateRow, STATES_OF_LIVE)} if live else {}
    return [_order(intent, states.get(intent.entry)) for intent in live]


def risk(database: Database) -> RiskStateChanged:
    """The latest state of risk. Raises `Damaged`."""
    latest = database.select(RiskRow, "ORDER BY entry DESC LIMIT 1")
    if not latest:
        return RiskStateChanged(state="active")
    row = latest[0]
    return RiskStateChanged(state=row.state, reason=row.reason, by=row.brought_by, time_ns=row.time_ns)


def guard_states(database: Database) -> dict[str, str]:
    """What guards asked to be kept. Raises `Damaged`."""
    return {row.guard: row.state for row in database.select(GuardRow)}


def _position(row: PositionRow) -> Position:
    return Position(strategy=row.strategy, venue=row.venue, symbol=row.symbol, quantity=row.quantity)


def _order(intent: IntentRow, state: StateRow | None) -> Order:
    order = Order(
        strategy=intent.strategy,
        venue=intent.venue,
        symbol=intent.symbol,
        client_order_id=intent.client_order_id,
        side=intent.side,
        quantity=intent.quantity,
        price=intent.price,
    )
    if state is None:
        return order
    return replace(
        order,
        status=state.status,
        filled=state.filled,
        venue_order_id=state.venue_order_id,
        reason=state.reason,
        time_ns=state.time_ns,
    )
