"""The admin port, as a program sees it that runs the exchange as a process."""

import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.credentials import as_json, as_text
from bowstring.local_exchange.faults import switches
from tests.local_exchange.faults.client import Client, back, trading

LOSE = {"fault": "LoseReply", "count": 1, "calls": "order.place", "then": "reset"}


class Switchboard:
    """Asks and answers in JSON."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http, self._url = http, url

    async def __call__(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self._http.request(method, f"{self._url}{path}", data=data) as response:
            return response.status, await response.json()


@asynccontextmanager
async def administered() -> AsyncGenerator[tuple[Client, Switchboard]]:
    async with trading(admin_port=0) as client, aiohttp.ClientSession() as http:
        yield client, Switchboard(http, str(client.server.addresses.admin))


async def test_a_fault_is_switched_on_happens_and_is_cleared() -> None:
    async with administered() as (client, ask):
        status, switch = await ask("POST", "/faults", LOSE)
        assert (status, switch["id"], switch["hits"], switch["is_done"]) == (200, 1, 0, False)
        assert switch["fault"] == switch["fault"] | LOSE
        assert await ask("GET", "/faults") == (200, [switch])

        with pytest.raises(aiohttp.ClientConnectionError):
            await client.buy()
        assert await ask("GET", "/faults/1") == (200, switch | {"hits": 1, "is_done": True})

        assert await ask("DELETE", "/faults/1") == (200, [])
        assert await ask("GET", "/faults") == (200, [])


async def test_all_faults_are_cleared() -> None:
    async with administered() as (client, ask):
        await ask("POST", "/faults", {"fault": "SkewClock", "seconds": 60})
        await ask("POST", "/faults", {"fault": "ExpireKey", "account": "alice"})
        assert (await client.ask("GET", "account")).json["code"] == -2015

        assert await ask("DELETE", "/faults") == (200, [])
        assert (await client.ask("GET", "account")).status == 200


async def test_a_mix_is_switched_on() -> None:
    async with administered() as (client, ask):
        status, switch = await ask("POST", "/mix", {"seed": 7, "rate": 0.5, "only": ["FailCall"]})
        assert (status, switch["fault"]["fault"]) == (200, "Mix")
        answered = {(await client.ask("GET", "ping", None)).status for _ in range(30)}
        assert len(answered) > 1

        parts = (await ask("GET", "/faults"))[1][1:]
        assert {part["mix"] for part in parts} == {switch["id"]}
        assert sum(part["hits"] for part in parts) > 3


NAMES = (
    "there are LoseReply, LoseRequest, DelayRequest, DelayReply, FailCall, LagQueries, StaleSnapshot, SwitchOn, "
    "DropReport, DuplicateReport, DelayReport, ReorderReports, FreezeStream, GapBook, CrossBook, ResetConnections, "
    "MuteConnections, IgnoreConnections, SlowDrip, ExpireKey, SkewClock, Restart, Mix"
)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", "the body is no JSON: Input data was truncated"),
        ({"fault": "LoseRepl"}, f"fault is \"LoseRepl\": Invalid value 'LoseRepl'; {NAMES}"),
        (
            {"fault": "SwitchOn", "switches": {"fault": "Nope"}},
            f"switches.fault is \"Nope\": Invalid value 'Nope'; {NAMES}",
        ),
        ({"count": 1}, "Object missing required field `fault`"),
        ([], "Expected `object`, got `array`"),
        ({"fault": "LoseReply", "count": "one"}, 'count is "one": Expected `int | null`, got `str`'),
        ({"fault": "LoseReply", "then": "explode"}, "then is \"explode\": Invalid enum value 'explode'"),
        ({"fault": "LoseReply", "coutn": 1}, "Object contains unknown field `coutn`"),
        ({"fault": "LoseReply", "count": 0}, "count of LoseReply is 0: it has to be more than 0"),
        ({"fault": "LoseReply", "chance": 2}, "chance of LoseReply is 2.0: a share of more than 0, up to 1"),
        ({"fault": "LoseReply", "for_s": -1}, "for_s of LoseReply is -1.0: it has to be more than 0"),
        ({"fault": "LoseReply", "account": "carol"}, "account of LoseReply is 'carol': there are alice, bob"),
        ({"fault": "FailCall", "error": "999"}, "error is \"999\": Invalid enum value '999'"),
        ({"fault": "FreezeStream"}, "Object missing required field `stream`"),
        (
            {"fault": "ReorderReports", "order": [0, 0]},
            "order of ReorderReports is (0, 0): it has to have each of 0 to 1",
        ),
        ({"fault": "Mix", "seed": 1, "rate": 3}, "rate of Mix is 3.0: a share of more than 0, up to 1"),
        (
            {"fault": "SwitchOn", "switches": {"fault": "SlowDrip", "bytes": "x"}},
            'switches.bytes is "x": Expected `int`, got `str`',
        ),
    ],
)
async def test_what_is_wrong_with_a_fault_is_told(body: object, error: str) -> None:
    async with administered() as (_, ask):
        assert await ask("POST", "/faults", body) == (400, {"error": error})
        assert await ask("GET", "/faults") == (200, [])


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/faults/7", 404, "no fault has the id 7"),
        ("DELETE", "/faults/7", 404, "no fault has the id 7"),
        ("GET", "/nothing", 404, "GET /nothing: Not Found"),
        ("PUT", "/faults", 405, "PUT /faults: Method Not Allowed"),
    ],
)
async def test_what_is_not_there_is_told(method: str, path: str, status: int, error: str) -> None:
    async with administered() as (_, ask):
        assert await ask(method, path) == (status, {"error": error})


async def test_faults_have_a_bound_and_those_that_are_done_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switches, "MOST", 2)
    async with administered() as (_, ask):
        await ask("POST", "/faults", LOSE)
        await ask("POST", "/faults", {"fault": "ResetConnections"})
        assert (await ask("POST", "/faults", LOSE))[0] == 200
        assert await ask("POST", "/faults", LOSE) == (400, {"error": "2 faults are on: clear some"})
        assert [one["id"] for one in (await ask("GET", "/faults"))[1]] == [1, 3]


async def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(ConfigError, match=f"cannot serve faults on 127.0.0.1 port {port}: .*already in use"):
            await trading(admin_port=port).__aenter__()


async def test_it_is_told_where_it_is() -> None:
    async with administered() as (client, _):
        addresses = client.server.addresses
        assert json.loads(as_json(addresses, []))["admin"] == addresses.admin
        assert f"admin {addresses.admin}" in as_text(addresses, [])


async def test_there_is_no_admin_port_unless_it_is_asked_for() -> None:
    async with trading() as client:
        assert client.server.addresses.admin is None
        assert "admin" not in json.loads(as_json(client.server.addresses, []))


async def test_it_is_there_while_the_exchange_is_down() -> None:
    async with administered() as (client, ask):
        await ask("POST", "/faults", {"fault": "Restart", "down_s": None})
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.ask("GET", "ping", None)
        await ask("DELETE", "/faults")
        await back(client)
