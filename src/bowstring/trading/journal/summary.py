"""A journal for people: where the bot stands, and the history of one order."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from bowstring.trading.journal.database import Database
from bowstring.trading.journal.rows import (
    CursorRow,
    DecisionRow,
    EpochRow,
    FillRow,
    IntentRow,
    MismatchRow,
    PositionRow,
    ReportRow,
    RiskRow,
    StateRow,
)

LATEST = 10  # of states of risk and of decisions

Cells = Sequence[str]


def summary(database: Database) -> Iterator[str]:
    """Where the bot stands. Raises `Damaged`."""
    yield from _epochs(database)
    yield from _orders(database)
    yield from _table(
        "positions",
        ("strategy", "venue", "symbol", "quantity", "since"),
        [
            (row.strategy, row.venue, row.symbol, f"{row.quantity:f}", _time(row.recorded_ns))
            for row in database.select(PositionRow)
        ],
    )
    yield from _table(
        "fills are known until",
        ("venue", "time there"),
        [(row.venue, _time(row.time_ns)) for row in database.select(CursorRow)],
    )
    yield from _table(
        "mismatches that nobody has settled",
        ("venue", "symbol", "since", "reason"),
        [(row.venue, row.symbol, _time(row.recorded_ns), row.reason) for row in database.select(MismatchRow)],
    )
    yield from _table(
        "risk, the latest first",
        ("since", "state", "by", "reason"),
        [
            (_time(row.recorded_ns), row.state, row.brought_by, row.reason)
            for row in database.select(RiskRow, f"ORDER BY entry DESC LIMIT {LATEST}")
        ],
    )
    yield from _table(
        "decisions, the latest first",
        ("time", "operator", "what", "reason"),
        [
            (_time(row.recorded_ns), row.operator, row.what, row.reason)
            for row in database.select(DecisionRow, f"ORDER BY entry DESC LIMIT {LATEST}")
        ],
    )


def story(database: Database, client_order_id: str) -> Iterator[str]:
    """All that is on record of an order, at every venue that has one of this id. Raises `Damaged`."""
    for intent in database.select(IntentRow, "WHERE client_order_id = ? ORDER BY entry", (client_order_id,)):
        yield _plain(f"order {intent.client_order_id} at {intent.venue}, by {intent.strategy}: {_terms(intent)}")
        yield f"  {_time(intent.recorded_ns)}  intent, in epoch {intent.epoch}"
        told: list[ReportRow | FillRow] = [
            *database.select(ReportRow, "WHERE intent = ?", (intent.entry,)),
            *database.select(FillRow, "WHERE intent = ?", (intent.entry,)),
        ]
        for row in sorted(told, key=lambda row: row.entry):
            text = _report(row) if isinstance(row, ReportRow) else _fill(row)
            yield _plain(f"  {_time(row.recorded_ns)}  {text}")


def _epochs(database: Database) -> Iterator[str]:
    count = database.number("SELECT count(*) FROM epochs")
    yield f"journal {database.path}"
    for epoch in database.select(EpochRow, "ORDER BY number DESC LIMIT 1"):
        end = f"ended {_time(epoch.ended_ns)}" if epoch.ended_ns else "not ended: it runs, or was killed"
        program = f"process {epoch.pid} on {epoch.host}" + (f", bowstring {epoch.version}" if epoch.version else "")
        yield f"epoch {epoch.number}, of {count} on record: since {_time(epoch.started_ns)}, {end}; {program}"
    for risk in database.select(RiskRow, "ORDER BY entry DESC LIMIT 1"):
        yield _plain(f"trading is {risk.state} since {_time(risk.recorded_ns)}, by {risk.brought_by}: {risk.reason}")


def _orders(database: Database) -> Iterator[str]:
    recorded = database.number("SELECT count(*) FROM intents")
    states = {state.intent: state for state in database.select(StateRow, "WHERE ended IS NULL")}
    live = database.select(IntentRow, "LEFT JOIN states ON intent = entry WHERE ended IS NULL ORDER BY entry")
    unknown = sum(1 for intent in live if _status(states.get(intent.entry)) in ("pending", "unknown"))
    yield f"{recorded} orders on record, {len(live)} of them live, of which {unknown} have no known outcome"
    yield from _table(
        "live orders",
        ("order", "venue", "strategy", "terms", "status", "filled", "recorded", "reason"),
        [_live(intent, states.get(intent.entry)) for intent in live],
    )


def _live(intent: IntentRow, state: StateRow | None) -> Cells:
    return (
        intent.client_order_id,
        intent.venue,
        intent.strategy,
        _terms(intent),
        _status(state),
        f"{state.filled:f}" if state else "0",
        _time(intent.recorded_ns),
        state.reason if state else "",
    )


def _status(state: StateRow | None) -> str:
    return state.status if state else "pending"


def _terms(intent: IntentRow) -> str:
    flags = [
        intent.time_in_force,
        *(["post only"] if intent.post_only else []),
        *(["reduces"] if intent.reduces else []),
        *([f"replaces {intent.replaces}"] if intent.replaces else []),
    ]
    return f"{intent.side} {intent.quantity:f} {intent.symbol} at {intent.price:f}, {', '.join(flags)}"


def _report(row: ReportRow) -> str:
    return ", ".join(filter(None, (row.status, f"{row.filled:f} filled", row.venue_order_id, row.reason)))


def _fill(row: FillRow) -> str:
    how = "recovered" if row.recovered else row.liquidity
    return f"fill of {row.quantity:f} at {row.price:f}, fee {row.fee:f} {row.fee_currency}, {how}, trade {row.trade_id}"


def _table(title: str, heads: Cells, rows: Iterable[Cells]) -> Iterator[str]:
    """Rows under each other; nothing where there is none."""
    cells = [heads, *([_plain(cell) for cell in row] for row in rows)]
    if len(cells) == 1:
        return
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    yield ""
    yield f"{title}:"
    for row in cells:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _plain(text: str) -> str:
    """What venues and people wrote, without what a terminal would obey."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _time(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
