"""The local exchange as benchmarks run it: in a process of its own on another core, with nothing limited."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct
from msgspec.json import decode

from benchmarks.feed import ROOT
from benchmarks.figures import OTHER, pin


class Account(Struct):
    """What an account signs with."""

    key: str
    secret: str
    ed25519_key: str
    ed25519_private_key_file: str


class Told(Struct):
    """What the exchange tells when it is ready."""

    rest: str
    ws: str
    ws_api: str
    accounts: list[Account]


@contextmanager
def local_exchange(*options: str) -> Generator[bytes]:
    """The line that it prints when it is ready: `told` reads it. It keeps a ledger."""
    pin(OTHER)
    with TemporaryDirectory() as folder:
        command = [
            "exchange",
            "--json",
            "--port",
            "0",
            "--unlimited",
            "--ledger",
            str(Path(folder) / "ledger"),
            *options,
        ]
        with subprocess.Popen(
            [sys.executable, "-m", "bowstring", *command], stdout=subprocess.PIPE, cwd=ROOT
        ) as process:
            assert process.stdout is not None
            try:
                yield process.stdout.readline()
            finally:
                process.terminate()


def told(line: str | bytes) -> Told:
    """What that line says."""
    return decode(line, type=Told)
