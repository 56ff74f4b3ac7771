"""What the scribe keeps, and what it lets go."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bowstring.core.clock import Clock
from bowstring.trading.journal import scribe
from bowstring.trading.journal.file import JournalFile
from bowstring.trading.messages import OperatorDecision, RiskStateChanged
from tests.trading.journal.orders import SYMBOL, VENUE, life, order, position, rows, told

KEEP = 1_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.journal"


@pytest.fixture
def journal(path: Path) -> Iterator[JournalFile]:
    opened = JournalFile(path, keep=KEEP, threads=False)
    opened.open(Clock())
    yield opened
    opened.close()


def trade(journal: JournalFile, count: int, *, first: int = 0) -> None:
    """Have so many orders filled."""
    for number in range(first, first + count):
        action = order(f"o{number}")
        journal.record([action])
        for news in life(action):
            journal.write(news)


def count(path: Path, table: str) -> int:
    ((number,),) = rows(path, f"SELECT count(*) FROM {table}")
    return int(str(number))


def test_of_orders_that_have_ended_the_latest_are_kept_with_all_that_was_told_of_them(
    journal: JournalFile, path: Path
) -> None:
    trade(journal, KEEP + 50)

    finished = journal.recall(VENUE).finished
    assert [one.client_order_id for one in finished] == [f"o{number}" for number in range(50, KEEP + 50)]
    assert [count(path, table) for table in ("intents", "states", "reports", "fills")] == [KEEP, KEEP, 2 * KEEP, KEEP]


def test_live_orders_and_positions_are_kept_for_ever(journal: JournalFile) -> None:
    journal.record([order("old"), order("unheard-of")])
    journal.write([told(order("old"), "open"), position("7", strategy="old")])
    trade(journal, KEEP + 50)

    remembered = journal.recall(VENUE)
    assert [one.client_order_id for one in remembered.live] == ["old", "unheard-of"]
    assert {held.strategy for held in remembered.positions} == {"old", "bidder"}


def openings(path: Path) -> list[tuple[object, ...]]:
    return rows(path, "SELECT strategy, venue, symbol, quantity FROM openings")


def test_what_fills_that_are_let_go_have_done_to_a_position_is_kept(journal: JournalFile, path: Path) -> None:
    trade(journal, KEEP)
    assert openings(path) == []
    trade(journal, 2, first=KEEP)

    assert openings(path) == [("bidder", VENUE, SYMBOL, "0.0000000998")]  # of 5 each, a fee of 0.01


def test_by_how_much_a_human_moves_a_position_is_kept(journal: JournalFile, path: Path) -> None:
    trade(journal, 1)
    decision = OperatorDecision(operator="me", what="set position", reason="counted")
    journal.write([decision, position("0.00000006")])
    journal.write([decision, position("0.00000001"), position("3", strategy="other")])
    journal.write([position("0.00000001")])  # as a start tells it again

    assert openings(path) == [
        ("bidder", VENUE, SYMBOL, "-0.0000000399"),
        ("other", VENUE, SYMBOL, "3"),
    ]


def test_a_file_that_holds_more_than_is_kept_comes_down_to_it_bit_by_bit(path: Path) -> None:
    larger = JournalFile(path, keep=2 * KEEP, threads=False)
    larger.open(Clock())
    trade(larger, 2 * KEEP)
    larger.close()
    smaller = JournalFile(path, keep=KEEP, threads=False)
    smaller.open(Clock())
    trade(smaller, 1, first=2 * KEEP)
    assert count(path, "intents") == 2 * KEEP + 1 - scribe.PRUNED_AT_ONCE
    trade(smaller, 400, first=2 * KEEP + 1)

    assert count(path, "intents") == KEEP
    smaller.close()


def test_the_file_does_not_grow_with_what_is_let_go(journal: JournalFile, path: Path) -> None:
    trade(journal, KEEP + 200)
    before = path.stat().st_size
    trade(journal, 3 * KEEP, first=KEEP + 200)

    assert path.stat().st_size < 1.05 * before


def test_histories_of_risk_and_decisions_are_bounded(
    journal: JournalFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scribe, "EVENTS_KEPT", 3)
    for number in range(6):
        journal.write([RiskStateChanged(state="reducing", reason=str(number))])
        journal.write([OperatorDecision(operator="me", what="resume", reason=str(number))])

    assert (count(path, "risk_states"), count(path, "decisions")) == (3, 3)
    assert journal.risk.reason == "5"


def test_epochs_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bowstring.trading.journal.file.EVENTS_KEPT", 3)
    journal = JournalFile(path, threads=False)
    for _ in range(6):
        journal.open(Clock())
        journal.close()

    assert count(path, "epochs") == 3


def test_what_is_recorded_after_a_restart_comes_after_all_that_was_before(journal: JournalFile, path: Path) -> None:
    trade(journal, 2)
    journal.write([RiskStateChanged(state="reducing")])
    journal.close()
    journal.open(Clock())
    trade(journal, 1, first=2)

    entries = rows(
        path,
        "SELECT entry FROM intents UNION ALL SELECT entry FROM reports UNION ALL SELECT entry FROM fills "
        "UNION ALL SELECT entry FROM risk_states",
    )
    assert len(set(entries)) == len(entries) == 3 * 4 + 1
