"""Weight and requests per address, unfilled orders per account, and what happens to who ignores it."""

import pytest

from bowstring.local_exchange.api.limits import ADDRESSES_KEPT, Limits, Usage, retry_after_s
from bowstring.local_exchange.api.refusals import Denied
from tests.local_exchange.api.floor import LIMIT_BUY, NOW_US, Clock, Floor

# NOW_US is 20 s after a full minute, and at the beginning of 10 s.
MINUTE_ENDS_US = NOW_US + 40_000_000


def usage(clock: Clock, *, weight: int = 6000, requests: int = 300_000, patience: int = 20) -> Usage:
    limits = Limits(weight_per_minute=weight, requests_per_5_minutes=requests, patience=patience)
    return Usage(limits, now_us=clock)


def denied(used: Usage, *, weight: int = 1) -> Denied:
    with pytest.raises(Denied) as refused:
        used.request("here", weight=weight)
    return refused.value


def test_weight_is_limited_per_calendar_minute_and_address() -> None:
    clock = Clock()
    used = usage(clock)
    used.request("here", weight=6000)

    refused = denied(used)
    assert (refused.code, refused.status, refused.retry_us) == (-1003, 429, MINUTE_ENDS_US)
    assert refused.text == (
        "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    )
    assert retry_after_s(refused, clock()) == "40"
    used.request("elsewhere", weight=6000)
    clock.pass_s(40)
    used.request("here", weight=6000)
    assert used.weight("here") == 6000


def test_requests_are_limited_whatever_they_weigh() -> None:
    used = usage(Clock(), requests=2)
    used.request("here", weight=1)
    used.request("here", weight=1)

    assert "current limit is 2 requests per 5 MINUTE" in denied(used).text


def test_who_goes_on_after_429_is_banned_each_time_for_longer() -> None:
    clock = Clock()
    used = usage(clock, weight=1, patience=2)
    used.request("here", weight=1)
    statuses = [denied(used).status for _ in range(3)]

    assert statuses == [429, 429, 418]
    until_ms = (NOW_US + 120_000_000) // 1000
    assert denied(used).text == (
        f"Way too much request weight used; IP banned until {until_ms}. "
        "Please use WebSocket Streams for live updates to avoid bans."
    )
    assert retry_after_s(denied(used), clock()) == "120"
    clock.pass_s(120)
    used.request("here", weight=1)
    assert [retry_after_s(denied(used), clock()) for _ in range(3)][2] == "480"


def test_a_ban_lasts_three_days_at_most() -> None:
    clock = Clock()
    used = usage(clock, weight=0, patience=0)
    lasting = 0.0
    for _ in range(10):
        retry = retry_after_s(denied(used), clock())
        lasting = float(retry or 0)
        clock.pass_s(lasting)

    assert lasting == 3 * 86_400


def test_a_retry_is_never_in_less_than_a_second() -> None:
    assert retry_after_s(Denied(-1003, "", retry_us=NOW_US), NOW_US) == "1"
    assert retry_after_s(Denied(-1003, ""), NOW_US) is None


def counts(floor: Floor, name: str = "alice") -> list[int]:
    return [limit["count"] for limit in floor.ask("account.rateLimits.orders", name)]


def some_orders(floor: Floor, number: int) -> None:
    for one in range(number):
        floor.ask("order.place", **LIMIT_BUY | {"newClientOrderId": f"some-{floor.clock.ms}-{one}"})


def test_unfilled_orders_are_limited_per_account_in_both_windows() -> None:
    floor = Floor(Limits(orders_per_10_seconds=2, orders_per_day=3))
    some_orders(floor, 2)

    too_many = "Too many new orders; current limit is 2 orders per 10 SECOND."
    assert floor.refusal("order.place", **LIMIT_BUY) == (429, -1015, too_many)
    assert counts(floor) == [2, 2]
    assert counts(floor, "bob") == [0, 0]
    floor.clock.pass_s(10)
    some_orders(floor, 1)
    assert counts(floor) == [1, 3]
    too_many = "Too many new orders; current limit is 3 orders per 1 DAY."
    assert floor.refusal("order.place", **LIMIT_BUY) == (429, -1015, too_many)


def test_the_first_fill_of_an_order_gives_orders_back() -> None:
    floor = Floor()
    some_orders(floor, 7)
    sell = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "price": "60000"}
    floor.ask("order.place", "bob", quantity="0.005", **sell)
    assert (counts(floor), counts(floor, "bob")) == ([2, 2], [0, 0])  # as a maker 5, as a taker 1

    floor.ask("order.place", "bob", quantity="0.005", **sell)
    assert counts(floor) == [2, 2]  # its second fill
    floor.ask("order.place", "bob", quantity="0.01", **sell)
    assert counts(floor) == [0, 0]  # never below


def test_a_refused_order_is_not_counted() -> None:
    floor = Floor()
    floor.refusal("order.place", **LIMIT_BUY | {"price": "0.001"})

    assert counts(floor) == [0, 0]


def test_successful_order_calls_weigh_nothing_and_failed_ones_do() -> None:
    floor = Floor()
    floor.ask("order.place", **LIMIT_BUY)
    assert floor.service.usage.weight("here") == 0

    floor.refusal("order.place", **LIMIT_BUY)
    floor.ask("order.test", **LIMIT_BUY | {"newClientOrderId": "two"})
    floor.ask("order.cancel", symbol="BTCUSDT", orderId=1)
    floor.refusal("order.cancel", symbol="BTCUSDT", orderId=1)
    assert floor.service.usage.weight("here") == 3


@pytest.mark.parametrize(
    ("method", "params", "weight"),
    [
        ("ping", {}, 1),
        ("exchangeInfo", {}, 20),
        ("depth", {"symbol": "BTCUSDT"}, 5),
        ("depth", {"symbol": "BTCUSDT", "limit": "500"}, 25),
        ("depth", {"symbol": "BTCUSDT", "limit": "1000"}, 50),
        ("depth", {"symbol": "BTCUSDT", "limit": "5000"}, 250),
        ("trades.recent", {"symbol": "BTCUSDT"}, 25),
        ("trades.aggregate", {"symbol": "BTCUSDT"}, 4),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m"}, 2),
        ("ticker.24hr", {"symbol": "BTCUSDT"}, 2),
        ("ticker.24hr", {"symbols": '["BTCUSDT","ETHUSDT"]'}, 2),
        ("ticker.24hr", {}, 80),
        ("ticker", {"symbols": '["BTCUSDT","ETHUSDT"]'}, 8),
        ("ticker.price", {"symbol": "BTCUSDT"}, 2),
        ("ticker.price", {}, 4),
        ("ticker.book", {"symbols": '["BTCUSDT"]'}, 4),
        ("account.status", {}, 20),
        ("account.rateLimits.orders", {}, 40),
        ("openOrders.status", {"symbol": "BTCUSDT"}, 6),
        ("openOrders.status", {}, 80),
        ("allOrders", {"symbol": "BTCUSDT"}, 20),
        ("myTrades", {"symbol": "BTCUSDT"}, 20),
        ("myTrades", {"symbol": "BTCUSDT", "orderId": "1"}, 5),
        ("order.test", LIMIT_BUY, 1),
        ("order.test", LIMIT_BUY | {"computeCommissionRates": "true"}, 20),
    ],
)
def test_calls_weigh_what_binance_says(method: str, params: dict[str, str], weight: int) -> None:
    floor = Floor()
    floor.ask(method, **params)

    assert floor.service.usage.weight("here") == weight


def test_the_limits_are_told() -> None:
    limits = Floor(Limits(weight_per_minute=70)).ask("exchangeInfo")["rateLimits"]

    assert limits == [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 70},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000},
        {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300000},
    ]


def test_addresses_of_which_nothing_counts_are_forgotten() -> None:
    clock = Clock()
    used = usage(clock)
    most = 0
    for _ in range(10):
        clock.pass_s(300)
        for number in range(ADDRESSES_KEPT):
            used.request(f"{clock()} {number}", weight=1)
        most = max(most, len(used._addresses))  # pyright: ignore[reportPrivateUsage]  # nothing else shows it

    assert most <= 2 * ADDRESSES_KEPT


def test_addresses_that_are_banned_are_not_forgotten() -> None:
    clock = Clock()
    used = usage(clock, weight=1, patience=0)
    for _ in range(4):  # the third time for half an hour
        used.request("here", weight=1)
        clock.pass_s(float(retry_after_s(denied(used), clock()) or 0))
    used.request("here", weight=1)
    assert denied(used).status == 418
    clock.pass_s(300)
    for number in range(ADDRESSES_KEPT + 1):
        used.request(f"elsewhere {number}", weight=1)

    assert denied(used).status == 418
