"""A comparison that always agrees proves nothing: here a true ledger, and a true journal, are doctored in turn."""

from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bowstring.demo.comparison import Comparison, compare, plain
from bowstring.demo.journal import Journal
from bowstring.demo.ledger import of_ledger
from bowstring.local_exchange.audit import Audit
from bowstring.testing.builders import fill, order_update, position

Line = dict[str, Any]


def accepted(number: int, name: str, side: str, quantity: str, price: str) -> Line:
    about = {"order": number, "account": "alice", "client_order_id": name, "symbol": "BTCUSDT"}
    return {"kind": "accept", "time_us": 1, "side": side, "type": "LIMIT", "quantity": quantity, "price": price} | about


LEDGER: list[Line] = [
    {"kind": "start", "symbols": {"BTCUSDT": ["BTC", "USDT"]}},
    {"kind": "account", "account": "alice", "is_participant": False, "deposits": {"USDT": "1000", "BTC": "5"}},
    {"kind": "account", "account": "crowd", "is_participant": True, "deposits": {"BTC": "9"}},
    accepted(1, "x-1", "BUY", "2.00000000", "100.00000000"),
    {
        "kind": "fill", "symbol": "BTCUSDT", "trade": 7, "price": "100.00000000", "quantity": "1.50000000",
        "quote": "150.00000000",
        "buyer": {"account": "alice", "order": 1, "fee": "0.00150000", "fee_asset": "BTC", "is_maker": True},
        "seller": {"account": "crowd", "order": 2, "fee": "0.10000000", "fee_asset": "USDT", "is_maker": False},
    },
    {"kind": "cancel", "order": 1, "client_order_id": "c"},
    accepted(3, "x-2", "SELL", "1.00000000", "105.00000000"),
    {"kind": "balances", "account": "alice", "balances": {"BTC": ["5.49850000", "1.00000000"]}},
]  # fmt: skip


FILL = fill(
    "BTC/USDT", price=100, quantity="1.5", client_order_id="x-1", trade_id="7", fee="0.0015", fee_currency="BTC"
)


@pytest.fixture
def journal() -> Journal:
    return Journal(
        orders=[
            order_update("BTC/USDT", "cancelled", price=100, quantity=2, filled="1.5", client_order_id="x-1"),
            order_update("BTC/USDT", "open", price=105, side="sell", client_order_id="x-2"),
            order_update("BTC/USDT", "rejected", price=104, side="sell", client_order_id="x-3"),
        ],
        fills=[FILL],
        positions=[position("BTC/USDT", "1.4985")],
    )


def compared(journal: Journal, ledger: list[Line]) -> Comparison:
    audit = Audit().follow(ledger)
    return compare(of_ledger(audit, "alice"), journal.record(), contradictions=audit.findings)


def test_what_is_true_agrees_to_the_last_digit(journal: Journal) -> None:
    comparison = compared(journal, LEDGER)

    assert comparison.differences == []
    assert [(row.what, row.ledger, row.journal) for row in comparison.rows] == [
        ("orders: status, filled quantity", "2", "2"),
        ("orders still open", "1", "1"),
        ("fills: price, quantity, fee", "1", "1"),
        ("fees in BTC", "0.0015", "0.0015"),
        ("position in BTC/USDT", "1.4985", "1.4985"),
        ("change of the balance in BTC", "1.4985", "1.4985"),
        ("change of the balance in USDT", "-150", "-150"),
    ]


def a_stranger(ledger: list[Line]) -> None:
    ledger.insert(-1, accepted(4, "x-99", "BUY", "1", "1"))


def a_second_acceptance(ledger: list[Line]) -> None:
    ledger.insert(-1, accepted(4, "x-2", "BUY", "1", "1"))


def a_rejected_order_accepted(ledger: list[Line]) -> None:
    ledger.insert(-1, accepted(4, "x-3", "SELL", "1", "104"))


def no_order(ledger: list[Line]) -> None:
    del ledger[6:]


def no_cancel(ledger: list[Line]) -> None:
    del ledger[5]


def no_fill(ledger: list[Line]) -> None:
    del ledger[4]


def other_fee(ledger: list[Line]) -> None:
    ledger[4]["buyer"]["fee"] = "0.00150001"


def other_price(ledger: list[Line]) -> None:
    ledger[4] |= {"price": "99.99999999", "quote": "149.9999999850000000"}


def other_trade(ledger: list[Line]) -> None:
    ledger[4]["trade"] = 8


def taker(ledger: list[Line]) -> None:
    ledger[4]["buyer"]["is_maker"], ledger[4]["seller"]["is_maker"] = False, True


def other_limit(ledger: list[Line]) -> None:
    ledger[3]["price"] = "101.00000000"


def invented_balance(ledger: list[Line]) -> None:
    ledger[-1]["balances"]["BTC"] = ["5.49850001", "1.00000000"]


@pytest.mark.parametrize(
    ("doctor", "finding"),
    [
        (a_stranger, "order x-99: unknown to the journal; the ledger has BTC/USDT buy 1 1 open 0"),
        (a_second_acceptance, "order x-2, accepted again as order 4: unknown to the journal; the ledger has "),
        (a_rejected_order_accepted, "order x-3: status open, not rejected"),
        (no_order, "order x-2: not in the ledger; the journal has BTC/USDT sell 1 105 open 0"),
        (no_cancel, "order x-1: status open, not cancelled"),
        (no_fill, "fill of BTC/USDT trade 7: not in the ledger; the journal has x-1 buy 100 1.5 0.0015 BTC maker"),
        (other_fee, "fill of BTC/USDT trade 7: fee 0.00150001, not 0.0015"),
        (other_price, "fill of BTC/USDT trade 7: price 99.99999999, not 100"),
        (other_trade, "fill of BTC/USDT trade 8: unknown to the journal; the ledger has "),
        (taker, "fill of BTC/USDT trade 7: liquidity taker, not maker"),
        (other_limit, "order x-1: price 101, not 100"),
        (other_fee, "change of the balance in BTC: 1.49849999 by the ledger, 1.4985 by the journal"),
        (other_price, "change of the balance in USDT: -149.999999985 by the ledger, -150 by the journal"),
        (invented_balance, "the ledger contradicts itself: line 8: alice has "),
    ],
)
def test_whatever_is_different_in_the_ledger_is_found(
    journal: Journal, doctor: Callable[[list[Line]], None], finding: str
) -> None:
    ledger = deepcopy(LEDGER)
    doctor(ledger)

    comparison = compared(journal, ledger)

    assert any(difference.startswith(finding) for difference in comparison.differences), comparison.differences
    assert "DO NOT AGREE" in "\n".join(comparison.lines())


def test_a_journal_that_is_not_sound_agrees_with_nothing(journal: Journal) -> None:
    same = journal.record()

    assert compare(same, same, contradictions=[], findings=["x"]).differences == ["the journal is not sound: x"]


def test_a_deposit_is_no_change(journal: Journal) -> None:
    ledger = deepcopy(LEDGER)
    ledger[1]["deposits"]["USDT"] = "5000"

    assert compared(journal, ledger).differences == []


def a_lost_fill(journal: Journal) -> None:
    journal.fills.clear()


def an_invented_fill(journal: Journal) -> None:
    journal.fills.append(replace(FILL, trade_id="8"))


def another_position(journal: Journal) -> None:
    journal.positions.append(position("BTC/USDT", "1", strategy="another"))


def an_order_in_doubt(journal: Journal) -> None:
    journal.orders[1] = replace(journal.orders[1], status="unknown")


def an_order_without_an_answer(journal: Journal) -> None:
    journal.orders[1] = replace(journal.orders[1], status="pending")


def an_order_that_filled_nowhere(journal: Journal) -> None:
    journal.orders.append(order_update("BTC/USDT", "expired", price=1, filled="0.1", client_order_id="x-4"))


def an_order_that_was_nowhere(journal: Journal) -> None:
    journal.orders.append(order_update("BTC/USDT", "pending", price=1, client_order_id="x-4"))


@pytest.mark.parametrize(
    ("doctor", "finding"),
    [
        (a_lost_fill, "fill of BTC/USDT trade 7: unknown to the journal; the ledger has x-1 buy 100 1.5 0.0015 BTC"),
        (a_lost_fill, "fees in BTC: 0.0015 by the ledger, 0 by the journal"),
        (an_invented_fill, "fill of BTC/USDT trade 8: not in the ledger; the journal has x-1 buy 100 1.5 0.0015 BTC"),
        (an_invented_fill, "change of the balance in USDT: -150 by the ledger, -300 by the journal"),
        (another_position, "position in BTC/USDT: 1.4985 by the ledger, 2.4985 by the journal"),
        (an_order_in_doubt, "order x-2: status open, not unknown"),
        (an_order_without_an_answer, "order x-2: status open, not pending"),
        (an_order_that_filled_nowhere, "order x-4: not in the ledger"),
        (an_order_that_was_nowhere, "orders still open: 1 by the ledger, 2 by the journal"),
    ],
)
def test_whatever_is_different_in_the_journal_is_found(
    journal: Journal, doctor: Callable[[Journal], None], finding: str
) -> None:
    doctor(journal)

    differences = compared(journal, LEDGER).differences

    assert any(difference.startswith(finding) for difference in differences), differences


def test_of_many_differences_the_first_are_shown(journal: Journal) -> None:
    strangers = [accepted(number, f"y-{number}", "BUY", "1", "1") for number in range(10, 40)]

    lines = [*compared(journal, [*LEDGER, *strangers]).lines()]

    assert lines[-2].startswith("    order y-29: unknown to the journal")
    assert lines[-1] == "    and 11 more"  # the number of open orders, too


def test_amounts_are_plain() -> None:
    assert [plain(Decimal(text)) for text in ("1E-8", "100", "1.500", "0E-8", "-0.10")] == [
        "0.00000001",
        "100",
        "1.5",
        "0",
        "-0.1",
    ]
