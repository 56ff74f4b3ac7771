"""The local exchange in a process of its own, as the demo starts it."""

import asyncio
import selectors
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from msgspec import DecodeError, Struct
from msgspec.json import decode

from bowstring.core.errors import Disconnected
from bowstring.venues.binance.keys import read_secret
from bowstring.venues.binance.signing import Keys, private_key_signer

SPEED = "3"  # a market that is worth looking at
START_S = 30.0
STOP_S = 5.0


class Account(Struct, frozen=True):
    """A funded account, as the exchange tells of it."""

    name: str
    ed25519_key: str
    ed25519_private_key_file: str

    def keys(self) -> Keys:
        """What the bot signs with."""
        private_key = read_secret(Path(self.ed25519_private_key_file))
        return Keys(self.ed25519_key, signer=private_key_signer(private_key))


class Ready(Struct, frozen=True):
    """What the exchange prints when clients are served."""

    rest: str
    ws: str
    ws_api: str
    accounts: list[Account]


class Exchange:
    """A running exchange; ``ready`` is what it told of itself."""

    ready: Ready

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        self._process, self._output = process, process.stdout
        self.process_id = process.pid

    def await_ready(self) -> None:
        """Wait until clients are served. Raises `Disconnected`."""
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            if selector.select(START_S):
                line = self._output.readline()
        try:
            self.ready = decode(line, type=Ready)
        except DecodeError:
            raise Disconnected("the exchange did not start") from None

    async def gone(self) -> None:
        """Wait until it has ended: its output, of which nothing is left but the end, is readable then."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._output, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._output)

    def stop(self) -> str:
        """End it in order, so that its ledger is closed; returns what is wrong with how it ended, or ``""``."""
        self._process.terminate()
        try:
            code = self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return f"the exchange did not stop within {STOP_S:g} s, and was killed"
        return f"the exchange ended with exit code {code}" if code else ""


@contextmanager
def local_exchange(*symbols: str, ledger: Path) -> Generator[Exchange]:
    """Start one, and stop it at the end if that was not done. Raises `Disconnected` if it does not start.

    A Ctrl-C in the terminal does not reach it, as it is in a group of its own; but when this process ends, however it
    does, so does its input, and with it the exchange.
    """
    command = [sys.executable, "-m", "bowstring", "exchange", "--json", "--port", "0", "--stop-at-eof"]
    command += ["--symbols", ",".join(symbols), "--speed", SPEED, "--ledger", str(ledger)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0) as process:
        exchange = Exchange(process)
        try:
            exchange.await_ready()
            yield exchange
        finally:
            if process.poll() is None:
                exchange.stop()
