"""The journal's thread: what it is given is carried out in order, together where it can be, and answered always."""

import asyncio
import threading
from pathlib import Path

import apsw
import pytest

from bowstring.core.clock import Clock
from bowstring.core.errors import NotRecorded, NotSent
from bowstring.trading.journal import group_commit
from bowstring.trading.journal.database import Database
from bowstring.trading.journal.file import JournalFile
from bowstring.trading.journal.group_commit import GroupCommit
from tests.trading.journal.disks import Disk, using
from tests.trading.journal.orders import VENUE, life, order, rows, told


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.journal"


def opened(path: Path) -> JournalFile:
    journal = JournalFile(path, durability="power")
    journal.open(Clock())
    return journal


def record(journal: JournalFile, *names: str) -> "asyncio.Future[None]":
    pending = journal.record([order(name) for name in names])
    assert isinstance(pending, asyncio.Future)
    return pending


class Syncs(Disk):
    """Counts the syncs of logs."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def synced(self, path: str) -> None:
        self.count += path.endswith("-wal")


async def test_what_is_told_at_once_is_on_record_in_that_order(path: Path) -> None:
    journal = opened(path)
    recorded = record(journal, "a", "b")
    for news in life(order("a")):
        journal.write(news)
    journal.write([told(order("b"), "open")])
    await recorded
    remembered = journal.recall(VENUE)
    journal.close()

    assert [(one.client_order_id, one.status) for one in remembered.finished] == [("a", "filled")]
    assert [(one.client_order_id, one.status) for one in remembered.live] == [("b", "open")]
    entries = rows(path, "SELECT entry, 'intent' FROM intents UNION SELECT entry, status FROM reports ORDER BY entry")
    assert [kind for _entry, kind in entries] == ["intent", "intent", "open", "filled", "open"]


async def test_many_orders_share_the_syncs_of_few_commits(path: Path) -> None:
    with using(syncs := Syncs()):
        journal = opened(path)
        syncs.count = 0
        await asyncio.gather(*(record(journal, f"o{number}") for number in range(200)))
        journal.close()

    assert 1 <= syncs.count < 100


async def test_an_order_that_is_refused_takes_no_other_with_it(path: Path) -> None:
    journal = opened(path)
    outcomes = await asyncio.gather(
        record(journal, "a"), record(journal, "b", "a"), record(journal, "c"), return_exceptions=True
    )
    remembered = journal.recall(VENUE)
    journal.close()

    assert [type(outcome) for outcome in outcomes] == [type(None), NotSent, type(None)]
    assert [one.client_order_id for one in remembered.live] == ["a", "c"]


async def test_who_does_not_wait_any_more_is_no_trouble(path: Path) -> None:
    journal = opened(path)
    record(journal, "a").cancel()
    await record(journal, "b")
    remembered = journal.recall(VENUE)
    journal.close()

    assert [one.client_order_id for one in remembered.live] == ["a", "b"]


def test_nor_is_a_loop_that_is_closed(path: Path) -> None:
    journal = opened(path)

    async def main() -> None:
        assert not record(journal, "a").done()

    asyncio.run(main())
    journal.close()
    assert rows(path, "SELECT client_order_id FROM intents") == [("a",)]


@pytest.mark.parametrize("error", [apsw.IOError("told to"), MemoryError("told to"), SystemExit("told to")])
async def test_whatever_goes_wrong_in_it_all_who_wait_are_told(
    path: Path, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(path)

    def fail(_database: Database, _work: object) -> None:
        raise error

    monkeypatch.setattr(Database, "transact", fail)
    waiting = [record(journal, "a"), record(journal, "b")]
    for pending in waiting:
        with pytest.raises(NotRecorded, match=rf"journal {path} failed, .*told to"):
            await pending
    monkeypatch.undo()

    with pytest.raises(NotRecorded, match=rf"journal {path} failed, .*told to"):
        journal.record([order("c")])
    journal.close()
    assert rows(path, "SELECT client_order_id FROM intents") == []


async def test_a_thread_that_has_ended_takes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    is_over = threading.Event()

    def run(_self: GroupCommit) -> None:
        is_over.wait()

    monkeypatch.setattr(GroupCommit, "_run", run)
    journal = opened(path)
    threads = [thread for thread in threading.enumerate() if thread.name == "bowstring-journal"]
    is_over.set()
    for thread in threads:  # one that is not among all threads any more may not have ended yet
        thread.join()
    with pytest.raises(NotRecorded, match="its thread has ended"):
        journal.record([order("a")])
    with pytest.raises(NotRecorded, match=f"journal {path} failed, .*its thread has ended"):
        journal.write([told(order("a"), "open")])
    journal.close()


async def test_a_disk_that_is_far_behind_has_failed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "MAX_WAITING", 0)
    journal = opened(path)
    with pytest.raises(NotRecorded, match="0 calls wait for the disk"):
        journal.record([order("a")])
    journal.close()
