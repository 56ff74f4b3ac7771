"""F8: the private stream breaks, and what the bot has in the market is filled before it is back. Again and again."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random

from msgspec import Struct

from bowstring.local_exchange.faults.kinds import ResetConnections
from faults import hands, witness
from faults.bot import Cast, Stage
from faults.counterparty import Counterparty
from faults.figures import Figure, Outcome, Within
from faults.haste import HASTE
from faults.oracle import Finding
from faults.row import Bench, Row
from faults.trial import ACCOUNT, Trial, outcome, trial, zeros
from faults.witness import Fills, Witness

EACH_S = 60.0
TRIES = 2  # for each cycle: the bot may be back before there is a fill


class Part(Struct, frozen=True):
    """What one bot came to. ``cycles``: those in which there was a fill while it was disconnected."""

    findings: Sequence[Finding]
    cycles: int
    fills: Fills


def run(bench: Bench) -> Outcome:
    cycles, bots = bench.many(short=10, long=1000), bench.many(short=1, long=4)
    with ThreadPoolExecutor(bots) as pool:
        parts = [*pool.map(partial(_part, bench, cycles=cycles // bots), range(bots))]
    findings = [finding for part in parts for finding in part.findings]
    done = sum(part.cycles for part in parts)
    figures: Sequence[Figure] = [
        Within("with a fill while disconnected", [done], cycles, "cycles", least=True),
        *witness.figures([part.fills for part in parts]),
        *zeros(findings, of=sum(part.fills.count for part in parts)),
    ]
    return outcome(figures, findings)


def _part(bench: Bench, number: int, *, cycles: int) -> Part:
    random, done = Random(f"{bench.seed} {number}"), list[bool]()
    with trial(bench, f"bot-{number}", cast="faults.missed_fills", words=HASTE) as on_trial:
        counterparty = Counterparty(on_trial.running.addresses, on_trial.running.account("bob"))

        def provoke() -> None:
            while sum(done) < cycles and len(done) < TRIES * cycles:
                done.append(_cycle(on_trial, counterparty, f"c{len(done)}", random))

        stuck = on_trial.attempt(provoke)
        counterparty.close()
        judgement = on_trial.settled()
        return Part([*stuck, *judgement.findings], sum(done), witness.fills(on_trial))


def _cycle(on_trial: Trial, counterparty: Counterparty, name: str, random: Random) -> bool:
    """Fill orders around a break of the stream; returns whether some were while it was down."""
    bot = on_trial.bot
    bot.say(f"make {random.randint(2, 4)} {name}")
    bot.heard("closed", within_s=EACH_S)
    for _ in range(random.randint(0, 2)):  # so that a report may be lost on its way
        _fill(counterparty, random)
    on_trial.running.faults.add(ResetConnections(interface="ws-api", account=ACCOUNT))
    before = witness.recovered(on_trial)
    for _ in range(random.randint(1, 3)):
        _fill(counterparty, random)
    bot.heard("up", within_s=EACH_S)
    return witness.recovered(on_trial) > before


def _fill(counterparty: Counterparty, random: Random) -> None:
    counterparty.place("ETHUSDT", "SELL", f"{random.randint(5, 30) / 1000:.3f}", hands.PRICE, tif="IOC")


def cast(stage: Stage) -> Cast:
    return Cast(strategies=[*hands.cast(stage).strategies, Witness(stage)])


ROW = Row(
    id="F8",
    fault="fills while disconnected",
    how="the private stream reset, its orders filled before and while it is down; what a strategy is told is in a file",
    promise="1,000 cycles: 0 missed, 0 doubled",
    run=run,
)
