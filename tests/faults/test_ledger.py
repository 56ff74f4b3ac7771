"""The ledger is read as it grows."""

import json
from decimal import Decimal
from pathlib import Path

from faults.ledger import Ledger
from tests.faults.scene import Line, accept, start


def test_a_line_that_is_being_written_is_left_for_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    whole = "".join(f"{json.dumps(line)}\n" for line in [*start(), accept(1, "a")])
    path.write_text(whole[:-20])
    ledger = Ledger(path).read()
    before = len(ledger.audit.orders)
    path.write_text(whole)

    ledger.read()

    assert (before, [order.client_order_id for order in ledger.audit.orders.values()]) == (0, ["a"])
    assert ledger.audit.lines.total() == 4


def test_what_accounts_began_with_and_what_they_asked_for_is_known(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    asked: list[Line] = [
        {"kind": "request", "received_us": 1, "interface": "rest", "method": method, "account": account, "params": {}}
        for method, account in (("order.place", "alice"), ("order.cancel", "alice"), ("order.place", "bob"))
    ]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in [*start(), *asked]))

    ledger = Ledger(path).read()

    assert ledger.deposits["alice"] == {"BTC": Decimal(10), "USDT": Decimal(1000)}
    assert len(ledger.requests("alice")) == 2
    assert len(ledger.requests("alice", "order.place")) == 1
