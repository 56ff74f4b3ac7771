"""Faults of the fixture `exchange`, and of an exchange that is another process: the same to a test."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import aiohttp
import pytest

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.faults.kinds import FailCall, FreezeStream, LoseReply, Mix, SkewClock
from bowstring.testing.exchange import LocalExchange
from bowstring.testing.exchange_faults import Faults, faults_at

BUSY = FailCall(calls="ping", error="503")


def status(rest: str) -> int:
    """Of a ping."""
    try:
        with urllib.request.urlopen(f"{rest}/api/v3/ping", timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@contextmanager
def process() -> Generator[Any]:
    """An exchange as users start it: what it prints when it is ready."""
    command = [sys.executable, "-m", "bowstring", "exchange", "--json", "--port", "0", "--admin-port", "0"]
    with subprocess.Popen([*command, "--speed", "0"], stdout=subprocess.PIPE, env=os.environ) as running:
        try:
            assert running.stdout is not None
            yield json.loads(running.stdout.readline())
        finally:
            running.terminate()
    assert running.returncode == 0


def exercise(faults: Faults, rest: str) -> None:
    """What a test does with faults."""
    with faults.during(BUSY) as switch:
        assert [status(rest) for _ in range(2)] == [503, 503]
        assert (faults.state(switch.id).hits, faults.state(switch.id).fault) == (2, BUSY)
    assert (status(rest), faults.listed()) == (200, [])

    faults.add(SkewClock(seconds=60))
    faults.add(Mix(seed=1, rate=0.1))
    assert len(faults.listed()) > 10
    faults.clear()
    assert faults.listed() == []

    with pytest.raises(ConfigError, match="account of LoseReply is 'carol': there are alice, bob"):
        faults.add(LoseReply(account="carol"))
    for ask in (faults.state, faults.clear):
        with pytest.raises(LookupError, match="no fault has the id 7000"):
            ask(7000)


def test_a_blocking_test_switches_faults_on(exchange: LocalExchange) -> None:
    exercise(exchange.faults, exchange.rest)


async def test_a_test_with_a_loop_switches_faults_on(exchange: LocalExchange) -> None:
    exchange.faults.add(FreezeStream(stream="btcusdt@trade"))
    streams = f"{exchange.ws}/ws/btcusdt@trade/btcusdt@aggTrade"
    async with aiohttp.ClientSession() as session, session.ws_connect(streams) as socket:
        told = [(await socket.receive_json(timeout=20))["e"] for _ in range(3)]

    assert told == ["aggTrade"] * 3


def test_the_exchange_may_be_another_process() -> None:
    with process() as ready:
        exercise(faults_at(ready["admin"]), ready["rest"])


def test_an_exchange_that_is_gone_cannot_be_reached() -> None:
    with process() as ready:
        faults = faults_at(ready["admin"])

    with pytest.raises(OSError, match="refused"):
        faults.listed()


def test_a_fault_that_has_cleared_itself_is_none_to_clear(exchange: LocalExchange) -> None:
    with exchange.faults.during(BUSY) as switch:
        exchange.faults.clear(switch.id)
