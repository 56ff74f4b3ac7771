"""What the README shows is true: its code passes mypy and runs, its commands and links lead somewhere."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import bowstring as bs
from bowstring.venues.binance.markets import SPOT
from examples import bidder
from tests.docs.pages import ENVIRONMENT, ROOT, check_types
from tests.docs.reader import Reader, blocks
from tests.whole_bot import run_until

README = (ROOT / "README.md").read_text()
BOT, TESTS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
SERVER, EXAMPLE = [block for block in blocks(README) if re.search(r"^bowstring play|^export BINANCE_", block.text)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the two files that it shows."""
    (tmp_path / "bidder.py").write_text(BOT)
    (tmp_path / "test_bidder.py").write_text(TESTS)
    return tmp_path


def test_its_bot_trades_against_a_generated_feed(feed: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPOT.urls, "paper", (feed["BINANCE_REST_URL"], feed["BINANCE_WS_URL"]))

    witness = run_until(
        lambda seen: len(seen.of(bs.Fill)) >= 2,
        main=lambda: exec(compile(BOT, "README.md", "exec"), {"__name__": "__main__"}),
        monkeypatch=monkeypatch,
    )

    assert len(witness.of(bs.Fill)) >= 2


def test_its_bot_is_the_example() -> None:
    shown = next(node for node in ast.parse(BOT).body if isinstance(node, ast.ClassDef))

    assert ast.get_source_segment(BOT, shown) == inspect.getsource(bidder.Bidder).rstrip()


def test_its_tests_pass(folder: Path) -> None:
    pytest_ = [sys.executable, "-m", "pytest", "-q"]
    tested = subprocess.run(pytest_, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)

    assert tested.stdout.splitlines()[-1].startswith("2 passed"), tested.stdout + tested.stderr


def test_its_code_passes_mypy(folder: Path) -> None:
    assert check_types(folder) == "Success: no issues found in 2 source files\n"


def test_the_example_runs_without_binance_as_it_says(tmp_path: Path) -> None:
    reader = Reader(ROOT, commands=tmp_path / "bin")
    server = reader.serve(SERVER)
    try:
        reader.follow(EXAMPLE)
    finally:
        server.terminate()
        server.communicate()


def test_its_commands_are_targets_of_the_makefile() -> None:
    commands = re.findall(r"\bmake ([a-z]+)", README)

    assert {"demo", "test"} <= set(commands)
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert set(commands) <= set(targets)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_its_links_lead_to_files(link: str) -> None:
    assert (ROOT / link).exists()
