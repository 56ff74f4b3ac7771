"""The rows of a journal's file, with a checksum each: SQLite notices a page that makes no sense, but no changed digit.

Their columns are named and ordered as in `schema`, but for the last, ``crc``. Money is text, a yes is 1.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar, Literal, TypeVar
from zlib import crc32

from msgspec import Struct, ValidationError, convert
from msgspec.msgpack import Encoder
from msgspec.structs import astuple

from bowstring.trading.messages import OrderStatus, RiskState, Side, TimeInForce

Value = str | int | float | bytes | None
"""What SQLite keeps in a column."""

Values = tuple[Value, ...]

R = TypeVar("R", bound="Row")

_encode = Encoder().encode


class Damaged(Exception):
    """A row is not what was written."""


class Row(Struct, frozen=True, array_like=True):
    """One row of the table that it names, ordered by its ``key``."""

    table: ClassVar[str]
    key: ClassVar[Sequence[str]] = ("entry",)


class EpochRow(Row, frozen=True, array_like=True):
    """One time that the journal was open. ``ended_ns`` is 0 where it was never closed."""

    table = "epochs"
    key = ("number",)
    number: int
    started_ns: int
    ended_ns: int
    pid: int
    host: str
    version: str


class IntentRow(Row, frozen=True, array_like=True):
    """An order as it was to be sent. ``replaces`` is the order that it was to take the place of, ``""``: none."""

    table = "intents"
    entry: int
    venue: str
    client_order_id: str
    strategy: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    time_in_force: TimeInForce
    post_only: Literal[0, 1]
    reduces: Literal[0, 1]
    replaces: str
    action: int
    received_ns: int
    recorded_ns: int
    epoch: int


class StateRow(Row, frozen=True, array_like=True):
    """What is known of an order by now; an intent without one is pending. ``ended`` is the entry of its last report."""

    table = "states"
    key = ("intent",)
    intent: int
    status: OrderStatus
    filled: Decimal
    venue_order_id: str
    reason: str
    time_ns: int
    ended: int | None


class ReportRow(Row, frozen=True, array_like=True):
    """One change of an order."""

    table = "reports"
    entry: int
    intent: int
    status: OrderStatus
    filled: Decimal
    venue_order_id: str
    reason: str
    time_ns: int
    recorded_ns: int
    epoch: int


class FillRow(Row, frozen=True, array_like=True):
    """One execution."""

    table = "fills"
    entry: int
    intent: int
    venue: str
    symbol: str
    trade_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Literal["maker", "taker"]
    time_ns: int
    recovered: Literal[0, 1]
    recorded_ns: int
    epoch: int


class PositionRow(Row, frozen=True, array_like=True):
    """A strategy's position."""

    table = "positions"
    key = ("strategy", "venue", "symbol")
    strategy: str
    venue: str
    symbol: str
    quantity: Decimal
    recorded_ns: int


class OpeningRow(Row, frozen=True, array_like=True):
    """What a position would be without the fills on record: by fills that were let go, and by what a human has set."""

    table = "openings"
    key = ("strategy", "venue", "symbol")
    strategy: str
    venue: str
    symbol: str
    quantity: Decimal


class CursorRow(Row, frozen=True, array_like=True):
    """Up to when the fills at a venue are on record."""

    table = "cursors"
    key = ("venue",)
    venue: str
    time_ns: int


class MismatchRow(Row, frozen=True, array_like=True):
    """A disagreement with the venue that is not settled."""

    table = "mismatches"
    key = ("venue", "symbol")
    venue: str
    symbol: str
    reason: str
    recorded_ns: int


class RiskRow(Row, frozen=True, array_like=True):
    """A state of risk; the latest is in force."""

    table = "risk_states"
    entry: int
    state: RiskState
    reason: str
    brought_by: str
    time_ns: int
    recorded_ns: int
    epoch: int


class GuardRow(Row, frozen=True, array_like=True):
    """What a guard asked to be kept."""

    table = "guard_states"
    key = ("guard",)
    guard: str
    state: str


class DecisionRow(Row, frozen=True, array_like=True):
    """What a human decided."""

    table = "decisions"
    entry: int
    operator: str
    what: str
    reason: str
    time_ns: int
    recorded_ns: int
    epoch: int


TABLES: Sequence[type[Row]] = (
    EpochRow,
    IntentRow,
    StateRow,
    ReportRow,
    FillRow,
    PositionRow,
    OpeningRow,
    CursorRow,
    MismatchRow,
    RiskRow,
    GuardRow,
    DecisionRow,
)


def sealed(row: Row) -> Values:
    """The row as it is stored, with its checksum."""
    values = tuple([text(value) if value.__class__ is Decimal else value for value in astuple(row)])
    return (*values, crc32(_encode(values)))


def unsealed(stored: Values, row: type[R]) -> R:
    """The row that was stored. Raises `Damaged` where it is not what was written."""
    values = stored[:-1]
    if crc32(_encode(values)) != stored[-1]:
        raise Damaged(f"a row of {row.table} has another checksum than it had: {values}")
    try:
        return convert(values, row)
    except ValidationError as error:
        raise Damaged(f"a row of {row.table} makes no sense, {error}: {values}") from None


def columns(row: type[Row]) -> Sequence[str]:
    """The columns of a row's table, in order."""
    return (*row.__struct_fields__, "crc")


def insert(row: type[Row], *, or_else: str = "") -> str:
    """The statement that inserts a row. ``or_else``, such as ``OR REPLACE``: what it does where there is one."""
    names = columns(row)
    return f"INSERT {or_else} INTO {row.table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


def text(number: Decimal) -> str:
    """A number as it is written: never with an exponent, and no digit is lost."""
    return format(number, "f")
