from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bowstring.core.errors import BadMessage
from bowstring.trading.gateway import BalanceReport, FillReport, OrderReport
from bowstring.venues.binance.order_results import STATUSES, parse_order
from bowstring.venues.binance.user_data import (
    Answer,
    Execution,
    Holdings,
    Shutdown,
    StreamTerminated,
    Unused,
    parse_message,
)
from tests.venues.binance.account_facts import (
    BALANCE_UPDATE,
    EXTERNAL_LOCK,
    FILL,
    LIST_STATUS,
    NEW,
    PLACED,
    POSITION,
    SHUTDOWN,
    TERMINATED,
    answer,
    told,
)
from tests.venues.binance.facts import BTC
from tests.venues.binance.fuzz import other_bytes, other_values

SYMBOLS = {"BTCUSDT": BTC}
MS = 1_000_000
VALID = [answer(PLACED), *map(told, (NEW, FILL, POSITION, BALANCE_UPDATE, LIST_STATUS, TERMINATED, SHUTDOWN))]


def executed(event: str) -> tuple[OrderReport | FillReport, ...]:
    execution = parse_message(told(event), SYMBOLS)
    assert isinstance(execution, Execution)
    return tuple(execution.reports)


def test_an_answer_keeps_its_result_for_whoever_asked() -> None:
    parsed = parse_message(answer(PLACED, number=12), SYMBOLS)

    assert isinstance(parsed, Answer)
    assert (parsed.id, parsed.status) == (12, 200)
    assert parse_order(parsed.result).client_order_id == "a-1"


@pytest.mark.parametrize("request_id", ["null", '"text"'])
def test_an_answer_to_no_request_of_ours_has_no_id(request_id: str) -> None:
    parsed = parse_message(f'{{"id":{request_id},"status":401,"error":{{"code":-2015,"msg":""}}}}', SYMBOLS)

    assert isinstance(parsed, Answer)
    assert (parsed.id, parsed.status) == (None, 401)


def test_a_new_order() -> None:
    assert executed(NEW) == (
        OrderReport(client_order_id="a-1", status="open", venue_order_id="4293153", time_ns=1499405658657 * MS),
    )


def test_a_fill_comes_before_the_order_that_it_changes() -> None:
    assert executed(FILL) == (
        FillReport(
            symbol="BTC/USDT",
            client_order_id="a-1",
            trade_id="77",
            side="buy",
            price=Decimal("0.102644"),
            quantity=Decimal("0.25"),
            fee=Decimal("0.00025"),
            fee_currency="BTC",
            liquidity="maker",
            time_ns=1499405658657 * MS,
        ),
        OrderReport(
            client_order_id="a-1",
            status="open",
            filled=Decimal("0.75"),
            venue_order_id="4293153",
            time_ns=1499405658657 * MS,
        ),
    )


def test_a_cancel_names_the_order_not_itself() -> None:
    event = NEW.replace('"c":"a-1"', '"c":"the-cancel"').replace('"C":""', '"C":"a-1"').replace('"NEW"', '"CANCELED"')

    (report,) = executed(event)
    assert isinstance(report, OrderReport)
    assert (report.client_order_id, report.status) == ("a-1", "cancelled")


@pytest.mark.parametrize("status", [*STATUSES, "SOMETHING_NEW"])
def test_every_status_is_that_of_the_answers(status: str) -> None:
    (report,) = executed(NEW.replace('"X":"NEW"', f'"X":"{status}"'))

    answered = parse_order(PLACED.replace("NEW", status))
    assert report == replace(answered, venue_order_id="4293153", time_ns=1499405658657 * MS)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (
            NEW.replace('"r":"NONE"', '"r":"INSUFFICIENT_BALANCES"').replace('"X":"NEW"', '"X":"REJECTED"'),
            "INSUFFICIENT_BALANCES",
        ),
        (NEW.replace('"X":"NEW"', '"X":"EXPIRED","eR":"EXCHANGE_CANCELED"'), "EXCHANGE_CANCELED"),
        (NEW, ""),
    ],
)
def test_why_an_order_ended_is_told(event: str, reason: str) -> None:
    (report,) = executed(event)

    assert isinstance(report, OrderReport)
    assert report.reason == reason


def test_a_symbol_that_is_not_ours_keeps_the_venues_name() -> None:
    fill, _ = executed(FILL.replace("BTCUSDT", "ETHBTC"))

    assert isinstance(fill, FillReport)
    assert fill.symbol == "ETHBTC"


def test_balances() -> None:
    assert parse_message(told(POSITION), SYMBOLS) == Holdings(
        1564034571073,
        [
            BalanceReport(currency="ETH", free=Decimal(10000), locked=Decimal(0)),
            BalanceReport(currency="BTC", free=Decimal("1.5"), locked=Decimal("0.5")),
        ],
    )


@pytest.mark.parametrize(
    ("event", "parsed"),
    [
        (TERMINATED, StreamTerminated()),
        (SHUTDOWN, Shutdown()),
        (BALANCE_UPDATE, Unused("balanceUpdate")),
        (EXTERNAL_LOCK, Unused("externalLockUpdate")),
        (LIST_STATUS, Unused("listStatus")),
        ('{"e":"somethingNew","x":{"y":[1]}}', Unused("somethingNew")),
    ],
)
def test_other_events(event: str, parsed: object) -> None:
    assert parse_message(told(event), SYMBOLS) == parsed
    assert parse_message(f'{{"event":{event}}}'.encode(), SYMBOLS) == parsed


@pytest.mark.parametrize(
    "event",
    [
        NEW.replace('"i":4293153,', ""),
        NEW.replace('"z":"0.00000000"', '"z":"NaN"'),
        FILL.replace('"t":77', '"t":-1'),
        FILL.replace('"n":"0.00025000"', '"n":"Infinity"'),
        FILL.replace('"S":"BUY"', '"S":"HOLD"'),
        POSITION.replace('"f":"1.5"', '"f":"-1.5"'),
    ],
)
def test_what_cannot_be_trusted_is_refused(event: str) -> None:
    with pytest.raises(BadMessage):
        parse_message(told(event), SYMBOLS)


@given(st.data(), st.sampled_from(VALID))
def test_hostile_bytes_raise_bad_message_only(data: st.DataObject, valid: str) -> None:
    frame = data.draw(other_bytes(valid.encode()) | other_values(valid.encode()))

    for message in (frame, frame.decode(errors="replace")):
        with suppress(BadMessage):
            parse_message(message, SYMBOLS)
