"""F27: the kill switch under 200 orders a second, by file, by signal and by command.

From the moment at which it is pulled only what is on its way is still accepted: the last order within 50 ms. What is
open is cancelled. While the file is there a bot that starts trades no more than one that was halted; a human's command
makes it trade again.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from random import Random

from msgspec import Struct, field

import bowstring as bs
from bowstring.trading.messages import Recovered, Side
from faults.bot import Cast, Pulse, Say, Script, Stage, Told
from faults.bots import Bot, bot
from faults.crowd import ASK, BID, crowd
from faults.exchange import Exchange, exchange
from faults.figures import Outcome, Within, Zero
from faults.ledger import Line
from faults.row import Bench, Row

ACCOUNT = "alice"
RATE, LEAST_RATE = 200, 150
"""Orders a second that are asked for, and that have to be accepted in the second before the switch is pulled."""
EVERY_S = 0.005  # between pulses, each for as many orders as are due
RESTING = Decimal(3300)
LIMIT_MS = 50.0
AFTER_S = 0.5
PATIENCE_S = 30.0


class Stream(bs.Strategy):
    """From the word ``go`` on it places so many orders a second; one in twenty rests."""

    def __init__(self) -> None:
        self._began_ns = self._placed = 0

    @bs.on(Recovered)
    def greet(self, recovered: Recovered) -> bs.Actions:
        yield Say(line="recovered")

    @bs.on(Told)
    def obey(self, told: Told) -> None:
        self._began_ns = self.clock.monotonic_ns() if told.word == "go" else 0
        self._placed = 0

    @bs.on(Pulse)
    def press(self, _pulse: Pulse) -> bs.Actions:
        due = (self.clock.monotonic_ns() - self._began_ns) * RATE // 10**9 if self._began_ns else 0
        while self._placed < due:
            self._placed += 1
            yield self._order()

    def _order(self) -> bs.PlaceOrder:
        if self._placed % 20 == 0:
            return bs.PlaceOrder(symbol="ETH/USDT", side="buy", quantity=Decimal("0.02"), price=RESTING)
        side: Side = "buy" if self._placed % 2 else "sell"
        price = ASK if side == "buy" else BID
        return bs.PlaceOrder(symbol="BTC/USDT", side=side, quantity=Decimal("0.001"), price=price, time_in_force="ioc")


def cast(_stage: Stage) -> Cast:
    return Cast(strategies=[Stream()], every_s=EVERY_S)


class Pulled(Struct):
    """What came of the kill switch: how long after it the last order was accepted, and how many before it."""

    late_ms: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    rates: list[int] = field(default_factory=list[int])
    findings: list[str] = field(default_factory=list[str])
    starts: int = 0


def run(bench: Bench) -> Outcome:
    folder, random, pulled = bench.room("kill-switch"), Random(f"kill {bench.seed}"), Pulled()
    times = bench.many(short=1, long=20)
    with exchange(folder) as running, crowd(running, random):
        script = Script(
            cast=__name__,
            addresses=running.addresses,
            account=running.account(ACCOUNT),
            folder=str(folder),
            mutant=bench.mutant,
        )
        for _ in range(times):
            for way in WAYS:
                with bot(script) as started:
                    started.heard("recovered")
                    _pull(started, running, way, pulled, folder)
                with bot(script) as halted:
                    halted.heard("recovered")
                    _try_halted(halted, running, pulled, folder)
    return _outcome(pulled)


def _pull(started: Bot, running: Exchange, way: str, pulled: Pulled, folder: Path) -> None:
    """Under load, pull the switch; then look at what was accepted before and after."""
    started.say("go")
    time.sleep(1.5)
    pulled_ns = WAYS[way](started, folder / "journal")
    time.sleep(AFTER_S)
    accepted = [*_accepted(running)]
    late = [one for one in accepted if one >= pulled_ns]
    pulled.late_ms.setdefault(way, []).append((late[-1] - pulled_ns) / 1e6 if late else 0.0)
    pulled.rates.append(sum(pulled_ns - 10**9 <= one < pulled_ns for one in accepted))
    if open_ := _open(running):
        pulled.findings.append(f"{way}: {len(open_)} orders are open {AFTER_S} s later: {', '.join(open_)}")


def _try_halted(halted: Bot, running: Exchange, pulled: Pulled, folder: Path) -> None:
    """A bot that starts halted trades nothing, until it is told to."""
    began_ns = time.time_ns()
    halted.say("go")
    time.sleep(AFTER_S)
    pulled.starts += 1
    if any(one >= began_ns for one in _accepted(running)):
        pulled.findings.append("a bot that started halted traded")
    _control(folder / "journal", "activate")
    if not _soon(lambda: any(one >= began_ns for one in _accepted(running))):
        pulled.findings.append("a bot that was activated did not trade")
    if (folder / "journal.kill").exists():
        pulled.findings.append("the kill switch was not lifted")
    halted.stop()


def _by_file(_started: Bot, journal: Path) -> int:
    pulled_ns = time.time_ns()
    Path(f"{journal}.kill").touch()
    return pulled_ns


def _by_signal(started: Bot, _journal: Path) -> int:
    pulled_ns = time.time_ns()
    started.signal(signal.SIGUSR1)
    return pulled_ns


def _by_command(_started: Bot, journal: Path) -> int:
    """From when its file was made, by the file's own time: before that Python starts."""
    _control(journal, "kill")
    return Path(f"{journal}.kill").stat().st_mtime_ns


WAYS: dict[str, Callable[[Bot, Path], int]] = {"file": _by_file, "signal": _by_signal, "command": _by_command}
FROM = {"file": "the making of the file", "signal": "the signal", "command": "when the command made its file"}


def _control(journal: Path, command: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "bowstring", "control", str(journal), command, "--why", "F27"],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _accepted(running: Exchange) -> Iterator[int]:
    """When the account's orders were accepted, in ns, oldest first."""
    for line in running.ledger.read().lines:
        if line["kind"] == "accept" and line["account"] == ACCOUNT:
            yield _time_ns(line)


def _time_ns(line: Line) -> int:
    time_us = line["time_us"]
    assert isinstance(time_us, int)
    return time_us * 1000


def _open(running: Exchange) -> list[str]:
    orders = running.ledger.read().audit.orders.values()
    return [order.client_order_id for order in orders if order.account == ACCOUNT and order.is_open]


def _soon(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _outcome(pulled: Pulled) -> Outcome:
    pulls = sum(map(len, pulled.late_ms.values()))
    return Outcome(
        figures=[
            Within("accepted in the second before", pulled.rates, LEAST_RATE, unit="orders", least=True),
            *(
                Within(f"from {FROM[way]} to the last accepted order", late_ms, LIMIT_MS, unit="ms")
                for way, late_ms in pulled.late_ms.items()
            ),
            Zero("violations after kills and halted starts", len(pulled.findings), pulls + pulled.starts),
        ],
        findings=pulled.findings,
    )


ROW = Row(
    id="F27",
    fault="kill switch under 200 orders a second",
    how="a file beside the journal, SIGUSR1, bowstring control; then a start that finds it",
    promise="last accepted order within 50 ms",
    run=run,
    is_timed=True,
)
