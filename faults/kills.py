"""F1: a bot under load is killed at a random moment, again and again, and each time the next one goes on from its
journal. Then ledger and journal must agree to the last digit.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random

from msgspec import Struct, field
from msgspec.structs import replace

from bowstring.local_exchange.faults.kinds import DelayReply, DelayReport, DelayRequest, Fault
from faults.bot import Script
from faults.bots import Bot, bot
from faults.crowd import crowd
from faults.exchange import Exchange, exchange
from faults.figures import Note, Outcome, Within, Zero
from faults.gateway import Truth
from faults.leaks import leaks
from faults.oracle import Finding, Judgement, judge, settle
from faults.record import epochs, read
from faults.row import Bench, Row

LEAST_IN_FLIGHT = 20
KILLS_PER_LIFE = 10  # of one journal
UNDER_LOAD_S = (0.1, 0.3)
RECOVERING_S = (0.0, 4.0)  # a process begins after about a second, and takes three or four to recover
OF_MUTANT = 40  # a random moment is seldom the one that finds it
TRIES = 2  # what cannot be brought to enough in flight is a finding
CRASHES_RECOVERING = 0.25  # of the starts
HELD_S = 1.5  # longer than a restart takes
RECOVER_S = 60.0  # as long as the engine gives it, on a machine that is busy
BUSY_S = 1.0  # so late the exchange may be with it on a machine that is busy
FAULTS: Sequence[Fault] = (
    DelayRequest(calls="orders", account="alice", seconds=HELD_S, chance=0.08, seed=1),
    DelayRequest(calls="orders", account="alice", seconds=0.3, chance=0.2, seed=4),
    DelayReply(calls="orders", account="alice", seconds=0.12, chance=0.9, seed=2),
    DelayReport(account="alice", seconds=0.25, chance=0.3, seed=3),
)


ACCOUNT = "alice"


class Life(Struct):
    """The kills of one journal. ``in_flight`` at each kill under load; ``recover_s`` from process to `Recovered`.

    ``while_recovering`` are those of processes that had begun an epoch in the journal, and had not told `Recovered`;
    ``at_other_starts``, those before or after that, are not counted.
    """

    in_flight: list[int] = field(default_factory=list[int])
    while_recovering: int = 0
    at_other_starts: int = 0
    recover_s: list[float] = field(default_factory=list[float])
    findings: list[Finding] = field(default_factory=list[Finding])
    intents: int = 0
    orders: int = 0
    fills: int = 0

    @property
    def counted(self) -> list[int]:
        """Of the kills under load those with enough in flight."""
        return [one for one in self.in_flight if one >= LEAST_IN_FLIGHT]

    @property
    def not_counted(self) -> int:
        """Kills with too little in flight, and of starts that had not begun to recover, or were done with it."""
        return len(self.in_flight) - len(self.counted) + self.at_other_starts

    def take(self, judgement: Judgement) -> None:
        """Take in what the oracle says at the end."""
        self.findings += judgement.findings
        self.intents, self.orders, self.fills = judgement.intents, judgement.orders, judgement.fills


def run(bench: Bench) -> Outcome:
    kills = bench.many(short=OF_MUTANT if bench.mutant else 8, long=1000)
    each = min(KILLS_PER_LIFE, -(-kills // 2))
    with ThreadPoolExecutor(bench.workers) as pool:
        lives = [*pool.map(partial(_life, bench, kills=each), range(-(-kills // each)))]
    return _outcome(lives, each=each)


def _life(bench: Bench, number: int, *, kills: int) -> Life:
    folder, life, random = bench.room(f"life-{number}"), Life(), Random(f"{bench.seed} {number}")
    with exchange(folder) as running, crowd(running, random) as resting:
        for fault in FAULTS:
            running.faults.add(fault)
        script = Script(
            cast="faults.load",
            addresses=running.addresses,
            account=running.account(ACCOUNT),
            folder=str(folder),
            durability="power" if number % 2 else "process",
            truth=Truth(held_s=HELD_S + BUSY_S),
            mutant=bench.mutant,
        )
        try:
            while len(life.counted) < kills and len(life.in_flight) < TRIES * kills:
                _kill(replace(script, seed=random.getrandbits(31)), life, random)
            life.take(_settled(script, life, running, resting))
            life.findings += leaks(folder, script.account)
        except ChildProcessError as error:
            life.findings.append(Finding("I11", f"life {number}: {error}"))
    return life


def _kill(script: Script, life: Life, random: Random) -> None:
    """Start a process, and kill it: some while they recover, the others under load."""
    journal = Path(script.folder) / script.journal
    before = epochs(journal)
    with bot(script) as started:
        if random.random() < CRASHES_RECOVERING:
            time.sleep(random.uniform(*RECOVERING_S))
            started.kill()
            is_recovering = epochs(journal) > before and not started.gauge["recovered_ns"]
            life.while_recovering += is_recovering
            life.at_other_starts += not is_recovering
            return
        _await_recovery(started, life)
        started.say("go")
        started.heard("loaded")
        time.sleep(random.uniform(*UNDER_LOAD_S))
        started.kill()
        life.in_flight.append(started.gauge.in_flight)


def _settled(script: Script, life: Life, running: Exchange, resting: threading.Event) -> Judgement:
    """The last process recovers and nobody trades any more; when all is told it is stopped, and leaves its orders."""
    journal = Path(script.folder) / script.journal
    with bot(script) as started:
        _await_recovery(started, life)
        resting.set()
        settle(running.ledger, ACCOUNT, journal)
        code, _seconds = started.stop()
    judgement = judge(running.ledger.read(), ACCOUNT, read(journal))
    wrong_end = [Finding("I11", f"a bot with nothing in doubt ended with {code}")] if code else []
    return replace(judgement, findings=[*judgement.findings, *wrong_end])


def _await_recovery(started: Bot, life: Life) -> None:
    began = time.monotonic()
    started.heard("recovered")
    life.recover_s.append(time.monotonic() - began)


def _outcome(lives: Sequence[Life], *, each: int) -> Outcome:
    findings = [finding for life in lives for finding in life.findings]
    counted = [one for life in lives for one in life.counted]
    starts = [seconds for life in lives for seconds in life.recover_s]
    kills = len(counted) + sum(life.while_recovering for life in lives)
    orders, fills = sum(life.orders for life in lives), sum(life.fills for life in lives)

    def zero(what: str, rule: str) -> Zero:
        return Zero(what, _count(findings, rule), kills)

    return Outcome(
        figures=[
            Within(
                "kills of each journal with enough in flight",
                [len(life.counted) for life in lives],
                each,
                unit="kills",
                least=True,
            ),
            Within("orders in flight at a kill", counted, LEAST_IN_FLIGHT, unit="orders", least=True),
            Note(
                f"{len(counted):,} kills under load, {kills - len(counted):,} while recovering,"
                f" {sum(life.not_counted for life in lives):,} not counted"
            ),
            Note(f"{sum(life.intents for life in lives):,} intents, {orders:,} accepted, {fills:,} fills"),
            zero("orders duplicated", "I1"),
            zero("orders unknown to the journal", "I2"),
            zero("orders lost, or in another state than at the exchange", "I3"),
            zero("fills, positions or balances that differ", "I4"),
            zero("intents without one outcome", "I5"),
            Zero("journals, logs or ledgers with a secret in them", _count(findings, "I12"), len(lives)),
            Within("from the start of a process to Recovered", starts, RECOVER_S),
        ],
        findings=[str(finding) for finding in findings],
    )


def _count(findings: Sequence[Finding], rule: str) -> int:
    return sum(finding.rule == rule for finding in findings)


ROW = Row(
    id="F1",
    fault="kill -9 at a random moment under load",
    how="SIGKILL after 0.1-0.3 s of load, or while recovering; a new process on the same journal, half with power",
    promise="1,000 kills: I1-I5 hold",
    run=run,
)
