"""The journal of an executor: given, named by its path, or in memory; and the orders of a bot on a file."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from queue import SimpleQueue

from bowstring.core.clock import Clock
from bowstring.core.components import Collector, Emit
from bowstring.core.engine import Engine
from bowstring.core.messages import Action, Event
from bowstring.testing.builders import instrument
from bowstring.trading.executor import OrderExecutor
from bowstring.trading.gateway import OrderReport
from bowstring.trading.journal.file import JournalFile
from bowstring.trading.journal.memory import MemoryJournal
from bowstring.trading.journal.opening import journal_of
from bowstring.trading.journal.port import Journal
from bowstring.trading.messages import OrderUpdate, PlaceOrder
from bowstring.trading.paper.gateway import PaperGateway
from tests.trading.bot import Bot, Do, Trader, buy, simulated
from tests.trading.journal.disks import Disk, using
from tests.trading.journal.orders import rows
from tests.trading.scripted import ScriptedGateway


def test_without_one_it_is_in_memory() -> None:
    assert isinstance(journal_of(None), MemoryJournal)


def test_one_that_is_given_is_that_one() -> None:
    given = MemoryJournal()

    assert journal_of(given) is given


def test_a_path_is_one_journal_however_it_is_written(tmp_path: Path) -> None:
    journal = journal_of(tmp_path / "bot.journal")

    assert isinstance(journal, JournalFile)
    assert journal_of(str(tmp_path / "bot.journal")) is journal
    assert journal_of(tmp_path / "other.journal") is not journal
    assert list(tmp_path.iterdir()) == []


def test_without_apsw_a_path_is_no_journal() -> None:
    script = "from bowstring.trading.journal.opening import journal_of; journal_of(None); journal_of('bot.journal')"
    command = [sys.executable, "-c", f"import sys; sys.modules['apsw'] = None; {script}"]

    failed = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False).stderr
    assert "MissingExtra: a journal in a file needs apsw: pip install '/path/to/bowstring[journal]'" in failed


@simulated
async def test_orders_outlive_the_bot(tmp_path: Path) -> None:
    gateway = ScriptedGateway()
    journal = JournalFile(tmp_path / "bot.journal", threads=False)
    async with Bot(gateway, journal=journal, on_stop="leave") as bot:
        filled, left = await bot.open(), await bot.open()
        gateway.ledger.fill(filled, "5")
        await asyncio.sleep(1)
    async with Bot(gateway, journal=journal) as bot:
        assert bot.status(filled) == "filled"
        assert set(bot.trader.orders) == {left}
        assert [str(position.quantity) for position in bot.blotter.positions()] == ["5"]


class StalledDisk(Disk):
    """Syncs no log from `stall` on until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self._stalls = False
        self._end: SimpleQueue[None] = SimpleQueue()

    def syncing(self, path: str) -> None:
        if self._stalls and path.endswith("-wal"):
            self._end.get()

    def stall(self) -> None:
        self._stalls = True

    def go_on(self) -> None:
        self._stalls = False
        self._end.put(None)


class Counted(PaperGateway):
    """A paper account that counts the orders which are sent to it."""

    def __init__(self, clock: Clock) -> None:
        listed = [instrument("BTC/USDT").instrument]
        super().__init__("venue", clock=clock, instruments=listed, balances={"USDT": Decimal(1000)})
        self.count = 0

    def place(self, order: PlaceOrder) -> "asyncio.Future[OrderReport]":
        self.count += 1
        return super().place(order)


class Heard(Trader):
    """Says when it has heard of an order."""

    def __init__(self) -> None:
        super().__init__()
        self.of_one = asyncio.Event()
        self.reactions.append(self._hear)

    def _hear(self, event: Event) -> Sequence[Action]:
        self.of_one.set()
        return ()


class Once(Collector):
    """Has an order placed; before that the disk, if it is one that does, begins to stall."""

    def __init__(self, order: PlaceOrder, disk: StalledDisk | None) -> None:
        self._order = order
        self._disk = disk

    async def run(self, emit: Emit) -> None:
        if self._disk is not None:
            self._disk.stall()
        emit(Do(strategy="trader", actions=(self._order,)))
        await asyncio.Event().wait()


async def trade(order: PlaceOrder, *, journal: Journal, disk: StalledDisk | None = None) -> tuple[str, int]:
    """Run a bot, in real time, until it has heard of its order; returns what it hears, and how many were sent."""
    clock, trader = Clock(), Heard()
    gateway = Counted(clock)
    executor = OrderExecutor(gateway, journal=journal if disk else journal.control_file, on_stop="leave")
    engine = Engine(collectors=[Once(order, disk)], strategies=[trader], executors=[executor], clock=clock)
    running = asyncio.create_task(engine.run())
    try:
        async with asyncio.timeout(10):
            await trader.of_one.wait()
    finally:
        if disk is not None:
            disk.go_on()
        journal.recall("venue")  # waits until the intent is on record
        await asyncio.sleep(0.01)  # and what became of the order follows
        engine.stop()
        await running
    (heard,) = trader.heard
    assert isinstance(heard, OrderUpdate)
    return heard.status, gateway.count


def test_a_path_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "bot.journal"

    assert asyncio.run(trade(buy(), journal=journal_of(path))) == ("open", 1)
    assert rows(path, "SELECT status FROM states") == [("open",)]


def test_an_order_whose_disk_is_too_slow_is_expired_and_never_sent(tmp_path: Path) -> None:
    path = tmp_path / "bot.journal"
    with using(disk := StalledDisk()):
        journal = JournalFile(path, durability="power")
        told = asyncio.run(trade(buy(valid_for_s=0.05), journal=journal, disk=disk))

    assert told == ("expired", 0)
    assert rows(path, "SELECT status, reason FROM intents LEFT JOIN states ON intent = entry") == [
        ("expired", "its intent was not recorded in time")
    ]
