"""What verification finds in a file whose bytes are sound, and that it finds nothing in what bots have written."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bowstring.core.clock import Clock
from bowstring.testing.simulation import simulate
from bowstring.trading.control.commands import SetPosition
from bowstring.trading.journal import commands
from bowstring.trading.journal.database import open_records
from bowstring.trading.journal.file import JournalFile
from bowstring.trading.journal.port import Cursor
from bowstring.trading.journal.rows import (
    FillRow,
    IntentRow,
    OpeningRow,
    PositionRow,
    ReportRow,
    Row,
    StateRow,
    Value,
    insert,
    sealed,
)
from bowstring.trading.messages import OperatorDecision, ReconcileMismatch, RiskStateChanged
from tests.trading.bot import Bot, simulated, until
from tests.trading.control.operator import Operator
from tests.trading.journal.orders import life, order, told
from tests.trading.scripted import SYMBOL, ScriptedGateway, silence
from tests.trading.test_faults import Fate, trouble


class Written:
    """A journal in which ``a`` has filled and ``b`` is open; what a test changes has a checksum that fits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        journal = JournalFile(path, threads=False)
        journal.open(Clock())
        journal.record([order("a"), order("b"), order("c")])
        for news in life(order("a")):
            journal.write(news)
        journal.write([told(order("b"), "open")])
        journal.close()
        database = open_records(path)
        self.intents = database.select(IntentRow, "ORDER BY entry")
        self.reports = database.select(ReportRow, "ORDER BY entry")
        self.states = database.select(StateRow, "ORDER BY intent")
        (self.fill,) = database.select(FillRow)
        (self.position,) = database.select(PositionRow)
        database.close()

    def put(self, row: Row) -> None:
        self.run(insert(type(row), or_else="OR REPLACE"), *sealed(row))

    def run(self, sql: str, *values: Value) -> None:
        connection = apsw.Connection(str(self.path))
        connection.execute(sql, values)
        connection.close()

    @property
    def findings(self) -> list[str]:
        return list(commands.verify(self.path))


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path / "bot.journal")


def test_a_sound_journal_has_no_findings(written: Written) -> None:
    assert written.findings == []


# What is found


def _another_state(written: Written) -> None:
    written.put(replace(written.states[1], status="cancelled", ended=99))


def _no_state(written: Written) -> None:
    written.run("DELETE FROM states WHERE intent = ?", written.intents[1].entry)


def _a_state_without_reports(written: Written) -> None:
    written.put(replace(written.states[1], intent=written.intents[2].entry))


def _ended_twice(written: Written) -> None:
    written.put(replace(written.states[0], ended=1))


def _back_again(written: Written) -> None:
    written.put(replace(written.reports[0], entry=90))
    written.put(replace(written.states[0], status="open", filled=Decimal(0), ended=None))


def _less_filled(written: Written) -> None:
    written.put(replace(written.reports[1], entry=90, filled=Decimal("0.00000001")))


def _one_fill_more(written: Written) -> None:
    written.put(replace(written.fill, entry=90, trade_id="more", quantity=Decimal("0.00000003"), fee=Decimal(0)))
    written.put(replace(written.position, quantity=written.position.quantity + Decimal("0.00000003")))


def _one_fill_less(written: Written) -> None:
    written.run("DELETE FROM fills")
    written.run("DELETE FROM positions")


def _another_side(written: Written) -> None:
    written.put(replace(written.fill, side="sell"))
    written.put(replace(written.position, quantity=Decimal("-0.0000000501")))


def _another_position(written: Written) -> None:
    written.put(replace(written.position, quantity=Decimal("0.00000005")))


def _a_position_out_of_nothing(written: Written) -> None:
    written.put(replace(written.position, strategy="stranger"))


def _no_position(written: Written) -> None:
    written.run("DELETE FROM positions")


def _no_intent(written: Written) -> None:
    written.run("DELETE FROM intents WHERE entry = ?", written.intents[0].entry)


def _a_digit(written: Written) -> None:
    written.run("UPDATE states SET filled = '0.00000004' WHERE intent = ?", written.intents[0].entry)


def _no_number(written: Written) -> None:
    stored = sealed(written.states[0])
    row = (*stored[:2], "many", *stored[3:])
    written.run("DELETE FROM states WHERE intent = ?", written.intents[0].entry)
    written.run(insert(StateRow), *row)


def _later_epoch(written: Written) -> None:
    written.put(replace(written.intents[2], entry=90, client_order_id="d", epoch=7))


FOUND: list[tuple[Callable[[Written], None], list[str]]] = [
    (
        _another_state,
        ["order b at binance: its state is cancelled 77, 0 filled, and its reports make it open 77, 0 fil"],
    ),
    (_no_state, ["order b at binance: its state is pending, and its reports make it open 77, 0 filled"]),
    (_a_state_without_reports, ["order c at binance: its state is open 77, 0 filled, and its reports make it pending"]),
    (
        _ended_twice,
        ["order a at binance: its state is filled 77, 0.00000005 filled, and its reports make it filled 77"],
    ),
    (
        _back_again,
        [
            "order a at binance: it is told to be open 77, 0 filled after filled 77, 0.00000005 filled",
            "order a at binance: its state is open 77, 0 filled, and its reports make it filled 77, 0.00000005 filled",
        ],
    ),
    (
        _less_filled,
        ["order a at binance: it is told to be filled 77, 0.00000001 filled after filled 77, 0.00000005 fi"],
    ),
    (_one_fill_more, ["order a at binance: it has filled 0.00000005, and its fills are 0.00000008 together"]),
    (_one_fill_less, ["order a at binance: it has filled 0.00000005, and its fills are 0 together"]),
    (_another_side, ["order a at binance: its fill a-ta is a sell of BTC/USDT at binance"]),
    (
        _another_position,
        ["position of bidder in BTC/USDT at binance: it is 0.00000005, and its fills make it 0.0000000499"],
    ),
    (
        _a_position_out_of_nothing,
        ["position of stranger in BTC/USDT at binance: it is 0.0000000499, and its fills make it 0"],
    ),
    (_no_position, ["position of bidder in BTC/USDT at binance: it is 0, and its fills make it 0.0000000499"]),
    (_no_intent, ["states: row 1 is about one of intents that is not there"]),
    (_a_digit, ["a row of states has another checksum than it had"]),
    (_no_number, ["a row of states has another checksum than it had"]),
    (_later_epoch, ["order d at binance: it is of epoch 7, and the latest is 1"]),
]


@pytest.mark.parametrize(("change", "expected"), FOUND, ids=[change.__name__.strip("_") for change, _found in FOUND])
def test_a_contradiction_is_found(written: Written, change: Callable[[Written], None], expected: list[str]) -> None:
    change(written)

    findings = written.findings
    assert len([line for line in findings if line.startswith(tuple(expected))]) >= len(expected), findings


@pytest.mark.parametrize("table", ["risk_states", "mismatches", "cursors", "decisions"])
def test_what_is_gone_as_a_whole_is_not_missed(written: Written, table: str) -> None:
    journal = JournalFile(written.path, threads=False)
    journal.open(Clock())
    journal.write([RiskStateChanged(state="halted"), OperatorDecision(operator="me", what="kill", reason="seen")])
    journal.write([ReconcileMismatch(venue="binance", symbol="ETH/USDT", reason="it differs")])
    journal.write([Cursor(venue="binance", time_ns=9)])
    journal.close()
    written.run(f"DELETE FROM {table}")
    written.run("DELETE FROM intents WHERE entry = ?", written.intents[2].entry)

    assert written.findings == []


def test_with_what_was_let_go_positions_are_still_checked(tmp_path: Path) -> None:
    written = Written(tmp_path / "bot.journal")
    for table, column in (("fills", "intent"), ("reports", "intent"), ("states", "intent"), ("intents", "entry")):
        written.run(f"DELETE FROM {table} WHERE {column} = ?", written.intents[0].entry)
    assert len(written.findings) == 1
    written.put(OpeningRow("bidder", "binance", "BTC/USDT", Decimal("0.0000000499")))
    assert written.findings == []
    written.put(OpeningRow("bidder", "binance", "BTC/USDT", Decimal("0.0000000498")))

    assert written.findings == [
        "position of bidder in BTC/USDT at binance: it is 0.0000000499, and its fills make it 0.0000000498"
    ]


def test_a_journal_of_which_orders_were_let_go_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "bot.journal"
    journal = JournalFile(path, keep=1_000, threads=False)
    journal.open(Clock())
    for number in range(1_100):
        action = order(f"o{number}")
        journal.record([action])
        for news in life(action, after=number):
            journal.write(news)
    journal.close()

    assert list(commands.verify(path)) == []


@simulated
async def test_what_a_human_has_decided_is_sound(tmp_path: Path) -> None:
    alice = Operator(tmp_path)
    path = tmp_path / "bot.journal"
    gateway = ScriptedGateway()
    async with Bot(gateway, journal=JournalFile(path, threads=False)) as bot:
        filled = await bot.open()
        gateway.ledger.fill(filled, "5")
        gateway.then("place", silence())
        gateway.hides_orders = True
        unknown = bot.place()
        await until(lambda: bot.status(unknown) == "unknown")
        assert (await alice.decide(unknown, "cancelled", "2"))[0]
        moved = SetPosition(
            operator="alice", why="counted", strategy="trader", venue="venue", symbol=SYMBOL, quantity=Decimal(7)
        )
        assert (await alice.tell(moved))[0]

    assert list(commands.verify(path)) == []


def test_a_journal_that_is_written_to_meanwhile_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "bot.journal"
    journal = JournalFile(path, threads=False)
    journal.open(Clock())
    for number in range(5):
        journal.record([order(f"o{number}")])
        assert list(commands.verify(path)) == []
    journal.close()


# What bots write


async def troubled_life(seed: int, path: Path) -> None:
    """A bot with a random venue, which is started twice; in the end all is well again."""
    fate = Fate(seed)
    for _ in range(2):
        journal = JournalFile(path, threads=False)
        async with Bot(fate.gateway, names=("trader", "other"), journal=journal, on_stop="leave") as bot:
            await trouble(fate, bot, batches=20)
        fate.gateway.heal()
    async with Bot(fate.gateway, names=("trader", "other"), journal=JournalFile(path, threads=False)) as bot:
        await asyncio.sleep(60)
        await until(lambda: all(order.status == "open" for order in bot.blotter.live.values()), within_s=300)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=15)
def test_what_bots_write_is_sound(seed: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "bot.journal")
        simulate(troubled_life(seed, path), seed=seed)

        assert list(commands.verify(path)) == []
