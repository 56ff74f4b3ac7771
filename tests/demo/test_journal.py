from collections.abc import Generator
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

import bowstring as bs
from bowstring.core.clock import Clock
from bowstring.demo.journal import Journal, read_journal
from bowstring.testing import position
from bowstring.testing.builders import fill, order_update
from bowstring.trading.journal.file import JournalFile

SYMBOL = "ETH/USDT"
OPEN = order_update(SYMBOL, "open", price=100, side="sell", client_order_id="open", strategy="Maker")
FILL = fill(
    SYMBOL,
    price="100.5",
    quantity="0.2",
    side="sell",
    client_order_id="open",
    trade_id="7",
    fee="0.0201",
    strategy="Maker",
)
LATE = replace(FILL, trade_id="8", recovered=True)


def intent(client_order_id: str) -> bs.PlaceOrder:
    return bs.PlaceOrder(
        strategy="Maker",
        venue="binance",
        symbol=SYMBOL,
        client_order_id=client_order_id,
        side="sell",
        quantity=Decimal(1),
        price=Decimal(100),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.journal"


@pytest.fixture
def written(path: Path) -> Generator[JournalFile]:
    """A journal that is open."""
    journal = JournalFile(path)
    journal.open(Clock())
    journal.record([intent("open"), intent("unknown"), intent("filled"), intent("pending")])
    journal.write([OPEN, order_update(SYMBOL, "unknown", price=100, side="sell", client_order_id="unknown")])
    journal.write([order_update(SYMBOL, "filled", price=100, side="sell", filled=1, client_order_id="filled")])
    journal.write([replace(OPEN, filled=Decimal("0.2"), venue_order_id="9"), FILL])
    journal.write([LATE, position(SYMBOL, "-0.2", strategy="Maker")])
    yield journal
    journal.close()


def test_there_is_nothing_in_a_journal_that_is_not_there_yet(path: Path) -> None:
    assert read_journal(path) == Journal()
    assert not path.exists()


def test_it_is_read_while_it_is_open(path: Path, written: JournalFile) -> None:
    journal = read_journal(path)

    assert [(order.client_order_id, order.status, order.filled) for order in journal.orders] == [
        ("open", "open", Decimal("0.2")),
        ("unknown", "unknown", Decimal(0)),
        ("filled", "filled", Decimal(1)),
        ("pending", "pending", Decimal(0)),
    ]
    assert journal.fills == [FILL, LATE]
    assert journal.positions == [position(SYMBOL, "-0.2", strategy="Maker")]
    written.write([order_update(SYMBOL, "failed", price=100, side="sell", client_order_id="pending")])
    assert read_journal(path).orders[-1].status == "failed"


def test_live_are_those_that_may_fill_and_unanswered_those_of_them_without_an_outcome(
    path: Path, written: JournalFile
) -> None:
    journal = read_journal(path)

    assert [order.client_order_id for order in journal.live] == ["open", "unknown", "pending"]
    assert journal.unanswered == ["unknown", "pending"]


def test_sales_bring_their_price_less_the_fee(path: Path, written: JournalFile) -> None:
    record = read_journal(path).record()

    assert record.changes == {"ETH": Decimal("-0.4"), "USDT": Decimal("40.2") - Decimal("0.0402")}
    assert record.fees == {"USDT": Decimal("0.0402")}
