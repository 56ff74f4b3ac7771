from decimal import Decimal
from itertools import pairwise

import pytest

from tests.venues.binance.fake_account import FakeAccount
from tests.venues.binance.test_gateway import ORDER, account, named, streaming

__all__ = ["account"]  # the fixture

DAY_MS = 24 * 3600 * 1000


def trade(number: int, time_ms: int, *, order_id: int = 1) -> dict[str, object]:
    return {
        "symbol": "BTCUSDT",
        "id": number,
        "orderId": order_id,
        "price": "100.00",
        "qty": "0.00100000",
        "commission": "0.00000100",
        "commissionAsset": "BTC",
        "time": time_ms,
        "isBuyer": True,
        "isMaker": False,
    }


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 3500])
async def test_every_fill_comes_once_oldest_first(account: FakeAccount, count: int) -> None:
    start_ms = account.now_ms() - 60_000
    account.trades = [trade(7, start_ms - 1), *(trade(10 + n, start_ms + n // 100) for n in range(count))]
    async with streaming(account) as bench:
        await bench.gateway.place(ORDER)
        fills = await bench.gateway.fills_since("BTC/USDT", start_ms * 1_000_000)

    assert [fill.trade_id for fill in fills] == [str(10 + n) for n in range(count)]
    assert {fill.symbol for fill in fills} <= {"BTC/USDT"}
    assert account.count()["GET /api/v3/myTrades"] == count // 1000 + 1


async def test_days_are_asked_for_one_by_one_until_there_is_a_trade(account: FakeAccount) -> None:
    now_ms = account.now_ms()
    account.trades = [trade(1, now_ms - 3 * DAY_MS), trade(2, now_ms - 2 * DAY_MS), trade(3, now_ms)]
    async with streaming(account) as bench:
        fills = await bench.gateway.fills_since("BTC/USDT", (now_ms - 10 * DAY_MS) * 1_000_000)

    asked = account.asked("GET /api/v3/myTrades")
    windows = [(int(one["startTime"]), int(one["endTime"])) for one in asked if "endTime" in one]
    assert [fill.trade_id for fill in fills] == ["1", "2", "3"]
    assert all(end - start < DAY_MS for start, end in windows)
    assert all(before[1] + 1 == after[0] for before, after in pairwise(windows))


@pytest.mark.parametrize("time_ns", [0, 1])
async def test_what_is_long_ago_is_found_from_the_first_trade_on(account: FakeAccount, time_ns: int) -> None:
    account.trades = [trade(number, 1_500_000_000_000 + number) for number in range(2500)]
    async with streaming(account) as bench:
        fills = await bench.gateway.fills_since("BTC/USDT", time_ns)

    assert [fill.trade_id for fill in fills] == [str(number) for number in range(2500)]


async def test_trades_name_their_orders_only_by_number_and_get_their_names(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        for number in (1, 2, 3):
            await bench.gateway.place(named(f"a-{number}"))
        now_ms = account.now_ms()
        account.trades = [trade(n, now_ms - 50 + n, order_id=order_id) for n, order_id in enumerate((1, 1, 2, 3, 99))]
        fills = await bench.gateway.fills_since("BTC/USDT", (now_ms - 100) * 1_000_000)
        again = await bench.gateway.fills_since("BTC/USDT", (now_ms - 100) * 1_000_000)

    assert [fill.client_order_id for fill in fills] == ["a-1", "a-1", "a-2", "a-3", ""]
    assert again == fills
    assert [one["orderId"] for one in account.asked("GET /api/v3/allOrders")] == ["1", "99"]
    assert fills[0].fee == Decimal("0.000001")


async def test_a_page_of_orders_tells_of_all_that_it_spans_also_of_those_that_are_not_shown_any_more(
    account: FakeAccount,
) -> None:
    async with streaming(account) as bench:
        placed = {"symbol": "BTCUSDT", "price": "1", "quantity": "1", "type": "LIMIT", "side": "BUY"}
        account.orders = {f"a-{number}": placed for number in range(1, 2501)}
        account.archived = {f"a-{number}" for number in range(1, 2501, 2)}
        now_ms = account.now_ms()
        account.trades = [trade(number, now_ms - 50, order_id=number) for number in range(1, 2501, 5)]
        fills = await bench.gateway.fills_since("BTC/USDT", (now_ms - 100) * 1_000_000)

    named_ones = [fill.client_order_id for fill in fills]
    assert named_ones == [f"a-{number}" if number % 2 == 0 else "" for number in range(1, 2501, 5)]
    assert [one["orderId"] for one in account.asked("GET /api/v3/allOrders")] == ["1", "2001"]


async def test_a_name_that_is_known_is_not_asked_for(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        await bench.gateway.place(ORDER)
        await bench.gateway.open_orders()
        account.trades = [trade(1, account.now_ms())]
        (fill,) = await bench.gateway.fills_since("BTC/USDT", (account.now_ms() - 100) * 1_000_000)

    assert fill.client_order_id == "a-1"
    assert account.asked("GET /api/v3/allOrders") == []
