"""Versions of the file: older ones are read, in whatever moment that may be broken off, and newer ones are not."""

import os
import sqlite3
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import apsw
import pytest

from bowstring.core.clock import Clock
from bowstring.core.errors import ConfigError
from bowstring.trading.journal.database import open_database, open_records
from bowstring.trading.journal.file import JournalFile
from bowstring.trading.journal.rows import IntentRow
from bowstring.trading.journal.schema import MIGRATIONS
from bowstring.trading.journal.verification import findings
from tests.trading.journal.disks import FailingDisk, using
from tests.trading.journal.orders import SYMBOL, known

NEXT = "ALTER TABLE guard_states ADD COLUMN note TEXT NOT NULL DEFAULT ''; CREATE TABLE notes (note TEXT) STRICT"
ALL = (*MIGRATIONS, NEXT)
LATEST = len(MIGRATIONS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of version 1."""
    made = tmp_path / "bot.journal"
    connection = sqlite3.connect(made)
    connection.executescript((Path(__file__).parent / "version-1.sql").read_text())
    connection.close()
    return made


def version(path: Path) -> object:
    connection = apsw.Connection(str(path))
    found = connection.pragma("user_version")
    connection.close()
    return found


def test_version_1_is_read_as_it_was_written(path: Path) -> None:
    journal = JournalFile(path)
    journal.open(Clock())
    remembered = known(journal)
    journal.close()

    assert {name: one.status for name, one in remembered.live.items()} == {"b": "open", "c": "pending"}
    assert [(one.client_order_id, one.status, one.reason) for one in remembered.finished] == [("a", "filled", "")]
    assert remembered.filled == {"a": Decimal("0.00000005")}
    assert remembered.positions == {("bidder", SYMBOL, Decimal("0.0000000499"))}
    assert (remembered.cursor_ns, remembered.mismatches) == (9, {"ETH/USDT": "it differs"})
    assert (remembered.risk.state, remembered.risk.reason, remembered.risk.by) == ("reducing", "loss", "DailyLoss")
    assert remembered.guards == {"loss": "{}"}
    assert list(findings(open_records(path))) == []


def test_an_older_version_becomes_the_present_one_with_all_that_it_has(path: Path) -> None:
    opened = open_database(path, synchronous=1, migrations=ALL)
    intents = opened.select(IntentRow)
    opened.close()

    assert [intent.client_order_id for intent in intents] == ["a", "b", "c"]
    assert version(path) == LATEST + 1
    open_database(path, synchronous=1, migrations=ALL).close()


def test_a_new_file_is_made_by_all_versions_in_turn(tmp_path: Path) -> None:
    path = tmp_path / "new.journal"
    open_database(path, synchronous=1, migrations=ALL).close()

    assert version(path) == LATEST + 1


def test_a_newer_version_is_refused(path: Path) -> None:
    open_database(path, synchronous=1, migrations=ALL).close()
    before = path.read_bytes()
    complaint = f"journal {path} is of version {LATEST + 1}, and this bowstring knows up to {LATEST}: use the newer"
    with pytest.raises(ConfigError, match=complaint):
        open_database(path, synchronous=1)

    assert path.read_bytes() == before


def test_a_version_that_never_was_is_damage(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", 0)
    connection.close()

    with pytest.raises(ConfigError, match=f"journal {path} is damaged: its version is 0"):
        open_database(path, synchronous=1)


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    with pytest.raises(ConfigError, match="table intents already exists"):
        open_database(path, synchronous=1, migrations=(*MIGRATIONS, f"{NEXT}; CREATE TABLE intents (id)"))

    assert version(path) == LATEST
    open_database(path, synchronous=1).close()


def test_one_whose_tables_are_not_those_of_its_version_is_not_migrated(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE theirs (id)")
    connection.close()

    with pytest.raises(ConfigError, match="its tables are not those of a journal"):
        open_database(path, synchronous=1)
    assert version(path) == 1


def test_the_folder_is_synced_when_a_file_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, synced = tmp_path / "new.journal", list[tuple[str, bool]]()
    sync = os.fsync

    def note(handle: int) -> None:
        synced.append((os.readlink(f"/proc/self/fd/{handle}"), path.exists()))
        sync(handle)

    monkeypatch.setattr(os, "fsync", note)
    open_database(path, synchronous=1).close()

    assert synced == [(str(tmp_path), True)]


def test_a_migration_can_be_broken_off_at_every_write(path: Path) -> None:
    whole = path.read_bytes()
    with using(disk := FailingDisk()):
        open_database(path, synchronous=1, migrations=ALL).close()
    for number in range(1, disk.calls + 1):
        path.write_bytes(whole)
        with using(disk := FailingDisk()), suppress(ConfigError, apsw.FullError):
            disk.fails_at = number
            open_database(path, synchronous=1, migrations=ALL).close()

        opened = open_database(path, synchronous=1, migrations=ALL)
        assert len(opened.select(IntentRow)) == 3
        opened.close()
    assert disk.calls > 5


def test_a_file_that_was_not_finished_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "new.journal"
    Path(f"{path}.new").write_text("half of it")
    open_database(path, synchronous=1).close()

    assert [file.name for file in tmp_path.iterdir()] == ["new.journal"]


def test_an_sqlite_that_can_damage_it_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")

    with pytest.raises(ConfigError, match=r"apsw has SQLite 3\.51\.2, which can damage a journal"):
        open_database(path, synchronous=1)
