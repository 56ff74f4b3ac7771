"""The fixture `exchange`, used as in a user's tests: by blocking clients and by those with a loop of their own."""

import asyncio
import hashlib
import hmac
import json
import subprocess
import sys
import time
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.ledger import LedgerFile
from bowstring.local_exchange.server import Settings
from bowstring.testing.exchange import LocalExchange

pytest_plugins = ["pytester"]


def get(url: str, **headers: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as response:
        return json.load(response)


def signed(exchange: LocalExchange, method: str, path: str, *, name: str = "alice", **params: object) -> Any:
    account = exchange.account(name)
    query = urlencode(params | {"timestamp": time.time_ns() // 1_000_000})
    signature = hmac.new(str(account.secret).encode(), query.encode(), hashlib.sha256).hexdigest()
    url, headers = f"{exchange.rest}{path}?{query}&signature={signature}", {"X-MBX-APIKEY": str(account.key)}
    with urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers), timeout=10) as response:
        return json.load(response)


def buy(exchange: LocalExchange, price: str = "60000", quantity: str = "0.01", **more: object) -> Any:
    order: dict[str, object] = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    order |= {"price": price, "quantity": quantity} | more
    return signed(exchange, "POST", "/api/v3/order", name="alice", **order)


def test_a_blocking_client_trades_and_the_ledger_tells_it(exchange: LocalExchange) -> None:
    placed = buy(exchange, price="66000", newClientOrderId="mine")

    assert placed["status"] == "FILLED"
    audit = exchange.audit()
    assert audit.orders[placed["orderId"]].client_order_id == "mine"
    assert audit.orders[placed["orderId"]].executed == Decimal("0.01")
    assert audit.lines["request"] == 1


async def test_a_client_with_a_loop_trades_too(exchange: LocalExchange) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{exchange.rest}/api/v3/depth?symbol=BTCUSDT") as reply:
        book = await reply.json()
        async with session.ws_connect(f"{exchange.ws}/ws/btcusdt@trade") as trades:
            trade = await asyncio.wait_for(trades.receive_json(), 20)

    assert len(book["bids"]) >= 20
    assert (trade["e"], trade["s"]) == ("trade", "BTCUSDT")


@pytest.mark.exchange(symbols=["ETHUSDT"], speed=0)
def test_a_marker_changes_the_settings(exchange: LocalExchange) -> None:
    info = get(f"{exchange.rest}/api/v3/exchangeInfo")

    assert [symbol["symbol"] for symbol in info["symbols"]] == ["ETHUSDT"]
    assert get(f"{exchange.rest}/api/v3/depth?symbol=ETHUSDT")["bids"] == []


@pytest.mark.exchange(speed=0)
def test_a_test_may_look_into_the_exchange_and_change_it(exchange: LocalExchange) -> None:
    buy(exchange)

    assert exchange.call(lambda server: len(server.exchange.accounts["alice"].open)) == 1
    exchange.call(lambda server: server.clock.set(1_000_000))
    assert get(f"{exchange.rest}/api/v3/time") == {"serverTime": 1000}
    with pytest.raises(ZeroDivisionError):
        exchange.call(lambda _: 1 // 0)


def test_an_exchange_that_is_stopped_cannot_be_reached_and_its_ledger_is_closed(exchange: LocalExchange) -> None:
    exchange.stop()

    assert exchange.audit().lines["close"] == 1
    with pytest.raises(OSError, match="refused"):
        get(f"{exchange.rest}/api/v3/ping")


def test_there_is_no_ledger_to_audit_where_none_is_kept() -> None:
    with LocalExchange(Settings(speed=0)) as exchange, pytest.raises(FileNotFoundError, match="keeps no ledger"):
        exchange.audit()


def test_settings_that_cannot_be_are_told_to_the_test(tmp_path: Path) -> None:
    LedgerFile(tmp_path / "ledger").close()

    with pytest.raises(ConfigError, match="name a new file"), LocalExchange(Settings(ledger=tmp_path / "ledger")):
        pass


def test_keys_are_in_no_repr(exchange: LocalExchange) -> None:
    shown = repr(exchange.accounts) + repr(exchange)

    assert not any(str(value) in shown for one in exchange.accounts for value in (one.secret, one.ed25519_key))


def test_a_ledger_that_contradicts_itself_fails_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_it(exchange):
            exchange.call(lambda server: server.exchange.accounts["makers"].balances["BTC"].__setattr__("free", 1))
        """
    )

    outcome = pytester.runpytest("-p", "bowstring.testing.plugin", "-o", "asyncio_default_fixture_loop_scope=function")

    outcome.assert_outcomes(passed=1, errors=1)
    outcome.stdout.fnmatch_lines(["*the ledger of the exchange contradicts itself:*", "*makers ends with*"])


def test_the_fixture_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("import sys\nsys.modules['cryptography'] = None\n")
    (tmp_path / "test_a_bot.py").write_text("def test_it(exchange):\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-p", "bowstring.testing.plugin", "--rootdir", str(tmp_path)]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert "the fixture exchange needs cryptography" in process.stdout
    assert "pip install '/path/to/bowstring[exchange]'" in process.stdout
