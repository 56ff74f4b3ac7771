"""The tutorial works as written: its files, commands and outputs, in order, against the real `bowstring play`.

A text block after a command shows lines of its output, in which numbers may differ and ``...`` stands for others.
``^C`` at its end means that the command runs until then, and ends well when it is interrupted.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from msgspec import Struct

from tests.docs.pages import ENVIRONMENT, ROOT, check_types

DEADLINE_S = 30
PORT = "9000"


class Block(Struct, frozen=True):
    """A fenced block: its language, its file if it is one, its text, and the output that the page shows after it."""

    language: str
    file: str
    text: str
    output: Sequence[str]


def blocks(page: str) -> Iterator[Block]:
    found = re.findall(r'^```(\w+)(?: title="(.+?)")?\n(.*?)^```$', page, flags=re.DOTALL | re.MULTILINE)
    for (language, file, text), (after, _, output) in zip(found, [*found[1:], ("", "", "")], strict=True):
        if language != "text":
            yield Block(language, file, text, output.splitlines() if after == "text" else [])


BLOCKS = list(blocks((ROOT / "docs" / "tutorial.md").read_text()))


class Reader:
    """Somebody who follows the tutorial, with a terminal in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._commands = folder / "bin"
        self._environment = self._prepare()
        self._port = PORT

    def follow(self, block: Block) -> None:
        """Do what a block says, and compare the output."""
        text = block.text.replace(PORT, self._port)
        if block.file:
            (self._folder / block.file).write_text(text)
        elif block.output[-1:] == ["^C"]:
            self._run_until_shown(text, block.output[:-1])
        else:
            self._run(text, block.output)

    def serve(self, block: Block) -> "subprocess.Popen[str]":
        """Start a server, and leave it running; from now on its port is meant."""
        server = self._start(block.text.replace(PORT, "0"))
        assert server.stdout is not None
        ready = server.stdout.readline()
        assert missing(block.output, ready) == []
        self._port = ready.strip().rpartition(":")[2]
        return server

    def _run(self, command: str, output: Sequence[str]) -> None:
        process = self._start(f"set -e\n{command}\npwd > {self._commands / 'folder'}")
        shown, _ = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, shown
        assert missing(output, shown) == [], shown
        self._folder = Path((self._commands / "folder").read_text().strip())

    def _run_until_shown(self, command: str, output: Sequence[str]) -> None:
        process = self._start(command)
        assert process.stdout is not None
        shown, deadline = "", time.monotonic() + DEADLINE_S
        while missing(output, shown):
            assert time.monotonic() < deadline, shown
            shown += process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        shown += process.communicate(timeout=DEADLINE_S)[0]
        assert process.returncode == 0, shown

    def _start(self, command: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["bash", "-c", command],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _prepare(self) -> Mapping[str, str]:
        """An environment in which ``python`` and ``bowstring`` are those of this test."""
        self._commands.mkdir()
        for name, module in {"python": "", "bowstring": "-m bowstring"}.items():
            command = self._commands / name
            command.write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
            command.chmod(0o755)
        return {
            **ENVIRONMENT,
            "PATH": f"{self._commands}:{os.environ['PATH']}",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # it starts in half the time
        }


def missing(lines: Sequence[str], shown: str) -> list[str]:
    """The lines that are not in a text, whatever the numbers and spaces."""
    present = {general(line) for line in shown.splitlines()}
    return [line for line in lines if line != "..." and general(line) not in present]


def general(line: str) -> str:
    return re.sub(r"\d+(\.\d+)?", "0", " ".join(line.split()))


def test_it_works_as_written(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
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
