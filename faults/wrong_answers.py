"""F5: the exchange answers with errors, whether or not it has done what it was asked. They prove little."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from typing import Literal, get_args

from msgspec import Struct

from bowstring.local_exchange.faults.kinds import DropReport, Error, FailCall
from bowstring.venues.binance.gateway import OrdersOver
from faults.figures import Figure, Note, Outcome, Zero
from faults.haste import HASTE
from faults.histories import histories
from faults.oracle import Finding
from faults.row import Bench, Row
from faults.trial import ACCOUNT, Trial, hear_all, outcome, trial, zeros

Asked = Literal["place", "cancel", "replace"]

WAYS: tuple[OrdersOver, ...] = ("ws", "rest")
LIMITED: frozenset[Error] = frozenset({"429", "418"})
"""They are a no, and never come with a yes: but the bot has to be silent for so long:"""
PAUSE_S = 1
TIDY_EVERY = 5  # cases: the exchange allows for 200 open orders
BREAKING: frozenset[Error] = frozenset({"403", "502", "html", "truncated", "418"})
"""What is no JSON has a WebSocket given up, and a ban has the exchange close it."""
CALLS: dict[Asked, str] = {"place": "order.place", "cancel": "order.cancel", "replace": "order.cancelReplace"}
NO = frozenset({"rejected", "failed", "refused", "expired"})


class Case(Struct, frozen=True, kw_only=True):
    """Orders named ``name-0`` and so on, whose calls are answered with an error."""

    name: str
    asked: Asked
    error: Error
    accepted: bool

    def is_misread(self, statuses: Sequence[str]) -> bool:
        """Whether the journal has taken the answers to new orders for something that they are not."""
        if self.error in LIMITED:
            return [*statuses] != ["rejected"]
        if self.accepted:
            return not statuses or not NO.isdisjoint(statuses)
        return [*statuses] != ["unknown", "failed"]


class Half(Struct, frozen=True):
    """What one way of sending orders came to: so many ``answers`` were wrong, of so many ``orders`` was read what."""

    findings: Sequence[Finding]
    answers: int
    orders: int
    misread: Sequence[Finding]


def run(bench: Bench) -> Outcome:
    with ThreadPoolExecutor(len(WAYS)) as pool:
        halves = [*pool.map(partial(_half, bench), WAYS)]
    misread = [finding for half in halves for finding in half.misread]
    findings = [*misread, *(finding for half in halves for finding in half.findings)]
    answers = sum(half.answers for half in halves)
    figures: Sequence[Figure] = [
        Note(f"{answers:,} answers with {len(get_args(Error))} kinds of errors to new orders, cancels, replacements"),
        Zero("answers taken for what they are not", len(misread), sum(half.orders for half in halves)),
        *zeros(findings, of=answers),
    ]
    return outcome(figures, findings)


def _half(bench: Bench, way: OrdersOver) -> Half:
    cases = [*_cases(rounds=bench.many(short=1, long=25), is_short=bench.form == "short")]
    answers = list[int]()

    def answer_all() -> None:
        for number, case in enumerate(cases):
            answers.append(_answer(on_trial, case, count=bench.many(short=2, long=6)))
            if number % TIDY_EVERY == 0:
                on_trial.bot.say("clear")
                on_trial.bot.heard("closed")
        on_trial.bot.say("quiet")
        on_trial.bot.heard("quiet")

    with trial(bench, way, cast="faults.hands", orders_over=way, words=HASTE) as on_trial:
        # What the private stream tells first makes the answer matter less.
        on_trial.running.faults.add(DropReport(account=ACCOUNT, change="NEW", chance=0.5))
        stuck = on_trial.attempt(answer_all)
        judgement = on_trial.settled()
        told = histories(Path(on_trial.script.folder) / on_trial.script.journal)
    read = [(case, name, told[name]) for case in cases if case.asked != "cancel" for name in _names(case, told)]
    misread = [
        Finding("class", f"{way}: {name} is {', '.join(statuses)} after {case}")
        for case, name, statuses in read
        if case.is_misread(statuses)
    ]
    came = {order.client_order_id for order in on_trial.running.ledger.audit.orders.values()}
    unfit = [
        Finding("row", f"{way}: {name} was to be accepted, and was not")
        for case, name, _statuses in read
        if case.accepted and name not in came
    ]
    return Half([*stuck, *unfit, *judgement.findings], sum(answers), len(read), misread)


def _cases(*, rounds: int, is_short: bool) -> Iterator[Case]:
    """In short without most of those that take their time."""
    for number, asked, error, accepted in product(range(rounds), CALLS, get_args(Error), (True, False)):
        takes_time = error in LIMITED | BREAKING
        if not (error in LIMITED and accepted) and not (is_short and takes_time and asked != "place"):
            name = f"{asked}{error.replace('-', 'c')}{'y' if accepted else 'n'}{number}"
            yield Case(name=name, asked=asked, error=error, accepted=accepted)


def _answer(on_trial: Trial, case: Case, *, count: int) -> int:
    """Have so many calls answered so, or one, where that breaks the connection; returns how many were."""
    bot, faults = on_trial.bot, on_trial.running.faults
    breaks = case.error in BREAKING and on_trial.script.orders_over == "ws"
    count = 1 if breaks else count
    old = f"{case.name}old"
    if case.asked != "place":
        bot.say(f"make {count} {old}")
        bot.heard("closed")
    retry_after_s = PAUSE_S if case.error in LIMITED else None
    fault = FailCall(
        calls=CALLS[case.asked],
        account=ACCOUNT,
        error=case.error,
        accepted=case.accepted,
        retry_after_s=retry_after_s,
    )
    word = {"place": f"make {count} {case.name}", "cancel": f"cancel {old}", "replace": f"replace {old} {case.name}"}
    with faults.during(fault) as switched:
        bot.say(word[case.asked])
        hear_all(bot, "closed", *(["up"] if breaks else []))
        answers = faults.state(switched.id).hits
    if case.error in LIMITED:
        time.sleep(PAUSE_S * 1.1)
    return answers


def _names(case: Case, told: Mapping[str, Sequence[str]]) -> Sequence[str]:
    return [name for name in told if name.rpartition("-")[0] == case.name]


ROW = Row(
    id="F5",
    fault="5xx, -1007, 429, 418, HTML, truncated JSON, accepted or not",
    how="exchange switch: every kind of error, in answer to new orders, cancels, replacements, over WebSocket and REST",
    promise="right class in 100 %",
    run=run,
)
