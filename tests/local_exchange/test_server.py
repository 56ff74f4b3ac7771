"""The exchange as a server: what is served where, how it ends, and what it cannot do."""

import asyncio
import hmac
import os
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.accounts import AccountDefinition, funded_accounts
from bowstring.local_exchange.api.limits import Limits
from bowstring.local_exchange.audit import replay
from bowstring.local_exchange.ledger import read
from bowstring.local_exchange.matching.orders import Refused
from bowstring.local_exchange.server import ExchangeServer, Settings

PLACES = ("/ws/btcusdt@trade", "/ws", "/stream?streams=btcusdt@trade", "/ws-api/v3")


@asynccontextmanager
async def served(**settings: object) -> AsyncGenerator[tuple[ExchangeServer, aiohttp.ClientSession]]:
    quiet: dict[str, object] = {"speed": 0}
    async with ExchangeServer(Settings(**(quiet | settings))) as server, aiohttp.ClientSession() as session:  # type: ignore[arg-type]
        yield server, session


async def test_everything_is_on_one_port() -> None:
    async with served(speed=1) as (server, session):
        async with session.get(f"{server.addresses.rest}/api/v3/ticker/price?symbol=BTCUSDT") as reply:
            assert (await reply.json())["symbol"] == "BTCUSDT"
        async with session.ws_connect(server.addresses.ws_api) as line:
            await line.send_json({"id": 1, "method": "ping"})
            assert (await line.receive_json())["status"] == 200
        async with session.ws_connect(f"{server.addresses.ws}/ws/btcusdt@depth@100ms") as stream:
            assert (await stream.receive_json())["e"] == "depthUpdate"


async def test_every_client_is_told_of_the_shutdown_and_then_disconnected() -> None:
    async with AsyncExitStack() as clients:
        async with served() as (server, _):
            session = await clients.enter_async_context(aiohttp.ClientSession())
            connect = [session.ws_connect(f"{server.addresses.ws}{place}") for place in PLACES]
            sockets = [await clients.enter_async_context(one) for one in connect]
            for one in sockets[:3]:
                await one.send_json({"method": "LIST_SUBSCRIPTIONS", "params": [], "id": 1})
                await one.receive_json()
            reading = [clients.push_async_callback(one.close) for one in sockets]
        told = [await one.receive_json(timeout=5) for one in sockets]
        closed = [await one.receive(timeout=5) for one in sockets]

    assert len(reading) == len(PLACES)
    events = [one.get("data") or one.get("event") or one for one in told]
    assert [event["e"] for event in events] == ["serverShutdown"] * 4
    assert told[2]["stream"] == "!serverShutdown"
    assert [(one.type, one.data) for one in closed] == [(aiohttp.WSMsgType.CLOSE, 1001)] * 4


async def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(ConfigError, match=f"cannot serve on 127.0.0.1 port {port}"):
            await ExchangeServer(Settings(port=port, speed=0)).__aenter__()


def test_symbols_that_nobody_knows_and_accounts_that_are_there_twice_are_told() -> None:
    twice = [AccountDefinition(name="a", balances={"BTC": Decimal(1)})] * 2

    with pytest.raises(ConfigError, match="no market is known for 'XXXYYY'; those are BTCUSDT"):
        ExchangeServer(Settings(symbols=["XXXYYY"]))
    with pytest.raises(ConfigError, match="account a is there twice"):
        ExchangeServer(Settings(accounts=twice))


async def test_a_ledger_is_begun_in_a_new_file_only(tmp_path: Path) -> None:
    for path, reason in ((tmp_path, "File exists"), (tmp_path / "no" / "folder", "No such file")):
        with pytest.raises(ConfigError, match=f"cannot be begun at {path}: {reason}.*; name a new file"):
            await ExchangeServer(Settings(ledger=path)).__aenter__()


async def test_the_past_and_the_present_are_in_the_ledger(tmp_path: Path) -> None:
    async with served(speed=1, ledger=tmp_path / "ledger") as (server, _):
        trades = server.exchange.market("BTCUSDT").next_trade_id - 1

    audit = replay(tmp_path / "ledger")
    assert trades > 50
    assert audit.lines["fill"] >= trades
    assert (audit.lines["close"], audit.findings) == (1, [])


async def test_the_same_seed_makes_the_same_past() -> None:
    def past(server: ExchangeServer) -> list[tuple[int, int]]:
        return [(trade.price, trade.quantity) for trade in server.exchange.market("BTCUSDT").trades][:50]

    async with served(speed=1, seed=7) as (one, _), served(speed=1, seed=7) as (same, _), served(speed=1) as (other, _):
        assert past(one) == past(same) != past(other)


async def test_what_is_raised_inside_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with served():
            raise ZeroDivisionError


async def break_it() -> None:
    async with served(speed=1) as (server, _):
        server.exchange.markets.clear()
        await server.wait(asyncio.Event())


async def test_what_fails_in_the_exchange_is_raised() -> None:
    with pytest.raises(Refused, match="Invalid symbol"):
        await break_it()


async def test_every_request_is_in_the_ledger_and_what_was_not_let_in_with_its_code(tmp_path: Path) -> None:
    accounts = funded_accounts(["alice"], balances={"USDT": Decimal(1)}, folder=tmp_path)
    key = accounts[0].keys[0]
    assert key.secret is not None
    now, old = (f"timestamp={int(time.time() * 1000) - ms}" for ms in (0, 60_000))
    signed = [
        f"{query}&signature={hmac.digest(key.secret.encode(), query.encode(), 'sha256').hex()}" for query in (now, old)
    ]
    async with served(ledger=tmp_path / "ledger", accounts=accounts) as (server, session):
        for path in ("ping", f"account?{now}&signature=0f", *(f"account?{query}" for query in signed)):
            url = f"{server.addresses.rest}/api/v3/{path}"
            async with session.get(url, headers={"X-MBX-APIKEY": key.key}) as reply:
                await reply.read()

    lines = [line for line in read(tmp_path / "ledger") if line["kind"] in ("request", "refused")]
    assert [(line["kind"], line.get("code"), line["account"]) for line in lines] == [
        ("request", None, None),
        ("refused", -1022, None),
        ("request", None, "alice"),
        ("refused", -1021, None),
    ]
    assert not replay(tmp_path / "ledger").findings
    written = (tmp_path / "ledger").read_text()
    assert not [secret for secret in (key.key, key.secret, signed[0][-64:]) if secret in written]


async def fill_the_disk(ledger: Path, monkeypatch: pytest.MonkeyPatch, *, full: int) -> None:
    write = os.write

    def to_full(_: int, data: bytes) -> int:
        return write(full, data)

    async with served(speed=5, ledger=ledger) as (server, _):
        monkeypatch.setattr("bowstring.local_exchange.ledger.os.write", to_full)
        await server.wait(asyncio.Event())


async def test_an_exchange_whose_ledger_cannot_be_written_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.open("/dev/full", os.O_WRONLY)

    with pytest.raises(OSError, match="No space left"):
        await fill_the_disk(tmp_path / "ledger", monkeypatch, full=full)
    os.close(full)


async def test_connections_are_limited_for_market_data_too() -> None:
    async with served(limits=Limits(connections_per_5_minutes=len(PLACES))) as (server, session):
        for place in PLACES:
            async with session.ws_connect(f"{server.addresses.ws}{place}"):
                pass
        for place in PLACES:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(f"{server.addresses.ws}{place}")
            assert refused.value.status == 429
            assert refused.value.headers is not None
            assert 0 < int(refused.value.headers["Retry-After"]) <= 300
