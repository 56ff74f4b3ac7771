"""REST: where parameters may stand, what is signed, statuses and headers."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from msgspec.json import decode

from bowstring.local_exchange.api.call import Call
from bowstring.local_exchange.api.faults import Answer
from bowstring.local_exchange.api.limits import Limits
from bowstring.local_exchange.api.refusals import Denied
from tests.local_exchange.api.floor import LIMIT_BUY, NOW_US, Floor, Json, Visitor, key, visiting

NOW_MS = NOW_US // 1000
REJECTED = (401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."})
BAD_SIGNATURE = (400, {"code": -1022, "msg": "Signature for this request is not valid."})


async def raw(
    visitor: Visitor,
    method: str,
    path: str,
    *,
    query: str = "",
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Any]:
    """A request byte for byte, with Alice's key."""
    sent = {
        "X-MBX-APIKEY": key("alice", "Hmac"),
        "Content-Type": "application/x-www-form-urlencoded",
        **(headers or {}),
    }
    url = f"{visitor.url}{path}{'?' if query else ''}{query}"
    async with visitor.http.request(method, url, data=body, headers=sent) as response:
        return response.status, decode(await response.read())


def signature(payload: str, secret: str = "alice") -> str:
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


ORDER = urlencode(LIMIT_BUY)
TIME = f"timestamp={NOW_MS}"
SPLITS = {
    "all in the query": (f"{ORDER}&{TIME}&signature={signature(f'{ORDER}&{TIME}')}", None),
    "all in the body": ("", f"{ORDER}&{TIME}&signature={signature(f'{ORDER}&{TIME}')}"),
    "the order in the body": (f"{TIME}&signature={signature(f'{TIME}{ORDER}')}", ORDER),
    "the signature in the body": (f"{ORDER}&{TIME}", f"signature={signature(f'{ORDER}&{TIME}')}"),
    "the signature first": (f"signature={signature(f'{ORDER}&{TIME}')}&{ORDER}&{TIME}", None),
    "the query wins": (
        f"{ORDER}&{TIME}&signature={signature(f'{ORDER}&{TIME}symbol=X')}",
        "symbol=X",
    ),
}


@pytest.mark.parametrize("split", SPLITS)
async def test_parameters_stand_in_the_query_the_body_or_both(split: str) -> None:
    query, body = SPLITS[split]
    async with visiting(Floor()) as visitor:
        status, order = await raw(visitor, "POST", "/api/v3/order", query=query, body=body)

    assert (status, order["symbol"]) == (200, "BTCUSDT")


async def test_an_order_is_cancelled_from_a_form_body_too() -> None:
    form = f"symbol=BTCUSDT&orderId=1&{TIME}"
    async with visiting(Floor()) as visitor:
        await visitor.sign("POST", "/api/v3/order", LIMIT_BUY)
        status, order = await raw(visitor, "DELETE", "/api/v3/order", body=f"{form}&signature={signature(form)}")

    assert (status, order["status"]) == (200, "CANCELED")


async def test_a_post_with_a_json_header_and_no_body_is_read_from_the_query() -> None:
    query = f"{ORDER}&{TIME}&signature={signature(f'{ORDER}&{TIME}')}"
    async with visiting(Floor()) as visitor:
        status, _ = await raw(
            visitor, "POST", "/api/v3/order", query=query, headers={"Content-Type": "application/json"}
        )

    assert status == 200


async def test_a_parameter_is_sent_once() -> None:
    async with visiting(Floor()) as visitor:
        reply = await raw(visitor, "GET", "/api/v3/depth", query="symbol=BTCUSDT&symbol=ETHUSDT")

    assert reply == (400, {"code": -1101, "msg": "Duplicate values for a parameter detected."})


@pytest.mark.parametrize("other", [f"{ORDER}&{TIME}&quantity2=1", f"{TIME}&{ORDER}", ORDER])
async def test_what_was_not_signed_is_refused(other: str) -> None:
    query = f"{ORDER}&{TIME}&signature={signature(other)}"
    async with visiting(Floor()) as visitor:
        assert await raw(visitor, "POST", "/api/v3/order", query=query) == BAD_SIGNATURE


@pytest.mark.parametrize(
    ("key_id", "expected"),
    [
        ("", (401, {"code": -2014, "msg": "API-key format invalid."})),
        ("short", (401, {"code": -2014, "msg": "API-key format invalid."})),
        ("x" * 64, REJECTED),
        (key("bob", "Hmac"), BAD_SIGNATURE),
    ],
)
async def test_a_wrong_key_is_refused(key_id: str, expected: tuple[int, Json]) -> None:
    query = f"{TIME}&signature={signature(TIME)}"
    async with visiting(Floor()) as visitor:
        reply = await raw(visitor, "GET", "/api/v3/account", query=query, headers={"X-MBX-APIKEY": key_id})

    assert reply == expected


async def test_an_expired_key_is_refused() -> None:
    floor = Floor()
    async with visiting(floor) as visitor:
        floor.keyring.expire(key("alice", "Hmac"))
        status, error, _ = await visitor.sign("GET", "/api/v3/account")

    assert (status, error) == REJECTED


async def timed(visitor: Visitor, query: str) -> tuple[int, int]:
    status, reply = await raw(visitor, "GET", "/api/v3/openOrders", query=f"{query}&signature={signature(query)}")
    return status, 0 if status == 200 else reply["code"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (f"timestamp={NOW_MS + 999}", 0),
        (f"timestamp={NOW_MS + 1000}", -1021),
        (f"timestamp={NOW_MS - 5000}", 0),
        (f"timestamp={NOW_MS - 5001}", -1021),
        (f"timestamp={NOW_US - 5_000_000}", 0),
        (f"timestamp={NOW_US - 5_000_001}", -1021),
        (f"timestamp={NOW_MS - 60000}&recvWindow=60000", 0),
        (f"timestamp={NOW_US - 1500}&recvWindow=1.5", 0),
        (f"timestamp={NOW_US - 1501}&recvWindow=1.5", -1021),
        (f"timestamp={NOW_MS}&recvWindow=60001", -1131),
        (f"timestamp={NOW_MS}&recvWindow=1.0001", -1100),
        (f"timestamp={NOW_MS}&recvWindow=", -1105),
        ("recvWindow=5000", -1102),
        ("timestamp=", -1102),
        ("timestamp=now", -1100),
    ],
)
async def test_a_request_is_as_old_as_its_window_at_most(query: str, code: int) -> None:
    async with visiting(Floor()) as visitor:
        assert await timed(visitor, query) == (400 if code else 200, code)


async def test_times_that_are_wrong_have_binances_texts() -> None:
    async with visiting(Floor()) as visitor:
        texts: list[str] = []
        for query in (
            f"timestamp={NOW_MS + 1000}",
            f"timestamp={NOW_MS - 5001}",
            f"timestamp={NOW_MS}&recvWindow=60001",
        ):
            _, error = await raw(visitor, "GET", "/api/v3/account", query=f"{query}&signature={signature(query)}")
            texts.append(error["msg"])
        _, unsigned = await raw(visitor, "GET", "/api/v3/account", query=TIME)

    assert texts == [
        "Timestamp for this request was 1000ms ahead of the server's time.",
        "Timestamp for this request is outside of the recvWindow.",
        "'recvWindow' must be less than 60000.",
    ]
    expected = "Mandatory parameter 'signature' was not sent, was empty/null, or malformed."
    assert unsigned == {"code": -1102, "msg": expected}


async def test_every_reply_tells_the_weight_and_an_order_the_number_of_orders() -> None:
    async with visiting(Floor()) as visitor:
        _, _, depth = await visitor.ask("GET", "/api/v3/depth", {"symbol": "BTCUSDT"})
        _, _, refused = await visitor.ask("GET", "/api/v3/depth")
        _, _, order = await visitor.sign("POST", "/api/v3/order", LIMIT_BUY)
        _, _, cancel = await visitor.sign("DELETE", "/api/v3/order", {"symbol": "BTCUSDT", "orderId": 1})

    assert depth["Content-Type"] == "application/json;charset=UTF-8"
    assert (depth["X-MBX-USED-WEIGHT"], depth["X-MBX-USED-WEIGHT-1M"]) == ("5", "5")
    assert (refused["X-MBX-USED-WEIGHT-1M"], order["X-MBX-USED-WEIGHT-1M"]) == ("10", "10")
    assert (order["X-MBX-ORDER-COUNT-10S"], order["X-MBX-ORDER-COUNT-1D"]) == ("1", "1")
    assert "X-MBX-ORDER-COUNT-10S" not in cancel


async def test_too_much_is_refused_until_a_time_that_is_told() -> None:
    async with visiting(Floor(Limits(weight_per_minute=4, patience=1))) as visitor:
        replies = [await visitor.ask("GET", "/api/v3/depth", {"symbol": "BTCUSDT"}) for _ in range(2)]

    (limited, error, headers), (banned, ban, until) = replies
    assert (limited, error["code"], headers["Retry-After"]) == (429, -1003, "40")
    assert (banned, ban["code"], until["Retry-After"]) == (418, -1003, "120")


async def test_too_many_orders_are_refused_until_a_time_that_is_told() -> None:
    async with visiting(Floor(Limits(orders_per_10_seconds=0))) as visitor:
        status, error, headers = await visitor.sign("POST", "/api/v3/order", LIMIT_BUY)

    assert (status, error["code"], headers["Retry-After"]) == (429, -1015, "10")


async def test_times_come_in_microseconds_if_asked_for() -> None:
    async with visiting(Floor()) as visitor:
        replies = [
            await raw(visitor, "GET", "/api/v3/time", headers={"X-MBX-TIME-UNIT": unit})
            for unit in ("MICROSECOND", "microsecond", "MILLISECOND", "SECOND")
        ]

    assert [reply.get("serverTime") for _, reply in replies] == [NOW_US, NOW_US, NOW_MS, None]
    expected = "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."
    assert replies[3] == (400, {"code": -1194, "msg": expected})


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/api/v3/nothing"), ("PATCH", "/api/v3/order"), ("POST", "/api/v3/userDataStream")],
)
async def test_what_is_not_there_is_not_found(method: str, path: str) -> None:
    async with visiting(Floor()) as visitor, visitor.http.request(method, visitor.url + path) as response:
        assert (response.status, response.content_type) == (404, "text/html")


async def test_a_partial_replacement_is_told_with_both_halves() -> None:
    order = LIMIT_BUY | {"cancelReplaceMode": "ALLOW_FAILURE", "cancelOrderId": "7"}
    async with visiting(Floor()) as visitor:
        status, error, _ = await visitor.sign("POST", "/api/v3/order/cancelReplace", order)

    assert (status, error["code"], error["data"]["newOrderResult"]) == (409, -2021, "SUCCESS")


async def test_the_wallet_is_read() -> None:
    async with visiting(Floor()) as visitor:
        coins = await visitor.sign("GET", "/sapi/v1/capital/config/getall")
        fees = await visitor.sign("GET", "/sapi/v1/asset/tradeFee", {"symbol": "BTCUSDT"})
        margin = [await visitor.sign("GET", f"/sapi/v1/margin/{one}") for one in ("allPairs", "isolated/allPairs")]
        _, all_fees, _ = await visitor.sign("GET", "/sapi/v1/asset/tradeFee")

    assert {one["coin"]: one["free"] for one in coins[1]}["ETH"] == "1000.00000000"
    assert fees[1] == [{"symbol": "BTCUSDT", "makerCommission": "0.00100000", "takerCommission": "0.00100000"}]
    assert [reply[:2] for reply in margin] == [(200, []), (200, [])]
    assert len(all_fees) == 2


async def test_listen_keys_are_there_when_they_are_wanted() -> None:
    floor = Floor(legacy=True)
    path, unknown = "/api/v3/userDataStream", {"code": -1125, "msg": "This listenKey does not exist."}
    async with visiting(floor) as visitor:
        alice, bob = key("alice", "Hmac"), key("bob", "Hmac")
        _, created, _ = await visitor.ask("POST", path, key_id=alice)
        _, again, _ = await visitor.ask("POST", path, key_id=alice)
        name = created["listenKey"]
        assert (again, floor.service.listen_keys.account(name)) == (created, floor.exchange.accounts["alice"])

        _, other, _ = await visitor.ask("POST", path, key_id=bob)
        assert other != created
        floor.clock.pass_s(3599)
        assert (await visitor.ask("PUT", path, {"listenKey": name}, key_id=alice))[:2] == (200, {})
        assert (await visitor.ask("PUT", path, {"listenKey": name}, key_id=bob))[:2] == (400, unknown)
        floor.clock.pass_s(3599)
        assert floor.service.listen_keys.account(name) is not None
        assert (await visitor.ask("DELETE", path, {"listenKey": name}, key_id=alice))[:2] == (200, {})
        assert (await visitor.ask("PUT", path, {"listenKey": name}, key_id=alice))[:2] == (400, unknown)
        _, fresh, _ = await visitor.ask("POST", path, key_id=alice)
        assert fresh != created
        assert (await visitor.ask("POST", path))[1]["code"] == -2014


class Scripted:
    """Does before and after each call what it was told."""

    def __init__(self, *, refuse: Denied | None = None, answer: Answer | None = None) -> None:
        self.refuse, self.answer = refuse, answer

    async def before(self, call: Call) -> None:
        if self.refuse is not None:
            raise self.refuse

    async def after(self, call: Call, answer: Answer) -> Answer | None:
        return self.answer


async def test_a_fault_can_refuse_before_and_lose_the_reply_after() -> None:
    floor = Floor()
    async with visiting(floor) as visitor:
        busy = Answer(status=503, body=b'{"code":-1008}')
        floor.rest.faults = Scripted(refuse=Denied(-1008, "", status=503), answer=busy)
        assert (await visitor.sign("POST", "/api/v3/order", LIMIT_BUY))[:2] == (503, {"code": -1008})
        assert floor.ask("openOrders.status") == []

        floor.rest.faults = Scripted()
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await visitor.sign("POST", "/api/v3/order", LIMIT_BUY)
        assert len(floor.ask("openOrders.status")) == 1


async def test_a_window_that_ends_while_a_call_is_delayed_refuses_it() -> None:
    floor = Floor()

    class Delay(Scripted):
        async def before(self, call: Call) -> None:
            floor.clock.pass_s(6)

        async def after(self, call: Call, answer: Answer) -> Answer | None:
            return answer

    floor.rest.faults = Delay()
    async with visiting(floor) as visitor:
        status, error, _ = await visitor.sign("POST", "/api/v3/order", LIMIT_BUY)

    assert (status, error["code"]) == (400, -1021)
