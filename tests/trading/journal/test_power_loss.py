"""What is there after the machine has lost power: the disk has kept what was synced, and of the rest what it liked."""

import asyncio
from pathlib import Path

import pytest

from bowstring.core.clock import Clock
from bowstring.trading.journal import checkpoints
from bowstring.trading.journal.file import Durability, JournalFile
from tests.trading.journal.disks import VolatileDisk, using
from tests.trading.journal.orders import VENUE, life, order

CLOCK = Clock()
ORDERS = 60


async def trade(journal: JournalFile) -> list[str]:
    """Have orders recorded, all that can be at once, and filled; returns the ids that were acknowledged."""
    acknowledged: list[str] = []

    async def place(name: str) -> None:
        pending = journal.record([order(name)])
        if pending is not None:
            await pending
        acknowledged.append(name)
        for news in life(order(name)):
            journal.write(news)

    async with asyncio.TaskGroup() as group:
        for number in range(ORDERS):
            group.create_task(place(f"o{number}"))
            await asyncio.sleep(0.001 * (number % 3 == 0))
    return acknowledged


def lost(folder: Path, durability: Durability, *, kept: float, seed: int) -> set[str]:
    """The acknowledged orders that are not on record after a power loss."""
    path, afterwards = folder / f"{seed}.journal", folder / f"{seed}-after.journal"
    disk = VolatileDisk()
    with using(disk):
        journal = JournalFile(path, durability=durability)
        journal.open(CLOCK)
        acknowledged = asyncio.run(trade(journal))
        disk.lose_power(path, afterwards, kept=kept, seed=seed)
        journal.close()
    assert len(acknowledged) == ORDERS
    return set(acknowledged) - recalled(afterwards)


def recalled(path: Path) -> set[str]:
    """The orders that a bot would know of that starts with this file."""
    journal = JournalFile(path)
    journal.open(CLOCK)
    remembered = journal.recall(VENUE)
    journal.close()
    return {one.client_order_id for one in (*remembered.live, *remembered.finished)}


@pytest.fixture(params=[checkpoints.SOFT_FRAMES, 20])
def _checkpoints(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few checkpoints, or many."""
    monkeypatch.setattr(checkpoints, "SOFT_FRAMES", request.param)


@pytest.mark.usefixtures("_checkpoints")
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kept", [0.0, 0.5, 1.0])
def test_no_order_that_may_have_been_sent_is_lost_with_the_power(tmp_path: Path, kept: float, seed: int) -> None:
    assert lost(tmp_path, "power", kept=kept, seed=seed) == set()


def test_with_durability_process_some_are(tmp_path: Path) -> None:
    assert len(lost(tmp_path, "process", kept=0.0, seed=0)) == ORDERS


@pytest.mark.usefixtures("_checkpoints")
@pytest.mark.parametrize("seed", range(5))
def test_but_what_is_left_is_a_sound_journal(tmp_path: Path, seed: int) -> None:
    lost(tmp_path, "process", kept=0.5, seed=seed)
    recalled(tmp_path / f"{seed}-after.journal")
