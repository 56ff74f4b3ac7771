"""The tutorial works as written: its files, commands and outputs, in order, against the real `bowstring play`."""

import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, check_types
from tests.docs.reader import Reader, blocks, ends_with, missing

BLOCKS = list(blocks((ROOT / "docs" / "tutorial.md").read_text()))


def test_it_works_as_written(tmp_path: Path) -> None:
    reader = Reader(tmp_path, commands=tmp_path / "bin")
    servers = list[subprocess.Popen[str]]()
    try:
        for block in BLOCKS:
            if block.text.startswith("bowstring play"):
                servers.append(reader.serve(block))
            else:
                reader.follow(block)
    finally:
        for server in servers:
            server.terminate()
            server.communicate()
    assert [server.returncode for server in servers] == [0]


def test_its_code_passes_mypy(tmp_path: Path) -> None:
    files = {block.file: block.text for block in BLOCKS if block.file}
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    assert check_types(tmp_path) == f"Success: no issues found in {len(files)} source files\n"


@pytest.mark.parametrize("shown", ["buy 1 at 2.5: filled", "filled at 3: buy"])
def test_an_output_that_differs_in_more_than_numbers_is_noticed(shown: str) -> None:
    expected = "buy 0.001 at 65002.32: filled"
    assert missing([expected, "..."], shown) == ([] if shown.startswith("buy") else [expected])


@pytest.mark.parametrize(("shown", "complete"), [("a: 1 of 1\nb: 2 of 3\n", True), ("b: 2 of 3\na: 1 of 1\n", False)])
def test_an_output_with_other_lines_at_its_end_is_noticed(shown: str, complete: bool) -> None:
    assert ends_with(["...", "b: 1 of 1"], shown) is complete
