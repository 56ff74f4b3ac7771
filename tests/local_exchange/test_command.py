"""``bowstring exchange``, mostly as a process of its own."""

import asyncio
import hashlib
import hmac
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec.json import decode, encode

from bowstring.local_exchange.audit import replay
from bowstring.local_exchange.credentials import Addresses, Credentials, as_text
from tests.test_cli import DEADLINE_S, fails


@asynccontextmanager
async def exchange(*arguments: str | Path) -> AsyncGenerator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    """The running command, and what it told."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bowstring", "exchange", "--json", "--port", "0", *arguments,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(DEADLINE_S):
            assert process.stdout is not None
            told = decode(await process.stdout.readline())
            yield process, told
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def key_files(told: dict[str, Any]) -> list[Path]:
    return [Path(account["ed25519_private_key_file"]) for account in told["accounts"][:2]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_exchange_tells_where_it_is_and_serves_until_it_is_told_to_stop(
    tmp_path: Path, number: signal.Signals
) -> None:
    more = tmp_path / "accounts.json"
    more.write_bytes(encode([{"name": "carol", "balances": {"USDT": "5"}, "keys": [{"key": "k" * 64, "secret": "s"}]}]))

    arguments = ("--accounts", more, "--ledger", tmp_path / "ledger", "--symbols", "ETH/USDT")
    async with exchange(*arguments) as (process, told), aiohttp.ClientSession() as session:
        async with session.get(f"{told['rest']}/api/v3/exchangeInfo") as reply:
            info = await reply.json()
        async with session.ws_connect(f"{told['ws']}/ws/ethusdt@trade") as client:
            await client.receive()
            modes = [one.stat().st_mode & 0o777 for one in key_files(told)]
            process.send_signal(number)
            last = [message.data async for message in client]
        output, errors = await process.communicate()

    assert [symbol["symbol"] for symbol in info["symbols"]] == ["ETHUSDT"]
    assert [sorted(account) for account in told["accounts"]] == [
        ["ed25519_key", "ed25519_private_key_file", "key", "name", "secret"]
    ] * 3
    assert told["accounts"][2] == {
        "name": "carol", "key": "k" * 64, "secret": "s", "ed25519_key": None, "ed25519_private_key_file": None,
    }  # fmt: skip
    assert (modes, [one.exists() for one in key_files(told)]) == ([0o600] * 2, [False] * 2)
    assert decode(last[-1])["e"] == "serverShutdown"
    assert (process.returncode, output, errors) == (0, b"", b"")
    assert replay(tmp_path / "ledger").findings == []


async def test_asked_to_it_stops_with_the_process_that_holds_its_input(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bowstring", "exchange", "--port", "0", "--stop-at-eof"]
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        assert (await process.stdout.readline()).startswith(b"ready ")
        process.stdin.write(b"something\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(process.wait(), 0.2)
        process.stdin.close()

        assert await process.wait() == 0
        await process.communicate()


async def test_what_a_killed_exchange_has_accepted_is_in_its_ledger(tmp_path: Path) -> None:
    accepted, enough = list[int](), asyncio.Event()

    async def trade(session: aiohttp.ClientSession, told: dict[str, Any]) -> None:
        account = told["accounts"][0]
        while True:
            query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=IOC&quantity=0.01&price=60000"
            query += f"&timestamp={time.time_ns() // 1_000_000}"
            signature = hmac.new(account["secret"].encode(), query.encode(), hashlib.sha256).hexdigest()
            url = f"{told['rest']}/api/v3/order?{query}&signature={signature}"
            async with session.post(url, headers={"X-MBX-APIKEY": account["key"]}) as reply:
                accepted.append((await reply.json())["orderId"])
                if len(accepted) == 200:
                    enough.set()

    arguments = ("--ledger", tmp_path / "ledger", "--speed", "0", "--unlimited")
    async with exchange(*arguments) as (process, told), aiohttp.ClientSession() as session:
        clients = [asyncio.create_task(trade(session, told)) for _ in range(8)]
        await enough.wait()
        process.kill()
        outcomes = await asyncio.gather(*clients, return_exceptions=True)

    audit = replay(tmp_path / "ledger")
    assert all(isinstance(outcome, aiohttp.ClientError) for outcome in outcomes)
    assert set(accepted) <= set(audit.orders)
    assert audit.findings == []


def test_where_to_trade_and_with_what_is_told_in_lines_too() -> None:
    addresses = Addresses(rest="http://h:1", ws="ws://h:1", ws_api="ws://h:1/ws-api/v3")

    lines = list(as_text(addresses, [Credentials(name="carol", key="k", secret="s")]))

    assert lines == [
        "ready http://h:1 ws://h:1 ws://h:1/ws-api/v3",
        "account carol",
        "  key                      k",
        "  secret                   s",
    ]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--symbols", "XXXYYY"], "no market is known for 'XXXYYY'"),
        (["--symbols", ","], "--symbols ',' names no symbol"),
        (["--speed", "-1"], "Invalid value for '--speed'"),
        (["--speed", "nan"], "speed nan is no positive number"),
        (["--port", "70000"], "Invalid value for '--port'"),
        (["--accounts", "nowhere.json"], "accounts cannot be read from nowhere.json"),
        (["--ledger", "/"], "the ledger cannot be begun at /: "),
    ],
)
def test_exchange_tells_bad_input_in_one_line(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reason in fails(["exchange", "--port", "0", *arguments], capsys)


@pytest.mark.parametrize("text", ["{", "[{}]", '[{"name": "a", "balances": {"BTC": "1"}, "keys": [{"key": "k"}]}]'])
def test_exchange_tells_what_is_wrong_with_an_accounts_file(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "accounts.json").write_text(text)

    error = fails(["exchange", "--port", "0", "--accounts", f"{tmp_path}/accounts.json"], capsys)

    assert f"accounts cannot be read from {tmp_path}/accounts.json" in error
