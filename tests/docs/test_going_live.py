"""What the pages say about trading on an exchange is what happens, but for the keys, which are new each time."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bowstring.venues.binance.keys import keys_from_environment
from tests.docs.pages import ROOT
from tests.docs.reader import Block, Reader, blocks, missing
from tests.whole_bot import local_exchange

PAGES = {name: (ROOT / name).read_text() for name in ("README.md", "docs/going-live.md")}
PAGE = PAGES["docs/going-live.md"]


@pytest.fixture(scope="module")
def account() -> Iterator[Mapping[str, str]]:
    with local_exchange() as environment:
        yield environment


def block(page: str, beginning: str) -> Block:
    return next(one for one in blocks(PAGES[page]) if one.text.startswith(beginning))


@pytest.mark.parametrize("page", PAGES)
def test_the_exchange_prints_what_the_pages_show(page: str) -> None:
    shown = block(page, "bowstring exchange").output
    command = [sys.executable, "-m", "bowstring", "exchange", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = [process.stdout.readline() for _ in range(6)]
        process.terminate()

    words = [line.split()[:1] for line in printed]
    assert [line.split()[:1] for line in shown if line.startswith(("ready", "  "))] == [
        word for word in words if word in [line.split()[:1] for line in shown] and word != ["account"]
    ]
    assert missing([line for line in shown if line.startswith("ready")], printed[0]) == []


@pytest.mark.parametrize("page", PAGES)
def test_the_bot_trades_there_with_the_keys_from_the_environment(
    page: str, account: Mapping[str, str], tmp_path: Path
) -> None:
    shown = block(page, "export BOWSTRING_BINANCE_KEY")
    text = shown.text
    for name in ("BOWSTRING_BINANCE_KEY", "BOWSTRING_BINANCE_PRIVATE_KEY_FILE"):
        text = re.sub(f"{name}=.*", f"{name}={account[name]}", text)
    urls = "".join(f"export {name}={account[name]}\n" for name in ("EXCHANGE_REST_URL", "EXCHANGE_WS_URL"))

    Reader(ROOT, commands=tmp_path / "bin").follow(Block("sh", "", urls + text, shown.output))


def test_the_key_that_the_page_makes_is_taken(tmp_path: Path) -> None:
    Reader(tmp_path, commands=tmp_path / "bin").follow(block("docs/going-live.md", "openssl"))
    variables = sorted(set(re.findall(r"`(BOWSTRING_BINANCE_(?!HEDGE)\w+)`", PAGE)))

    assert variables == [
        "BOWSTRING_BINANCE_KEY",
        "BOWSTRING_BINANCE_PRIVATE_KEY_FILE",
        "BOWSTRING_BINANCE_PRIVATE_KEY_PASSWORD",
        "BOWSTRING_BINANCE_SECRET",
        "BOWSTRING_BINANCE_SECRET_FILE",
    ]
    environment = {
        "BOWSTRING_BINANCE_KEY": "k" * 64,
        "BOWSTRING_BINANCE_PRIVATE_KEY_FILE": str(tmp_path / "binance.pem"),
    }
    assert keys_from_environment("binance", environment=environment).signer.logs_on
