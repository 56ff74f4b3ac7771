"""F9: the six reports of an order's life come in every order there is, or twice, or late. The end is the same."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Literal

from msgspec import Struct

from bowstring.local_exchange.faults.kinds import DelayReport, DuplicateReport, Fault, LoseReply, ReorderReports
from faults import hands
from faults.counterparty import Counterparty
from faults.figures import Figure, Note, Outcome, Zero
from faults.oracle import Finding
from faults.record import read
from faults.row import Bench, Row
from faults.trial import ACCOUNT, Trial, outcome, trial, zeros

End = Literal["filled", "cancelled"]
ENDS: tuple[End, ...] = ("filled", "cancelled")
REPORTS = 6  # a NEW, four fills, and what ends it
EACH = hands.QUANTITY / 5
RIGHT: dict[End, Decimal] = {"filled": hands.QUANTITY, "cancelled": EACH * 4}
ACCEPT_S = 10.0


class Life(Struct, frozen=True):
    """An order's life with its name: how it is to end, and what happens to its reports, if anything."""

    name: str
    end: End
    fault: Fault
    is_answered: bool = True


class Part(Struct, frozen=True):
    """What the lives that ended in one way came to. ``other``: those with another final state than they had."""

    findings: Sequence[Finding]
    lives: int
    orders: int
    other: int


def run(bench: Bench) -> Outcome:
    with ThreadPoolExecutor(len(ENDS)) as pool:
        parts = [*pool.map(partial(_part, bench), ENDS)]
    findings = [finding for part in parts for finding in part.findings]
    lives, orders = sum(part.lives for part in parts), sum(part.orders for part in parts)
    figures: Sequence[Figure] = [
        Note(
            f"{orders:,} permutations of {REPORTS} reports, of orders that end filled or cancelled;"
            f" {lives - orders:,} lives with every report twice, or some of them late"
        ),
        Zero("lives with another final state", sum(part.other for part in parts), lives),
        *zeros(findings, of=lives),
    ]
    return outcome(figures, findings)


def _part(bench: Bench, end: End) -> Part:
    random = Random(f"{bench.seed} {end}")
    lives = [*_permuted(end, random, most=bench.many(short=12, long=720)), *_other(end, bench.many(short=4, long=100))]
    with trial(bench, end, cast="faults.hands") as on_trial:
        counterparty = Counterparty(on_trial.running.addresses, on_trial.running.account("bob"))
        stuck = on_trial.attempt(partial(_live_all, on_trial, counterparty, lives))
        counterparty.close()
        judgement = on_trial.settled()
        kept = read(Path(on_trial.script.folder) / on_trial.script.journal)
    states = {order.client_order_id: (order.status, order.filled) for order in kept.orders}
    return Part(
        [*stuck, *judgement.findings],
        lives=len(lives),
        orders=sum(isinstance(life.fault, ReorderReports) for life in lives),
        other=sum(states.get(f"{life.name}-0") != (end, RIGHT[end]) for life in lives),
    )


def _permuted(end: End, random: Random, *, most: int) -> Sequence[Life]:
    """Where the order ends by itself every second one's request is not answered: then only the reports tell."""
    orders = [*permutations(range(REPORTS))]
    chosen = orders if most >= len(orders) else random.sample(orders, most)
    return [
        Life(
            f"{end}{number}",
            end,
            ReorderReports(account=ACCOUNT, size=REPORTS, order=order, count=1),
            is_answered=end == "cancelled" or number % 2 == 0,
        )
        for number, order in enumerate(chosen)
    ]


def _other(end: End, count: int) -> Sequence[Life]:
    faults: Sequence[Fault] = (
        DuplicateReport(account=ACCOUNT),
        DelayReport(account=ACCOUNT, seconds=0.05, chance=0.5, seed=1),
    )
    return [Life(f"{end}x{number}", end, faults[number % 2]) for number in range(count)]


def _live_all(on_trial: Trial, counterparty: Counterparty, lives: Sequence[Life]) -> None:
    for life in lives:
        _live(on_trial, counterparty, life)


def _live(on_trial: Trial, counterparty: Counterparty, life: Life) -> None:
    faults = on_trial.running.faults
    silence = None if life.is_answered else faults.add(LoseReply(calls="order.place", account=ACCOUNT, count=1))
    with faults.during(life.fault):
        on_trial.bot.say(f"make 1 {life.name}")
        _await_acceptance(on_trial, f"{life.name}-0")
        for _ in range(5 if life.end == "filled" else 4):
            counterparty.place("ETHUSDT", "SELL", EACH, hands.PRICE, tif="IOC")
        if life.end == "cancelled":
            on_trial.bot.heard("closed")
            on_trial.bot.say(f"cancel {life.name}")
            on_trial.bot.heard("closed")
    if silence is not None:
        faults.clear(silence.id)


def _await_acceptance(on_trial: Trial, name: str) -> None:
    deadline = time.monotonic() + ACCEPT_S
    while all(order.client_order_id != name for order in on_trial.running.ledger.read().audit.orders.values()):
        if time.monotonic() > deadline:
            raise ChildProcessError(f"the exchange has not accepted {name} within {ACCEPT_S:g} s")
        time.sleep(0.001)


ROW = Row(
    id="F9",
    fault="duplicated, reordered, late reports",
    how="exchange switch: the six reports of each order in another order, every report twice, half of them 50 ms late",
    promise="all permutations of a 6-report trace: same final state",
    run=run,
)
