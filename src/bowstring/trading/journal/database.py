"""The file of a journal as a SQLite database: made whole or not at all, checked before it is trusted, never mended."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar, cast

import apsw

from bowstring.core.errors import ConfigError, NotRecorded
from bowstring.trading.journal.header import PAGE_BYTES, check_header
from bowstring.trading.journal.rows import Damaged, Row, Values, columns, unsealed
from bowstring.trading.journal.schema import APPLICATION_ID, MIGRATIONS
from bowstring.trading.journal.wal import unread_commits

BUSY_MS = 100
NORMAL, FULL = 1, 2  # of the pragma `synchronous`
SOUND = (3, 51, 3)  # before, two connections could damage a file: https://www.sqlite.org/wal.html#walresetbug
WAL_KEPT_BYTES = 4 * 2**20  # written over and over: a file that grows costs more
STORAGE = apsw.FullError, apsw.IOError, apsw.BusyError, apsw.CantOpenError, apsw.ReadOnlyError, OSError
"""What says nothing about the file's content."""

R = TypeVar("R", bound=Row)

log = logging.getLogger(__name__)


class Database:
    """One connection, in WAL mode, for one thread at a time. It checkpoints only when it is told to.

    ``wal_frames`` is how many pages the write-ahead log has since it was last begun anew. ``query`` is the end of the
    file's URI, as SQLite takes it.
    """

    def __init__(self, path: Path, *, synchronous: int = FULL, reads_only: bool = False, query: str = "") -> None:
        self.path = path
        self.wal_frames = 0
        self.epoch = 0
        mode = apsw.SQLITE_OPEN_READONLY if reads_only else apsw.SQLITE_OPEN_READWRITE
        self._connection = apsw.Connection(f"{path.as_uri()}{query}", flags=mode | apsw.SQLITE_OPEN_URI)
        self._execute = self._connection.cursor().execute
        self._connection.set_busy_timeout(BUSY_MS)
        self._connection.set_wal_hook(self._note_wal)  # in place of the one that checkpoints
        self.moves_log_at_close(False)  # before it is trusted
        self._connection.pragma("synchronous", synchronous)
        self._connection.pragma("journal_size_limit", WAL_KEPT_BYTES)

    def moves_log_at_close(self, moves: bool) -> None:
        """Whether the last connection moves all from the write-ahead log to the file when it is closed."""
        self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0 if moves else 1)

    def close(self) -> None:
        """Close it; the last connection to a file moves all from the write-ahead log to the file."""
        self._connection.close()

    def execute(self, sql: str, values: Sequence[object] = ()) -> list[Values]:
        """Run a statement to its end; returns its rows. Raises `Damaged` where a text is none."""
        try:
            return cast("list[Values]", list(self._execute(sql, cast("Values", values))))
        except UnicodeDecodeError as error:
            raise Damaged(f"a text makes no sense, {error}") from None

    def number(self, query: str) -> int:
        """The one number that a query finds."""
        ((number,),) = self.execute(query)
        return cast("int", number)

    def run(self, sql: str, values: Values = ()) -> None:
        """Run a statement that returns nothing."""
        self._execute(sql, values)

    def select(self, row: type[R], rest: str = "", values: Values = ()) -> list[R]:
        """The rows of a table that ``rest`` chooses, each as it was written. Raises `Damaged`."""
        return [unsealed(stored, row) for stored in self.stored(row, rest, values)]

    def stored(self, row: type[Row], rest: str = "", values: Values = ()) -> Iterator[Values]:
        """The same rows one by one, as they are stored. Raises `Damaged` where a text is none."""
        names = ", ".join(f"{row.table}.{column}" for column in columns(row))
        try:
            yield from self._connection.execute(f"SELECT {names} FROM {row.table} {rest}", values)
        except UnicodeDecodeError as error:
            raise Damaged(f"a text in {row.table} makes no sense, {error}") from None

    def transact(self, work: Callable[[], None]) -> None:
        """Do some work in one transaction: all of it is done, or nothing.

        Raises `NotRecorded` where the file has gone over to another process.
        """
        execute = self._execute
        execute("BEGIN IMMEDIATE")
        try:
            for (latest,) in execute("SELECT ifnull(max(number), 0) FROM epochs"):
                if latest != self.epoch:
                    raise NotRecorded(f"another process, in epoch {latest}, has taken it over from epoch {self.epoch}")
            work()
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise

    def save(self, work: Callable[[], None]) -> None:
        """Do some of a transaction's work: all of it is done, or nothing, while the transaction goes on."""
        execute = self._execute
        execute("SAVEPOINT work")
        try:
            work()
        except BaseException:
            execute("ROLLBACK TO work; RELEASE work")
            raise
        execute("RELEASE work")

    def checkpoint(self, *, truncate: bool = False) -> bool:
        """Move the write-ahead log's pages to the file; False: not all, as others write or read. Waits for nobody."""
        mode = apsw.SQLITE_CHECKPOINT_TRUNCATE if truncate else apsw.SQLITE_CHECKPOINT_PASSIVE
        self._connection.set_busy_timeout(0)
        try:
            frames, moved = self._connection.wal_checkpoint(mode=mode)
        except apsw.BusyError:
            return False
        finally:
            self._connection.set_busy_timeout(BUSY_MS)
        return frames == moved

    def log_frames(self) -> int:
        """How many pages the write-ahead log has that count."""
        self.execute("SELECT 1 FROM epochs LIMIT 1")  # which has the log looked through
        frames, _moved = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
        return frames

    def _note_wal(self, _connection: apsw.Connection, _name: str, frames: int) -> int:
        self.wal_frames = frames
        return apsw.SQLITE_OK


def open_database(path: Path, *, synchronous: int, migrations: Sequence[str] = MIGRATIONS) -> Database:
    """Open a journal's file, which is made where there is none, brought to the present version, and checked.

    Raises `ConfigError` where it cannot be trusted. For the holder of its lock only.
    """
    found = apsw.sqlite_lib_version()
    if tuple(map(int, found.split("."))) < SOUND:
        raise ConfigError(f"apsw has SQLite {found}, which can damage a journal: install one with 3.51.3 or later")
    try:
        if not path.exists():
            _refuse_remains(path)
            _create(path, migrations)
        check_header(path, instead="give the path of one, or a new one")
        database = Database(path, synchronous=synchronous)
        try:
            _warn_of_lost_commits(database)  # what is written next is in their place
            _migrate(database, migrations)
            check_content(database, migrations)
        except BaseException:
            database.close()
            raise
    except (apsw.Error, OSError, Damaged) as error:
        raise unusable(path, error) from error
    database.moves_log_at_close(True)
    return database


def open_records(path: Path) -> Database:
    """Open a journal's file, which may be in use, to read it as it is at this moment. Nothing is changed.

    Raises `ConfigError` where it is no journal, `Damaged` of a damaged one, and what the storage raises.
    """
    if not path.exists():
        raise ConfigError(f"there is no journal {path}: give the path that its bot was given")
    check_header(path)
    try:
        database = _begin_reading(path)
    except (apsw.CantOpenError, apsw.ReadOnlyError):
        if has_content(Path(f"{path}-wal")):
            raise
        database = _begin_reading(path, query="?immutable=1")  # SQLite cannot write beside it, and need not
    version = database.number("PRAGMA user_version")
    if version != len(MIGRATIONS):
        next_ = "start its bot on it once" if version < len(MIGRATIONS) else "use the newer bowstring"
        raise ConfigError(f"journal {path} is of version {version}, and this one reads {len(MIGRATIONS)}: {next_}")
    if _schema(database.execute) != expected_schema():
        raise Damaged("its tables are not those of a journal")
    return database


def _begin_reading(path: Path, *, query: str = "") -> Database:
    database = Database(path.absolute(), reads_only=True, query=query)
    database.run("BEGIN")
    database.execute("SELECT 1 FROM sqlite_schema")
    return database


def unusable(path: Path, error: object) -> ConfigError:
    """What to raise of a journal's file that cannot be opened or read."""
    if isinstance(error, STORAGE):
        return ConfigError(f"journal {path} cannot be opened: {error}")
    return ConfigError(
        f"journal {path} is damaged: {error}; see `bowstring journal verify {path}`, then restore a copy of it, "
        "or give another path to begin a new one"
    )


def check_content(database: Database, migrations: Sequence[str]) -> None:
    """Raise `Damaged` where the file's structure or its tables are not as they should be."""
    (verdict,), *_more = database.execute("PRAGMA integrity_check(1)")
    if verdict != "ok":
        raise Damaged(str(verdict).replace("\n", ", "))
    if _schema(database.execute) != expected_schema(migrations):
        raise Damaged("its tables are not those of a journal")


def expected_schema(migrations: Sequence[str] = MIGRATIONS) -> list[Values]:
    """The schema of a new file."""
    connection = apsw.Connection(":memory:")
    for script in migrations:
        connection.execute(script)
    return _schema(lambda sql: cast("Iterable[Values]", connection.execute(sql)))


def _schema(execute: Callable[[str], Iterable[Values]]) -> list[Values]:
    return list(execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name"))


def has_content(path: Path) -> bool:
    """Whether there is a file with something in it."""
    return path.exists() and path.stat().st_size > 0


def _refuse_remains(path: Path) -> None:
    """SQLite would throw away the log of a file that is gone."""
    for remains in (Path(f"{path}-wal"), Path(f"{path}-journal")):
        if has_content(remains):
            raise ConfigError(f"journal {path} is missing, and {remains} has what was last written to it: restore both")


def _create(path: Path, migrations: Sequence[str]) -> None:
    """Make the file under another name first, so that what is found under its own is always whole."""
    draft = Path(f"{path}.new")
    for old in (draft, Path(f"{draft}-journal"), Path(f"{draft}-wal"), Path(f"{draft}-shm")):
        old.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    connection = apsw.Connection(str(draft), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.pragma("page_size", PAGE_BYTES)
        connection.pragma("application_id", APPLICATION_ID)
        for version, script in enumerate(migrations, 1):
            connection.execute(f"BEGIN; {script}; PRAGMA user_version = {version}; COMMIT")
        connection.pragma("journal_mode", "wal")
    finally:
        connection.close()
    draft.rename(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _warn_of_lost_commits(database: Database) -> None:
    lost = unread_commits(database.path, database.log_frames, page_bytes=PAGE_BYTES)
    if lost:
        log.error(
            "journal %s: %d transactions at the end of its log cannot be read, as after a loss of power; look for "
            "orders at the venue that the bot does not know",
            database.path,
            lost,
        )


def _migrate(database: Database, migrations: Sequence[str]) -> None:
    version = database.number("PRAGMA user_version")
    if version > len(migrations):
        raise ConfigError(
            f"journal {database.path} is of version {version}, and this bowstring knows up to {len(migrations)}: "
            "use the newer bowstring, or another journal"
        )
    if version < 1:
        raise Damaged(f"its version is {version}")
    if version < len(migrations):
        check_content(database, migrations[:version])
    for number, script in enumerate(migrations[version:], version + 1):
        database.run(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT")
