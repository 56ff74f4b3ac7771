"""How a journal's file begins: by that it is known before SQLite opens it, and without it."""

from pathlib import Path

from bowstring.core.errors import ConfigError
from bowstring.trading.journal.rows import Damaged
from bowstring.trading.journal.schema import APPLICATION_ID

MAGIC = b"SQLite format 3\0"
PAGE_BYTES = 1024  # a commit changes few rows in some places: of larger pages it writes three times as much
IS_WAL = b"\x02\x02"  # the file's read and write version: https://www.sqlite.org/fileformat.html


def check_header(path: Path, *, instead: str = "give the path of one") -> None:
    """Raise `ConfigError` unless the file begins as a journal does: SQLite would mend, or take over, some others.

    ``instead`` is what to do then. Raises `Damaged` where a journal's file is not whole.
    """
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "no plain file"  # to open a pipe would wait for its other end
        raise ConfigError(f"{path} is {kind}: give the path of a journal")
    with path.open("rb") as file:  # before SQLite does: closing it would end SQLite's locks
        header = file.read(100)
    if not header:
        raise Damaged("it is empty, which no journal ever is: to begin a new one, remove it")
    if header[:16] != MAGIC or header[68:72] != APPLICATION_ID.to_bytes(4):
        raise ConfigError(f"{path} is no journal of bowstring's: {instead}")
    if header[18:20] != IS_WAL or int.from_bytes(header[16:18]) != PAGE_BYTES:
        raise Damaged("its header is not a journal's")
