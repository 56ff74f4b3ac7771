"""What everybody may ask."""

import pytest

from tests.local_exchange.api.floor import LIMIT_BUY, NOW_US, Floor, Json

NOW_MS = NOW_US // 1000
MINUTE_MS = NOW_MS - 20_000  # when the minute that it is began


def test_the_time_is_told_in_ms() -> None:
    assert (Floor().ask("ping"), Floor().ask("time")) == ({}, {"serverTime": NOW_MS})


def symbols(info: Json) -> list[str]:
    return [one["symbol"] for one in info["symbols"]]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["BTCUSDT", "ETHUSDT"]),
        ({"symbol": "ETHUSDT"}, ["ETHUSDT"]),
        ({"symbols": '["ETHUSDT","BTCUSDT"]'}, ["ETHUSDT", "BTCUSDT"]),
        ({"permissions": "SPOT"}, ["BTCUSDT", "ETHUSDT"]),
        ({"permissions": '["SPOT","MARGIN"]'}, ["BTCUSDT", "ETHUSDT"]),
        ({"permissions": "MARGIN"}, []),
        ({"symbolStatus": "TRADING"}, ["BTCUSDT", "ETHUSDT"]),
        ({"symbolStatus": "HALT"}, []),
    ],
)
def test_the_rules_are_told_of_the_symbols_asked_for(params: Json, expected: list[str]) -> None:
    assert symbols(Floor().ask("exchangeInfo", **params)) == expected


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"symbol": "X"}, -1121),
        ({"symbols": '["BTCUSDT","X"]'}, -1121),
        ({"symbols": "BTCUSDT"}, -1100),
        ({"symbol": "BTCUSDT", "symbols": '["ETHUSDT"]'}, -1128),
        ({"symbol": "BTCUSDT", "permissions": "SPOT"}, -1128),
        ({"symbol": "BTCUSDT", "symbolStatus": "TRADING"}, -1128),
        ({"symbolStatus": "OPEN"}, -1122),
        ({"foo": "1"}, -1104),
    ],
)
def test_rules_of_what_is_not_there_are_refused(params: Json, code: int) -> None:
    assert Floor().refusal("exchangeInfo", **params)[:2] == (400, code)


def test_permission_sets_can_be_left_out() -> None:
    floor = Floor()

    assert floor.ask("exchangeInfo", showPermissionSets="false")["symbols"][0]["permissionSets"] == []
    assert floor.ask("exchangeInfo")["symbols"][0]["permissionSets"] == [["SPOT"]]


def test_the_book_is_told_best_first_with_its_update_id() -> None:
    floor = Floor()
    for price, side, name in (
        ("60000", "BUY", "a"),
        ("59999", "BUY", "b"),
        ("60000", "BUY", "c"),
        ("61000", "SELL", "d"),
    ):
        floor.ask("order.place", **LIMIT_BUY | {"price": price, "side": side, "newClientOrderId": name})

    assert floor.ask("depth", symbol="BTCUSDT") == {
        "lastUpdateId": 5,
        "bids": [["60000.00000000", "0.02000000"], ["59999.00000000", "0.01000000"]],
        "asks": [["61000.00000000", "0.01000000"]],
    }
    assert len(floor.ask("depth", symbol="BTCUSDT", limit=1)["bids"]) == 1
    assert len(floor.ask("depth", symbol="BTCUSDT", limit=9999, symbolStatus="TRADING")["bids"]) == 2


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, -1102),
        ({"symbol": "X"}, -1121),
        ({"symbol": "btcusdt"}, -1100),
        ({"symbol": "BTCUSDT", "limit": "0"}, -1130),
        ({"symbol": "BTCUSDT", "limit": "x"}, -1100),
        ({"symbol": "BTCUSDT", "symbolStatus": "HALT"}, -1220),
    ],
)
def test_a_wrong_request_for_a_book_is_refused(params: Json, code: int) -> None:
    assert Floor().refusal("depth", **params)[:2] == (400, code)


def three_trades() -> Floor:
    """One taker trades with two makers at one price and with one at another, a second later."""
    floor = Floor()
    for price in ("60000", "60000", "60010"):
        sell = LIMIT_BUY | {"side": "SELL", "price": price, "newClientOrderId": f"s{len(floor.exchange.accounts)}"}
        del sell["newClientOrderId"]
        floor.ask("order.place", "bob", **sell)
    floor.clock.pass_s(1)
    floor.ask("order.place", **LIMIT_BUY | {"price": "60010", "quantity": "0.03"})
    return floor


def test_trades_are_told_oldest_first() -> None:
    floor = three_trades()
    trades = floor.ask("trades.recent", symbol="BTCUSDT")

    assert trades[0] == {
        "id": 1,
        "price": "60000.00000000",
        "qty": "0.01000000",
        "quoteQty": "600.00000000",
        "time": NOW_MS + 1000,
        "isBuyerMaker": False,
        "isBestMatch": True,
    }
    assert [one["id"] for one in trades] == [1, 2, 3]
    assert [one["id"] for one in floor.ask("trades.recent", symbol="BTCUSDT", limit=2)] == [2, 3]
    assert [one["id"] for one in floor.ask("trades.historical", symbol="BTCUSDT", limit=2)] == [2, 3]
    assert [one["id"] for one in floor.ask("trades.historical", symbol="BTCUSDT", fromId=2)] == [2, 3]
    assert [one["id"] for one in floor.ask("trades.historical", symbol="BTCUSDT", fromId=1, limit=1)] == [1]


def test_a_taker_s_trades_at_one_price_are_one() -> None:
    floor = three_trades()

    first, second = floor.ask("trades.aggregate", symbol="BTCUSDT")
    assert first == {
        "a": 1,
        "p": "60000.00000000",
        "q": "0.02000000",
        "f": 1,
        "l": 2,
        "T": NOW_MS + 1000,
        "m": False,
        "M": True,
    }
    assert (second["a"], second["f"], second["l"]) == (2, 3, 3)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"fromId": "2"}, [2]),
        ({"fromId": "1", "limit": "1"}, [1]),
        ({"limit": "1"}, [2]),
        ({"startTime": NOW_MS + 1000}, [1, 2]),
        ({"startTime": NOW_MS + 1001}, []),
        ({"endTime": NOW_MS + 1000, "limit": "1"}, [2]),
        ({"endTime": NOW_MS + 999}, []),
    ],
)
def test_aggregate_trades_are_chosen_by_id_and_time(params: Json, expected: list[int]) -> None:
    assert [one["a"] for one in three_trades().ask("trades.aggregate", symbol="BTCUSDT", **params)] == expected


def test_aggregate_trades_are_not_chosen_by_id_and_time_at_once() -> None:
    assert Floor().refusal("trades.aggregate", symbol="BTCUSDT", fromId=1, startTime=1)[1] == -1128


def test_a_candle_has_twelve_fields_and_gaps_are_filled() -> None:
    floor = three_trades()
    floor.clock.pass_s(60)
    first, second = floor.ask("klines", symbol="BTCUSDT", interval="1m")

    assert first == [
        MINUTE_MS,
        "60000.00000000",
        "60010.00000000",
        "60000.00000000",
        "60010.00000000",
        "0.03000000",
        MINUTE_MS + 59_999,
        "1800.10000000",
        3,
        "0.03000000",
        "1800.10000000",
        "0",
    ]
    assert second == [MINUTE_MS + 60_000, *["60010.00000000"] * 4, *second[5:]]
    assert second[5:] == ["0.00000000", MINUTE_MS + 119_999, "0.00000000", 0, "0.00000000", "0.00000000", "0"]


@pytest.mark.parametrize(
    ("params", "opens"),
    [
        ({}, [0, 1, 2]),
        ({"limit": "1"}, [2]),
        ({"startTime": MINUTE_MS, "limit": "1"}, [0]),
        ({"startTime": MINUTE_MS + 1}, [1, 2]),
        ({"endTime": MINUTE_MS + 60_000}, [0, 1]),
        ({"endTime": MINUTE_MS + 119_999, "limit": "1"}, [1]),
    ],
)
def test_candles_are_chosen_by_time(params: Json, opens: list[int]) -> None:
    floor = three_trades()
    floor.clock.pass_s(120)

    candles = floor.ask("uiKlines", symbol="BTCUSDT", interval="1m", **params)
    assert [(one[0] - MINUTE_MS) // 60_000 for one in candles] == opens


@pytest.mark.parametrize(
    ("zone", "hour"), [("0", 0), ("8", 16), ("+8:00", 16), ("-1:00", 1), ("05:45", 18.25), ("14", 10), ("-12:00", 12)]
)
def test_days_begin_in_the_time_zone(zone: str, hour: float) -> None:
    candles = three_trades().ask("klines", symbol="BTCUSDT", interval="1d", timeZone=zone)

    assert {one[0] % 86_400_000 / 3_600_000 for one in candles} == {hour}


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({}, -1102, "Mandatory parameter 'interval' was not sent, was empty/null, or malformed."),
        ({"interval": "1y"}, -1120, "Invalid interval."),
        ({"interval": "1m", "timeZone": "15"}, -1130, "Data sent for parameter 'timeZone' is not valid."),
        (
            {"interval": "1m", "timeZone": "x"},
            -1100,
            "Illegal characters found in parameter 'timeZone'; legal range is '^[+-]?[0-9]{1,2}(:[0-9]{2})?$'.",
        ),
    ],
)
def test_wrong_candles_are_refused(params: Json, code: int, text: str) -> None:
    assert Floor().refusal("klines", symbol="BTCUSDT", **params) == (400, code, text)


def test_the_mean_price_is_that_of_five_minutes() -> None:
    reply = three_trades().ask("avgPrice", symbol="BTCUSDT")

    assert reply == {"mins": 5, "price": "60003.33333333", "closeTime": NOW_MS + 1000}
    assert Floor().ask("avgPrice", symbol="BTCUSDT") == {"mins": 5, "price": "0.00000000", "closeTime": 0}


def test_an_endpoint_without_parameters_takes_none() -> None:
    expected = (400, -1101, "Too many parameters; expected '0' and received '1'.")
    assert Floor().refusal("time", foo=1) == expected
