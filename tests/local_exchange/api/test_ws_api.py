"""The WebSocket API: frames in, frames out, sessions, subscriptions, and how a connection ends."""

import asyncio

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError

from bowstring.local_exchange.api import session
from bowstring.local_exchange.api.call import Call
from bowstring.local_exchange.api.faults import Answer
from bowstring.local_exchange.api.keys import Key, Permission, public_key_lock
from bowstring.local_exchange.api.limits import Limits
from bowstring.local_exchange.api.refusals import Denied
from bowstring.local_exchange.matching.orders import Refused
from tests.local_exchange.api.floor import LIMIT_BUY, NOW_US, PUBLIC_PEM, Floor, Json, Line, key, visiting

NOW_MS = NOW_US // 1000
WEIGHT = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}
REJECTED = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}


async def reply_to(line: Line, text: str) -> Json:
    await line.socket.send_str(text)
    return await line.next()


async def test_a_reply_has_id_status_result_and_limits() -> None:
    async with visiting(Floor()) as visitor, visitor.connect() as line:
        reply = await line.ask("time")

    expected = {"id": 1, "status": 200, "result": {"serverTime": NOW_MS}, "rateLimits": [{**WEIGHT, "count": 3}]}
    assert reply == expected  # 2 for connecting


async def test_limits_can_be_left_out_of_one_reply_or_of_all() -> None:
    async with visiting(Floor()) as visitor:
        async with visitor.connect() as line:
            assert "rateLimits" not in await line.ask("ping", returnRateLimits=False)
            assert "rateLimits" in await line.ask("ping")
        async with visitor.connect("?returnRateLimits=false") as line:
            assert "rateLimits" not in await line.ask("ping")
            assert "rateLimits" in await line.ask("ping", returnRateLimits=True)
            assert (await line.ask("session.status"))["result"]["returnRateLimits"] is False


async def test_times_come_in_microseconds_if_asked_for() -> None:
    async with visiting(Floor()) as visitor, visitor.connect("?timeUnit=MICROSECOND") as line:
        assert (await line.ask("time"))["result"] == {"serverTime": NOW_US}
        with pytest.raises(WSServerHandshakeError) as refused:
            async with visitor.connect("?timeUnit=SECOND"):
                pass
    assert refused.value.status == 400


@pytest.mark.parametrize("one", ["7", "-7", '"e2a85d9f-07a5-4f94-8d5f-789dc3deb097"', '""', "null"])
async def test_an_id_is_echoed(one: str) -> None:
    async with visiting(Floor()) as visitor, visitor.connect("?returnRateLimits=false") as line:
        await line.socket.send_str(f'{{"id":{one},"method":"ping"}}')
        assert await line.socket.receive_str() == f'{{"id":{one},"status":200,"result":{{}}}}'


@pytest.mark.parametrize("one", ["1.5", "true", "[]", "{}", '"' + "x" * 37 + '"', "9223372036854775808"])
async def test_another_id_is_refused(one: str) -> None:
    async with visiting(Floor()) as visitor, visitor.connect() as line:
        reply = await reply_to(line, f'{{"id":{one},"method":"ping"}}')

    assert (reply["id"], reply["status"], reply["error"]["code"]) == (None, 400, -1100)


@pytest.mark.parametrize(
    ("text", "one", "code"),
    [
        ("", None, -1135),
        ("{", None, -1135),
        ("[1]", None, -1135),
        ("[" * 5000, None, -1135),
        ('{"id":3}', 3, -1135),
        ('{"id":3,"method":5}', 3, -1135),
        ('{"id":3,"method":"ping","params":[]}', 3, -1135),
        ('{"id":3,"method":"nothing"}', 3, -1020),
        ('{"id":3,"method":"userDataStream.start"}', 3, -1020),
    ],
)
async def test_what_is_no_request_is_refused_and_the_connection_stays(text: str, one: object, code: int) -> None:
    async with visiting(Floor()) as visitor, visitor.connect() as line:
        reply = await reply_to(line, text)
        assert (reply["id"], reply["status"], reply["error"]["code"]) == (one, 400, code)
        assert (await line.ask("v3/ping"))["status"] == 200


async def test_a_binary_frame_is_read_too() -> None:
    async with visiting(Floor()) as visitor, visitor.connect() as line:
        await line.socket.send_bytes(b'{"id":3,"method":"ping"}')
        assert (await line.next())["id"] == 3
        await line.socket.send_bytes(b"\xff")
        assert (await line.next())["error"]["code"] == -1135


async def test_values_come_as_text_or_as_numbers() -> None:
    async with visiting(Floor()) as visitor, visitor.connect() as line:
        assert (await line.ask("depth", symbol="BTCUSDT", limit=5))["status"] == 200
        assert (await line.ask("depth", symbol="BTCUSDT", limit="5"))["status"] == 200
        assert (await line.ask("ticker.price", symbols=["BTCUSDT"]))["status"] == 200
        assert (await line.ask("depth", symbol="BTCUSDT", limit=None))["error"]["code"] == -1105
        assert (await line.ask("depth", symbol="BTCUSDT", limit=1.5))["error"]["code"] == -1100


async def test_numbers_are_signed_as_they_stand() -> None:
    order = LIMIT_BUY | {"quantity": 0.01, "price": 60000.0, "strategyId": 5}
    async with visiting(Floor()) as visitor, visitor.connect() as line:
        reply = await line.ask("order.place", **line.signed("alice", **order))

    assert (reply["status"], reply["result"]["strategyId"]) == (200, 5)


async def test_an_order_tells_the_number_of_orders_too() -> None:
    async with visiting(Floor()) as visitor, visitor.connect() as line:
        reply = await line.ask("order.place", **line.signed("alice", **LIMIT_BUY))
        refused = await line.ask("order.place", **line.signed("alice", **LIMIT_BUY))

    per_10_s = {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100, "count": 1}
    per_day = per_10_s | {"interval": "DAY", "intervalNum": 1, "limit": 200000}
    assert reply["rateLimits"] == [per_10_s, per_day, {**WEIGHT, "count": 2}]
    assert refused["error"] == {"code": -2010, "msg": "Duplicate order sent."}
    assert refused["rateLimits"] == [per_10_s, per_day, {**WEIGHT, "count": 3}]


async def test_a_wrong_signature_or_key_is_refused() -> None:
    async with visiting(Floor()) as visitor, visitor.connect() as line:
        params = line.signed("alice")
        errors = [
            (await line.ask("account.status", **(params | change)))["error"]["code"]
            for change in (
                {"timestamp": NOW_MS + 1},
                {"signature": "00"},
                {"signature": ""},
                {"apiKey": "x" * 64},
                {"apiKey": "x"},
            )
        ]
        unsigned = await line.ask("account.status", timestamp=NOW_MS)

    assert errors == [-1022, -1022, -1102, -2015, -2014]
    assert (unsigned["status"], unsigned["error"]["code"]) == (401, -2014)


async def test_a_partial_replacement_is_409_with_data() -> None:
    order = LIMIT_BUY | {"cancelReplaceMode": "ALLOW_FAILURE", "cancelOrderId": 7}
    async with visiting(Floor()) as visitor, visitor.connect() as line:
        reply = await line.ask("order.cancelReplace", **line.signed("alice", **order))

    assert (reply["status"], reply["error"]["code"]) == (409, -2021)
    assert reply["error"]["data"]["cancelResponse"] == {"code": -2011, "msg": "Unknown order sent."}


async def test_who_logs_on_needs_no_more_signatures_but_timestamps() -> None:
    async with visiting(Floor()) as visitor, visitor.connect() as line:
        logon = await line.log_on()
        account = await line.ask("account.status", timestamp=NOW_MS)
        named = await line.ask("account.status", timestamp=NOW_MS, apiKey=key("alice", "Ed"))
        untimed = await line.ask("account.status")
        other = await line.ask("account.status", **line.signed("bob"))
        status = await line.ask("session.status")
        logout = await line.ask("session.logout")
        after = await line.ask("account.status", timestamp=NOW_MS)

    known = {
        "apiKey": key("alice", "Ed"),
        "authorizedSince": NOW_MS,
        "connectedSince": NOW_MS,
        "returnRateLimits": True,
        "serverTime": NOW_MS,
        "userDataStream": False,
    }
    assert logon["result"] == status["result"] == known
    assert (account["result"]["uid"], named["result"]["uid"], other["result"]["uid"]) == (1, 1, 2)
    assert untimed["error"]["code"] == -1102
    assert logout["result"] == known | {"apiKey": None, "authorizedSince": None}
    assert after["status"] == 401


async def test_only_ed25519_logs_on() -> None:
    async with visiting(Floor()) as visitor, visitor.connect() as line:
        reply = await line.ask("session.logon", **line.signed("alice"))

    assert reply["error"] == {"code": -4056, "msg": "HMAC_SHA256 API key is not supported."}


async def test_a_key_that_ends_ends_the_session() -> None:
    floor = Floor()
    async with visiting(floor) as visitor, visitor.connect() as line:
        await line.log_on()
        await line.ask("userDataStream.subscribe")
        floor.keyring.expire(key("alice", "Ed"))
        terminated = await line.ask("account.status", timestamp=NOW_MS)
        reply = await line.next()
        status = await line.ask("session.status")

    assert terminated["event"]["e"] == "eventStreamTerminated"
    assert (reply["id"], reply["status"], reply["error"]) == (None, 401, REJECTED)
    assert status["result"]["apiKey"] is None


async def test_private_events_need_a_logon_or_a_signature() -> None:
    async with visiting(Floor()) as visitor, visitor.connect() as line:
        assert (await line.ask("userDataStream.subscribe"))["error"] == REJECTED
        assert (await line.ask("userDataStream.subscribe.signature"))["error"]["code"] == -2014
        signed = await line.ask("userDataStream.subscribe.signature", **line.signed("bob"))
        assert signed["result"] == {"subscriptionId": 0}
        await line.log_on()
        assert (await line.ask("userDataStream.subscribe"))["result"] == {"subscriptionId": 1}
        again = await line.ask("userDataStream.subscribe")
        assert again["error"] == {"code": -2035, "msg": "User Data Stream subscription already active."}
        assert (await line.ask("session.subscriptions"))["result"] == [{"subscriptionId": 0}, {"subscriptionId": 1}]
        assert (await line.ask("session.status"))["result"]["userDataStream"] is True
        assert (await line.ask("session.logout"))["event"]["e"] == "eventStreamTerminated"
        await line.next()
        assert (await line.ask("session.subscriptions"))["result"] == [{"subscriptionId": 0}]


@pytest.mark.parametrize("params", [{}, {"subscriptionId": 0}, {"subscriptionId": "0"}])
async def test_a_subscription_that_is_ended_is_told_so(params: Json) -> None:
    floor = Floor()
    async with visiting(floor) as visitor, visitor.connect() as line:
        await line.ask("userDataStream.subscribe.signature", **line.signed("alice"))
        event = await line.ask("userDataStream.unsubscribe", **params)
        reply = await line.next()
        inactive = await line.ask("userDataStream.unsubscribe", **params)
        floor.ask("order.place", **LIMIT_BUY)
        assert (await line.ask("ping"))["status"] == 200

    assert event == {"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": NOW_MS}}
    assert reply["result"] == {}
    assert inactive["error"] == {"code": -2036, "msg": "User Data Stream subscription not active."}


async def test_a_key_without_permission_for_streams_gets_none() -> None:
    floor = Floor()
    weak = Key(
        id=key("alice", "Weak"),
        account=floor.exchange.accounts["alice"],
        lock=public_key_lock(PUBLIC_PEM),
        permissions=frozenset({Permission.TRADE}),
    )
    floor.keyring.add(weak)
    async with visiting(floor) as visitor, visitor.connect() as line:
        await line.log_on(kind="Weak")
        assert (await line.ask("userDataStream.subscribe"))["error"] == REJECTED
        assert (await line.ask("account.status", timestamp=NOW_MS))["error"] == REJECTED


async def test_private_events_of_an_order_come_before_its_reply_to_all_who_listen() -> None:
    floor = Floor()
    async with visiting(floor) as visitor, visitor.connect() as line, visitor.connect() as other:
        for one in (line, other):
            await one.ask("userDataStream.subscribe.signature", **one.signed("alice"))
        frames = [await line.ask("order.place", **line.signed("alice", **LIMIT_BUY)), await line.next()]
        reply = await line.next()
        heard = [await other.next(), await other.next()]

    assert [frame["event"]["e"] for frame in frames] == ["executionReport", "outboundAccountPosition"]
    assert (heard, reply["status"]) == (frames, 200)


async def test_too_much_is_refused_with_a_time_and_a_ban_disconnects() -> None:
    floor = Floor(Limits(weight_per_minute=3, patience=1))
    async with visiting(floor) as visitor, visitor.connect() as line:
        await line.ask("ping")
        limited, banned = await line.ask("ping"), await line.ask("ping")
        closed = await line.socket.receive()

        assert (limited["status"], limited["error"]["code"]) == (429, -1003)
        assert limited["error"]["data"] == {"serverTime": NOW_MS, "retryAfter": NOW_MS + 40_000}
        assert (banned["status"], banned["error"]["data"]["retryAfter"]) == (418, NOW_MS + 120_000)
        assert (closed.type, closed.data) == (WSMsgType.CLOSE, 1008)
        with pytest.raises(WSServerHandshakeError) as refused:
            async with visitor.connect():
                pass
        assert refused.value.status == 418


async def test_a_shutdown_is_announced() -> None:
    floor = Floor()
    async with visiting(floor) as visitor, visitor.connect() as line:
        await line.ask("ping")
        floor.ws_api.announce_shutdown()
        assert await line.next() == {"event": {"e": "serverShutdown", "E": NOW_MS}}
        await floor.ws_api.close(code=1001, reason="bye")
        closed = await line.socket.receive()
        assert (closed.data, closed.extra) == (1001, "bye")


async def test_an_address_connects_so_often_and_no_more() -> None:
    async with visiting(Floor(Limits(connections_per_5_minutes=1))) as visitor, visitor.connect():
        with pytest.raises(WSServerHandshakeError) as refused:
            async with visitor.connect():
                pass

    assert refused.value.headers is not None
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "100")


async def test_a_connection_has_so_many_subscriptions_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MOST_EVER", 1)
    async with visiting(Floor()) as visitor, visitor.connect() as line:
        await line.ask("userDataStream.subscribe.signature", **line.signed("alice"))
        reply = await line.ask("userDataStream.subscribe.signature", **line.signed("bob"))

    assert reply["error"] == {"code": -2042, "msg": "Maximum subscription ID reached for this connection."}


class Scripted:
    """Waits before each call until it may go on, and answers with what it was told."""

    def __init__(self, *, drops: bool = False, refuse: Refused | None = None) -> None:
        self.may_go_on, self.drops, self.refuse = asyncio.Event(), drops, refuse

    async def before(self, call: Call) -> None:
        if self.refuse is not None:
            raise self.refuse
        if call.endpoint.ws == "order.place":
            await self.may_go_on.wait()

    async def after(self, call: Call, answer: Answer) -> Answer | None:
        return None if self.drops else answer


async def test_a_fault_delays_one_call_and_not_the_next() -> None:
    floor = Floor()
    floor.ws_api.faults = faults = Scripted()
    async with visiting(floor) as visitor, visitor.connect() as line:
        await line.socket.send_json(
            {"id": "slow", "method": "order.place", "params": line.signed("alice", **LIMIT_BUY)}
        )
        assert (await line.ask("ping"))["id"] == 1
        assert floor.ask("openOrders.status") == []
        faults.may_go_on.set()
        assert (await line.next())["id"] == "slow"
        assert (await line.ask("account.status"))["error"]["code"] == -2014


async def test_a_call_that_is_delayed_is_carried_out_after_its_client_is_gone() -> None:
    floor = Floor()
    floor.ws_api.faults = faults = Scripted()
    async with visiting(floor) as visitor:
        async with visitor.connect() as line:
            order = line.signed("alice", **LIMIT_BUY)
            await line.socket.send_json({"id": 1, "method": "order.place", "params": order})
            await line.ask("ping")
        faults.may_go_on.set()
        await visitor.ask("GET", "/api/v3/ping")

    assert len(floor.ask("openOrders.status")) == 1


async def test_a_call_that_is_delayed_is_forgotten_when_all_connections_are_closed() -> None:
    floor = Floor()
    floor.ws_api.faults = faults = Scripted()
    async with visiting(floor) as visitor, visitor.connect() as line:
        order = line.signed("alice", **LIMIT_BUY)
        await line.socket.send_json({"id": 1, "method": "order.place", "params": order})
        await line.ask("ping")
        await floor.ws_api.close(code=1001)
        faults.may_go_on.set()
        await visitor.ask("GET", "/api/v3/ping")

    assert floor.ask("openOrders.status") == []


async def test_a_fault_can_refuse_instead_of_the_exchange() -> None:
    floor = Floor()
    floor.ws_api.faults = Scripted(refuse=Denied(-1007, "Timeout"))
    async with visiting(floor) as visitor, visitor.connect() as line:
        reply = await line.ask("order.place", **line.signed("alice", **LIMIT_BUY))

    assert (reply["status"], reply["error"]["code"]) == (504, -1007)
    assert floor.ask("openOrders.status") == []


async def test_a_fault_can_drop_the_connection_instead_of_the_reply() -> None:
    floor = Floor()
    floor.ws_api.faults = faults = Scripted(drops=True)
    faults.may_go_on.set()
    async with visiting(floor) as visitor, visitor.connect() as line:
        await line.socket.send_json({"id": 1, "method": "order.place", "params": line.signed("alice", **LIMIT_BUY)})
        assert (await line.socket.receive()).type in (WSMsgType.CLOSED, WSMsgType.ERROR)

    assert len(floor.ask("openOrders.status")) == 1
