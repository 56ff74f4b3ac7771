"""A journal as lines of JSON: all that is in it, in a form that other programs can rely on.

The first line tells the ``format`` and its ``version``. Each other line is one row: its ``table``, then the columns of
that table in their order. Tables come in the order of `bowstring.trading.journal.rows.TABLES`, rows in that of their
keys. Money is text, times are nanoseconds since the epoch, a yes is 1. ``entry`` counts all that was ever put on
record; ``intent``, in another table, is the ``entry`` of the intent that a row is about.
"""

from collections.abc import Iterator

from msgspec.json import Encoder

from bowstring.trading.journal.database import Database
from bowstring.trading.journal.rows import TABLES, unsealed
from bowstring.trading.journal.schema import MIGRATIONS

FORMAT = "bowstring journal"

encode = Encoder().encode


def lines(database: Database) -> Iterator[str]:
    """The lines, without their ends. Raises `Damaged` at a row that is not as it was written."""
    yield encode({"format": FORMAT, "version": len(MIGRATIONS)}).decode()
    for table in TABLES:
        for stored in database.stored(table, f"ORDER BY {', '.join(table.key)}"):
            unsealed(stored, table)
            columns = dict(zip(table.__struct_fields__, stored, strict=False))
            yield encode({"table": table.table} | columns).decode()
