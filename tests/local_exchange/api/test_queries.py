"""What an account asks of itself."""

import pytest

from tests.local_exchange.api.floor import LIMIT_BUY, NOW_US, Floor, Json

NOW_MS = NOW_US // 1000
DAY_MS = 86_400_000


def test_an_account_tells_its_balances_and_fees() -> None:
    floor = Floor()
    floor.ask("order.place", **LIMIT_BUY)
    account = floor.ask("account.status")

    balances = account.pop("balances")
    assert account == {
        "makerCommission": 10,
        "takerCommission": 10,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": "0.00100000",
            "taker": "0.00100000",
            "buyer": "0.00000000",
            "seller": "0.00000000",
        },
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": NOW_MS,
        "accountType": "SPOT",
        "permissions": ["SPOT"],
        "uid": 1,
    }
    assert sorted(balances, key=lambda one: one["asset"]) == [
        {"asset": "BTC", "free": "100.00000000", "locked": "0.00000000"},
        {"asset": "ETH", "free": "1000.00000000", "locked": "0.00000000"},
        {"asset": "USDT", "free": "999400.00000000", "locked": "600.00000000"},
    ]


def test_balances_of_zero_can_be_left_out() -> None:
    floor = Floor()
    floor.exchange.accounts["alice"].balances["ETH"].free = 0

    assert [one["asset"] for one in floor.ask("account.status", omitZeroBalances="true")["balances"]] == ["BTC", "USDT"]
    assert len(floor.ask("account.status")["balances"]) == 3


def test_commission_is_told_for_a_symbol() -> None:
    floor = Floor()
    reply = floor.ask("account.commission", symbol="BTCUSDT")

    assert (reply["symbol"], reply["standardCommission"]["taker"]) == ("BTCUSDT", "0.00100000")
    assert set(reply["specialCommission"].values()) == {"0.00000000"}
    assert reply["discount"]["discountAsset"] == "BNB"
    assert floor.refusal("account.commission", symbol="X") == (400, -1121, "Invalid symbol.")


def test_an_order_is_described() -> None:
    floor = Floor()
    floor.ask("order.place", **LIMIT_BUY)
    floor.clock.pass_s(1)
    floor.ask("order.cancel", symbol="BTCUSDT", orderId=1)

    expected = {
        "symbol": "BTCUSDT",
        "orderId": 1,
        "orderListId": -1,
        "clientOrderId": "one",
        "price": "60000.00000000",
        "origQty": "0.01000000",
        "executedQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
        "status": "CANCELED",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "stopPrice": "0.00000000",
        "icebergQty": "0.00000000",
        "time": NOW_MS,
        "updateTime": NOW_MS + 1000,
        "isWorking": True,
        "workingTime": NOW_MS,
        "origQuoteOrderQty": "0.00000000",
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }
    assert floor.ask("order.status", symbol="BTCUSDT", orderId=1) == expected
    assert floor.ask("order.status", symbol="BTCUSDT", origClientOrderId="one") == expected
    assert floor.ask("order.status", symbol="BTCUSDT", orderId=1, origClientOrderId="one") == expected


def test_a_stop_that_waits_is_not_working() -> None:
    floor = Floor()
    floor.trade()
    stop = LIMIT_BUY | {"type": "STOP_LOSS_LIMIT", "stopPrice": "61000", "price": "61000"}
    floor.ask("order.place", **stop)

    (order,) = floor.ask("openOrders.status", symbol="BTCUSDT")
    assert (order["isWorking"], order["workingTime"], order["stopPrice"]) == (False, -1, "61000.00000000")


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        (
            {},
            -1102,
            "Param 'orderId' or 'origClientOrderId' must be sent, but both were empty/null!",
        ),
        ({"orderId": "9"}, -2013, "Order does not exist."),
        ({"origClientOrderId": "no"}, -2013, "Order does not exist."),
        ({"orderId": "1", "origClientOrderId": "no"}, -2039, "Client order ID is not correct for this order ID."),
    ],
)
def test_an_order_that_is_not_there_is_not_described(params: Json, code: int, text: str) -> None:
    floor = Floor()
    floor.ask("order.place", **LIMIT_BUY)

    assert floor.refusal("order.status", symbol="BTCUSDT", **params) == (400, code, text)


def orders_of_three_seconds() -> Floor:
    """Orders a, b and c of BTCUSDT, one a second, of which b is cancelled; and one of ETHUSDT."""
    floor = Floor()
    for one in "abc":
        floor.ask("order.place", **LIMIT_BUY | {"newClientOrderId": one})
        floor.clock.pass_s(1)
    floor.ask("order.cancel", symbol="BTCUSDT", origClientOrderId="b")
    floor.ask("order.place", **LIMIT_BUY | {"symbol": "ETHUSDT", "price": "3000", "newClientOrderId": "e"})
    return floor


def ids(orders: list[Json]) -> str:
    return "".join(str(order["clientOrderId"]) for order in orders)


def test_open_orders_are_those_of_one_symbol_or_of_all() -> None:
    floor = orders_of_three_seconds()

    assert ids(floor.ask("openOrders.status", symbol="BTCUSDT")) == "ac"
    assert ids(floor.ask("openOrders.status")) == "ace"
    assert floor.ask("openOrders.status", "bob") == []


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "abc"),
        ({"limit": "2"}, "bc"),
        ({"orderId": "2"}, "bc"),
        ({"orderId": "1", "limit": "1"}, "a"),
        ({"startTime": NOW_MS + 1000}, "bc"),
        ({"startTime": NOW_MS, "limit": "1"}, "a"),
        ({"endTime": NOW_MS + 1000}, "ab"),
        ({"endTime": NOW_MS + 1000, "limit": "1"}, "b"),
        ({"startTime": NOW_MS + 1, "endTime": NOW_MS + 1999}, "b"),
        ({"startTime": (NOW_MS + 1000) * 1000}, "bc"),
    ],
)
def test_all_orders_are_chosen_by_id_and_time(params: Json, expected: str) -> None:
    assert ids(orders_of_three_seconds().ask("allOrders", symbol="BTCUSDT", **params)) == expected


@pytest.mark.parametrize("method", ["allOrders", "myTrades"])
def test_a_range_of_time_is_a_day_at_most_and_not_backwards(method: str) -> None:
    floor = Floor()

    floor.ask(method, symbol="BTCUSDT", startTime=NOW_MS, endTime=NOW_MS + DAY_MS)
    too_long = floor.refusal(method, symbol="BTCUSDT", startTime=NOW_MS, endTime=NOW_MS + DAY_MS + 1)
    assert too_long == (400, -1127, "More than 24 hours between startTime and endTime.")
    backwards = floor.refusal(method, symbol="BTCUSDT", startTime=NOW_MS, endTime=NOW_MS - 1)
    assert backwards == (400, -1128, "Combination of optional parameters invalid.")


def trades_of_three_seconds() -> Floor:
    """Alice buys from two orders of Bob, then sells one to him, one a second."""
    floor = Floor()
    for _ in range(2):
        floor.trade()
        floor.clock.pass_s(1)
    order = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC", "price": "60000", "quantity": "0.02"}
    floor.ask("order.place", "alice", side="SELL", **order)
    floor.ask("order.place", "bob", side="BUY", **order)
    return floor


def test_a_fill_is_described_from_both_sides() -> None:
    floor = trades_of_three_seconds()

    bought, sold = floor.ask("myTrades", symbol="BTCUSDT")[0], floor.ask("myTrades", "bob", symbol="BTCUSDT")[0]
    assert bought == {
        "symbol": "BTCUSDT",
        "id": 1,
        "orderId": 2,
        "orderListId": -1,
        "price": "60000.00000000",
        "qty": "0.01000000",
        "quoteQty": "600.00000000",
        "commission": "0.00001000",
        "commissionAsset": "BTC",
        "time": NOW_MS,
        "isBuyer": True,
        "isMaker": False,
        "isBestMatch": True,
    }
    own = {"orderId": 1, "commission": "0.60000000", "commissionAsset": "USDT", "isBuyer": False, "isMaker": True}
    assert sold == bought | own


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [1, 2, 3]),
        ({"limit": "2"}, [2, 3]),
        ({"orderId": "4"}, [2]),
        ({"fromId": "2"}, [2, 3]),
        ({"fromId": "1", "limit": "2"}, [1, 2]),
        ({"orderId": "2", "fromId": "2"}, []),
        ({"startTime": NOW_MS + 1000}, [2, 3]),
        ({"endTime": NOW_MS + 1000}, [1, 2]),
        ({"startTime": NOW_MS + 1000, "endTime": NOW_MS + 1000}, [2]),
    ],
)
def test_own_trades_are_chosen_by_order_id_and_time(params: Json, expected: list[int]) -> None:
    trades = trades_of_three_seconds().ask("myTrades", symbol="BTCUSDT", **params)

    assert [trade["id"] for trade in trades] == expected


@pytest.mark.parametrize("names", [("orderId", "startTime"), ("fromId", "endTime"), ("orderId", "startTime", "fromId")])
def test_other_combinations_of_parameters_are_refused(names: tuple[str, ...]) -> None:
    refusal = Floor().refusal("myTrades", symbol="BTCUSDT", **dict.fromkeys(names, "1"))

    assert refusal == (400, -1128, "Combination of optional parameters invalid.")


def test_trades_of_a_symbol_without_any_are_none() -> None:
    assert Floor().ask("myTrades", symbol="BTCUSDT") == []
    assert Floor().refusal("myTrades", symbol="X")[1] == Floor().refusal("allOrders", symbol="X")[1] == -1121


def test_the_number_of_unfilled_orders_is_told() -> None:
    floor = Floor()
    floor.ask("order.place", **LIMIT_BUY)

    ten_seconds, day = floor.ask("account.rateLimits.orders")
    expected = {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100, "count": 1}
    assert ten_seconds == expected
    assert day == expected | {"interval": "DAY", "intervalNum": 1, "limit": 200000}
