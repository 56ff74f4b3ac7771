"""The local exchange as a process of its own, with its switches of faults, and its ledger as the oracle."""

import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import DecodeError, Struct
from msgspec.json import decode

from bowstring.local_exchange.credentials import Credentials
from bowstring.testing.exchange_faults import Faults, faults_at
from faults.ledger import Ledger
from faults.lines import Lines

START_S = 60.0  # everything else may be running
STOP_S = 10.0

Account = Credentials


class Addresses(Struct, frozen=True):
    """What the exchange prints when clients are served."""

    rest: str
    ws: str
    ws_api: str
    admin: str
    accounts: list[Account]


class Exchange:
    """A running exchange. ``faults`` are its switches, ``ledger`` is what the bots' journals are held against."""

    def __init__(self, process: "subprocess.Popen[bytes]", *, ledger: Path) -> None:
        assert process.stdout is not None
        self.process, self.ledger = process, Ledger(ledger)
        line = Lines(process.stdout).next(within_s=START_S)
        try:
            self.addresses = decode(line or "", type=Addresses)
        except DecodeError:
            raise ChildProcessError(f"the exchange did not start: {line!r}") from None
        self.faults: Faults = faults_at(self.addresses.admin)

    def account(self, name: str) -> Account:
        """The account of that name."""
        return next(account for account in self.addresses.accounts if account.name == name)

    def stop(self) -> None:
        """End it in order, so that its ledger is closed."""
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def exchange(
    folder: Path, *, symbols: Sequence[str] = ("BTCUSDT", "ETHUSDT"), speed: float = 0, options: Sequence[str] = ()
) -> Generator[Exchange]:
    """Run one, with the accounts ``alice`` and ``bob``. Its ledger is in the folder.

    Without more ``options`` it has no limits. ``speed`` 0: there are no participants but those accounts.
    """
    ledger = folder / "ledger.jsonl"
    command = [sys.executable, "-m", "bowstring", "exchange", "--json", "--port", "0", "--admin-port", "0"]
    command += ["--symbols", ",".join(symbols), "--speed", str(speed), "--ledger", str(ledger), "--stop-at-eof"]
    command += options or ["--unlimited"]
    with (
        (folder / "exchange.err").open("wb") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, process_group=0
        ) as process,
    ):
        try:
            running = Exchange(process, ledger=ledger)
            yield running
            running.stop()
        finally:
            if process.poll() is None:
                process.kill()
