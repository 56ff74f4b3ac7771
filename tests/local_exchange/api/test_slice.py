"""One order over REST and one over the WebSocket API, from the signature to the private events."""

from tests.local_exchange.api.floor import LIMIT_BUY, NOW_US, Floor, visiting


async def test_an_order_over_rest_rests_and_locks_money() -> None:
    async with visiting(Floor()) as visitor:
        status, order, _ = await visitor.sign("POST", "/api/v3/order", LIMIT_BUY)
        _, account, _ = await visitor.sign("GET", "/api/v3/account")

    assert (status, order) == (
        200,
        {
            "symbol": "BTCUSDT",
            "orderId": 1,
            "orderListId": -1,
            "clientOrderId": "one",
            "transactTime": NOW_US // 1000,
            "price": "60000.00000000",
            "origQty": "0.01000000",
            "executedQty": "0.00000000",
            "origQuoteOrderQty": "0.00000000",
            "cummulativeQuoteQty": "0.00000000",
            "status": "NEW",
            "timeInForce": "GTC",
            "type": "LIMIT",
            "side": "BUY",
            "workingTime": NOW_US // 1000,
            "selfTradePreventionMode": "EXPIRE_MAKER",
            "fills": [],
        },
    )
    assert {"asset": "USDT", "free": "999400.00000000", "locked": "600.00000000"} in account["balances"]


async def test_an_order_over_the_websocket_api_is_told_to_the_one_who_logged_on() -> None:
    async with visiting(Floor()) as visitor, visitor.connect() as line:
        logon = await line.log_on()
        subscribed = await line.ask("userDataStream.subscribe")
        report = await line.ask("order.place", **LIMIT_BUY, timestamp=NOW_US // 1000)
        position = await line.next()
        reply = await line.next()

    assert (logon["status"], subscribed["result"]) == (200, {"subscriptionId": 0})
    assert (report["subscriptionId"], report["event"]["e"], report["event"]["x"]) == (0, "executionReport", "NEW")
    assert position["event"]["B"] == [{"a": "USDT", "f": "999400.00000000", "l": "600.00000000"}]
    assert (reply["id"], reply["status"], reply["result"]["status"]) == (1, 200, "NEW")
