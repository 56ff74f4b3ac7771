"""The scribe: puts orders, and what became of them, into the tables. The caller makes each call a transaction."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Literal, cast

import apsw

from bowstring.core.clock import Clock
from bowstring.core.errors import NotSent
from bowstring.trading.journal.database import Database
from bowstring.trading.journal.port import Cursor, News
from bowstring.trading.journal.rows import (
    CursorRow,
    DecisionRow,
    FillRow,
    GuardRow,
    IntentRow,
    MismatchRow,
    OpeningRow,
    PositionRow,
    ReportRow,
    RiskRow,
    StateRow,
    Value,
    insert,
    sealed,
)
from bowstring.trading.messages import (
    FINAL,
    Fill,
    GuardState,
    MismatchSettled,
    OperatorDecision,
    OrderUpdate,
    PlaceOrder,
    Position,
    ReconcileMismatch,
    ReplaceOrder,
    RiskStateChanged,
)
from bowstring.trading.new_orders import NewOrder, new_id
from bowstring.trading.orders import EXACT, intended
from bowstring.trading.symbols import position_change

PRUNED_AT_ONCE = 4  # more than one, so that a file that holds too many comes down to what is kept
EVENTS_KEPT = 10_000  # states of risk, decisions and epochs, of each

ADD_INTENT = insert(IntentRow)
ADD_REPORT = insert(ReportRow)
ADD_FILL = f"{insert(FillRow)} ON CONFLICT (intent, trade_id) DO NOTHING"
ADD_RISK = insert(RiskRow)
ADD_DECISION = insert(DecisionRow)
SET_STATE = insert(StateRow, or_else="OR REPLACE")
SET_POSITION = insert(PositionRow, or_else="OR REPLACE")
SET_CURSOR = insert(CursorRow, or_else="OR REPLACE")
SET_MISMATCH = insert(MismatchRow, or_else="OR REPLACE")
SET_GUARD = insert(GuardRow, or_else="OR REPLACE")
SET_OPENING = insert(OpeningRow, or_else="OR REPLACE")
FIND = """
SELECT entry, ended FROM intents LEFT JOIN states ON intent = entry WHERE venue = ? AND client_order_id = ?
"""
LAST_ENTRY = """
SELECT max(
    ifnull((SELECT max(entry) FROM intents), 0), ifnull((SELECT max(entry) FROM reports), 0),
    ifnull((SELECT max(entry) FROM risk_states), 0), ifnull((SELECT max(entry) FROM decisions), 0),
    ifnull((SELECT max(entry) FROM fills), 0)
)
"""
OF_POSITION = "WHERE strategy = ? AND venue = ? AND symbol = ?"
OLDEST = "SELECT intent FROM states WHERE ended IS NOT NULL ORDER BY ended LIMIT ?"
PRUNE = tuple(f"DELETE FROM {table} WHERE intent = ?" for table in ("fills", "reports", "states"))


class Scribe:
    """Writes what one epoch has to record. ``keep`` is how many finished orders stay on record."""

    def __init__(self, database: Database, *, clock: Clock, keep: int) -> None:
        self._database = database
        self._run = database.run
        self._now_ns = clock.now_ns
        self._keep = keep
        self._entry = database.number(LAST_ENTRY)
        self._finished = database.number("SELECT count(*) FROM states WHERE ended IS NOT NULL")
        self._writers: dict[type, Callable[..., None]] = {
            OrderUpdate: self._update,
            Fill: self._fill,
            Position: self._position,
            Cursor: self._cursor,
            ReconcileMismatch: self._mismatch,
            MismatchSettled: self._settle,
            RiskStateChanged: self._risk,
            GuardState: self._guard,
            OperatorDecision: self._decision,
        }

    def record(self, orders: Sequence[NewOrder]) -> None:
        """Put orders on record. Raises `NotSent` for one that is there already."""
        now_ns, epoch = self._now_ns(), self._database.epoch
        for action in orders:
            self._entry += 1
            row = sealed(_intent(action, entry=self._entry, now_ns=now_ns, epoch=epoch))
            try:
                self._run(ADD_INTENT, row)
            except apsw.ConstraintError:
                used = f"client order id {new_id(action)} was used before: an intent is sent at most once"
                raise NotSent(used) from None

    def write(self, news: Sequence[News]) -> None:
        """Put on record what became of orders."""
        if any(isinstance(one, OperatorDecision) for one in news):
            self._adjust(one for one in news if isinstance(one, Position))
        for one in news:
            writer = self._writers.get(type(one))
            if writer is not None:
                writer(one)

    def _update(self, update: OrderUpdate) -> None:
        found = self._database.execute(FIND, (update.venue, update.client_order_id))
        if not found:
            return  # its intent is not on record: it cannot have been sent
        intent, ended = cast("tuple[int, int | None]", found[0])
        self._entry += 1
        reason = _storable(update.reason)
        told = (update.status, update.filled, update.venue_order_id, reason, update.time_ns)
        self._run(ADD_REPORT, sealed(ReportRow(self._entry, intent, *told, self._now_ns(), self._database.epoch)))
        is_final = update.status in FINAL
        self._run(SET_STATE, sealed(StateRow(intent, *told, (ended or self._entry) if is_final else None)))
        self._finished += is_final - (ended is not None)
        if is_final and self._finished > self._keep:
            self._prune()

    def _fill(self, fill: Fill) -> None:
        found = self._database.execute(FIND, (fill.venue, fill.client_order_id))
        if found:
            self._entry += 1
            intent = cast("int", found[0][0])
            epoch = self._database.epoch
            self._run(
                ADD_FILL, sealed(_fill(fill, entry=self._entry, intent=intent, now_ns=self._now_ns(), epoch=epoch))
            )

    def _adjust(self, positions: Iterable[Position]) -> None:
        """Note by how much a human moves positions, which no fill explains."""
        for position in positions:
            key = position.strategy, position.venue, position.symbol
            found = self._database.select(PositionRow, OF_POSITION, key)
            before = found[0].quantity if found else Decimal(0)
            self._open(*key, by=EXACT.subtract(position.quantity, before))

    def _position(self, position: Position) -> None:
        row = PositionRow(position.strategy, position.venue, position.symbol, position.quantity, self._now_ns())
        self._run(SET_POSITION, sealed(row))

    def _cursor(self, cursor: Cursor) -> None:
        self._run(SET_CURSOR, sealed(CursorRow(cursor.venue, cursor.time_ns)))

    def _mismatch(self, mismatch: ReconcileMismatch) -> None:
        row = MismatchRow(mismatch.venue, mismatch.symbol, _storable(mismatch.reason), self._now_ns())
        self._run(SET_MISMATCH, sealed(row))

    def _settle(self, settled: MismatchSettled) -> None:
        self._run("DELETE FROM mismatches WHERE venue = ? AND symbol = ?", (settled.venue, settled.symbol))

    def _risk(self, changed: RiskStateChanged) -> None:
        self._entry += 1
        told = (changed.state, _storable(changed.reason), _storable(changed.by), changed.time_ns)
        self._run(ADD_RISK, sealed(RiskRow(self._entry, *told, self._now_ns(), self._database.epoch)))
        self._bound("risk_states")

    def _guard(self, state: GuardState) -> None:
        self._run(SET_GUARD, sealed(GuardRow(_storable(state.guard), _storable(state.state))))

    def _decision(self, decision: OperatorDecision) -> None:
        self._entry += 1
        told = (
            _storable(decision.operator),
            _storable(decision.what),
            _storable(decision.reason),
            decision.time_ns,
        )
        self._run(ADD_DECISION, sealed(DecisionRow(self._entry, *told, self._now_ns(), self._database.epoch)))
        self._bound("decisions")

    def _prune(self) -> None:
        """Forget the orders that ended first, with all that was told of them. Positions stay."""
        count = min(PRUNED_AT_ONCE, self._finished - self._keep)
        for (intent,) in self._database.execute(OLDEST, (count,)):
            self._carry_forward(intent)
            for statement in PRUNE:
                self._run(statement, (intent,))
            self._run("DELETE FROM intents WHERE entry = ?", (intent,))
            self._finished -= 1

    def _carry_forward(self, intent: Value) -> None:
        """Note what the fills of an order, which are let go, have done to its position."""
        for fill in self._database.select(FillRow, "WHERE intent = ?", (intent,)):
            (owner,) = self._database.select(IntentRow, "WHERE entry = ?", (intent,))
            self._open(owner.strategy, fill.venue, fill.symbol, by=position_change(fill))

    def _open(self, strategy: str, venue: str, symbol: str, *, by: Decimal) -> None:
        found = self._database.select(OpeningRow, OF_POSITION, (strategy, venue, symbol))
        before = found[0].quantity if found else Decimal(0)
        self._run(SET_OPENING, sealed(OpeningRow(strategy, venue, symbol, EXACT.add(before, by))))

    def _bound(self, table: str) -> None:
        oldest_kept = f"SELECT entry FROM {table} ORDER BY entry DESC LIMIT 1 OFFSET {EVENTS_KEPT}"
        self._run(f"DELETE FROM {table} WHERE entry <= ({oldest_kept})")


def _intent(action: NewOrder, *, entry: int, now_ns: int, epoch: int) -> IntentRow:
    order = intended(action)
    new = action if isinstance(action, PlaceOrder) else None
    old = action if isinstance(action, ReplaceOrder) else None
    return IntentRow(
        entry,
        order.venue,
        order.client_order_id,
        order.strategy,
        order.symbol,
        order.side,
        order.quantity,
        order.price,
        new.time_in_force if new else "gtc",
        _flag(action.post_only),
        _flag(new is not None and new.reduces),
        old.client_order_id if old else "",
        action.seq,
        action.received_ns,
        now_ns,
        epoch,
    )


def _fill(fill: Fill, *, entry: int, intent: int, now_ns: int, epoch: int) -> FillRow:
    return FillRow(
        entry,
        intent,
        fill.venue,
        fill.symbol,
        fill.trade_id,
        fill.side,
        fill.price,
        fill.quantity,
        fill.fee,
        fill.fee_currency,
        fill.liquidity,
        fill.time_ns,
        _flag(fill.recovered),
        now_ns,
        epoch,
    )


def _flag(value: bool) -> Literal[0, 1]:
    return 1 if value else 0


def _storable(reason: str) -> str:
    """A text from outside, without what is no text: half a surrogate pair."""
    return reason.encode("utf-8", "backslashreplace").decode()
