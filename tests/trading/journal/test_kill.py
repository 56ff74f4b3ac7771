"""kill -9, at any moment: what was acknowledged is on record, and the journal opens again."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from bowstring.core.clock import Clock
from bowstring.core.errors import ConfigError
from bowstring.trading.journal.file import Durability, JournalFile
from tests.trading.journal.orders import VENUE

ROOT = Path(__file__).parents[3]
KILLS = 6


def start(path: Path, durability: Durability, prefix: str) -> "subprocess.Popen[str]":
    """Start a writer; returns when it has the journal open."""
    command = [sys.executable, "-m", "tests.trading.journal.writer", str(path), durability, prefix]
    writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "open\n"
    return writer


def kill(writer: "subprocess.Popen[str]", *, after: int) -> list[str]:
    """End it as `kill -9` does, after so many orders or some more; returns the ids that were acknowledged."""
    assert writer.stdout is not None
    first = [writer.stdout.readline().strip() for _ in range(after)]
    writer.kill()
    told, _nothing = writer.communicate()
    return first + told.splitlines()


def recalled(path: Path) -> set[str]:
    """The orders that a bot would know of that starts now."""
    journal = JournalFile(path)
    journal.open(Clock())
    remembered = journal.recall(VENUE)
    journal.close()
    return {one.client_order_id for one in (*remembered.live, *remembered.finished)}


@pytest.mark.parametrize("durability", ["process", "power"])
def test_what_was_acknowledged_outlives_the_process(tmp_path: Path, durability: Durability) -> None:
    rng = random.Random(durability)
    path = tmp_path / "bot.journal"
    for number in range(KILLS):
        writer = start(path, durability, str(number))
        acknowledged = kill(writer, after=rng.randrange(500))

        assert set(acknowledged[-900:]) <= recalled(path)  # more are not kept


def test_the_lock_is_the_living_process_s(tmp_path: Path) -> None:
    path = tmp_path / "bot.journal"
    writer = start(path, "process", "a")
    with pytest.raises(
        ConfigError, match=rf"journal {path} is in use by process {writer.pid} since 20.*: stop that one"
    ):
        JournalFile(path).open(Clock())

    assert set(kill(writer, after=1)) <= recalled(path)
