"""What a journal's file says, read by code that did not write it."""

from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from bowstring.core.clock import Clock
from bowstring.trading import orders
from bowstring.trading.journal.file import JournalFile
from bowstring.trading.messages import FINAL, OrderStatus, OrderUpdate, PlaceOrder
from faults.record import ENDS, RANK, Kept, epochs, read
from tests.faults.scene import kept, order


def placed(name: str, price: str) -> PlaceOrder:
    return PlaceOrder(
        strategy="S",
        venue="binance",
        symbol="BTC/USDT",
        client_order_id=name,
        side="buy",
        quantity=Decimal(2),
        price=Decimal(price),
    )


def told(name: str, status: OrderStatus, *, filled: str = "0") -> OrderUpdate:
    return order(name, status, price="100", filled=filled).update()


def test_reads_what_was_written_while_the_file_is_open(tmp_path: Path) -> None:
    journal = JournalFile(tmp_path / "journal")
    journal.open(Clock())
    journal.record([placed("a-1", "100"), placed("a-2", "50"), placed("a-3", "50")])
    first, second, third = kept().orders
    journal.write([*kept().fills, *kept().positions, first.update()])
    journal.write([second.update(), third.update()])

    assert read(tmp_path / "journal") == replace(kept(), setbacks=[])


def test_an_intent_of_which_nothing_was_told_is_pending(tmp_path: Path) -> None:
    journal = JournalFile(tmp_path / "journal")
    journal.open(Clock())
    journal.record([placed("a-1", "100")])

    assert [(one.client_order_id, one.status) for one in read(tmp_path / "journal").orders] == [("a-1", "pending")]


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert read(tmp_path / "journal") == Kept()


def test_reports_that_go_back_are_seen(tmp_path: Path) -> None:
    journal = JournalFile(tmp_path / "journal")
    journal.open(Clock())
    journal.record([placed(name, "100") for name in ("a", "b", "c")])
    journal.write([told("a", "open", filled="1"), told("a", "open", filled="0.5")])
    journal.write([told("b", "cancelled"), told("b", "open")])
    journal.write(
        [told("c", "open"), told("c", "filled", filled="2"), replace(told("c", "filled", filled="2"), time_ns=1)]
    )

    assert [setback.split()[0] for setback in read(tmp_path / "journal").setbacks] == ["a", "b"]


def test_epochs_are_counted_from_the_first_process_that_begins(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    counts = [epochs(path)]
    for _ in range(2):
        journal = JournalFile(path)
        journal.open(Clock())
        counts.append(epochs(path))
        journal.close()

    assert counts == [0, 1, 2]


def test_what_statuses_are_worth_is_the_same_here_and_in_the_product() -> None:
    assert (dict(RANK), ENDS) == (orders.RANK, FINAL)
