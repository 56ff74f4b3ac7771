"""What the README shows is true: its code passes mypy and runs, its commands and links lead somewhere."""

import ast
import inspect
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

import bowstring as bs
from bowstring.venues.binance import venue
from examples import bidder
from tests.docs.pages import ROOT, check_types
from tests.whole_bot import run_until

README = (ROOT / "README.md").read_text()
BOT, TESTS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_its_bot_trades_against_a_generated_feed(feed: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(venue.URLS, "paper", (feed["BINANCE_REST_URL"], feed["BINANCE_WS_URL"]))

    witness = run_until(
        lambda seen: len(seen.of(bs.Fill)) >= 2,
        main=lambda: exec(compile(BOT, "README.md", "exec"), {"__name__": "__main__"}),
        monkeypatch=monkeypatch,
    )

    assert len(witness.of(bs.Fill)) >= 2


def test_its_bot_is_the_example() -> None:
    shown = next(node for node in ast.parse(BOT).body if isinstance(node, ast.ClassDef))

    assert ast.get_source_segment(BOT, shown) == inspect.getsource(bidder.Bidder).rstrip()


def test_its_tests_pass() -> None:
    names = dict(vars(bidder))
    exec(compile(TESTS, "README.md", "exec"), names)
    tests = [test for name, test in names.items() if name.startswith("test_")]

    assert len(tests) == 2
    for test in tests:
        test()


def test_its_code_passes_mypy(tmp_path: Path) -> None:
    (tmp_path / "readme.py").write_text(BOT + TESTS)

    assert check_types(tmp_path) == "Success: no issues found in 1 source file\n"


def test_its_commands_are_targets_of_the_makefile() -> None:
    commands = re.findall(r"\bmake ([a-z]+)", README)

    assert {"demo", "test"} <= set(commands)
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert set(commands) <= set(targets)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_its_links_lead_to_files(link: str) -> None:
    assert (ROOT / link).exists()
