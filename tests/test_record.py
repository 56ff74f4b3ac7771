"""``bowstring record`` against a feed that another process serves: what it records can be played again."""

import subprocess
import sys
from pathlib import Path

import pytest

from bowstring.local_exchange.recording import open_recording
from tests.integration.processes import playing


def record(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "bowstring", "record", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("symbol", "feed", "options", "kinds"),
    [
        ("BTC/USDT", (), (), {"bookTicker", "trade"}),
        ("BTC/USDT:USDT", ("--futures",), ("--futures",), {"bookTicker", "aggTrade", "markPrice@1s", "forceOrder"}),
    ],
)
def test_it_records_what_can_be_played(
    tmp_path: Path, symbol: str, feed: tuple[str, ...], options: tuple[str, ...], kinds: set[str]
) -> None:
    with playing("--generate", "BTCUSDT", "--rate", "500", *feed) as (_, rest_url, ws_url):
        urls = ["--rest-url", rest_url, "--ws-url", ws_url]
        ended = record(symbol, "--to", str(tmp_path), "--seconds", "2", "--no-books", *urls, *options)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.endswith(f" messages recorded in {tmp_path}, 0 lines lost\n")
    recording = open_recording(tmp_path)
    frames = list(recording.frames())
    assert {frame.stream.partition("@")[2] for frame in frames} == kinds
    assert len(frames) > 50
    assert recording.futures is bool(options)
    assert [reply.url.partition("?")[0].rpartition("/")[2] for reply in recording.replies] == ["exchangeInfo"]


def test_that_nothing_was_received_is_told(tmp_path: Path) -> None:
    urls = ["--rest-url", "http://127.0.0.1:1", "--ws-url", "ws://127.0.0.1:1"]
    ended = record("BTC/USD", "--to", str(tmp_path), "--seconds", "1", *urls)

    assert ended.returncode != 0
    assert "nothing was received" in ended.stderr


def test_a_symbol_that_is_none_is_told(tmp_path: Path) -> None:
    ended = record("BTCUSDT", "--to", str(tmp_path), "--seconds", "1")

    assert ended.returncode == 2
    assert "symbol 'BTCUSDT' is no spot symbol such as \"BTC/USDT\"" in ended.stderr
