"""Faults of the exchange as a whole, seen by its clients."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientConnectorError, WSMsgType

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.faults.kinds import DelayRequest, ExpireKey, Fault, Restart, SkewClock
from tests.local_exchange.api.floor import Json, key
from tests.local_exchange.faults.client import Client, Line, back, down, is_served, order, trading, until

TRADES = "btcusdt@trade"
ENDED = (WSMsgType.CLOSED, WSMsgType.ERROR)


async def test_the_clock_is_ahead_then_right() -> None:
    async with trading() as client, client.line() as line:
        client.faults.add(SkewClock(seconds=100))
        served = (await client.ask("GET", "time", None)).json["serverTime"] / 1000
        assert 99 < served - time.time() < 101
        assert (await line.ask("time"))["result"]["serverTime"] / 1000 - served < 2

        client.faults.clear()
        assert abs((await client.ask("GET", "time", None)).json["serverTime"] / 1000 - time.time()) < 2


@pytest.mark.parametrize("seconds", [-100, 100])
async def test_what_is_signed_by_the_right_clock_is_refused_by_a_wrong_one(seconds: float) -> None:
    async with trading() as client, client.line() as line:
        now = client.server.clock()
        client.faults.add(SkewClock(seconds=seconds))
        line.now_us = lambda: now
        assert (await line.ask("order.place", "alice", **order()))["error"]["code"] == -1021

        client.faults.clear()
        assert (await line.ask("order.place", "alice", **order()))["status"] == 200


async def test_skews_add_up() -> None:
    async with trading(SkewClock(seconds=5), SkewClock(seconds=-3)) as client:
        assert client.server.clock.skew_us == 2_000_000
        client.faults.clear(1)
        assert client.server.clock.skew_us == -3_000_000


async def test_a_key_has_expired_and_is_good_again() -> None:
    async with trading(ExpireKey(account="alice")) as client, client.line() as line:
        response = await client.buy()
        assert (response.status, response.json["code"]) == (401, -2015)
        assert (await line.ask("order.place", "alice", **order()))["error"]["code"] == -2015
        assert (await client.ask("GET", "account", "bob")).status == 200

        client.faults.clear()
        assert (await client.buy()).status == 200


async def test_one_of_two_keys_has_expired() -> None:
    async with trading(ExpireKey(account="alice", key=key("alice", "Ed"))) as client:
        assert (await client.buy()).status == 200
        client.faults.add(ExpireKey(account="alice"))
        client.faults.add(ExpireKey(account="alice", key=key("alice", "Hmac")))
        client.faults.clear(2)
        assert (await client.buy(newClientOrderId="other")).status == 401
        client.faults.clear(3)
        assert (await client.buy(newClientOrderId="other")).status == 200


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (ExpireKey(account="carol"), "account of ExpireKey is 'carol': there are alice, bob"),
        (ExpireKey(account="alice", key="x"), "key of ExpireKey is 'x', which is none of alice's"),
    ],
)
async def test_what_a_fault_names_has_to_be_there(fault: Fault, text: str) -> None:
    async with trading() as client:
        with pytest.raises(ConfigError, match=text):
            client.faults.add(fault)


async def test_an_exchange_that_is_down_cannot_be_reached_and_is_the_same_when_it_is_back(tmp_path: Path) -> None:
    async with trading(ledger=tmp_path / "ledger") as client, client.line() as line, client.stream(TRADES) as stream:
        await client.buy()
        client.faults.add(Restart(down_s=None))

        assert (await line.socket.receive()).type in ENDED
        assert (await stream.receive()).type in ENDED
        with pytest.raises(ClientConnectorError) as failed:
            await client.ask("GET", "ping", None)
        assert isinstance(failed.value.os_error, ConnectionRefusedError)

        client.faults.clear()
        await back(client)
        (there,) = (await client.ask("GET", "openOrders")).json
        assert there["clientOrderId"] == "mine"
        async with client.stream(TRADES) as another:
            client.place("bob", side="SELL")
            assert (await another.receive_json())["data"]["e"] == "trade"


async def test_a_restart_takes_so_long() -> None:
    async with trading() as client:
        client.faults.add(Restart(down_s=0.05))
        await down(client)
        assert not client.faults.listed()[0].is_done
        await back(client)

        (state,) = client.faults.listed()
        assert (state.hits, state.is_done) == (1, True)


async def test_a_restart_is_announced() -> None:
    async with trading() as client, client.line() as line, client.stream(TRADES) as stream:
        await line.ask("ping")
        client.faults.add(Restart(down_s=0.05, announced=True))

        assert (await line.next())["event"]["e"] == "serverShutdown"
        assert (await stream.receive_json())["data"]["e"] == "serverShutdown"
        for socket in (line.socket, stream):
            closed = await socket.receive()
            assert (closed.type, closed.data) == (WSMsgType.CLOSE, 1001)
        await back(client)


async def test_restarts_come_one_after_the_other() -> None:
    async with trading() as client:
        client.faults.add(Restart(down_s=None))
        client.faults.add(Restart(down_s=None))
        await down(client)
        client.faults.clear(1)
        await asyncio.sleep(0.02)
        assert not await is_served(client)
        client.faults.clear()
        await back(client)


@pytest.mark.parametrize("announced", [False, True])
async def test_what_is_under_way_when_it_goes_down_lands_all_the_same(announced: bool) -> None:
    async with trading(DelayRequest()) as client, client.line() as line:
        await line.send("order.place", "alice", **order())
        await line.ask("ping")
        client.faults.add(Restart(down_s=0.01, announced=announced))
        await until(lambda: client.faults.listed()[-1].is_done)
        client.faults.clear()

        await until(lambda: client.open_orders == ["mine"])


async def test_an_exchange_ends_while_it_is_down() -> None:
    async with trading(Restart(down_s=None)) as client:
        await down(client)


@asynccontextmanager
async def logged_on(client: Client) -> AsyncGenerator[Line]:
    async with client.line() as line:
        await line.log_on("alice")
        yield line


async def test_a_session_is_over_when_its_key_has_expired() -> None:
    async with trading() as client, logged_on(client) as line:
        timed: Json = {"timestamp": client.server.clock() // 1000}
        assert (await line.ask("account.status", **timed))["status"] == 200
        client.faults.add(ExpireKey(account="alice"))

        assert (await line.ask("account.status", **timed))["error"]["code"] == -2015
        assert (await line.ask("session.status"))["result"]["apiKey"] is None
