"""The command line, mostly as a process of its own."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bowstring import cli
from bowstring.local_exchange.feed import generate
from bowstring.local_exchange.recording import write_recording
from tests.local_exchange.traffic import json, objects

DEADLINE_S = 30
STREAM = "btcusdt@bookTicker"
FRAMES = list(generate(["BTCUSDT"], seed=1, rate_hz=100, seconds=1))
QUOTES = [frame.combined.decode() for frame in FRAMES if frame.stream == STREAM]


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "A", FRAMES, url="wss://stream.binance.com:9443/stream")


@asynccontextmanager
async def bowstring(*arguments: str | Path) -> AsyncGenerator[tuple[asyncio.subprocess.Process, str, str]]:
    """The running command with the addresses of its first line."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bowstring", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            assert process.stdout is not None
            ready, http, websocket = (await process.stdout.readline()).decode().split()
            assert ready == "ready"
            yield process, http, websocket
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def receive(url: str, *, count: int) -> list[str]:
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as websocket:
        return [await websocket.receive_str() for _ in range(count)]


def fails(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr of a command that ends with exit code 2."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    output = capsys.readouterr()
    assert (ended.value.code, output.out, output.err.count("\n")) == (2, "", 1)
    return output.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_play_serves_until_it_is_told_to_stop(recorded: Path, number: signal.Signals) -> None:
    async with bowstring("play", recorded, "--speed", "max") as (process, _, websocket):
        assert await receive(f"{websocket}/stream?streams={STREAM}", count=len(QUOTES)) == QUOTES
        assert process.returncode is None
        process.send_signal(number)
        assert await process.wait() == 0


@pytest.mark.parametrize("speed", ["max", "1e6"])
async def test_play_exits_at_the_end_when_asked(recorded: Path, speed: str) -> None:
    async with (
        bowstring("play", recorded, "--speed", speed, "--exit-at-end") as (process, _, websocket),
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{websocket}/stream?streams={STREAM}") as client,
    ):
        received = [message.data async for message in client]

        assert (received, client.close_code) == (QUOTES, 1000)
        assert await process.wait() == 0


async def test_play_loops_when_asked(recorded: Path) -> None:
    async with bowstring("play", recorded, "--speed", "max", "--loop") as (_, _, websocket):
        assert await receive(f"{websocket}/stream?streams={STREAM}", count=2 * len(QUOTES)) == QUOTES * 2


async def test_play_generates_a_feed_with_its_exchange_info() -> None:
    arguments = ("play", "--generate", "BTCUSDT,ETHBTC", "--rate", "1000", "--seed", "7")
    async with bowstring(*arguments) as (_, http, websocket), aiohttp.ClientSession() as session:
        quotes = await receive(f"{websocket}/ws/ethbtc@bookTicker", count=5)
        async with session.get(f"{http}/api/v3/exchangeInfo") as response:
            info = json(await response.read())

    assert {json(quote)["s"] for quote in quotes} == {"ETHBTC"}
    assert [symbol["symbol"] for symbol in objects(info["symbols"])] == ["BTCUSDT", "ETHBTC"]


def test_play_refuses_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = fails(["play", str(tmp_path / "none")], capsys)

    assert error == f"bowstring: {tmp_path}/none: no such recording; expected a file named none.ws.1.0\n"


async def test_play_takes_unified_symbols_too_and_tells_which_it_has() -> None:
    async with bowstring("play", "--generate", "ETH/BTC, BTC/USDT,") as (process, _, _):
        assert process.stdout is not None
        assert await process.stdout.readline() == b"symbols ETH/BTC BTC/USDT\n"


def test_play_names_the_line_that_is_malformed(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = recorded.read_text().splitlines()
    recorded.write_text("\n".join([*lines[:20], "nonsense", *lines[20:]]))

    expected = f"bowstring: {recorded}, line 21: expected `TIME: FRAME` or `URL <-> TIME`, found b'nonsense'\n"
    assert fails(["play", str(recorded)], capsys) == expected


def test_play_refuses_a_port_in_use(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = fails(["play", str(recorded), "--port", str(port)], capsys)

    assert error.startswith(f"bowstring: cannot serve on 127.0.0.1 port {port}: ")


def test_play_refuses_a_host_that_is_not_here(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = fails(["play", str(recorded), "--host", "192.0.2.1"], capsys)

    assert error.startswith("bowstring: cannot serve on 192.0.2.1 port 0: ")


def test_play_refuses_an_unreadable_file(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (recorded.parent / "A.http.1.0").mkdir()

    assert fails(["play", str(recorded)], capsys).startswith("bowstring: ")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Missing command. (see bowstring --help)"),
        (["plya"], "No such command 'plya'"),
        (["play", "--prot", "1", "x"], "No such option"),
        (["play"], "play needs either a FILE or --generate SYMBOLS (see bowstring play --help)"),
        (["play", "x", "--generate", "BTCUSDT"], "play needs either a FILE or --generate SYMBOLS"),
        (["play", "x", "--speed", "fast"], "'fast' is neither a positive number nor max"),
        (["play", "x", "--speed", "0"], "'0' is neither a positive number nor max"),
        (["play", "x", "--speed", "nan"], "'nan' is neither a positive number nor max"),
        (["play", "x", "--port", "65536"], "65536 is not in the range 0<=x<=65535"),
        (["play", "--generate", "BTCUSDT", "--rate", "nan"], "rate nan is no positive number of frames a second"),
        (["play", "x", "--rate", "10"], "--rate is not for a recording, only for --generate: leave it out"),
        (["play", "x", "--seed", "1"], "--seed is not for a recording, only for --generate: leave it out"),
        (["play", "--generate", "BTCUSDT", "--loop"], "--loop is not for a generated feed, which has no end: leave it"),
        (["play", "--generate", "BTCUSDT", "--exit-at-end"], "--exit-at-end is not for a generated feed, which has no"),
        (["play", "x", "--loop", "--exit-at-end"], "--loop never comes to the end at which to exit: leave out --loop"),
        (["play", "--generate", " ,"], "--generate ' ,' names no symbol: give some, as in BTCUSDT,ETHUSDT"),
        (["demo", "--seconds", "nan"], "nan is no number of seconds (see bowstring demo --help)"),
        (["record", "BTC/USDT", "--to", "x", "--seconds", "nan"], "nan is no number of seconds (see bowstring record"),
        (["play", "--generate", "NOSUCH"], "no market is known for 'NOSUCH'; those are BTCUSDT"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    error = fails(arguments, capsys)

    assert error.startswith("bowstring: ")
    assert complaint in error


def test_play_says_what_to_install(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "bowstring.local_exchange.play", raising=False)
    monkeypatch.setitem(sys.modules, "aiohttp", None)

    expected = "bowstring: play needs aiohttp: pip install '/path/to/bowstring[binance]'\n"
    assert fails(["play", str(recorded)], capsys) == expected


def test_so_does_the_demo() -> None:
    program = "import sys; sys.modules['picows'] = None; from bowstring import cli; cli.main(['demo'])"
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert process.returncode == 2
    assert process.stderr == "bowstring: demo needs picows: pip install '/path/to/bowstring[binance,exchange]'\n"


@pytest.mark.parametrize(
    ("command", "defaults"),
    [("play", ["[default: 200.0]", "[default: 1]", "[default: 127.0.0.1]"]), ("demo", ["[default: 15.0;"])],
)
def test_help_tells_the_defaults(command: str, defaults: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([command, "--help"])

    told = " ".join(capsys.readouterr().out.split())
    assert [default for default in defaults if default not in told] == []


def test_help_tells_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["--help"])

    assert "play" in capsys.readouterr().out


def test_the_command_line_imports_no_command_until_it_runs() -> None:
    heavy = ("aiohttp", "bowstring.local_exchange", "picows", "uvloop")
    program = f"import sys, bowstring.cli; print([name for name in {heavy} if name in sys.modules])"
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert process.stdout == "[]\n"
