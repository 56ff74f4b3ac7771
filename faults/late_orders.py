"""F6: connections break while orders are held up on their way, some for ever, and queries show what was there before.

So an order that nobody shows may still come. The bot has to wait until it cannot, and only then may it be taken for
absent.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from bowstring.local_exchange.faults.kinds import (
    DelayRequest,
    DropReport,
    Fault,
    LagQueries,
    LoseRequest,
    ResetConnections,
)
from bowstring.venues.binance.gateway import OrdersOver
from faults.crowd import quote
from faults.figures import Figure, Note, Outcome, Zero
from faults.gateway import Truth
from faults.haste import HASTE
from faults.histories import histories
from faults.oracle import Judgement
from faults.row import Bench, Row
from faults.trial import ACCOUNT, Trial, outcome, trial, zeros

WAYS: tuple[OrdersOver, ...] = ("ws", "rest")
HELD_S = (0.25, 0.4)  # some are held up twice
LAG_S = 0.5
FAULTS: Sequence[Fault] = (
    *(DelayRequest(calls="orders", account=ACCOUNT, seconds=held_s, chance=0.5, seed=1) for held_s in HELD_S),
    LoseRequest(calls="orders", account=ACCOUNT, chance=0.1, seed=2),
    DropReport(account=ACCOUNT, chance=0.7, seed=3),
    LagQueries(account=ACCOUNT, seconds=LAG_S),
)
AT_ONCE = 25
BREAKS_AFTER_S = (0.0, 0.1)
QUIET_S = 60.0
RECONCILE_S = 2.0


class Half(Struct, frozen=True):
    """What one way of sending orders came to. Orders that were ``unknown``, of these ``late`` and ``absent`` ones.

    ``early``: those that were taken for absent too early.
    """

    judgement: Judgement
    unknown: int
    late: int
    absent: int
    early: int


def run(bench: Bench) -> Outcome:
    ways = [(way, number) for number in range(bench.many(short=1, long=3)) for way in WAYS]
    with ThreadPoolExecutor(bench.workers) as pool:
        halves = [*pool.map(partial(_half, bench, breaks=bench.many(short=1, long=30)), ways)]
    findings = [finding for half in halves for finding in half.judgement.findings]
    unknown = sum(half.unknown for half in halves)
    figures: Sequence[Figure] = [
        Note(
            f"{sum(half.judgement.intents for half in halves):,} intents, of {unknown:,} the outcome was unknown:"
            f" {sum(half.late for half in halves):,} came late, {sum(half.absent for half in halves):,} never"
        ),
        Zero("orders taken for absent that came nevertheless", sum(half.early for half in halves), unknown),
        *zeros(findings, of=unknown),
    ]
    return outcome(figures, findings)


def _half(bench: Bench, way_number: tuple[OrdersOver, int], *, breaks: int) -> Half:
    way, number = way_number
    random = Random(f"{bench.seed} {way} {number}")
    truth = Truth(held_s=sum(HELD_S), lag_s=LAG_S)
    with trial(
        bench,
        f"{way}-{number}",
        cast="faults.steady",
        orders_over=way,
        truth=truth,
        words=HASTE,
        reconcile_every_s=RECONCILE_S,
    ) as on_trial:
        quote(on_trial.running)
        for fault in FAULTS:
            on_trial.running.faults.add(fault)
        on_trial.bot.say("go")
        broken_us = list[int]()
        stuck = on_trial.attempt(lambda: broken_us.extend(_break(on_trial, way, random) for _ in range(breaks)))
        judgement = on_trial.settled()
        return _counted(on_trial, replace(judgement, findings=[*stuck, *judgement.findings]), broken_us)


def _break(on_trial: Trial, way: OrdersOver, random: Random) -> int:
    """Have all connections break while orders are on their way; returns when, after everything is known again."""
    on_trial.bot.say(f"place {AT_ONCE}")
    on_trial.bot.heard("placed")
    time.sleep(random.uniform(*BREAKS_AFTER_S))
    broken_us = time.time_ns() // 1000
    on_trial.running.faults.add(ResetConnections(interface="rest" if way == "rest" else "ws-api"))
    on_trial.bot.heard("quiet", within_s=QUIET_S)
    return broken_us


def _counted(on_trial: Trial, judgement: Judgement, broken_us: Sequence[int]) -> Half:
    told = histories(Path(on_trial.script.folder) / on_trial.script.journal)
    unknown = {name: statuses for name, statuses in told.items() if "unknown" in statuses}
    orders = on_trial.running.ledger.audit.orders.values()
    came = {order.client_order_id: order.accepted_us for order in orders if order.account == ACCOUNT}
    late = [name for name in unknown if name in came and _is_late(came[name], broken_us)]
    early = [name for name, statuses in told.items() if "failed" in statuses and name in came]
    return Half(
        judgement,
        unknown=len(unknown),
        late=len(late),
        absent=sum(name not in came for name in unknown),
        early=len(early),
    )


def _is_late(came_us: int, broken_us: Sequence[int]) -> bool:
    """Whether an order came after the break that had made its outcome unknown."""
    return any(0 < came_us - broken < sum(HELD_S) * 1e6 for broken in broken_us)


ROW = Row(
    id="F6",
    fault="order lands late; query replica lags",
    how=f"resets while orders are held up to {sum(HELD_S):g} s, or lost; queries {LAG_S:g} s old, reports dropped",
    promise="0 duplicated",
    run=run,
)
