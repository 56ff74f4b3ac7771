import json
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.core.errors import BadMessage
from bowstring.trading.gateway import BalanceReport, FillReport, OrderReport
from bowstring.trading.messages import FINAL
from bowstring.venues.binance.order_results import (
    STATUSES,
    parse_account,
    parse_order,
    parse_orders,
    parse_query,
    parse_replaced,
    parse_time,
    parse_trades,
)
from tests.venues.binance.account_facts import ACCOUNT, CANCELLED, PLACED, QUERIED, REPLACED, TRADED
from tests.venues.binance.fuzz import other_bytes, other_values

MS = 1_000_000

PARSERS: dict[str, tuple[Callable[[bytes], object], str]] = {
    "placed": (parse_order, PLACED),
    "cancelled": (parse_order, CANCELLED),
    "replaced": (parse_replaced, REPLACED),
    "queried": (lambda body: parse_query(body).report(), QUERIED),
    "orders": (lambda body: [order.report() for order in parse_orders(body)], f"[{QUERIED},{QUERIED}]"),
    "trades": (lambda body: [trade.report("BTC/USDT", "a-1") for trade in parse_trades(body)], f"[{TRADED}]"),
    "account": (parse_account, ACCOUNT),
    "time": (parse_time, '{"serverTime":1656400526260}'),
}


def test_the_answer_to_an_order() -> None:
    assert parse_order(PLACED) == OrderReport(
        client_order_id="a-1", status="open", venue_order_id="12569099453", time_ns=1660801715639 * MS
    )


def test_the_answer_to_a_cancel_names_the_order_not_the_cancel() -> None:
    assert parse_order(CANCELLED) == OrderReport(
        client_order_id="a-1",
        status="cancelled",
        filled=Decimal("0.00001"),
        venue_order_id="12569099453",
        time_ns=1684804350068 * MS,
    )


def test_the_answer_to_a_replace_tells_of_the_new_order() -> None:
    assert parse_replaced(REPLACED) == parse_order(PLACED)


def test_the_answer_to_a_query_may_name_the_order_by_its_cancel_so_the_id_that_was_asked_for_counts() -> None:
    shown = parse_query(QUERIED.replace('"a-1"', '"91fe37ce9e69c90d6358c0"'))

    assert shown.report("a-1") == OrderReport(
        client_order_id="a-1",
        status="filled",
        filled=Decimal("0.00847"),
        venue_order_id="12569099453",
        time_ns=1660801717945 * MS,
    )


def test_a_trade_and_a_balance() -> None:
    (trade,) = parse_trades(f"[{TRADED}]")

    assert trade.report("BTC/USDT", "a-1") == FillReport(
        symbol="BTC/USDT",
        client_order_id="a-1",
        trade_id="1650422481",
        side="sell",
        price=Decimal("23416.1"),
        quantity=Decimal("0.00635"),
        fee=Decimal("0.00001"),
        fee_currency="BNB",
        liquidity="maker",
        time_ns=1660801715793 * MS,
    )
    uid, balances = parse_account(ACCOUNT)
    assert uid == 354937868
    assert balances[1] == BalanceReport(currency="BTC", free=Decimal("1.3447112"), locked=Decimal("0.086"))
    assert parse_time('{"serverTime":1656400526260}') == 1656400526260 * MS


def test_a_rebate_is_a_negative_fee() -> None:
    (trade,) = parse_trades(f"[{TRADED}]".replace('"0.00001000"', '"-0.00001000"'))

    assert trade.report("BTC/USDT", "a-1").fee == Decimal("-0.00001")


@pytest.mark.parametrize(("status", "is_final"), [(name, STATUSES[name] in FINAL) for name in STATUSES])
def test_every_status_of_the_documents_is_known(status: str, is_final: bool) -> None:
    assert parse_order(PLACED.replace("NEW", status)).status == STATUSES[status]
    assert is_final is (status in {"FILLED", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH"})


@given(st.text(max_size=60))
def test_an_unknown_status_is_never_final_and_is_told(status: str) -> None:
    report = parse_order(PLACED.replace('"NEW"', json.dumps(status)))

    if status not in STATUSES:
        assert report.status == "open"
        assert report.reason == f"its status is {status[:40]!r}, which is not known here"


def test_why_an_order_expired_is_told() -> None:
    body = PLACED.replace('"status":"NEW"', '"status":"EXPIRED","expiryReason":"UNFILLED_IOC_QUANTITY_EXPIRED"')

    assert (parse_order(body).status, parse_order(body).reason) == ("expired", "UNFILLED_IOC_QUANTITY_EXPIRED")


@given(st.data(), st.sampled_from(sorted(PARSERS)))
def test_hostile_bytes_raise_bad_message_only(data: st.DataObject, name: str) -> None:
    parse, valid = PARSERS[name]
    parse(valid.encode())
    body = data.draw(other_bytes(valid.encode()) | other_values(valid.encode()))

    with suppress(BadMessage):
        parse(body)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "-1", "1E+400", "sNaN"])
def test_what_is_no_quantity_is_refused(number: str) -> None:
    with pytest.raises(BadMessage, match=r"filled quantity .* is negative or absurd"):
        parse_order(PLACED.replace('"executedQty":"0.00000000"', f'"executedQty":"{number}"'))
