"""An oracle that finds nothing proves nothing, unless it finds what is wrong: here each kind of wrong is put in."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from bowstring.trading.orders import Order
from faults.oracle import judge
from faults.record import Kept
from tests.faults.scene import Line, accept, kept, ledger, lines, order


def rules(folder: Path, told: Sequence[Line], record: Kept, *, foreign: Sequence[str] = ()) -> list[str]:
    return [finding.rule for finding in judge(ledger(folder, [*told]), "alice", record, foreign=foreign).findings]


def with_orders(*orders: Order) -> Kept:
    by_name = {one.client_order_id: one for one in (*kept().orders, *orders)}
    return replace(kept(), orders=[*by_name.values()])


def test_finds_nothing_where_ledger_and_journal_agree(tmp_path: Path) -> None:
    judgement = judge(ledger(tmp_path, lines()), "alice", kept())

    assert [*judgement.findings] == []
    assert (judgement.intents, judgement.orders, judgement.fills) == (3, 2, 1)


def test_finds_an_intent_that_was_accepted_twice(tmp_path: Path) -> None:
    assert "I1" in rules(tmp_path, [*lines(), accept(4, "a-2", price="50")], kept())


def test_finds_an_order_that_the_journal_does_not_know(tmp_path: Path) -> None:
    assert "I2" in rules(tmp_path, [*lines(), accept(4, "a-4", price="50")], kept())


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(order("a-2", "failed", price="50"), id="failed, and it is open"),
        pytest.param(order("a-2", "open", price="51"), id="another price"),
        pytest.param(order("a-2", "open", price="50", filled="1"), id="another filled quantity"),
        pytest.param(order("a-1", "cancelled", price="100", filled="2"), id="another end"),
        pytest.param(order("a-3", "open", price="50"), id="open, and it is not there"),
        pytest.param(order("a-3", "filled", price="50", filled="2"), id="filled, and it is not there"),
    ],
)
def test_finds_an_order_that_is_not_what_the_journal_says(told: Order, tmp_path: Path) -> None:
    assert "I3" in rules(tmp_path, lines(), with_orders(told))


def test_finds_what_is_still_undecided(tmp_path: Path) -> None:
    assert "I5" in rules(tmp_path, lines(), with_orders(order("a-2", "unknown", price="50")))
    assert "I5" in rules(tmp_path, lines(), with_orders(order("a-3", "pending", price="50")))


def test_finds_an_intent_that_is_in_the_journal_twice(tmp_path: Path) -> None:
    twice = replace(kept(), orders=[*kept().orders, kept().orders[2]])

    assert "I5" in rules(tmp_path, lines(), twice)


def test_finds_reports_that_went_back(tmp_path: Path) -> None:
    assert rules(tmp_path, lines(), replace(kept(), setbacks=["a-1 was filled, and then open"])) == ["I5"]


def test_finds_a_fill_that_is_missing_doubled_or_different(tmp_path: Path) -> None:
    fill = kept().fills[0]

    for fills in ([], [fill, fill], [replace(fill, fee=Decimal("0.0020000001"))], [replace(fill, trade_id="8")]):
        assert "I4" in rules(tmp_path, lines(), replace(kept(), fills=fills))


def test_finds_a_position_that_is_not_the_sum_of_the_fills(tmp_path: Path) -> None:
    position = kept().positions[0]

    assert rules(tmp_path, lines(), replace(kept(), positions=[])) == ["I4"]
    assert rules(tmp_path, lines(), replace(kept(), positions=[replace(position, quantity=Decimal(2))])) == ["I4"]


def test_finds_money_that_the_journal_cannot_explain(tmp_path: Path) -> None:
    other_price = replace(kept().fills[0], price=Decimal("99.99"))

    assert rules(tmp_path, lines(), replace(kept(), fills=[other_price])).count("I4") == 3  # two fills, and USDT


def test_orders_of_others_are_no_concern_of_the_journal_unless_they_were_touched(tmp_path: Path) -> None:
    theirs = [*lines(), accept(4, "foreign", price="10")]
    cancelled = [*theirs, {"kind": "cancel", "time_us": 5, "order": 4, "client_order_id": "c"}]

    assert rules(tmp_path, theirs, kept(), foreign=["foreign"]) == []
    assert rules(tmp_path, cancelled, kept(), foreign=["foreign"]) == ["foreign"]


def test_finds_a_ledger_that_contradicts_itself(tmp_path: Path) -> None:
    assert "ledger" in rules(tmp_path, [*lines(), accept(2, "x", account="bob")], kept())
