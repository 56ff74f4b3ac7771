"""Faults of calls, seen by clients of REST and of the WebSocket API."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientPayloadError, WSMsgType
from msgspec import DecodeError
from msgspec.json import decode

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.faults.kinds import (
    CallFault,
    DelayReply,
    DelayRequest,
    Error,
    FailCall,
    Fault,
    LagQueries,
    LoseReply,
    LoseRequest,
    SkewClock,
    StaleSnapshot,
    SwitchOn,
)
from tests.local_exchange.faults.client import SHORTLY_S, Client, Line, eventually, nothing, order, trading, until

LOST = (ClientConnectionError, ClientPayloadError)
ENDED = (WSMsgType.CLOSED, WSMsgType.ERROR)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def written(client: Client) -> list[object]:
    """What the ledger has of requests, in turn."""
    return [line["kind"] for line in client.ledger("request", "fault", "accept")]


async def is_unanswered(client: Client) -> bool:
    """Whether the exchange lets a client wait for the reply to an order, until it gives up."""
    asking = asyncio.create_task(client.buy())
    await until(lambda: client.faults.listed()[0].hits == 1)
    done, _ = await asyncio.wait({asking}, timeout=SHORTLY_S)
    asking.cancel()
    return not done


async def test_a_reply_over_rest_is_lost_and_the_order_accepted(ledger: Path) -> None:
    async with trading(LoseReply(count=1), ledger=ledger) as client:
        assert await is_unanswered(client)

        assert client.open_orders == ["mine"]
        assert written(client) == ["fault", "request", "accept"]
        (fault,) = client.ledger("fault")
        assert fault == {
            "kind": "fault",
            "fault": "LoseReply",
            "interface": "rest",
            "method": "POST /api/v3/order",
            "account": "alice",
            "client_order_id": "mine",
        }
        assert (await client.buy(newClientOrderId="next")).status == 200


async def test_a_reply_over_the_websocket_api_is_lost_and_the_order_accepted(ledger: Path) -> None:
    async with trading(LoseReply(count=1), ledger=ledger) as client, client.line() as line:
        await line.send("order.place", "alice", **order())

        assert await nothing(line.socket)
        assert client.open_orders == ["mine"]
        assert written(client) == ["fault", "request", "accept"]
        assert (await line.ask("order.place", "alice", **order(newClientOrderId="next")))["status"] == 200


async def test_the_connection_is_reset_instead_of_a_reply() -> None:
    async with trading(LoseReply(then="reset")) as client:
        with pytest.raises(LOST):
            await client.buy()
        async with client.line() as line:
            await line.send("order.place", "alice", **order(newClientOrderId="other"))
            assert (await line.socket.receive()).type in ENDED

        assert client.open_orders == ["mine", "other"]


@pytest.mark.parametrize("then", ["silence", "reset"])
async def test_a_request_that_is_lost_is_never_carried_out(then: Any, ledger: Path) -> None:
    async with trading(LoseRequest(then=then), ledger=ledger) as client:
        if then == "silence":
            assert await is_unanswered(client)
        else:
            with pytest.raises(LOST):
                await client.buy()
        async with client.line() as line:
            await line.send("order.place", "alice", **order())
            if then == "silence":
                assert await nothing(line.socket)
            else:
                assert (await line.socket.receive()).type in ENDED

        assert client.open_orders == []
        assert written(client) == ["fault", "fault"]


async def test_an_order_lands_late() -> None:
    async with trading(DelayRequest(count=1)) as client, client.line() as line:
        await line.send("order.place", "alice", number=1, **order())
        assert (await line.ask("openOrders.status", "alice"))["result"] == []
        client.faults.clear()
        reply = await line.next()

        assert (reply["id"], reply["status"], client.open_orders) == (1, 200, ["mine"])


async def test_an_order_lands_when_its_client_has_given_up() -> None:
    async with trading(DelayRequest(calls="POST /api/v3/order")) as client:
        assert await is_unanswered(client)
        async with client.line() as line:
            await line.send("order.place", "alice", **order(newClientOrderId="other"))
            await line.ask("ping")
        assert client.open_orders == []
        client.faults.clear()
        await until(lambda: client.open_orders == ["mine", "other"])


async def test_an_order_that_lands_after_its_window_is_refused() -> None:
    async with trading(DelayRequest()) as client, client.line() as line:
        await line.send("order.place", "alice", **order(), recvWindow=1000)
        await line.ask("ping")
        client.faults.add(SkewClock(seconds=2))
        client.faults.clear(1)

        assert (await line.next())["error"]["code"] == -1021
        assert client.open_orders == []


@pytest.mark.parametrize("fault", [DelayRequest, DelayReply])
async def test_a_delay_has_a_length(fault: type[DelayRequest] | type[DelayReply]) -> None:
    loop = asyncio.get_running_loop()
    async with trading(fault(seconds=0.1)) as client:
        before = loop.time()
        assert (await client.buy()).status == 200
        assert 0.09 < loop.time() - before < 5


async def test_a_reply_is_late() -> None:
    async with trading(DelayReply()) as client, client.line() as line:
        await line.send("order.place", "alice", number=7, **order())
        assert (await line.ask("ping"))["id"] == 1
        assert client.open_orders == ["mine"]
        client.faults.clear()

        assert (await line.next())["id"] == 7


ERRORS: dict[Error, tuple[int, int]] = {
    "429": (429, -1003),
    "418": (418, -1003),
    "500": (500, -1000),
    "503": (503, -1008),
    "504": (504, -1007),
    "-1000": (500, -1000),
    "-1001": (500, -1001),
    "-1006": (500, -1006),
    "-1007": (504, -1007),
    "-1008": (503, -1008),
}


@pytest.mark.parametrize("accepted", [False, True])
@pytest.mark.parametrize("error", ERRORS)
async def test_a_call_fails_whether_or_not_it_is_carried_out(error: Error, accepted: bool, ledger: Path) -> None:
    async with trading(FailCall(error=error, accepted=accepted), ledger=ledger) as client, client.line() as line:
        response = await client.buy()
        reply = await line.ask("order.place", "alice", **order(newClientOrderId="other"))

        assert (response.status, response.json["code"]) == (reply["status"], reply["error"]["code"]) == ERRORS[error]
        assert ("Retry-After" in response.headers) is ("data" in reply["error"]) is (error in ("429", "418"))
        assert response.headers["Content-Type"].startswith("application/json")
        assert client.open_orders == (["mine", "other"] if accepted else [])
        assert written(client) == ["fault", "request", *["accept"] * accepted] * 2


async def test_it_is_told_when_to_try_again() -> None:
    async with trading(FailCall(error="429", retry_after_s=7)) as client, client.line() as line:
        response = await client.buy()
        error = (await line.ask("order.place", "alice", **order()))["error"]

        assert response.headers["Retry-After"] == "7"
        assert error["data"]["retryAfter"] - error["data"]["serverTime"] == 7000


async def test_a_ban_ends_a_connection_of_the_websocket_api() -> None:
    async with trading(FailCall(error="418")) as client, client.line() as line:
        assert "IP banned until" in (await line.ask("order.place", "alice", **order()))["error"]["msg"]
        closed = await line.socket.receive()

        assert (closed.type, closed.data) == (WSMsgType.CLOSE, 1008)


@pytest.mark.parametrize("accepted", [False, True])
@pytest.mark.parametrize(("error", "status"), [("html", 502), ("502", 502), ("403", 403)])
async def test_a_page_is_what_a_proxy_answers(error: Error, status: int, accepted: bool) -> None:
    async with trading(FailCall(error=error, accepted=accepted)) as client, client.line() as line:
        response = await client.buy()
        await line.send("order.place", "alice", **order(newClientOrderId="other"))

        assert (response.status, response.headers["Content-Type"]) == (status, "text/html")
        assert b"<html>" in response.body
        assert "<html>" in await line.socket.receive_str()
        assert client.open_orders == (["mine", "other"] if accepted else [])


@pytest.mark.parametrize("accepted", [False, True])
async def test_an_answer_is_truncated(accepted: bool) -> None:
    async with trading(FailCall(error="truncated", accepted=accepted)) as client, client.line() as line:
        response = await client.buy()
        await line.send("order.place", "alice", **order(newClientOrderId="other"))
        frame = await line.socket.receive_str()

        assert response.status == 200
        for cut in (response.body, frame.encode()):
            assert cut.startswith(b"{")
            with pytest.raises(DecodeError, match="truncated"):
                decode(cut)
        assert client.open_orders == (["mine", "other"] if accepted else [])


async def status(client: Client, name: str) -> int:
    """What a query of an order is answered with."""
    return (await client.ask("GET", "order", symbol="BTCUSDT", origClientOrderId=name)).status


async def test_queries_lag_behind() -> None:
    async with trading() as client:
        await client.buy(newClientOrderId="before")
        client.faults.add(LagQueries(seconds=0.3))
        await client.buy(newClientOrderId="after")

        assert [one["clientOrderId"] for one in (await client.ask("GET", "openOrders")).json] == ["before"]
        assert await status(client, "after") == 400

        async def is_known() -> bool:
            return await status(client, "after") == 200

        await eventually(is_known)
        assert len((await client.ask("GET", "openOrders")).json) == 2


async def account(line: Line) -> tuple[object, ...]:
    """Everything that an account can ask of itself."""
    methods = ("account.status", "openOrders.status", "allOrders", "myTrades")
    symbol = {"symbol": "BTCUSDT"}
    return tuple([(await line.ask(one, "alice", **({} if "." in one else symbol)))["result"] for one in methods])


async def test_a_replica_that_stands_still_shows_what_was() -> None:
    async with trading() as client, client.line() as line:
        client.trade()
        client.place(client_order_id="open")
        was = await account(line)
        client.faults.add(LagQueries())
        client.place(client_order_id="new")
        client.trade()
        client.place("bob", side="SELL")
        assert await account(line) == was

        client.faults.clear()
        assert await account(line) != was


async def test_a_replica_comes_to_know_everything() -> None:
    async with trading() as client, client.line() as line:
        client.trade()
        client.place(quantity="0.02", client_order_id="half")
        client.place(price="59000", client_order_id="cancelled")
        client.faults.add(LagQueries(seconds=0.05))
        client.place("bob", side="SELL")
        await client.ask("DELETE", "order", symbol="BTCUSDT", origClientOrderId="cancelled")
        client.place("bob", side="SELL")
        for number in range(3):
            client.place(price="58000", client_order_id=f"new {number}")
        await asyncio.sleep(0.06)
        in_replica = await account(line)
        client.faults.clear()

        assert in_replica == await account(line)


async def test_a_snapshot_of_a_book_is_stale() -> None:
    async with trading() as client, client.line() as line:
        client.place(price="59000", client_order_id="one")
        stale = (await client.ask("GET", "depth", None, symbol="BTCUSDT")).json
        client.faults.add(StaleSnapshot(count=2))
        client.place(price="59500", client_order_id="two")

        assert (await client.ask("GET", "depth", None, symbol="BTCUSDT")).json == stale
        assert (await line.ask("depth", symbol="BTCUSDT", limit=1))["result"] == stale
        fresh = (await client.ask("GET", "depth", None, symbol="BTCUSDT")).json
        assert fresh["lastUpdateId"] > stale["lastUpdateId"]
        assert len(fresh["bids"]) == 2


async def test_a_call_switches_another_fault_on() -> None:
    async with trading(SwitchOn(calls="ping", count=1, switches=LoseReply(then="reset"))) as client:
        assert (await client.buy()).status == 200
        await client.ask("GET", "ping", None)
        with pytest.raises(LOST):
            await client.buy(newClientOrderId="other")


@pytest.mark.parametrize(
    ("fault", "is_met"),
    [
        (FailCall(error="503"), True),
        (FailCall(error="503", calls="any"), True),
        (FailCall(error="503", calls="order.place"), True),
        (FailCall(error="503", calls="POST /api/v3/order"), True),
        (FailCall(error="503", calls="queries"), False),
        (FailCall(error="503", calls="public"), False),
        (FailCall(error="503", calls="session"), False),
        (FailCall(error="503", calls="order.cancel"), False),
        (FailCall(error="503", interface="rest"), True),
        (FailCall(error="503", interface="ws-api"), False),
        (FailCall(error="503", account="alice"), True),
        (FailCall(error="503", account="bob"), False),
        (FailCall(error="503", symbol="BTCUSDT"), True),
        (FailCall(error="503", symbol="ETHUSDT"), False),
    ],
)
async def test_a_fault_meets_the_calls_that_it_is_for(fault: CallFault, is_met: bool) -> None:
    async with trading(fault) as client:
        assert (await client.buy()).status == (503 if is_met else 200)


@pytest.mark.parametrize(
    ("calls", "path", "name"), [("public", "time", None), ("queries", "openOrders", "alice"), ("time", "time", None)]
)
async def test_calls_come_in_groups(calls: str, path: str, name: str | None) -> None:
    async with trading(FailCall(error="503", calls=calls)) as client:
        assert (await client.ask("GET", path, name)).status == 503


async def test_several_faults_meet_one_call() -> None:
    async with trading(DelayReply(), FailCall(error="-1007", accepted=True)) as client, client.line() as line:
        await line.send("order.place", "alice", **order())
        await line.ask("ping")
        client.faults.clear(1)

        assert (await line.next())["error"]["code"] == -1007


async def met(client: Client, calls: int) -> str:
    """One letter for each of so many pings: whether it failed."""
    return "".join(["x" if (await client.ask("GET", "ping", None)).status == 503 else "." for _ in range(calls)])


async def test_chance_is_drawn_by_the_seed() -> None:
    def fault(seed: int, *, chance: float = 0.3) -> Fault:
        return FailCall(error="503", calls="public", chance=chance, seed=seed)

    drawn: list[str] = []
    for seed in (1, 1, 2):
        async with trading(fault(seed)) as client:
            drawn.append(await met(client, 60))
            assert client.faults.listed()[0].hits == drawn[-1].count("x")

    assert drawn[0] == drawn[1] != drawn[2]
    assert 5 < drawn[0].count("x") < 35


async def test_a_fault_happens_so_often() -> None:
    async with trading(FailCall(error="503", calls="public", count=2)) as client:
        assert await met(client, 4) == "xx.."
        (state,) = client.faults.listed()
        assert (state.hits, state.is_done) == (2, True)
        assert client.server.rest.faults is None


async def test_a_fault_clears_itself() -> None:
    async with trading(FailCall(error="503", calls="public", for_s=0.05)) as client:
        assert await met(client, 1) == "x"
        await until(lambda: not client.faults.listed())
        assert await met(client, 1) == "."


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (LoseReply(account="carol"), "account of LoseReply is 'carol': there are alice, bob"),
        (LoseReply(symbol="XXXYYY"), "symbol of LoseReply is 'XXXYYY': there are BTCUSDT, ETHUSDT"),
        (LoseReply(calls="order.sell"), "calls of LoseReply is 'order.sell': there are any, orders, .*, order.place"),
        (CallFault(), "CallFault is a kind of faults: switch one of them on"),
        (LagQueries(calls="any"), "calls of LagQueries is 'any': it is for queries only"),
        (StaleSnapshot(calls="order.place"), "calls of StaleSnapshot is 'order.place': it is for depth only"),
        (SwitchOn(switches=LoseReply(account="carol")), "account of LoseReply is 'carol'"),
    ],
)
async def test_what_a_fault_names_has_to_be_there(fault: Fault, text: str) -> None:
    async with trading() as client:
        with pytest.raises(ConfigError, match=text):
            client.faults.add(fault)
        assert client.faults.listed() == []
