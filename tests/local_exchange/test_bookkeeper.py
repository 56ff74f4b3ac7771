"""What the exchange does, as lines of its ledger."""

from decimal import Decimal
from typing import Any

import pytest

from bowstring.local_exchange.bookkeeper import Bookkeeper
from bowstring.local_exchange.clerk import Request
from bowstring.local_exchange.matching.rules import UNIT
from tests.local_exchange.books import AuditedLedger
from tests.local_exchange.matching.desk import START_US, Desk, units


class Kept(Desk):
    """A desk whose ledger is kept; ``lines`` are those that one act adds."""

    def __init__(self, *, participants: bool = False) -> None:
        super().__init__(maker_fee=UNIT // 1000, taker_fee=UNIT // 500)
        self.ledger = AuditedLedger()
        self.keeper = Bookkeeper(self.ledger, self.exchange, time_us=START_US, participants=participants)

    def lines(self) -> list[dict[str, Any]]:
        self.ledger.lines.clear()
        self.keeper.happened(self.exchange.take())
        assert self.ledger.audit.findings == []
        return self.ledger.lines


def kinds(lines: list[dict[str, Any]]) -> list[str]:
    return [line["kind"] for line in lines]


def test_a_ledger_begins_with_the_symbols_and_what_everybody_has() -> None:
    start, a, b = Kept().ledger.lines

    assert start == {"kind": "start", "time_us": START_US, "version": 1, "symbols": {"BTCUSDT": ["BTC", "USDT"]}}
    assert (
        a["deposits"] == b["deposits"] == {"BTC": "1000.00000000", "ETH": "1000.00000000", "USDT": "1000000.00000000"}
    )
    assert (a["account"], a["uid"], a["taker_fee"]) == ("a", 1, "0.00200000")


def test_a_request_is_written_down_without_what_would_let_others_make_it() -> None:
    desk = Kept()

    desk.keeper.request(
        Request(
            received_us=7,
            interface="rest",
            method="POST /api/v3/order",
            account="a",
            params={"symbol": "BTCUSDT", "signature": "s", "apiKey": "k", "timestamp": "1"},
        )
    )

    assert desk.ledger.lines[-1] == {
        "kind": "request",
        "received_us": 7,
        "interface": "rest",
        "method": "POST /api/v3/order",
        "account": "a",
        "params": {"symbol": "BTCUSDT", "timestamp": "1"},
    }


def test_an_order_that_rests_is_accepted_and_locks() -> None:
    desk = Kept()
    order = desk.buy(desk.a, 2, 100, client_id="mine", stp="DECREMENT")

    accept, balances = desk.lines()

    assert accept == {
        "kind": "accept",
        "time_us": START_US,
        "order": order.id,
        "account": "a",
        "client_order_id": "mine",
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "time_in_force": "GTC",
        "quantity": "2.00000000",
        "price": "100.00000000",
        "stop_price": "0.00000000",
        "prevention": "DECREMENT",
    }
    assert (balances["account"], balances["balances"]) == ("a", {"USDT": ["999800.00000000", "200.00000000"]})


def test_a_fill_has_both_sides_and_their_fees() -> None:
    desk = Kept()
    maker = desk.sell(desk.a, 2, 100)
    desk.lines()

    taker = desk.buy(desk.b, 1)

    lines = desk.lines()
    assert kinds(lines) == ["accept", "fill", "balances", "balances"]
    assert lines[1] == {
        "kind": "fill",
        "time_us": START_US,
        "symbol": "BTCUSDT",
        "trade": 1,
        "price": "100.00000000",
        "quantity": "1.00000000",
        "quote": "100.00000000",
        "seller": {"account": "a", "order": maker.id, "fee": "0.10000000", "fee_asset": "USDT", "is_maker": True},
        "buyer": {"account": "b", "order": taker.id, "fee": "0.00200000", "fee_asset": "BTC", "is_maker": False},
    }
    assert desk.ledger.audit.fees == {"USDT": Decimal("0.1"), "BTC": Decimal("0.002")}


@pytest.mark.parametrize(
    ("act", "line"),
    [
        ("cancel", {"kind": "cancel", "client_order_id": "cancel"}),
        ("expire", {"kind": "expire", "reason": "UNFILLED_IOC_QUANTITY_EXPIRED"}),
    ],
)
def test_every_end_of_an_order_is_told(act: str, line: dict[str, Any]) -> None:
    desk = Kept()
    order = desk.buy(desk.a, 2, 100, tif="IOC" if act == "expire" else "GTC")
    if act == "cancel":
        desk.cancel(order)

    told = desk.lines()

    assert kinds(told) == ["accept", act, "balances"]
    assert told[1] == line | {"order": order.id, "time_us": START_US}
    assert told[2]["balances"] == {"USDT": ["1000000.00000000", "0.00000000"]}


def test_a_cancel_that_nobody_asked_for_is_told_with_its_reason() -> None:
    desk = Kept()
    order = desk.buy(desk.a, 2, 100)
    desk.lines()

    desk.exchange.cancel_everything(desk.a, new_client_order_id="late", reason="countdown")

    told = {"kind": "cancel", "order": order.id, "client_order_id": "late", "reason": "countdown"}
    assert desk.lines()[0] == told | {"time_us": START_US}


def test_what_self_trade_prevention_takes_is_told_for_both_orders() -> None:
    desk = Kept()
    maker = desk.sell(desk.a, 3, 100)
    desk.lines()

    taker = desk.buy(desk.a, 1, 100, stp="DECREMENT")

    prevented = [line for line in desk.lines() if line["kind"] == "prevent"]
    assert [(line["order"], line["other_order"], line["quantity"]) for line in prevented] == [
        (maker.id, taker.id, "1.00000000"),
        (taker.id, maker.id, "1.00000000"),
    ]


def test_a_stop_is_accepted_once_and_then_triggered() -> None:
    desk = Kept()
    desk.trade(100)
    desk.lines()
    stop = desk.buy(desk.a, 1, 110, kind="STOP_LOSS_LIMIT", stop=105)
    assert kinds(desk.lines()) == ["accept", "balances"]

    desk.trade(105)

    assert [line["order"] for line in desk.lines() if line["kind"] == "trigger"] == [stop.id]


@pytest.mark.parametrize("participants", [True, False])
def test_of_participants_the_fills_are_told_and_their_orders_where_that_is_asked_for(*, participants: bool) -> None:
    desk = Kept(participants=participants)
    crowd = desk.exchange.open_account("crowd", balances={"BTC": units(5)}, is_participant=True)
    desk.sell(crowd, 3, 100)
    desk.cancel(desk.sell(crowd, 1, 101))
    desk.buy(desk.b, 1, 100)

    told = desk.lines()

    assert ("cancel" in kinds(told), kinds(told).count("fill")) == (participants, 1)
    assert [line["deposits"] for line in told if line["kind"] == "account"] == [{"BTC": "5.00000000"}]
    desk.keeper.close(time_us=START_US)
    assert desk.ledger.audit.findings == []


def test_at_the_end_everybodys_balances_are_told() -> None:
    desk = Kept()
    desk.sell(desk.a, 1, 100)
    desk.buy(desk.b, 1, 100)
    desk.lines()

    desk.keeper.close(time_us=START_US + 1)

    close = desk.ledger.lines[-1]
    assert close["fees"] == {"USDT": "0.10000000", "BTC": "0.00200000"}
    assert set(close) == {"kind", "time_us", "balances", "fees"}
    assert desk.ledger.audit.findings == []
