"""A disk that is full, or fails: at every write and every sync in turn."""

import asyncio
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from bowstring.core.clock import Clock
from bowstring.core.errors import ConfigError, NotRecorded
from bowstring.trading.journal import checkpoints
from bowstring.trading.journal.file import Durability, JournalFile
from tests.trading.journal.disks import FailingDisk, using
from tests.trading.journal.orders import VENUE, life, order

CLOCK = Clock()
ORDERS = 3


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have checkpoints fail, too."""
    monkeypatch.setattr(checkpoints, "SOFT_FRAMES", 12)


def make(path: Path, durability: Durability) -> JournalFile:
    return JournalFile(path, durability=durability, threads=durability == "power")


async def trade(journal: JournalFile, acknowledged: list[str]) -> None:
    """Have orders recorded and filled until that fails, and wait for what was written."""
    for number in range(ORDERS):
        action = order(f"o{number}")
        pending = journal.record([action])
        if pending is not None:
            await pending
        acknowledged.append(action.client_order_id)
        for news in life(action):
            journal.write(news)
    journal.recall(VENUE)


def calls(path: Path, durability: Durability) -> tuple[int, int]:
    """How often the disk is called until a journal is open, and until three orders are filled."""
    with using(disk := FailingDisk()):
        journal = make(path, durability)
        journal.open(CLOCK)
        opening = disk.calls
        asyncio.run(trade(journal, []))
        traded = disk.calls
        journal.close()
    return opening, traded


def refuses(journal: JournalFile, why: str) -> None:
    """Check that nothing is taken any more."""
    with pytest.raises(NotRecorded, match=why):
        journal.record([order("late")])
    with pytest.raises(NotRecorded, match=why):
        journal.write(life(order("late"))[0])


def recalled(path: Path) -> set[str]:
    """The orders that a bot would know of that starts with this file."""
    journal = JournalFile(path, threads=False)
    journal.open(CLOCK)
    remembered = journal.recall(VENUE)
    journal.close()
    return {one.client_order_id for one in (*remembered.live, *remembered.finished)}


@pytest.mark.parametrize("durability", ["process", "power"])
@pytest.mark.parametrize("error", [apsw.FullError, apsw.IOError])
def test_what_was_acknowledged_is_there_and_nothing_is_after_the_failure(
    tmp_path: Path, durability: Durability, error: type[apsw.Error]
) -> None:
    opening, traded = calls(tmp_path / "whole.journal", durability)
    for number in range(opening + 1, traded + 1):
        path = tmp_path / f"{number}.journal"
        acknowledged: list[str] = []
        with using(disk := FailingDisk()):
            journal = make(path, durability)
            journal.open(CLOCK)
            disk.error, disk.fails_at = error, number
            with suppress(NotRecorded):
                asyncio.run(trade(journal, acknowledged))
            if disk.calls >= number:  # else more was committed together than when calls were counted
                refuses(journal, f"journal {path} failed, {error.__name__}")
            journal.close()

        assert set(acknowledged) <= recalled(path)


@pytest.mark.parametrize("error", [apsw.FullError, apsw.IOError])
def test_a_journal_that_could_not_be_made_or_opened_can_be_later(tmp_path: Path, error: type[apsw.Error]) -> None:
    opening, _traded = calls(tmp_path / "whole.journal", "process")
    for number in range(1, opening + 1):
        path = tmp_path / f"{number}.journal"
        with using(disk := FailingDisk()):
            disk.error, disk.fails_at = error, number
            with pytest.raises(ConfigError, match=f"journal {path} cannot be opened: "):
                make(path, "process").open(CLOCK)

        assert recalled(path) == set()
