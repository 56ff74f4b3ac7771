"""An audit that finds nothing proves nothing, unless it finds what is wrong: here each kind of wrong is put in."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bowstring.local_exchange.audit import Audit, replay
from bowstring.local_exchange.bookkeeper import Bookkeeper
from bowstring.local_exchange.clerk import Request
from bowstring.local_exchange.ledger import LedgerFile
from bowstring.local_exchange.matching.rules import UNIT
from tests.local_exchange.books import AuditedLedger
from tests.local_exchange.matching.desk import START_US, Desk

Line = dict[str, Any]


def busy_day(desk: Desk, file: LedgerFile) -> None:
    """Every kind of line at least once."""
    keeper = Bookkeeper(file, desk.exchange, time_us=START_US)
    keeper.request(Request(received_us=1, interface="rest", method="POST /api/v3/order", account="a", params={}))
    desk.trade(100)
    desk.sell(desk.a, 3, 101)
    desk.buy(desk.b, 2, 101)
    desk.buy(desk.b, 2, 105, kind="STOP_LOSS_LIMIT", stop=103)
    desk.buy(desk.a, 1, 101, stp="DECREMENT")
    desk.cancel(desk.buy(desk.a, 1, 90))
    desk.buy(desk.a, 1, 90, tif="IOC")
    desk.trade(103)
    keeper.happened(desk.exchange.take())
    keeper.close(time_us=START_US)


@pytest.fixture
def lines() -> list[Line]:
    ledger = AuditedLedger()
    busy_day(Desk(maker_fee=UNIT // 1000, taker_fee=UNIT // 700), ledger)
    return [*ledger.lines]


def findings(lines: list[Line]) -> list[str]:
    return [finding.partition(": ")[2] for finding in Audit().follow(lines).findings]


def first(lines: list[Line], kind: str, **wanted: object) -> Line:
    return next(line for line in lines if line["kind"] == kind and wanted.items() <= line.items())


def test_a_true_ledger_has_no_findings_and_gives_orders_and_balances(tmp_path: Path) -> None:
    desk = Desk(maker_fee=UNIT // 1000, taker_fee=UNIT // 700)
    busy_day(desk, LedgerFile(tmp_path / "ledger"))

    audit = replay(tmp_path / "ledger")

    assert audit.findings == []
    assert set(audit.lines) == {
        "start", "account", "request", "accept", "trigger", "fill", "prevent", "cancel", "expire", "balances", "close",
    }  # fmt: skip
    for account in desk.exchange.accounts.values():
        held = {asset: Decimal(one.free + one.locked) / UNIT for asset, one in account.balances.items()}
        assert {asset: amount for asset, amount in audit.accounts[account.name].held.items() if amount} == {
            asset: amount for asset, amount in held.items() if amount
        }
        for order in account.orders("BTCUSDT"):
            told = audit.orders[order.id]
            assert told.status == order.status
            assert (told.executed, told.left) == (Decimal(order.executed) / UNIT, Decimal(order.left) / UNIT)


def test_an_audit_may_forget_what_has_ended(tmp_path: Path) -> None:
    busy_day(Desk(), LedgerFile(tmp_path / "ledger"))

    audit = replay(tmp_path / "ledger", forgets=True)

    assert audit.findings == []
    assert all(order.is_open for order in audit.orders.values())


def change(kind: str, **values: object) -> Callable[[list[Line]], None]:
    return lambda lines: first(lines, kind).update(values)


def change_fill(side: str, **values: object) -> Callable[[list[Line]], None]:
    return lambda lines: first(lines, "fill", trade=2)[side].update(values)


def drop(kind: str) -> Callable[[list[Line]], None]:
    return lambda lines: lines.remove(first(lines, kind))


def repeat(kind: str) -> Callable[[list[Line]], None]:
    return lambda lines: lines.insert(lines.index(first(lines, kind)), first(lines, kind))


def earn(lines: list[Line]) -> None:
    first(lines, "close")["fees"]["BTC"] = "1.00000000"


def pocket(lines: list[Line]) -> None:
    first(lines, "close")["balances"]["a"]["BTC"] = "1.00000000"


def forget(lines: list[Line]) -> None:
    del first(lines, "close")["balances"]["a"]


def unlock(lines: list[Line]) -> None:
    first(lines, "balances")["balances"]["USDT"] = ["1.00000000", "-1.00000000"]


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (repeat("accept"), "order 1 is accepted after order 1"),
        (repeat("account"), "a is opened again"),
        (repeat("fill"), "trade 1 of BTCUSDT comes after 1"),
        (repeat("cancel"), "cancel of order 7, which is not open"),
        (repeat("expire"), "expire of order 8, which is not open"),
        (repeat("prevent"), "prevent of order 3, which is not open"),
        (drop("fill"), "should have"),
        (drop("cancel"), "should have"),
        (drop("prevent"), "should have"),
        (drop("accept"), "trade 1 of order 1, which is not open"),
        (change("fill", quantity="1.00000001"), "1.00000001 at 100.00000000 is not 100.00000000"),
        (change("fill", price="99.00000000"), "order 1 trades at 99.00000000, beyond 100.00000000"),
        (change("fill", quantity="2.00000000", quote="200.00000000"), "order 1 has traded 1.00000000 too much"),
        (change("request", account="nobody"), "a request of 'nobody', who has no account"),
        (change("trigger", order=99), "trigger of order 99, which is not open"),
        (change_fill("buyer", account="a"), "is not what order 4 wants"),
        (change_fill("buyer", fee="0.00100000"), "should have"),
        (change_fill("buyer", fee_asset="USDT"), "pays 0.00285714 USDT for 2.00000000 BTC"),
        (change_fill("seller", fee="-0.10000000"), "pays -0.10000000 USDT for 202.00000000 USDT"),
        (change_fill("buyer", is_maker=True), "trade 2 has not one maker and one taker"),
        (unlock, "maker has 1.00000000 and -1.00000000 USDT"),
        (earn, "the exchange has earned"),
        (pocket, "a ends with"),
        (forget, "a ends with None"),
    ],
)
def test_what_is_wrong_is_found(lines: list[Line], wrong: Callable[[list[Line]], None], found: str) -> None:
    wrong(lines)
    lines = [json.loads(json.dumps(line)) for line in lines]

    assert any(found in finding for finding in findings(lines)), findings(lines)


def test_who_sells_what_he_has_not_is_found(lines: list[Line]) -> None:
    first(lines, "account", account="b")["deposits"]["USDT"] = "100.00000000"

    assert any("b has -102.00000000 USDT" in finding for finding in findings(lines))
