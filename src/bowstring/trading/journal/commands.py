"""What ``bowstring journal`` prints: lines, of a journal that may be in use. Raises `ConfigError` where it is none."""

from collections.abc import Callable, Iterator
from pathlib import Path

import apsw

from bowstring.core.errors import ConfigError
from bowstring.trading.journal import export as exporting
from bowstring.trading.journal import summary
from bowstring.trading.journal.database import STORAGE, Database, open_records, unusable
from bowstring.trading.journal.rows import Damaged
from bowstring.trading.journal.verification import findings
from bowstring.trading.journal.verification import unread as unread_of


def show(path: Path, order: str | None) -> Iterator[str]:
    """Where the bot stands, or the history of an order."""
    if order is None:
        yield from _read(path, summary.summary)
        return
    lines = list(_read(path, lambda database: summary.story(database, order)))
    if not lines:
        raise ConfigError(f"no order {order} is on record in {path}: `bowstring journal export {path}` has all")
    yield from lines


def unread(path: Path) -> Iterator[str]:
    """What `show` and `export` cannot read: a line; nothing: they read all."""
    yield from _read(path, unread_of)


def export(path: Path) -> Iterator[str]:
    """All that is on record, as lines of JSON."""
    yield from _read(path, exporting.lines)


def verify(path: Path) -> Iterator[str]:
    """What is wrong with it; nothing: it is sound."""
    try:
        yield from _lines(path, findings)
    except STORAGE as error:
        raise unusable(path, error) from error
    except (apsw.Error, Damaged) as error:
        yield f"file: {error}"


def _read(path: Path, read: Callable[[Database], Iterator[str]]) -> Iterator[str]:
    try:
        yield from _lines(path, read)
    except (apsw.Error, OSError, Damaged) as error:
        raise unusable(path, error) from error


def _lines(path: Path, read: Callable[[Database], Iterator[str]]) -> Iterator[str]:
    database = open_records(path.resolve())
    try:
        yield from read(database)
    finally:
        database.close()
