"""F4: of the orders that the exchange accepts, many are never answered, and of some nothing is told either."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random

from msgspec import Struct

from bowstring.local_exchange.faults.kinds import DropReport, Fault, LoseReply
from bowstring.venues.binance.gateway import OrdersOver
from faults.bots import Bot
from faults.crowd import crowd
from faults.figures import Figure, Note, Outcome, Within
from faults.haste import GREAT_HASTE
from faults.oracle import Finding
from faults.row import Bench, Row
from faults.trial import ACCOUNT, outcome, trial, zeros

WAYS: tuple[OrdersOver, ...] = ("ws", "rest")
LOST, UNTOLD = 0.2, 0.3
WITHIN_S = 600.0
RECONCILE_S = 2.0
FAULTS: dict[OrdersOver, tuple[Fault, ...]] = {
    "ws": (
        LoseReply(calls="orders", interface="ws-api", account=ACCOUNT, chance=LOST, seed=1),
        DropReport(account=ACCOUNT, chance=UNTOLD, seed=2),
    ),
    "rest": (
        LoseReply(calls="orders", interface="rest", account=ACCOUNT, chance=LOST / 2, seed=1),
        LoseReply(calls="orders", interface="rest", account=ACCOUNT, chance=LOST / 2, seed=3, then="reset"),
        DropReport(account=ACCOUNT, chance=UNTOLD, seed=2),
    ),
}


class Half(Struct, frozen=True):
    """What one way of sending orders came to. ``lost`` replies, ``untold`` reports."""

    findings: Sequence[Finding]
    intents: int
    accepted: int
    lost: int
    untold: int


def run(bench: Bench) -> Outcome:
    orders = bench.many(short=150, long=10_600)  # some are refused, or come too late to replace another
    with ThreadPoolExecutor(len(WAYS)) as pool:
        halves = [*pool.map(partial(_half, bench, orders=orders // len(WAYS)), WAYS)]
    findings = [finding for half in halves for finding in half.findings]
    lost, accepted = sum(half.lost for half in halves), sum(half.accepted for half in halves)
    figures: Sequence[Figure] = [
        Note(
            f"{sum(half.intents for half in halves):,} intents,"
            f" {accepted:,} accepted; {lost:,} replies lost"
            f" ({' and '.join(f'{half.lost:,} over {way}' for way, half in zip(WAYS, halves, strict=True))}),"
            f" {sum(half.untold for half in halves):,} reports never told"
        ),
        Within("accepted in all", [accepted], bench.many(short=100, long=10_000), "orders", least=True),
        *zeros(findings, of=lost),
    ]
    return outcome(figures, findings)


def _half(bench: Bench, way: OrdersOver, *, orders: int) -> Half:
    words = GREAT_HASTE if bench.form == "short" else {}
    with (
        trial(
            bench, way, cast="faults.steady", orders_over=way, reconcile_every_s=RECONCILE_S, words=words
        ) as on_trial,
        crowd(on_trial.running, Random(bench.seed)) as resting,
    ):
        switched = [on_trial.running.faults.add(fault) for fault in FAULTS[way]]
        stuck = on_trial.attempt(partial(_load, on_trial.bot, orders))
        resting.set()
        hits = {one.id: on_trial.running.faults.state(one.id) for one in switched}.values()
        judgement = on_trial.settled()
    return Half(
        [*stuck, *judgement.findings],
        intents=judgement.intents,
        accepted=judgement.orders,
        lost=sum(state.hits for state in hits if isinstance(state.fault, LoseReply)),
        untold=sum(state.hits for state in hits if isinstance(state.fault, DropReport)),
    )


def _load(bot: Bot, orders: int) -> None:
    bot.say(f"place {orders}")
    bot.say("go")
    bot.heard("quiet", within_s=WITHIN_S)


ROW = Row(
    id="F4",
    fault="reply lost after accept",
    how=f"exchange switch: {LOST:.0%} of the replies to orders, over WebSocket and REST, {UNTOLD:.0%} of the reports",
    promise="10,000 orders, 20 % lost: 0 duplicated",
    run=run,
)
