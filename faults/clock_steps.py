"""F16: clocks step: the exchange's, while nobody knows what became of orders; the bot's, and between its lives too.

No gate of the bot's closes at a step, by design. Its own clock is a monotonic one, which no step of the system's
changes; an order that is out of time by the exchange's clock is refused there, the clock is read anew, and the order is
not sent again (docs/decisions/0019-what-is-refused-for-its-time.md). So this row does not look at a gate.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random

from msgspec import Struct

import bowstring as bs
from bowstring.local_exchange.faults.kinds import ResetConnections, SkewClock
from bowstring.venues.binance.refusal import SKEWED
from faults import steady
from faults.bot import Cast, Say, Script, Stage, Told
from faults.bots import bot
from faults.crowd import crowd, quote
from faults.exchange import exchange
from faults.figures import Figure, Note, Outcome, Within, Zero
from faults.gateway import Truth
from faults.haste import HASTE
from faults.histories import histories, rejected
from faults.late_orders import AT_ONCE, FAULTS, HELD_S, LAG_S, RECONCILE_S
from faults.oracle import Finding
from faults.row import Bench, Row
from faults.skew import SKEW, wrapper
from faults.trial import ACCOUNT, Trial, hear_all, outcome, placed, trial, zeros

THERE_S = (-3.0, -1.0, 1.0, 3.0, 60.0, 3600.0)
"""These add up. A venue's clock that goes back proves nothing before it has caught up."""
HERE_S = (-3600.0, -60.0, -1.0, 1.0, 60.0, 3600.0)
TRUTH = Truth(held_s=sum(HELD_S), lag_s=LAG_S)
BY_S = (3.0, 60.0, 3600.0)
LIVES_S = (0.3, 0.6)
BREAKS = 0.5
LEAST_AFTER = 20  # some hundred, where nothing is in the way


class Part(Struct, frozen=True):
    """What the steps of one clock came to: of the orders ``sent``, those ``refused`` for their time.

    ``unknown``: orders of which the outcome was. ``early``: those that were taken for absent, and came.
    ``after``: those accepted after each step of the bot's.
    """

    findings: Sequence[Finding]
    steps: int
    sent: int
    refused: int
    unknown: int
    early: int
    after: Sequence[int]


class Stepper(bs.Strategy):
    """Told ``step 3``, it has the system's clock go 3 s ahead of the true one from then on."""

    @bs.on(Told)
    def obey(self, told: Told) -> bs.Actions:
        word, _, seconds = told.word.partition(" ")
        if word == "step":
            SKEW.seconds = float(seconds)
            yield Say(line="stepped")
        elif word == "go":
            yield Say(line="going")


def run(bench: Bench) -> Outcome:
    with ThreadPoolExecutor(2) as pool:
        both = pool.submit(_steps_there, bench), pool.submit(_steps_here, bench)
        there, here = both[0].result(), both[1].result()
    findings, steps = [*there.findings, *here.findings], there.steps + here.steps
    unknown = there.unknown + here.unknown
    figures: Sequence[Figure] = [
        Note(f"{there.steps:,} steps of the exchange's clock, {here.steps:,} of the bot's, of a second to an hour"),
        Note(f"{there.refused + here.refused:,} of {there.sent + here.sent:,} orders refused for their time"),
        Zero("orders taken for absent that came nevertheless, of unknown ones", there.early + here.early, unknown),
        Within("accepted after a step of the bot's clock", here.after, LEAST_AFTER, "orders", least=True),
        *zeros(findings, of=steps),
    ]
    return outcome(figures, findings)


def _steps_there(bench: Bench) -> Part:
    """While orders are on their way and their connections break, and while they are placed."""
    random = Random(f"{bench.seed} there")
    steps = [random.choice(THERE_S) for _ in range(bench.many(short=3, long=80))]
    with trial(
        bench, "there", cast="faults.steady", truth=TRUTH, words=HASTE, reconcile_every_s=RECONCILE_S
    ) as on_trial:
        quote(on_trial.running)
        for fault in FAULTS:
            on_trial.running.faults.add(fault)
        on_trial.bot.say("go")
        stuck = on_trial.attempt(lambda: [*map(partial(_step_there, on_trial, random), steps)])
        judgement = on_trial.settled()
        return _counted(on_trial, [*stuck, *judgement.findings], steps=len(steps))


def _step_there(on_trial: Trial, random: Random, seconds: float) -> None:
    breaks = random.random() < BREAKS
    on_trial.bot.say(f"place {AT_ONCE}")
    if breaks:
        on_trial.bot.heard("placed")
    time.sleep(random.uniform(0, 0.05))
    if breaks:
        on_trial.running.faults.add(ResetConnections(interface="ws-api", account=ACCOUNT))
        time.sleep(random.uniform(0, 0.5))
    on_trial.running.faults.add(SkewClock(seconds=seconds))
    hear_all(on_trial.bot, "quiet", *(["up"] if breaks else []))


def _steps_here(bench: Bench) -> Part:
    """While it trades; then it is killed, and its next life begins at yet another time."""
    random, folder = Random(f"{bench.seed} here"), bench.room("here")
    lives = bench.many(short=2, long=40)
    with exchange(folder) as running, crowd(running, random) as resting:
        script = Script(
            cast="faults.clock_steps",
            addresses=running.addresses,
            account=running.account(ACCOUNT),
            folder=str(folder),
            mutant=bench.mutant,
        )
        spans = [_life(script, random, up=number % 2 == 0) for number in range(lives)]
        with bot(script, wrapper=wrapper(random.choice(HERE_S))) as started:
            started.heard("recovered")
            resting.set()
            on_trial = Trial(running, script, started)
            judgement = on_trial.settled()
            return _counted(on_trial, judgement.findings, steps=2 * lives + 1, spans=spans)


def _life(script: Script, random: Random, *, up: bool) -> tuple[int, int]:
    """A life with a step in it; returns from when until when it went on after that, in microseconds since the epoch."""
    begins_s = random.choice(HERE_S)
    with bot(script, wrapper=wrapper(begins_s)) as started:
        started.heard("recovered")
        started.say("place 1000000")
        started.say("go")
        started.heard("going")
        time.sleep(random.uniform(*LIVES_S))
        started.say(f"step {begins_s + random.choice(BY_S) * (1 if up else -1)}")
        started.heard("stepped")
        stepped_us = time.time_ns() // 1000
        time.sleep(random.uniform(*LIVES_S))
        return stepped_us, time.time_ns() // 1000


def _counted(
    on_trial: Trial, findings: Sequence[Finding], *, steps: int, spans: Sequence[tuple[int, int]] = ()
) -> Part:
    journal = Path(on_trial.script.folder) / on_trial.script.journal
    told = histories(journal)
    requests = placed(on_trial.running.ledger, ACCOUNT)
    orders = on_trial.running.ledger.audit.orders.values()
    own = [order for order in orders if order.account == ACCOUNT]
    came = {order.client_order_id for order in own}
    return Part(
        findings,
        steps=steps,
        sent=len(requests),
        refused=rejected(journal, SKEWED),
        unknown=sum("unknown" in statuses for statuses in told.values()),
        early=sum("failed" in statuses and name in came for name, statuses in told.items()),
        after=[sum(stepped < order.accepted_us < ended for order in own) for stepped, ended in spans],
    )


def cast(stage: Stage) -> Cast:
    own = steady.cast(stage)
    return Cast(strategies=[*own.strategies, Stepper()], every_s=own.every_s)


ROW = Row(
    id="F16",
    fault="clock steps",
    how="the exchange's, while orders are held up or lost and connections break; the bot's, as it trades and is killed",
    promise="0 duplicated, 0 taken for absent that came; the bot trades on, no gate closes by design",
    run=run,
)
