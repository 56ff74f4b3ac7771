"""Placing, testing, cancelling and replacing orders: replies field by field, refusals code by code."""

import pytest
from msgspec import convert

from bowstring.local_exchange.api.limits import Limits
from bowstring.local_exchange.api.refusals import Denied, status
from tests.local_exchange.api.floor import LIMIT_BUY, NOW_US, Floor, Json

NOW_MS = NOW_US // 1000
RESTING_SELL = LIMIT_BUY | {"side": "SELL", "price": "61000", "newClientOrderId": "sell"}
STOP = {
    "symbol": "BTCUSDT",
    "side": "SELL",
    "type": "STOP_LOSS_LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "58900",
    "stopPrice": "59000",
}
MARKET_BUY = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET"}


def test_an_acknowledgement_has_five_fields() -> None:
    reply = Floor().ask("order.place", **LIMIT_BUY, newOrderRespType="ACK")

    expected = {"symbol": "BTCUSDT", "orderId": 1, "orderListId": -1, "clientOrderId": "one"}
    assert reply == expected | {"transactTime": NOW_MS}


@pytest.mark.parametrize(
    ("order", "fields"),
    [
        (LIMIT_BUY, {"fills", "workingTime"}),
        (LIMIT_BUY | {"newOrderRespType": "RESULT"}, {"workingTime"}),
        ({**MARKET_BUY, "quantity": "0.01"}, {"fills", "workingTime"}),
        (STOP, set[str]()),
        (STOP | {"newOrderRespType": "RESULT"}, {"workingTime", "stopPrice"}),
    ],
)
def test_limit_and_market_orders_are_answered_in_full_and_others_are_acknowledged(
    order: Json, fields: set[str]
) -> None:
    floor = Floor()
    floor.trade()
    floor.ask("order.place", "bob", **RESTING_SELL)

    reply = floor.ask("order.place", **order)
    assert reply.keys() & {"fills", "workingTime", "stopPrice"} == fields


def test_a_market_order_tells_its_fills_and_their_commission() -> None:
    floor = Floor()
    floor.trade()
    floor.ask("order.place", "bob", **RESTING_SELL)
    reply = floor.ask("order.place", **MARKET_BUY, quantity="0.004")

    assert (reply["price"], reply["timeInForce"], reply["status"]) == ("0.00000000", "GTC", "FILLED")
    assert (reply["executedQty"], reply["cummulativeQuoteQty"]) == ("0.00400000", "244.00000000")
    assert reply["fills"] == [
        {
            "price": "61000.00000000",
            "qty": "0.00400000",
            "commission": "0.00000400",
            "commissionAsset": "BTC",
            "tradeId": 2,
        }
    ]


def test_a_market_order_by_quote_quantity_tells_it() -> None:
    floor = Floor()
    floor.trade()
    floor.ask("order.place", "bob", **RESTING_SELL)
    reply = floor.ask("order.place", **MARKET_BUY, quoteOrderQty="100")

    assert (reply["origQuoteOrderQty"], reply["origQty"]) == ("100.00000000", "0.00163000")
    assert (reply["executedQty"], reply["status"]) == ("0.00163000", "FILLED")


def test_what_an_ioc_order_cannot_fill_expires_with_a_reason() -> None:
    reply = Floor().ask("order.place", **LIMIT_BUY | {"timeInForce": "IOC"})

    assert (reply["status"], reply["expiryReason"]) == ("EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED")


def test_a_stop_waits_and_shows_its_price() -> None:
    floor = Floor()
    floor.trade()
    reply = floor.ask("order.place", **STOP, newOrderRespType="RESULT")

    assert (reply["stopPrice"], reply["workingTime"], reply["status"]) == ("59000.00000000", -1, "NEW")


def test_self_trade_prevention_shows_what_it_prevented() -> None:
    floor = Floor()
    floor.ask("order.place", **LIMIT_BUY)
    order = RESTING_SELL | {"price": "60000", "selfTradePreventionMode": "EXPIRE_TAKER"}
    reply = floor.ask("order.place", **order)

    assert (reply["status"], reply["selfTradePreventionMode"]) == ("EXPIRED_IN_MATCH", "EXPIRE_TAKER")
    assert (reply["preventedMatchId"], reply["preventedQuantity"]) == (1, "0.01000000")


def test_a_strategy_is_told_back() -> None:
    reply = Floor().ask("order.place", **LIMIT_BUY, strategyId=7, strategyType=1_000_000)

    assert (reply["strategyId"], reply["strategyType"]) == (7, 1_000_000)


def test_a_client_order_id_is_made_up_if_there_is_none() -> None:
    floor = Floor()
    ids = {floor.ask("order.place", **LIMIT_BUY | {"newClientOrderId": one})["clientOrderId"] for one in "ab"}
    order = {name: value for name, value in LIMIT_BUY.items() if name != "newClientOrderId"}
    made_up = {floor.ask("order.place", **order)["clientOrderId"] for _ in range(3)}

    assert ids == {"a", "b"}
    assert {len(one) for one in made_up} == {22}
    assert len(made_up) == 3


REQUIRED = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
UNWANTED = "Parameter '{}' sent when not required."
BOTH = "Param '{}' or '{}' must be sent, but both were empty/null!"
UNSUPPORTED = "{} orders are not supported for this symbol."


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"symbol": None}, -1102, REQUIRED.format("symbol")),
        ({"side": None}, -1102, REQUIRED.format("side")),
        ({"type": None}, -1102, REQUIRED.format("type")),
        ({"timeInForce": None}, -1102, REQUIRED.format("timeInForce")),
        ({"quantity": None}, -1102, REQUIRED.format("quantity")),
        ({"price": None}, -1102, REQUIRED.format("price")),
        ({"price": ""}, -1102, REQUIRED.format("price")),
        ({"symbol": "NOSUCH"}, -1121, "Invalid symbol."),
        ({"side": "LONG"}, -1117, "Invalid side."),
        ({"side": "buy"}, -1117, "Invalid side."),
        ({"type": "STOP"}, -1116, "Invalid orderType."),
        ({"timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
        ({"type": "STOP_LOSS"}, -1013, UNSUPPORTED.format("Stop loss")),
        ({"type": "TAKE_PROFIT"}, -1013, UNSUPPORTED.format("Take profit")),
        ({"icebergQty": "0.005"}, -1013, UNSUPPORTED.format("Iceberg")),
        ({"trailingDelta": "100"}, -1013, UNSUPPORTED.format("Trailing stop")),
        ({"pegPriceType": "PRIMARY_PEG"}, -1013, UNSUPPORTED.format("Pegged")),
        ({"quoteOrderQty": "10"}, -1106, UNWANTED.format("quoteOrderQty")),
        ({"stopPrice": "10"}, -1106, UNWANTED.format("stopPrice")),
        ({"type": "LIMIT_MAKER"}, -1106, UNWANTED.format("timeInForce")),
        ({"type": "MARKET", "price": None}, -1106, UNWANTED.format("timeInForce")),
        ({"type": "MARKET", "timeInForce": None}, -1106, UNWANTED.format("price")),
        (
            {"type": "MARKET", "price": None, "timeInForce": None, "quantity": None},
            -1102,
            BOTH.format("quantity", "quoteOrderQty"),
        ),
        (
            {"type": "MARKET", "price": None, "timeInForce": None, "quoteOrderQty": "9"},
            -1128,
            "Combination of optional parameters invalid.",
        ),
        (
            {"type": "MARKET", "price": None, "timeInForce": None, "quantity": None, "quoteOrderQty": "0"},
            -1013,
            "Filter failure: NOTIONAL",
        ),
        ({"type": "STOP_LOSS_LIMIT"}, -1102, BOTH.format("stopPrice", "trailingDelta")),
        ({"price": "60000.123456789"}, -1111, "Parameter 'price' has too much precision."),
        ({"price": "60000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"quantity": "0.000001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "0.00001"}, -1013, "Filter failure: NOTIONAL"),
        ({"price": "700000"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        ({"quantity": "1000"}, -2010, "Account has insufficient balance for requested action."),
        ({"newClientOrderId": ""}, -1105, "Parameter 'newClientOrderId' was empty."),
        ({"newOrderRespType": "ALL"}, -1130, "Data sent for parameter 'newOrderRespType' is not valid."),
        ({"selfTradePreventionMode": "X"}, -1130, "Data sent for parameter 'selfTradePreventionMode' is not valid."),
        ({"strategyType": "999999"}, -1134, "`strategyType` was less than 1000000."),
        (
            {"foo": "1"},
            -1104,
            "Not all sent parameters were read; read '8' parameter(s) but was sent '9'.",
        ),
    ],
)
@pytest.mark.parametrize("method", ["order.place", "order.test"])
def test_a_wrong_order_is_refused(method: str, change: Json, code: int, text: str) -> None:
    floor = Floor()
    floor.trade()
    order = {name: value for name, value in (LIMIT_BUY | change).items() if value is not None}

    assert floor.refusal(method, **order) == (400, code, text)


def test_what_the_book_does_not_let_happen_is_refused() -> None:
    floor = Floor()
    floor.trade()
    floor.ask("order.place", **LIMIT_BUY)
    maker = RESTING_SELL | {"price": "60000", "type": "LIMIT_MAKER"}
    del maker["timeInForce"]

    assert floor.refusal("order.place", **LIMIT_BUY) == (400, -2010, "Duplicate order sent.")
    expected = (400, -2010, "Order would immediately match and take.")
    assert floor.refusal("order.place", "bob", **maker) == expected
    expected = (400, -2010, "Order would trigger immediately.")
    assert floor.refusal("order.place", **STOP | {"stopPrice": "60000"}) == expected


def test_a_tested_order_is_not_placed() -> None:
    floor = Floor()

    assert floor.ask("order.test", **LIMIT_BUY) == {}
    assert floor.ask("openOrders.status") == []


def test_a_test_can_tell_the_commission() -> None:
    rates, none = {"maker": "0.00100000", "taker": "0.00100000"}, {"maker": "0.00000000", "taker": "0.00000000"}

    reply = Floor().ask("order.test", **LIMIT_BUY, computeCommissionRates="true")
    assert reply["standardCommissionForOrder"] == rates
    assert reply["specialCommissionForOrder"] == reply["taxCommissionForOrder"] == none
    assert reply["discount"]["enabledForAccount"] is False


def test_a_cancel_has_an_id_of_its_own() -> None:
    floor = Floor()
    floor.ask("order.place", **LIMIT_BUY)
    floor.clock.pass_s(1)
    reply = floor.ask("order.cancel", symbol="BTCUSDT", origClientOrderId="one", newClientOrderId="two")

    assert reply == {
        "symbol": "BTCUSDT",
        "origClientOrderId": "one",
        "orderId": 1,
        "orderListId": -1,
        "clientOrderId": "two",
        "transactTime": NOW_MS + 1000,
        "price": "60000.00000000",
        "origQty": "0.01000000",
        "executedQty": "0.00000000",
        "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
        "status": "CANCELED",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({}, -1102, BOTH.format("orderId", "origClientOrderId")),
        ({"orderId": "2"}, -2011, "Unknown order sent."),
        ({"origClientOrderId": "two"}, -2011, "Unknown order sent."),
        ({"orderId": "1", "origClientOrderId": "two"}, -2039, "Client order ID is not correct for this order ID."),
        ({"orderId": "1", "cancelRestrictions": "ONLY"}, -1145, "Invalid cancelRestrictions"),
        (
            {"orderId": "1", "cancelRestrictions": "ONLY_PARTIALLY_FILLED"},
            -2011,
            "Order was not canceled due to cancel restrictions.",
        ),
        ({"orderId": "x"}, -1100, "Illegal characters found in parameter 'orderId'; legal range is '^[0-9]{1,20}$'."),
    ],
)
def test_a_wrong_cancel_is_refused(params: Json, code: int, text: str) -> None:
    floor = Floor()
    floor.ask("order.place", **LIMIT_BUY)

    assert floor.refusal("order.cancel", symbol="BTCUSDT", **params) == (400, code, text)


def test_an_order_of_another_account_is_unknown() -> None:
    floor = Floor()
    floor.ask("order.place", **LIMIT_BUY)

    assert floor.refusal("order.cancel", "bob", symbol="BTCUSDT", orderId=1)[1] == -2011


def test_all_orders_of_a_symbol_are_cancelled_under_one_id() -> None:
    floor = Floor()
    for one in "abc":
        floor.ask("order.place", **LIMIT_BUY | {"newClientOrderId": one})
    replies = floor.ask("openOrders.cancelAll", symbol="BTCUSDT")

    assert [(one["origClientOrderId"], one["status"]) for one in replies] == [(one, "CANCELED") for one in "abc"]
    assert len({one["clientOrderId"] for one in replies}) == 1
    assert floor.refusal("openOrders.cancelAll", symbol="BTCUSDT") == (400, -2011, "Unknown order sent.")


REPLACE = LIMIT_BUY | {"price": "59000", "newClientOrderId": "two", "cancelOrigClientOrderId": "one"}
CROSSING = {name: value for name, value in REPLACE.items() if name != "timeInForce"} | {
    "type": "LIMIT_MAKER",
    "price": "61000",
}


def replaced(floor: Floor, order: Json, mode: str = "STOP_ON_FAILURE", **more: str) -> tuple[int, int, Json]:
    """Status, code and data of a cancel-replace that did not succeed as a whole."""
    with pytest.raises(Denied) as denied:
        floor.ask("order.cancelReplace", **order, **more, cancelReplaceMode=mode)
    return status(denied.value), denied.value.code, convert(denied.value.data, Json)


def floor_to_replace(limits: Limits | None = None) -> Floor:
    floor = Floor(limits)
    floor.ask("order.place", "bob", **RESTING_SELL)
    floor.ask("order.place", **LIMIT_BUY)
    return floor


def test_one_order_replaces_another() -> None:
    reply = floor_to_replace().ask("order.cancelReplace", **REPLACE, cancelReplaceMode="STOP_ON_FAILURE")

    assert (reply["cancelResult"], reply["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert (reply["cancelResponse"]["origClientOrderId"], reply["cancelResponse"]["status"]) == ("one", "CANCELED")
    assert (reply["newOrderResponse"]["clientOrderId"], reply["newOrderResponse"]["fills"]) == ("two", [])


def test_if_the_cancel_fails_nothing_is_placed() -> None:
    floor = floor_to_replace()
    failed = replaced(floor, REPLACE | {"cancelOrigClientOrderId": "none"})

    unknown = {"code": -2011, "msg": "Unknown order sent."}
    data = {"cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED", "cancelResponse": unknown}
    assert failed == (400, -2022, data | {"newOrderResponse": None})


def test_if_the_new_order_fails_the_cancel_stands() -> None:
    floor = floor_to_replace()
    code, error, data = replaced(floor, CROSSING)

    assert (code, error, data["cancelResult"], data["newOrderResult"]) == (409, -2021, "SUCCESS", "FAILURE")
    assert data["newOrderResponse"] == {"code": -2010, "msg": "Order would immediately match and take."}
    assert floor.ask("openOrders.status") == []


def test_a_failure_of_the_cancel_can_be_allowed() -> None:
    floor = floor_to_replace()
    order = REPLACE | {"cancelOrigClientOrderId": "none"}
    code, error, data = replaced(floor, order, "ALLOW_FAILURE")

    assert (code, error, data["cancelResult"], data["newOrderResult"]) == (409, -2021, "FAILURE", "SUCCESS")
    assert replaced(floor, CROSSING | {"cancelOrigClientOrderId": "none"}, "ALLOW_FAILURE")[:2] == (400, -2022)


def test_a_filter_refuses_before_anything_is_cancelled() -> None:
    floor = floor_to_replace()
    refusal = floor.refusal("order.cancelReplace", **REPLACE | {"price": "0.001"}, cancelReplaceMode="ALLOW_FAILURE")

    assert refusal == (400, -1013, "Filter failure: PRICE_FILTER")
    assert len(floor.ask("openOrders.status")) == 1


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"cancelReplaceMode": None}, -1102, REQUIRED.format("cancelReplaceMode")),
        ({"cancelReplaceMode": "X"}, -1130, "Data sent for parameter 'cancelReplaceMode' is not valid."),
        ({"cancelOrigClientOrderId": None}, -1102, BOTH.format("cancelOrderId", "cancelOrigClientOrderId")),
    ],
)
def test_a_wrong_replacement_is_refused(change: Json, code: int, text: str) -> None:
    order = REPLACE | {"cancelReplaceMode": "STOP_ON_FAILURE"} | change
    sent = {name: value for name, value in order.items() if value is not None}

    assert floor_to_replace().refusal("order.cancelReplace", **sent) == (400, code, text)


TOO_MANY = {"code": -1015, "msg": "Too many new orders; current limit is 1 orders per 10 SECOND."}


def test_too_many_orders_stop_a_replacement_or_leave_the_cancel() -> None:
    floor = floor_to_replace(Limits(orders_per_10_seconds=1))
    refused = floor.refusal("order.cancelReplace", **REPLACE, cancelReplaceMode="STOP_ON_FAILURE")
    assert refused == (429, -1015, TOO_MANY["msg"])
    assert len(floor.ask("openOrders.status")) == 1

    code, error, data = replaced(floor, REPLACE, orderRateLimitExceededMode="CANCEL_ONLY")
    assert (code, error, data["cancelResult"], data["newOrderResponse"]) == (429, -2021, "SUCCESS", TOO_MANY)
    code, error, data = replaced(floor, REPLACE, orderRateLimitExceededMode="CANCEL_ONLY")
    assert (code, error, data["newOrderResult"]) == (429, -2022, "NOT_ATTEMPTED")
    code, error, data = replaced(floor, REPLACE, "ALLOW_FAILURE", orderRateLimitExceededMode="CANCEL_ONLY")
    assert (code, error, data["newOrderResult"]) == (400, -2022, "FAILURE")


def test_a_replacement_that_was_not_attempted_counts_as_an_order() -> None:
    floor = floor_to_replace()
    replaced(floor, REPLACE | {"cancelOrigClientOrderId": "none"})

    assert [limit["count"] for limit in floor.ask("account.rateLimits.orders")] == [2, 2]


@pytest.mark.parametrize("method", ["orderList.place", "orderList.place.oco", "orderList.place.oto"])
def test_order_lists_are_refused(method: str) -> None:
    assert Floor().refusal(method, symbol="BTCUSDT", anything="1")[:2] == (400, -1013)
