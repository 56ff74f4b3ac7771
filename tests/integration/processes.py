"""Real processes for tests: `bowstring play` and `bowstring exchange` beside the bot, and the bot itself."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from msgspec import Struct
from msgspec.json import decode

from bowstring.local_exchange.audit import Audit, LedgerOrder, replay
from bowstring.local_exchange.credentials import Credentials
from bowstring.local_exchange.ledger import read

DEADLINE_S = 30


@contextmanager
def playing(*arguments: str) -> Generator[tuple["subprocess.Popen[str]", str, str], None, None]:
    """`bowstring play` with these arguments: the process, its REST and its websocket URL."""
    command = [sys.executable, "-m", "bowstring", "play", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            _ready, rest_url, ws_url = process.stdout.readline().split()
            yield process, rest_url, ws_url
        finally:
            process.kill()


class Ready(Struct, frozen=True):
    """What an exchange tells when clients are served."""

    rest: str
    ws: str
    accounts: list[Credentials]


class Exchange:
    """`bowstring exchange` as a process, and its ledger."""

    def __init__(self, process: "subprocess.Popen[str]", ledger: Path) -> None:
        self.process = process
        self.folder = ledger.parent
        self.ready = decode(_line(process.stdout), type=Ready)
        self._ledger = ledger

    def audit(self) -> Audit:
        return replay(self._ledger)

    def orders(self) -> dict[str, LedgerOrder]:
        """By client order id."""
        return {order.client_order_id: order for order in self.audit().orders.values()}

    def open_orders(self) -> list[str]:
        return sorted(name for name, order in self.orders().items() if order.is_open)

    def cancels(self, reason: str | None) -> dict[str, float]:
        """When which orders were cancelled for a reason, None: as somebody asked; in seconds since the epoch."""
        names = {order.id: order.client_order_id for order in self.audit().orders.values()}
        return {
            names[int(str(line["order"]))]: int(str(line["time_us"])) / 1e6
            for line in read(self._ledger)
            if line["kind"] == "cancel" and line.get("reason") == reason
        }


@contextmanager
def exchanging(folder: Path, *arguments: str) -> Generator[Exchange]:
    """`bowstring exchange` without participants, with these arguments too."""
    ledger = folder / "ledger.jsonl"
    options = ["--json", "--port", "0", "--speed", "0", "--unlimited", "--ledger", str(ledger), *arguments]
    command = [sys.executable, "-m", "bowstring", "exchange", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Exchange(process, ledger)
        finally:
            process.send_signal(signal.SIGCONT)  # one that is stopped does not even die
            process.kill()


class Bot:
    """A bot as a process. ``said`` are its lines so far, ``errors`` what it wrote to its log, once it has ended."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self.process = process
        self.said: list[str] = []
        self.errors = ""
        self._log = log

    def hear(self, beginning: str) -> str:
        """Wait until it says something."""
        while not (line := _line(self.process.stdout)).startswith(beginning):
            assert line, f"it ended after {self.said}"
            self.said.append(line)
        self.said.append(line)
        return line

    def signal(self, number: signal.Signals) -> float:
        """Returns when, in seconds since the epoch."""
        self.process.send_signal(number)
        return time.time()

    def end(self) -> tuple[int, float]:
        """Wait for its end; returns its exit code and how many seconds that took."""
        began_s = time.monotonic()
        code = self.process.wait(DEADLINE_S)
        took_s = time.monotonic() - began_s
        assert self.process.stdout is not None
        self.said += self.process.stdout.read().splitlines()
        self.errors = self._log.read_text()
        return code, took_s


@contextmanager
def running(module: str, arguments: Sequence[str], *, account: Credentials, log: Path) -> Generator[Bot]:
    """A bot that is a module, with an account's keys; its log is a new file."""
    assert account.key
    assert account.secret
    environment = {**os.environ, "BOWSTRING_BINANCE_KEY": account.key, "BOWSTRING_BINANCE_SECRET": account.secret}
    command = [sys.executable, "-m", module, *arguments]
    with (
        log.open("xb") as file,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True, env=environment) as process,
    ):
        try:
            yield Bot(process, log)
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()


def _line(output: IO[str] | None) -> str:
    assert output is not None
    return output.readline().rstrip("\n")
