"""Tickers: one for a symbol, a list for some or for all."""

import pytest

from tests.local_exchange.api.floor import LIMIT_BUY, NOW_US, Floor, Json

NOW_MS = NOW_US // 1000
DAY_MS = 86_400_000


def floor_with_prices() -> Floor:
    """Trades at 60000 and 63000, one a second, then a bid and an ask."""
    floor = Floor()
    for price in ("60000", "63000"):
        floor.trade(price)
        floor.clock.pass_s(1)
    floor.ask("order.place", **LIMIT_BUY | {"price": "61000", "newClientOrderId": "bid"})
    floor.ask("order.place", **LIMIT_BUY | {"price": "62000", "side": "SELL", "newClientOrderId": "ask"})
    return floor


def test_the_last_price_of_one_some_or_all() -> None:
    floor = floor_with_prices()
    one, other = {"symbol": "BTCUSDT", "price": "63000.00000000"}, {"symbol": "ETHUSDT", "price": "0.00000000"}

    assert floor.ask("ticker.price", symbol="BTCUSDT") == one
    assert floor.ask("ticker.price", symbols='["ETHUSDT","BTCUSDT"]') == [other, one]
    assert floor.ask("ticker.price") == [one, other]
    assert floor.ask("ticker.price", symbolStatus="HALT") == []


def test_the_best_prices() -> None:
    floor = floor_with_prices()

    assert floor.ask("ticker.book", symbol="BTCUSDT") == {
        "symbol": "BTCUSDT",
        "bidPrice": "61000.00000000",
        "bidQty": "0.01000000",
        "askPrice": "62000.00000000",
        "askQty": "0.01000000",
    }
    assert floor.ask("ticker.book", symbol="ETHUSDT")["bidPrice"] == "0.00000000"


MINI = {
    "symbol": "BTCUSDT",
    "openPrice": "60000.00000000",
    "highPrice": "63000.00000000",
    "lowPrice": "60000.00000000",
    "lastPrice": "63000.00000000",
    "volume": "0.02000000",
    "quoteVolume": "1230.00000000",
    "openTime": NOW_MS + 2000 - DAY_MS,
    "closeTime": NOW_MS + 2000,
    "firstId": 1,
    "lastId": 2,
    "count": 2,
}
CHANGE = {
    "priceChange": "3000.00000000",
    "priceChangePercent": "5.000",
    "weightedAvgPrice": "61500.00000000",
}
FULL = {
    "prevClosePrice": "60000.00000000",
    "lastQty": "0.01000000",
    "bidPrice": "61000.00000000",
    "bidQty": "0.01000000",
    "askPrice": "62000.00000000",
    "askQty": "0.01000000",
}


def test_the_last_day_in_full_or_short() -> None:
    floor = floor_with_prices()

    assert floor.ask("ticker.24hr", symbol="BTCUSDT") == MINI | CHANGE | FULL
    assert floor.ask("ticker.24hr", symbol="BTCUSDT", type="MINI") == MINI
    assert [one["symbol"] for one in floor.ask("ticker.24hr")] == ["BTCUSDT", "ETHUSDT"]


def test_a_day_without_trades_is_all_zeros() -> None:
    ticker = Floor().ask("ticker.24hr", symbol="BTCUSDT")

    assert (ticker["lastPrice"], ticker["priceChangePercent"], ticker["count"]) == ("0.00000000", "0.000", 0)
    assert (ticker["firstId"], ticker["lastId"]) == (-1, -1)


def test_a_window_begins_on_a_minute() -> None:
    floor = floor_with_prices()
    minute_ms = NOW_MS - 20_000
    hour = {"openTime": minute_ms - 3_600_000, "closeTime": NOW_MS + 2000}

    assert floor.ask("ticker", symbol="BTCUSDT", windowSize="1h") == MINI | CHANGE | hour
    (ticker,) = floor.ask("ticker", symbols='["BTCUSDT"]', type="MINI")
    assert ticker == MINI | {"openTime": minute_ms - DAY_MS}
    floor.clock.pass_s(3 * 86_400)
    assert floor.ask("ticker", symbol="BTCUSDT", windowSize="1d")["count"] == 0
    floor.trade("62500")
    assert floor.ask("ticker", symbol="BTCUSDT", windowSize="2d")["count"] == 1
    assert floor.ask("ticker", symbol="BTCUSDT", windowSize="4d")["count"] == 3


def test_a_trading_day_is_that_of_the_time_zone() -> None:
    floor = floor_with_prices()
    day_ms = NOW_MS - NOW_MS % DAY_MS

    day = {"openTime": day_ms, "closeTime": day_ms + DAY_MS - 1}
    assert floor.ask("ticker.tradingDay", symbol="BTCUSDT") == MINI | CHANGE | day
    east = {"openTime": day_ms + DAY_MS - 2 * 3_600_000, "closeTime": day_ms + 2 * DAY_MS - 2 * 3_600_000 - 1}
    assert floor.ask("ticker.tradingDay", symbol="BTCUSDT", timeZone="2", type="MINI") == MINI | east
    floor.clock.pass_s(86_400)
    assert floor.ask("ticker.tradingDay", symbol="BTCUSDT", type="MINI")["count"] == 0


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("ticker.price", {"symbol": "X"}, -1121),
        ("ticker.price", {"symbol": "BTCUSDT", "symbols": '["ETHUSDT"]'}, -1128),
        ("ticker.price", {"symbol": "BTCUSDT", "symbolStatus": "BREAK"}, -1220),
        ("ticker.24hr", {"type": "SHORT"}, -1139),
        ("ticker", {}, -1102),
        ("ticker", {"symbol": "BTCUSDT", "windowSize": "8d"}, -1100),
        ("ticker", {"symbol": "BTCUSDT", "windowSize": "1d2h"}, -1100),
        ("ticker.tradingDay", {}, -1102),
        ("ticker.tradingDay", {"symbols": str([f"S{one}" for one in range(101)]).replace("'", '"')}, -1101),
    ],
)
def test_wrong_tickers_are_refused(method: str, params: Json, code: int) -> None:
    assert Floor().refusal(method, **params)[:2] == (400, code)
