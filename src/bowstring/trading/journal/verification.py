"""Verification: whether a journal is what was written, and makes sense. Each finding is a line.

First the file: its pages, its tables, the checksum of every row, the log. Where these are sound, the record: every
order's reports are folded by the order state machine, and must lead to the state that is on record; fills must add up
to what the order has filled, unless a human decided that, and, with what was let go or set by a human, to the
positions.

The record is held against itself. So what is gone as a whole is not found: a state of risk, a mismatch, a cursor, an
intent of which nothing was reported. Nor is it that a log was cut short at the end of a transaction, or is zeros from
there on: a kill, or a loss of power with ``durability="process"``, leaves one like it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Generic, TypeVar

from msgspec import Struct

from bowstring.trading.gateway import OrderReport
from bowstring.trading.journal.database import Database, has_content
from bowstring.trading.journal.header import PAGE_BYTES
from bowstring.trading.journal.rows import (
    TABLES,
    Damaged,
    EpochRow,
    FillRow,
    IntentRow,
    OpeningRow,
    PositionRow,
    ReportRow,
    StateRow,
    unsealed,
)
from bowstring.trading.journal.wal import unread_commits
from bowstring.trading.messages import FINAL, OrderStatus
from bowstring.trading.orders import DECIDED, EXACT, Order, advance
from bowstring.trading.symbols import position_change

MAX_FINDINGS = 100  # of pages; SQLite's own number
ZERO = Decimal(0)

Held = tuple[str, str, str]
"""A strategy, a venue and a symbol."""

R = TypeVar("R", StateRow, ReportRow, FillRow)


def findings(database: Database) -> Iterator[str]:
    """What is wrong, a line each; none: the journal is sound."""
    damages = list(_damages(database))
    yield from damages
    if not damages:
        yield from _contradictions(database)


def unread(database: Database) -> Iterator[str]:
    """What is written behind a damaged part of the log, which nobody reads: a line; nothing: all is read."""
    lost = _unread_commits(database.path)
    if lost:
        yield f"log: {lost} transactions are behind a damaged part, where they cannot be read, or were not synced"


def _damages(database: Database) -> Iterator[str]:
    yield from unread(database)
    for (verdict,) in database.execute(f"PRAGMA integrity_check({MAX_FINDINGS})"):
        if verdict != "ok":
            yield f"pages: {verdict!s}".replace("\n", ", ")
    for child, row, parent, _key in database.execute("PRAGMA foreign_key_check"):
        yield f"{child!s}: row {row!s} is about one of {parent!s} that is not there"
    for table in TABLES:
        for stored in database.stored(table):
            try:
                unsealed(stored, table)
            except Damaged as damage:
                yield str(damage)


def _unread_commits(path: Path) -> int:
    if not has_content(Path(f"{path}-wal")):
        return 0
    other = Database(path, reads_only=True)  # one that is in no transaction
    try:
        return unread_commits(path, other.log_frames, page_bytes=PAGE_BYTES)
    finally:
        other.close()


def _contradictions(database: Database) -> Iterator[str]:
    epochs = {epoch.number for epoch in database.select(EpochRow)}
    latest = max(epochs, default=0)
    sums: defaultdict[Held, Decimal] = defaultdict(Decimal)
    for story in _stories(database):
        yield from story.contradictions()
        if story.intent.epoch > latest:
            yield f"{story.name}: it is of epoch {story.intent.epoch}, and the latest is {latest}"
        for fill in story.fills:
            held = story.intent.strategy, fill.venue, fill.symbol
            sums[held] = EXACT.add(sums[held], position_change(fill))
    yield from _positions(database, sums)


class Story(Struct, frozen=True):
    """All that is on record of one order."""

    intent: IntentRow
    state: StateRow | None
    reports: list[ReportRow]
    fills: list[FillRow]

    @property
    def name(self) -> str:
        """The order as findings name it."""
        return f"order {self.intent.client_order_id} at {self.intent.venue}"

    def contradictions(self) -> Iterator[str]:
        """What cannot be."""
        order, ended = _intended(self.intent), None
        for report in self.reports:
            after = advance(order, _report(report, order.client_order_id))
            if _told(after) != _told(report):
                yield f"{self.name}: it is told to be {_text(report)} after {_text(order)}"
            ended = (ended or report.entry) if report.status in FINAL else None
            order = after
        state = self.state
        if (state is None) != (not self.reports) or (state and (_told(state), state.ended) != (_told(order), ended)):
            yield f"{self.name}: its state is {_text(state)}, and its reports make it {_text(order)}"
        yield from self._fills(order)

    def _fills(self, order: Order) -> Iterator[str]:
        filled = ZERO
        for fill in self.fills:
            filled = EXACT.add(filled, fill.quantity)
            if (fill.venue, fill.symbol, fill.side) != (order.venue, order.symbol, order.side):
                yield f"{self.name}: its fill {fill.trade_id} is a {fill.side} of {fill.symbol} at {fill.venue}"
        is_decided = any(report.reason.startswith(DECIDED) for report in self.reports)
        if filled > order.filled or (filled < order.filled and order.is_final and not is_decided):
            yield f"{self.name}: it has filled {order.filled:f}, and its fills are {filled:f} together"


def _stories(database: Database) -> Iterator[Story]:
    """Of every order, in the order of the intents, read side by side."""
    reports = _Groups(ReportRow, database, order_by="intent, entry")
    fills = _Groups(FillRow, database, order_by="intent, entry")
    states = _Groups(StateRow, database, order_by="intent")
    for stored in database.stored(IntentRow, "ORDER BY entry"):
        intent = unsealed(stored, IntentRow)
        of = intent.entry
        state = states.of(of)
        yield Story(intent, state[0] if state else None, reports.of(of), fills.of(of))


class _Groups(Generic[R]):
    """The rows of a table about one intent after the other."""

    def __init__(self, row: type[R], database: Database, *, order_by: str) -> None:
        self._rows: Iterator[R] = (unsealed(stored, row) for stored in database.stored(row, f"ORDER BY {order_by}"))
        self._next: R | None = next(self._rows, None)

    def of(self, intent: int) -> list[R]:
        """Those of an intent, which comes after that of the last call."""
        group: list[R] = []
        while self._next is not None and self._next.intent <= intent:
            group.append(self._next)
            self._next = next(self._rows, None)
        return group


def _positions(database: Database, sums: Mapping[Held, Decimal]) -> Iterator[str]:
    opened = {(row.strategy, row.venue, row.symbol): row.quantity for row in database.select(OpeningRow)}
    told = {(row.strategy, row.venue, row.symbol): row.quantity for row in database.select(PositionRow)}
    for held in sorted({*told, *sums, *opened}):
        quantity, due = told.get(held, ZERO), EXACT.add(opened.get(held, ZERO), sums.get(held, ZERO))
        if quantity != due:
            strategy, venue, symbol = held
            yield f"position of {strategy} in {symbol} at {venue}: it is {quantity:f}, and its fills make it {due:f}"


def _intended(intent: IntentRow) -> Order:
    return Order(
        strategy=intent.strategy,
        venue=intent.venue,
        symbol=intent.symbol,
        client_order_id=intent.client_order_id,
        side=intent.side,
        quantity=intent.quantity,
        price=intent.price,
    )


def _report(row: ReportRow, client_order_id: str) -> OrderReport:
    return OrderReport(
        client_order_id=client_order_id,
        status=row.status,
        filled=row.filled,
        venue_order_id=row.venue_order_id,
        reason=row.reason,
        time_ns=row.time_ns,
    )


def _told(state: Order | ReportRow | StateRow) -> tuple[OrderStatus, Decimal, str, str, int]:
    return state.status, state.filled, state.venue_order_id, state.reason, state.time_ns


def _text(state: Order | ReportRow | StateRow | None) -> str:
    if state is None:
        return "pending"
    id_ = f" {state.venue_order_id}" if state.venue_order_id else ""
    return f"{state.status}{id_}, {state.filled:f} filled"
