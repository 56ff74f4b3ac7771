"""F2: the process of a bot is killed at every step of a short life and of its recovery, each step in a life of its own.

A step is a callback of the event loop, which is where awaits go on, an operation on a file of the journal, a frame that
is sent, a report that is taken in. A process is killed at one of them while it trades, or stops; the next one at one of
its recovery; the third one recovers, and then ledger and journal have to agree.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random
from typing import get_args

from msgspec import Struct, field
from msgspec.structs import replace

from faults.bot import Script
from faults.bots import Bot, bot
from faults.counterparty import Counterparty
from faults.crowd import quote
from faults.exchange import Exchange, exchange
from faults.figures import Figure, Note, Outcome, Within, Zero
from faults.gauge import Gauge
from faults.oracle import Finding, Judgement, settle
from faults.row import Bench, Row
from faults.steps import Kind

ACCOUNT = "alice"
PASSES = 2
COVERED = 97.0  # %; no two lives have the same number of steps
SPARE = 1.1  # lives differ a little in length


class Point(Struct, frozen=True):
    """At which step the process that trades is killed, and at which step the next one, which recovers."""

    trading: int
    recovering: int


class Chain(Struct):
    """The lives of one journal: the points at which a process was really killed, and what was found."""

    trading: list[int] = field(default_factory=list[int])
    recovering: list[int] = field(default_factory=list[int])
    findings: list[Finding] = field(default_factory=list[Finding])
    judged: int = 0


class Lengths(Struct, frozen=True):
    """How many steps a whole life has, by kind: while it trades and stops, and while it recovers."""

    trading: dict[str, int]
    recovering: dict[str, int]

    @property
    def busy(self) -> int:
        """The step of trading after which a recovery has most to do."""
        return sum(self.trading.values()) // 4

    def missed(self, chains: Sequence[Chain]) -> list[int]:
        """The steps of recovering at which no process was killed."""
        killed = {step for chain in chains for step in chain.recovering}
        return sorted({*range(1, sum(self.recovering.values()) + 1)} - killed)


class Theatre:
    """An exchange and a journal on which one life after the other is played."""

    def __init__(self, running: Exchange, folder: Path, *, mutant: str) -> None:
        self._running = running
        quote(running)
        self.script = Script(
            cast="faults.scripted",
            addresses=running.addresses,
            account=running.account(ACCOUNT),
            folder=str(folder),
            on_stop="cancel",
            mutant=mutant,
        )

    def play(self, started: Bot, step: int) -> bool:
        """Trade, then stop; returns whether the process was killed at that step, which 0 never is."""
        started.say(f"go {step}")
        if started.lines.until("done", within_s=30) is not None:
            started.process.terminate()
        return started.process.wait(30) == -9

    def recover(self, step: int) -> bool:
        """Start a process that is killed at this step of its recovery; returns whether it was."""
        with bot(replace(self.script, words={"recovering": str(step)})) as started:
            is_killed = started.lines.until("recovered", within_s=60) is None
            if is_killed:
                started.process.wait(10)
        self._cancel_all()
        return is_killed

    def judge(self) -> Judgement:
        """What the oracle says, when everything is quiet."""
        return settle(self._running.ledger, ACCOUNT, Path(self.script.folder) / self.script.journal)

    def _cancel_all(self) -> None:
        """Behind the bot's back."""
        with closing(Counterparty(self._running.addresses, self._running.account(ACCOUNT))) as owner:
            for symbol in {str(order["symbol"]) for order in owner.open_orders()}:
                owner.call("DELETE", "/api/v3/openOrders", symbol=symbol)


def run(bench: Bench) -> Outcome:
    lengths = _measure(bench)
    chains = _play(bench, _points(lengths, bench))
    if bench.form == "long":
        for _ in range(PASSES):  # a recovery is as long as what it finds: those that were too short have another try
            missed = lengths.missed(chains)
            chains += _play(bench, [Point(lengths.busy, step) for step in missed])
    return _outcome(bench, lengths, chains)


def _play(bench: Bench, points: Sequence[Point]) -> list[Chain]:
    workers = min(bench.workers, -(-len(points) // 2))
    shares = [points[worker::workers] for worker in range(workers)]
    with ThreadPoolExecutor(bench.workers) as pool:
        return [*pool.map(partial(_chain, bench), range(workers), shares)]


def _measure(bench: Bench) -> Lengths:
    folder = bench.room("measured")
    with exchange(folder) as running:
        theatre = Theatre(running, folder, mutant=bench.mutant)
        with bot(theatre.script) as started:
            started.heard("recovered")
            theatre.play(started, 0)
            lengths = Lengths(_steps(started.gauge), {})
        with bot(theatre.script) as started:
            started.heard("recovered")
            theatre.play(started, lengths.busy)
        with bot(replace(theatre.script, words={"recovering": "0"})) as started:
            started.heard("recovered")
            return replace(lengths, recovering=_steps(started.gauge))


def _steps(gauge: Gauge) -> dict[str, int]:
    return {kind: gauge[kind] for kind in get_args(Kind)}


def _points(lengths: Lengths, bench: Bench) -> Sequence[Point]:
    trading, recovering = (round(sum(kinds.values()) * SPARE) for kinds in (lengths.trading, lengths.recovering))
    both = [Point(one % trading + 1, one % recovering + 1) for one in range(max(trading, recovering))]
    if bench.form == "long":
        return both
    return both[::3] if bench.mutant else Random(bench.seed).sample(both, 4)


def _chain(bench: Bench, number: int, points: Sequence[Point]) -> Chain:
    chain, folder = Chain(), bench.room(f"chain-{number}")
    with exchange(folder) as running:
        theatre = Theatre(running, folder, mutant=bench.mutant)
        before = "at the start"
        for point in points:
            with bot(theatre.script) as started:
                _take(chain, theatre, started, after=before)
                if theatre.play(started, point.trading):
                    chain.trading.append(point.trading)
            if theatre.recover(point.recovering):
                chain.recovering.append(point.recovering)
            before = f"after kills at step {point.trading} of trading and step {point.recovering} of recovering"
        with bot(theatre.script) as started:
            _take(chain, theatre, started, after=before)
            started.stop()
    return chain


def _take(chain: Chain, theatre: Theatre, started: Bot, *, after: str) -> None:
    """Await the recovery, and have it judged. What was found once is not told again of every life that follows."""
    started.heard("recovered")
    chain.judged += 1
    known = {finding.text.partition(" [")[0] for finding in chain.findings}
    new = [finding for finding in theatre.judge().findings if finding.text not in known]
    chain.findings += [Finding(finding.rule, f"{finding.text} [{after}]") for finding in new]


def _outcome(bench: Bench, lengths: Lengths, chains: Sequence[Chain]) -> Outcome:
    findings = [finding for chain in chains for finding in chain.findings]
    trading = {step for chain in chains for step in chain.trading}
    recovering = {step for chain in chains for step in chain.recovering}
    kills = sum(len(chain.trading) + len(chain.recovering) for chain in chains)
    figures: list[Figure] = [
        Note(_told("trading and stopping", lengths.trading, trading)),
        Note(_told("recovering", lengths.recovering, recovering)),
        Zero("violations", len(findings), kills),
    ]
    if bench.form == "long":
        shares = [_share(lengths.trading, trading), _share(lengths.recovering, recovering)]
        figures.append(Within("of the steps of a life, killed at", shares, COVERED, unit="%", least=True))
    return Outcome(figures=figures, findings=[str(one) for one in findings])


def _told(what: str, kinds: dict[str, int], killed: set[int]) -> str:
    shares = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return f"{what}: {sum(kinds.values())} steps ({shares}), killed at {len(killed)} different ones"


def _share(kinds: dict[str, int], killed: set[int]) -> float:
    steps = {*range(1, sum(kinds.values()) + 1)}
    return 100 * len(steps & killed) / len(steps)


ROW = Row(
    id="F2",
    fault="kill at every step",
    how="the process kills itself at its n-th step: loop callback, operation on the journal's file, frame, report",
    promise="every point covered, 0 violations",
    run=run,
)
