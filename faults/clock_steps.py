"""F16: clocks step: the exchange's while nobody knows what became of orders, the bot's, and between two of its lives."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from unittest.mock import patch

from msgspec import Struct

import bowstring as bs
from bowstring.core.clock import Clock
from bowstring.local_exchange.faults.kinds import ResetConnections, SkewClock
from faults import steady
from faults.bot import Cast, Stage, Told
from faults.counterparty import Counterparty
from faults.crowd import quote
from faults.figures import Figure, Note, Outcome, Zero
from faults.gateway import Truth
from faults.haste import HASTE
from faults.histories import histories
from faults.late_orders import AT_ONCE, FAULTS, HELD_S, LAG_S, QUIET_S, RECONCILE_S
from faults.oracle import Finding
from faults.row import Bench, Row
from faults.trial import ACCOUNT, Trial, outcome, placed, trial, zeros

STEPS_S = (-3600.0, -60.0, -3.0, 3.0, 60.0, 3600.0)
TRUTH = Truth(held_s=sum(HELD_S), lag_s=LAG_S)


class Part(Struct, frozen=True):
    """What one bot came to: of the orders ``sent``, those ``refused`` for their time; ``early``: taken for absent."""

    findings: Sequence[Finding]
    steps: int
    sent: int
    refused: int
    early: int


class Stepper(bs.Strategy):
    """Told ``step 3``, it has the clock of the whole bot go 3 s ahead of the true one."""

    def __init__(self, skew: "Skew") -> None:
        self._skew = skew

    @bs.on(Told)
    def obey(self, told: Told) -> None:
        word, _, seconds = told.word.partition(" ")
        if word == "step":
            self._skew.seconds = float(seconds)


class Skew:
    """In place of the clock's time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def now_ns(self, clock: Clock) -> int:
        """The clock's time, and the seconds."""
        return clock.epoch_ns + clock.monotonic_ns() + round(self.seconds * 1e9)


def run(bench: Bench) -> Outcome:
    work = [_steps_of_the_exchange, _steps_of_the_bot]
    with ThreadPoolExecutor(len(work)) as pool:
        parts = [*pool.map(lambda one: one(bench), work)]
    findings = [finding for part in parts for finding in part.findings]
    sent = sum(part.sent for part in parts)
    there, here = parts
    figures: Sequence[Figure] = [
        Note(f"{there.steps:,} steps of the exchange's clock, {here.steps:,} of the bot's, by 3 s to an hour"),
        Note(f"{sum(part.refused for part in parts):,} requests refused for their time, each once"),
        Zero("orders taken for absent that came nevertheless", sum(part.early for part in parts), sent),
        *zeros(findings, of=sent),
    ]
    return outcome(bench, figures, findings)


def _steps_of_the_exchange(bench: Bench) -> Part:
    """While orders are on their way, and their connections break."""
    return _part(bench, "exchange", _step_there, faults=True)


def _steps_of_the_bot(bench: Bench) -> Part:
    return _part(bench, "bot", _step_here, faults=False)


def _part(bench: Bench, name: str, step: Callable[[Trial, Random, float], None], *, faults: bool) -> Part:
    random = Random(f"{bench.seed} {name}")
    steps = [random.choice(STEPS_S) for _ in range(bench.many(short=2, long=60))]
    with trial(
        bench, name, cast="faults.clock_steps", truth=TRUTH, words=HASTE, reconcile_every_s=RECONCILE_S
    ) as on_trial:
        counterparty = Counterparty(on_trial.running.addresses, on_trial.running.account("bob"))
        quote(counterparty)
        counterparty.close()
        for fault in FAULTS if faults else ():
            on_trial.running.faults.add(fault)
        on_trial.bot.say("go")
        stuck = on_trial.attempt(lambda: [*map(partial(step, on_trial, random), steps)])
        judgement = on_trial.settled()
        return _counted(on_trial, [*stuck, *judgement.findings], steps=len(steps))


def _step_there(on_trial: Trial, random: Random, seconds: float) -> None:
    on_trial.bot.say(f"place {AT_ONCE}")
    on_trial.bot.heard("placed")
    time.sleep(random.uniform(0, 0.1))
    on_trial.running.faults.add(ResetConnections(interface="ws-api", account=ACCOUNT))
    with on_trial.running.faults.during(SkewClock(seconds=seconds)):
        on_trial.bot.heard("quiet", within_s=QUIET_S)


def _step_here(on_trial: Trial, random: Random, seconds: float) -> None:
    on_trial.bot.say(f"place {AT_ONCE}")
    time.sleep(random.uniform(0, 0.05))
    on_trial.bot.say(f"step {seconds}")
    on_trial.bot.heard("quiet", within_s=QUIET_S)


def _counted(on_trial: Trial, findings: Sequence[Finding], *, steps: int) -> Part:
    told = histories(Path(on_trial.script.folder) / on_trial.script.journal)
    ledger = on_trial.running.ledger
    came = {order.client_order_id for order in ledger.audit.orders.values() if order.account == ACCOUNT}
    return Part(
        findings,
        steps=steps,
        sent=len(placed(ledger, ACCOUNT)),
        refused=sum(line["kind"] == "refused" and line["code"] == -1021 for line in ledger.lines),
        early=sum("failed" in statuses and name in came for name, statuses in told.items()),
    )


def cast(stage: Stage) -> Cast:
    skew = Skew(0.0)
    patch.object(Clock, "now_ns", lambda clock: skew.now_ns(clock)).start()
    own = steady.cast(stage)
    return Cast(strategies=[*own.strategies, Stepper(skew)], every_s=own.every_s)


ROW = Row(
    id="F16",
    fault="clock steps",
    how="the exchange's by its switch, while orders are held up or lost and connections break; the bot's own",
    promise="0 duplicated, gate closes",
    run=run,
)
