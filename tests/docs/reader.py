"""Somebody who follows a page in a terminal: its blocks of code, as files and commands, and what these should print.

A text block after a command shows lines of its output, in which numbers may differ and ``...`` stands for others; what
comes after the last ``...`` is the end of it. ``^C`` at its end means that the command runs until the lines were shown,
and ends well when it is interrupted.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from tests.docs.pages import ENVIRONMENT

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


class Reader:
    """Somebody who follows a page, with a terminal in ``folder``; ``commands`` is a folder for what they run."""

    def __init__(self, folder: Path, *, commands: Path) -> None:
        self._folder = folder
        self._commands = commands
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
        shown = ready + "".join(server.stdout.readline() for _ in block.output[1:])
        assert missing(block.output, shown) == []
        self._port = ready.strip().rpartition(":")[2]
        return server

    def _run(self, command: str, output: Sequence[str]) -> None:
        process = self._start(f"set -e\n{command}\npwd > {self._commands / 'folder'}")
        shown, _ = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, shown
        assert missing(output, shown) == [], shown
        assert ends_with(output, shown), shown
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
        """An environment in which the commands are those of this test."""
        self._commands.mkdir()
        for name, module in {"python": "", "python3": "", "bowstring": "-m bowstring"}.items():
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


def ends_with(lines: Sequence[str], shown: str) -> bool:
    """Whether a text ends with the lines after the last ``...``, whatever the numbers and spaces."""
    ends = [number for number, line in enumerate(lines, start=1) if line == "..."]
    last = [general(line) for line in lines[ends[-1] if ends else 0 :]]
    return [general(line) for line in shown.splitlines()][-len(last) :] == last if last else True


def general(line: str) -> str:
    return re.sub(r"\d+(\.\d+)?", "0", " ".join(line.split()))
