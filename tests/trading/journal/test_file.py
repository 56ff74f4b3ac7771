"""The journal's file as a bot meets it: made, opened, shared, refused, closed."""

import asyncio
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from bowstring.core.clock import Clock
from bowstring.core.errors import ConfigError, NotRecorded
from bowstring.testing.simulation import simulate, simulated_clock
from bowstring.trading.journal.file import JournalFile
from bowstring.trading.messages import RiskStateChanged
from tests.trading.journal.orders import VENUE, fill, known, life, order, rows, told

CLOCK = Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.journal"


def opened(path: Path, **options: object) -> JournalFile:
    journal = JournalFile(path, **options)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    journal.open(CLOCK)
    return journal


# Settings


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"durability": "full"}, 'durability is \'full\': give "process" or "power"'),
        ({"keep": 999}, "keep is 999: give 1000 at least, for reports that come late"),
        ({"durability": "power", "threads": False}, 'durability="power" needs a thread: leave threads out'),
    ],
)
def test_a_setting_that_cannot_be_is_named(path: Path, options: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        opened(path, **options)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none" / "bot.journal"
    with pytest.raises(ConfigError, match=f"journal {path}: there is no folder {path.parent}: make it"):
        opened(path)


def test_a_folder_is_no_journal_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "ops"
    path.mkdir()
    with pytest.raises(
        ConfigError, match=f"^journal {path} is a folder: give the path of a file in it, as bot.journal$"
    ):
        opened(path)

    assert list(tmp_path.iterdir()) == [path]


# The file


def test_only_its_owner_can_read_it_or_the_files_beside_it(path: Path) -> None:
    umask = os.umask(0)
    try:
        journal = opened(path)
        journal.record([order()])
    finally:
        os.umask(umask)

    modes = {file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()}
    assert modes == {f"bot.journal{suffix}": "0o600" for suffix in ("", "-wal", "-shm", ".lock")}
    journal.close()


def test_it_is_told_by_its_path_where_commands_for_the_bot_are(path: Path) -> None:
    assert JournalFile(path).control_file == str(path)


def test_any_name_will_do(tmp_path: Path) -> None:
    path = tmp_path / "a bot's #1?mode=memory%20.journal"
    journal = opened(path)
    journal.record([order()])
    journal.close()

    assert path.stat().st_size > 0
    assert rows(path, "SELECT count(*) FROM intents") == [(1,)]


def test_a_link_to_it_is_the_same_journal(path: Path) -> None:
    link = path.with_name("link.journal")
    link.symlink_to(path)
    journal = opened(link)
    journal.record([order()])
    with pytest.raises(ConfigError, match="is in use by process"):
        opened(path)
    journal.close()

    assert journal.control_file == str(link)
    assert rows(path, "SELECT count(*) FROM intents") == [(1,)]


def test_numbers_are_written_as_people_write_them(path: Path) -> None:
    journal = opened(path)
    journal.record([order()])
    journal.write([fill(order())])
    journal.close()

    assert rows(path, "SELECT quantity, price FROM intents") == [("0.00000005", "65000.10")]
    assert rows(path, "SELECT quantity, fee FROM fills") == [("0.00000002", "0.0000000001")]


@pytest.mark.parametrize("table", ["intents", "reports", "fills"])
def test_what_was_told_once_never_changes(path: Path, table: str) -> None:
    journal = opened(path)
    journal.record([order()])
    for news in life(order()):
        journal.write(news)
    journal.close()

    with pytest.raises(apsw.ConstraintError, match="never changes"):
        apsw.Connection(str(path)).execute(f"UPDATE {table} SET crc = 1")


def test_a_file_that_was_emptied_is_refused(path: Path) -> None:
    opened(path).close()
    path.write_bytes(b"")

    with pytest.raises(ConfigError, match="it is empty, which no journal ever is: to begin a new one, remove it"):
        opened(path)


# Epochs


def test_each_time_that_it_is_opened_is_an_epoch(path: Path) -> None:
    for _ in range(2):
        opened(path).close()
    journal = opened(path)

    epochs = rows(path, "SELECT number, ended_ns > started_ns, pid, host FROM epochs")
    assert epochs == [(number, ended, os.getpid(), os.uname().nodename) for number, ended in ((1, 1), (2, 1), (3, 0))]
    journal.close()


def test_who_was_taken_over_from_records_nothing_any_more(path: Path) -> None:
    """On a file system without locks, or where somebody has removed the lock's file."""
    first = opened(path)
    first.record([order("a")])
    Path(f"{path}.lock").unlink()
    second = opened(path)

    with pytest.raises(NotRecorded, match="another process, in epoch 2, has taken it over from epoch 1"):
        first.record([order("b")])
    second.close()
    with pytest.raises(NotRecorded, match="has taken it over"):
        first.write([told(order("a"), "open")])
    first.close()
    third = opened(path)
    assert [(one.client_order_id, one.status) for one in third.recall(VENUE).live] == [("a", "pending")]
    third.close()


# Who has it open


def test_a_second_instance_is_refused_and_the_first_goes_on(path: Path) -> None:
    first = opened(path)
    second = JournalFile(path)
    complaint = rf"journal {path} is in use by process {os.getpid()} since \d{{4}}-\d\d-\d\dT.*: stop that one first"
    with pytest.raises(ConfigError, match=complaint):
        second.open(CLOCK)
    first.record([order()])
    first.close()

    second.open(CLOCK)
    assert len(second.recall(VENUE).live) == 1
    second.close()


def test_the_executors_of_a_bot_share_it(path: Path) -> None:
    journal = JournalFile(path)

    assert [journal.open(CLOCK), journal.open(CLOCK)] == [True, False]
    journal.close()
    journal.record([order()])
    journal.close()
    with pytest.raises(NotRecorded, match="the journal is not open"):
        journal.record([order("b")])
    with pytest.raises(NotRecorded, match="the journal is not open"):
        journal.write([told(order(), "open")])
    assert journal.open(CLOCK)
    journal.close()


# What is refused


def _text(path: Path) -> None:
    path.write_text("orders of mine\n" * 100)


def _database_of_another_program(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE intents (entry INTEGER PRIMARY KEY);")
    connection.close()


def _cut(path: Path) -> None:
    opened(path).close()
    os.truncate(path, 5_000)


def _one_table_more(path: Path) -> None:
    opened(path).close()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (id)")
    connection.close()


def _no_wal(path: Path) -> None:
    opened(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (_text, "is no journal of bowstring's: give the path of one, or a new one"),
        (_database_of_another_program, "is no journal of bowstring's"),
        (_cut, "is damaged: .*; see `bowstring journal verify .*`, then restore a copy of it"),
        (_one_table_more, "is damaged: its tables are not those of a journal"),
        (_no_wal, "is damaged: its header is"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_and_stays_as_it_is(
    path: Path, make: Callable[[Path], None], complaint: str
) -> None:
    make(path)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=complaint):
        opened(path)

    assert path.read_bytes() == before
    with pytest.raises(ConfigError, match=complaint):  # and is not locked by the one who was refused
        opened(path)


def test_a_damaged_file_with_a_log_beside_it_stays_as_it_is_and_so_does_the_log(tmp_path: Path) -> None:
    path, killed = tmp_path / "bot.journal", tmp_path / "killed.journal"
    journal = opened(path)
    journal.record([order()])
    journal.write([told(order(), "open")])
    journal.close()
    journal = opened(path)
    journal.record([order("b")])
    for suffix in ("", "-wal"):  # as a bot that is killed leaves it
        shutil.copy(f"{path}{suffix}", f"{killed}{suffix}")
    journal.close()
    content = bytearray(killed.read_bytes())
    content[content.index(b"open")] ^= 1
    killed.write_bytes(content)
    before = [Path(f"{killed}{suffix}").read_bytes() for suffix in ("", "-wal")]

    with pytest.raises(ConfigError, match="is damaged"):
        opened(killed)
    assert before[1]
    assert [Path(f"{killed}{suffix}").read_bytes() for suffix in ("", "-wal")] == before


def test_a_log_whose_file_is_gone_is_not_thrown_away(path: Path) -> None:
    journal = opened(path)
    journal.record([order()])
    log = Path(f"{path}-wal").read_bytes()
    journal.close()
    path.unlink()
    Path(f"{path}-wal").write_bytes(log)

    with pytest.raises(ConfigError, match=f"journal {path} is missing, and {path}-wal has what was last written to it"):
        opened(path)
    assert Path(f"{path}-wal").read_bytes() == log


def test_a_file_with_a_row_that_was_changed_is_refused_and_stays_as_it_is(path: Path) -> None:
    journal = opened(path)
    journal.record([order()])
    journal.write([told(order(), "open")])
    journal.close()
    apsw.Connection(str(path)).execute("UPDATE states SET filled = '0.00000001'")
    before = path.read_bytes()

    with pytest.raises(ConfigError, match=f"journal {path} is damaged: a row of states has another checksum"):
        opened(path)
    assert path.read_bytes() == before


# Failures


def test_another_program_that_writes_to_it_is_a_failure(path: Path) -> None:
    journal = opened(path)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(NotRecorded, match=rf"journal {path} failed, BusyError\(.*\): mend its storage, and start anew"):
        journal.record([order()])
    other.execute("ROLLBACK")

    with pytest.raises(NotRecorded, match=f"journal {path} failed, BusyError"):
        journal.record([order()])
    journal.close()


def test_an_order_that_is_no_text_is_refused_and_others_are_not(path: Path) -> None:
    journal = opened(path)
    with pytest.raises(UnicodeEncodeError):
        journal.record([order("a"), order("\ud800")])
    journal.record([order("b")])

    assert [one.client_order_id for one in journal.recall(VENUE).live] == ["b"]
    journal.close()


def test_news_that_cannot_be_recorded_are_a_failure(path: Path) -> None:
    journal = opened(path)
    journal.record([order()])
    with pytest.raises(NotRecorded, match="UnicodeEncodeError"):
        journal.write([fill(order(), "\ud800")])

    with pytest.raises(NotRecorded, match="UnicodeEncodeError"):
        journal.record([order("b")])
    journal.close()


def test_trading_is_halted_even_where_that_cannot_be_recorded(path: Path) -> None:
    journal = opened(path)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(NotRecorded):
        journal.write([RiskStateChanged(state="halted", reason="", by="me")])

    assert journal.risk.state == "halted"
    journal.close()


def test_a_failure_to_close_is_logged_and_the_lock_is_given_back(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = opened(path)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    with caplog.at_level(logging.ERROR):
        journal.close()
    other.close()

    assert f"journal {path}: failed to close, BusyError" in caplog.text
    opened(path).close()


# Where there are no threads


def test_it_works_in_a_simulation(path: Path) -> None:
    async def main() -> None:
        journal = JournalFile(path, threads=False)
        journal.open(simulated_clock())
        journal.record([order()])
        journal.close()

    simulate(main())
    journal = opened(path)
    assert len(known(journal).live) == 1
    journal.close()


def test_with_threads_it_does_not(path: Path) -> None:
    async def main() -> None:
        JournalFile(path).open(simulated_clock())

    with pytest.raises(RuntimeError, match="a simulation has no threads"):
        simulate(main())
    opened(path).close()


# With a thread


def test_what_was_given_before_it_is_closed_is_recorded(path: Path) -> None:
    async def main() -> None:
        journal = opened(path, durability="power")
        pending = journal.record([order()])
        journal.write([told(order(), "open")])
        journal.close()
        assert pending is not None
        await pending

    asyncio.run(main())
    journal = opened(path)
    assert [one.status for one in journal.recall(VENUE).live] == ["open"]
    journal.close()
