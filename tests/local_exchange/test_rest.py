"""Recorded replies answer requests as of the playback's time; the rest is answered in Binance's words."""

import pytest
from msgspec.json import encode

from bowstring.local_exchange.feed import MARKETS
from bowstring.local_exchange.recording import RecordedReply
from bowstring.local_exchange.rest import Rest
from tests.local_exchange.traffic import SECOND, START_NS, depth, json, objects

INSTRUMENTS = [MARKETS[symbol].instrument for symbol in ("BTCUSDT", "ETHUSDT", "ETHBTC")]
INVALID_SYMBOL = {"code": -1121, "msg": "Invalid symbol."}


def reply(url: str, body: object, *, second: float = 0) -> RecordedReply:
    return RecordedReply(
        time_ns=START_NS + int(second * SECOND), url=f"https://api.binance.com{url}", body=encode(body)
    )


def get(
    path: str, query: dict[str, str] | None = None, *, replies: tuple[RecordedReply, ...] = (), second: float = 0
) -> tuple[int, dict[str, object]]:
    rest = Rest(replies, instruments=INSTRUMENTS)
    answer = rest.answer(f"/api/v3/{path}", query or {}, now_ns=START_NS + int(second * SECOND))
    return answer.status, json(answer.body)


def symbols(info: dict[str, object]) -> list[object]:
    return [symbol["symbol"] for symbol in objects(info["symbols"])]


def test_ping_and_time_are_answered_without_a_recording() -> None:
    assert get("ping") == (200, {})
    assert get("time", second=2.5) == (200, {"serverTime": 1633998514500})


@pytest.mark.parametrize(("second", "update_id"), [(0, 1), (1, 1), (2.9, 1), (3, 3), (100, 3)])
def test_a_snapshot_is_the_latest_at_or_before_now_else_the_first(second: float, update_id: int) -> None:
    snapshots = (depth(3, "BTCUSDT", update_id=3), depth(1, "BTCUSDT", update_id=1), depth(0, "ETHBTC", update_id=9))

    status, book = get("depth", {"symbol": "BTCUSDT"}, replies=snapshots, second=second)
    assert (status, book["lastUpdateId"]) == (200, update_id)


@pytest.mark.parametrize(
    ("asked", "levels"), [({"limit": "1"}, 1), ({"limit": "150"}, 150), ({}, 100), ({"limit": "99999"}, 200)]
)
def test_a_snapshot_has_as_many_levels_as_asked(asked: dict[str, str], levels: int) -> None:
    recorded = depth(0, "BTCUSDT", levels=200)

    _, book = get("depth", {"symbol": "BTCUSDT"} | asked, replies=(recorded,))
    whole = json(recorded.body)
    for side in ("bids", "asks"):
        kept = whole[side]
        assert isinstance(kept, list)
        assert book[side] == kept[:levels]


FEWER = {"code": -1000, "msg": "This recording has fewer than 500 levels of BTCUSDT"}


@pytest.mark.parametrize(("limit", "levels"), [(100, 100), (100, 101), (5, 5)])
def test_a_book_that_was_cut_off_is_not_shown_to_who_asks_for_more(limit: int, levels: int) -> None:
    cut = depth(0, "BTCUSDT", levels=levels, limit=limit)

    assert get("depth", {"symbol": "BTCUSDT", "limit": "500"}, replies=(cut,)) == (404, FEWER)
    assert get("depth", {"symbol": "BTCUSDT", "limit": str(limit)}, replies=(cut,))[0] == 200


def test_a_book_of_which_one_side_was_cut_off_is_cut_off() -> None:
    body = {"lastUpdateId": 7, "bids": [["1", "2"]], "asks": [[str(price), "1"] for price in range(2, 7)]}
    cut = reply("/api/v3/depth?symbol=BTCUSDT&limit=5", body)

    assert get("depth", {"symbol": "BTCUSDT", "limit": "500"}, replies=(cut,)) == (404, FEWER)


def test_of_several_recorded_books_those_are_shown_that_have_enough_levels() -> None:
    replies = (
        depth(0, "BTCUSDT", levels=1000, update_id=1),
        depth(2, "BTCUSDT", levels=1000, update_id=2),
        depth(3, "BTCUSDT", levels=5, limit=5, update_id=3),
        depth(9, "BTCUSDT", levels=1000, update_id=4),
    )

    shown = [
        get("depth", {"symbol": "BTCUSDT", "limit": limit}, replies=replies, second=4)[1]["lastUpdateId"]
        for limit in ("5", "6", "1000")
    ]
    assert shown == [3, 2, 2]


@pytest.mark.parametrize(("futures", "most", "default"), [(False, 5000, 100), (True, 1000, 500)])
def test_levels_that_the_venue_itself_does_not_give_are_not_missed(futures: bool, most: int, default: int) -> None:
    path = "/fapi/v1/depth" if futures else "/api/v3/depth"
    side = [["1", "1"]]

    def status(levels: int, recorded: str, asked: str) -> int:
        one = reply(f"{path}?symbol=BTCUSDT{recorded}", {"bids": side * levels, "asks": side})
        rest = Rest([one], instruments=INSTRUMENTS, futures=futures)
        return rest.answer(path, {"symbol": "BTCUSDT", "limit": asked}, now_ns=0).status

    assert status(most, f"&limit={most}", "99999") == 200
    assert status(most, "&limit=99999", str(most)) == 200
    assert status(default, "", str(default)) == 200
    assert status(default, "", str(default + 1)) == 404


def test_a_whole_snapshot_keeps_its_bytes() -> None:
    body = b'{"lastUpdateId":7,"E":1,"bids":[["7.6110","6"]],"asks":[]}'
    recorded = RecordedReply(time_ns=0, url="https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT", body=body)
    rest = Rest([recorded], instruments=INSTRUMENTS, futures=True)

    assert rest.answer("/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": "1000"}, now_ns=0).body == body


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ({"symbol": "NOSUCH"}, -1121, "Invalid symbol."),
        ({}, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
        ({"symbol": ""}, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
        (
            {"symbol": "BTCUSDT", "limit": "-1"},
            -1100,
            "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.",
        ),
        ({"symbol": "BTCUSDT", "limit": "0"}, -1130, "Data sent for parameter 'limit' is not valid."),
    ],
)
def test_a_wrong_depth_request_gets_binances_error(query: dict[str, str], code: int, message: str) -> None:
    assert get("depth", query, replies=(depth(0, "BTCUSDT"),)) == (400, {"code": code, "msg": message})


def test_what_was_not_recorded_is_not_found() -> None:
    status, error = get("klines", {"symbol": "BTCUSDT", "interval": "1m"})

    expected = "This recording has no answer to GET /api/v3/klines {'symbol': 'BTCUSDT', 'interval': '1m'}"
    assert (status, error) == (404, {"code": -1000, "msg": expected})


def test_any_recorded_path_is_answered_for_the_same_parameters() -> None:
    minutes = reply("/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=500", {"candles": 1})
    hours = reply("/api/v3/klines?interval=1h&symbol=BTCUSDT", {"candles": 2})

    asked = {"symbol": "BTCUSDT", "interval": "1h"}
    assert get("klines", asked, replies=(minutes, hours)) == (200, {"candles": 2})
    assert get("klines", asked | {"interval": "1m"}, replies=(minutes, hours)) == (200, {"candles": 1})
    assert get("klines", asked | {"interval": "1d"}, replies=(minutes, hours))[0] == 404


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["BTCUSDT", "ETHUSDT", "ETHBTC"]),
        ({"showPermissionSets": "false"}, ["BTCUSDT", "ETHUSDT", "ETHBTC"]),
        ({"symbol": "ETHBTC"}, ["ETHBTC"]),
        ({"symbols": '["ETHBTC","BTCUSDT"]'}, ["ETHBTC", "BTCUSDT"]),
    ],
)
def test_exchange_info_tells_of_the_symbols_asked_for(query: dict[str, str], expected: list[str]) -> None:
    status, info = get("exchangeInfo", query, second=1)

    assert (status, symbols(info), info["serverTime"]) == (200, expected, 1633998513000)


@pytest.mark.parametrize("query", [{"symbol": "NOSUCH"}, {"symbols": '["BTCUSDT","NOSUCH"]'}])
def test_exchange_info_of_an_unknown_symbol_is_refused(query: dict[str, str]) -> None:
    assert get("exchangeInfo", query) == (400, INVALID_SYMBOL)


def test_exchange_info_of_malformed_symbols_is_refused() -> None:
    status, error = get("exchangeInfo", {"symbols": "BTCUSDT"})

    assert (status, error["code"]) == (400, -1100)


def test_recorded_exchange_infos_of_other_symbols_complete_each_other() -> None:
    def info(second: float, symbol: str, status: str) -> RecordedReply:
        body = {"serverTime": second, "symbols": [{"symbol": symbol, "status": status}]}
        return reply(f'/api/v3/exchangeInfo?symbols=["{symbol}"]', body, second=second)

    replies = (info(0, "BTCUSDT", "TRADING"), info(1, "ETHUSDT", "TRADING"), info(9, "BTCUSDT", "BREAK"))
    for second, btc in ((0, "TRADING"), (10, "BREAK")):
        status, told = get("exchangeInfo", {"symbols": '["BTCUSDT","ETHUSDT"]'}, replies=replies, second=second)

        assert status == 200
        assert {one["symbol"]: one["status"] for one in objects(told["symbols"])} == {
            "BTCUSDT": btc,
            "ETHUSDT": "TRADING",
        }


def test_a_recorded_exchange_info_comes_before_the_derived_one() -> None:
    recorded = reply(
        "/api/v3/exchangeInfo?permissions=SPOT", {"serverTime": 5, "symbols": [{"symbol": "OLDBTC", "x": 1}]}
    )

    assert get("exchangeInfo", replies=(recorded,)) == (200, json(recorded.body))
    assert get("exchangeInfo", {"symbol": "OLDBTC"}, replies=(recorded,)) == (200, json(recorded.body))
    assert get("exchangeInfo", {"symbol": "BTCUSDT"}, replies=(recorded,)) == (400, INVALID_SYMBOL)


def test_futures_are_answered_under_their_own_path() -> None:
    rest = Rest([], instruments=INSTRUMENTS, futures=True)

    info = json(rest.answer("/fapi/v1/exchangeInfo", {"symbol": "BTCUSDT"}, now_ns=0).body)
    assert symbols(info) == ["BTCUSDT"]
    assert rest.answer("/fapi/v1/ping", {}, now_ns=0).body == b"{}"
    assert rest.answer("/api/v3/ping", {}, now_ns=0).status == 404


@pytest.mark.parametrize(
    ("path", "query", "weight"),
    [
        ("ping", {}, 1),
        ("exchangeInfo", {}, 20),
        ("depth", {"limit": "100"}, 5),
        ("depth", {"limit": "101"}, 25),
        ("depth", {"limit": "1000"}, 50),
        ("depth", {"limit": "1001"}, 250),
    ],
)
def test_requests_cost_what_binance_says(path: str, query: dict[str, str], weight: int) -> None:
    rest = Rest([depth(0, "BTCUSDT")], instruments=INSTRUMENTS)

    assert rest.answer(f"/api/v3/{path}", {"symbol": "BTCUSDT"} | query, now_ns=0).weight == weight
