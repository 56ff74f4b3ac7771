"""Checkpoints: the log is moved to the file in time, by a thread, and it has a bound."""

from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from bowstring.core.clock import Clock
from bowstring.trading.journal import checkpoints
from bowstring.trading.journal.checkpoints import Checkpointer, Inline
from bowstring.trading.journal.database import Database, open_database
from bowstring.trading.journal.rows import GuardRow, insert, sealed
from tests.trading.journal.disks import FailingDisk, using

FRAME_BYTES = 1024 + 24
ONE_COMMIT = 20
"""Frames that one commit of these tests may take."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "bot.journal", synchronous=1)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "SOFT_FRAMES", 100)
    monkeypatch.setattr(checkpoints, "HARD_FRAMES", 400)


def helper(database: Database) -> Database:
    return Database(database.path, synchronous=1)


def write(database: Database, count: int, *, after_each: Callable[[], None] = lambda: None) -> None:
    """Commit so many times, some new pages each time."""
    for number in range(count):
        row = sealed(GuardRow(f"guard {number}", "x" * 5_000))
        database.transact(lambda row=row: database.run(insert(GuardRow, or_else="OR REPLACE"), row))  # type: ignore[misc]
        after_each()


def unexpected(failure: Exception) -> None:
    raise failure


def log_bytes(database: Database) -> int:
    return Path(f"{database.path}-wal").stat().st_size


def test_without_checkpoints_the_log_grows(database: Database) -> None:
    write(database, 200)

    assert database.wal_frames > 1_000


def test_the_thread_moves_what_is_there_and_the_log_is_begun_anew(database: Database) -> None:
    checkpointer = Checkpointer(database, helper(database), clock=Clock(), on_failure=unexpected)
    write(database, 20)
    assert database.wal_frames > 100
    checkpointer.after_commit()
    checkpointer.stop()
    write(database, 1)

    assert database.wal_frames < ONE_COMMIT


def test_who_writes_on_and_on_cuts_the_log_at_its_bound(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    other = helper(database)
    checkpointer = Checkpointer(database, other, clock=Clock(), on_failure=unexpected)
    monkeypatch.setattr(other, "checkpoint", lambda: False)  # the thread never gets that far
    largest = 0

    def look() -> None:
        nonlocal largest
        checkpointer.after_commit()
        largest = max(largest, log_bytes(database))

    write(database, 200, after_each=look)
    checkpointer.stop()
    assert 100 * FRAME_BYTES < largest < (400 + ONE_COMMIT) * FRAME_BYTES


def test_as_long_as_somebody_reads_it_cannot_be_cut(database: Database) -> None:
    checkpointer = Checkpointer(database, helper(database), clock=Clock(), on_failure=unexpected)
    write(database, 1)
    reader = apsw.Connection(str(database.path))
    reader.execute("BEGIN")
    list(reader.execute("SELECT * FROM guard_states"))
    write(database, 90, after_each=checkpointer.after_commit)
    held = database.wal_frames
    reader.close()
    checkpointer.stop()
    write(database, 20, after_each=checkpointer.after_commit)

    assert held > 500
    assert database.wal_frames < 500


def test_without_a_thread_who_writes_moves_it(database: Database) -> None:
    inline = Inline(database)
    write(database, 200, after_each=inline.after_commit)
    inline.stop()

    assert log_bytes(database) < (100 + 2 * ONE_COMMIT) * FRAME_BYTES


def test_a_failure_in_the_thread_is_told(tmp_path: Path) -> None:
    failures: list[Exception] = []
    with using(disk := FailingDisk()):
        database = open_database(tmp_path / "bot.journal", synchronous=1)
        checkpointer = Checkpointer(database, helper(database), clock=Clock(), on_failure=failures.append)
        write(database, 20)
        disk.error, disk.fails_at = apsw.IOError, 1
        checkpointer.after_commit()
        checkpointer.stop()
        disk.fails_at = 0
        database.close()

    assert [type(failure) for failure in failures] == [apsw.IOError]
