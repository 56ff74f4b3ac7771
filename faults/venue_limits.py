"""F24: the exchange asks for silence, with 429 and with bans; and there is so much to ask that its limits are reached.

Nobody may ask anything before the time that it gave is over. What is kept for cancels is there when the rest is used.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from random import Random
from typing import Literal

from msgspec import Struct, convert

from bowstring.local_exchange.faults.kinds import FailCall
from bowstring.venues.binance.gateway import OrdersOver
from faults.crowd import crowd
from faults.exchange import Exchange
from faults.figures import Figure, Note, Outcome, Within, Zero
from faults.haste import HASTE
from faults.oracle import Finding
from faults.row import Bench, Form, Row
from faults.trial import ACCOUNT, Trial, hear_all, outcome, trial, zeros

Refusal = Literal["429", "418"]
Asked = Literal["orders", "queries"]
REFUSALS: tuple[Refusal, ...] = ("429", "418")
ASKED: tuple[Asked, ...] = ("orders", "queries")
WAYS: tuple[OrdersOver, ...] = ("ws", "rest")
SILENCE_S = (1, 2)
READ_S: Mapping[Form, float] = {"short": 0.15, "long": 0.05}
"""So long after a refusal it may still be on its way, between two processes that others keep from running.

The short form runs beside other rows.
"""
RECONCILE_S = 0.3
HIT_S = 30.0

WEIGHT = 6000  # of a minute, by the exchange's own limits
MINUTE_S, SKEW_S = 60.0, 1.5
BUSY_S = 0.01
"""The pause between two reconciliations that uses it up."""
AT_ONCE = 90  # more than the 80 that the greatest question weighs, for which there was no room
CALM_S = 1.0
CANCEL_S = 2.0
LIMITED = frozenset({-1003, -1015})


class Storm(Struct, frozen=True):
    """What came of refusals: of each silence that was asked for, the requests that came before they might."""

    findings: Sequence[Finding]
    requests: int
    too_soon: Sequence[Sequence[Finding]]


class Siege(Struct, frozen=True):
    """What came of too many questions: how long cancels took then, and requests that the exchange refused for that."""

    findings: Sequence[Finding]
    requests: int
    refused: int
    cancels_s: Sequence[float]
    cancels: int
    lost: int


def run(bench: Bench) -> Outcome:
    with ThreadPoolExecutor(3) as pool:
        storms = [pool.submit(_storm, bench, way) for way in WAYS]
        sieging = pool.submit(_siege, bench)
        parts, siege = [storm.result() for storm in storms], sieging.result()
    silences = [too_soon for part in parts for too_soon in part.too_soon]
    findings = [*siege.findings, *(finding for part in parts for finding in part.findings)]
    requests = sum(part.requests for part in parts)
    read_s = READ_S[bench.form]
    figures: Sequence[Figure] = [
        Note(
            f"{len(silences):,} times refused with 429 or 418, for {SILENCE_S[0]} or {SILENCE_S[1]} s;"
            f" {requests:,} requests in all"
        ),
        Zero(
            f"silences with a request that was sent {read_s:g} s after the refusal or later, and came before their end",
            sum(map(bool, silences)),
            len(silences),
        ),
        Zero("requests beyond the exchange's limits", siege.refused, siege.requests),
        Within(f"{AT_ONCE} cancels, with all other weight used up", siege.cancels_s, CANCEL_S),
        Zero("cancels not carried out", siege.lost, siege.cancels),
        *zeros(findings, of=requests + siege.requests),
    ]
    return outcome(figures, [*(finding for too_soon in silences for finding in too_soon), *findings])


def _storm(bench: Bench, way: OrdersOver) -> Storm:
    """Refuse one request after the other, of a bot that has much to ask."""
    random, silences_s = Random(f"{bench.seed} {way}"), list[int]()

    def refuse_again_and_again() -> None:
        on_trial.bot.say("place 1000000")
        on_trial.bot.say("go")
        for _ in range(bench.many(short=3, long=60)):
            silences_s.append(_refuse(on_trial.running, random))
            time.sleep(silences_s[-1] + random.uniform(0.2, 0.6))
        on_trial.bot.say("enough")
        on_trial.bot.heard("quiet")

    with (
        trial(
            bench,
            f"storm-{way}",
            cast="faults.steady",
            orders_over=way,
            words=HASTE,
            reconcile_every_s=RECONCILE_S,
        ) as on_trial,
        crowd(on_trial.running, random) as resting,
    ):
        stuck = on_trial.attempt(refuse_again_and_again)
        resting.set()
        judgement = on_trial.settled()
        requests, began_s = _requests(on_trial.running), [*_refused_s(on_trial.running)]
    silences = [(at_s, at_s + silence_s) for at_s, silence_s in zip(began_s, silences_s, strict=False)]
    return Storm(
        [*stuck, *judgement.findings],
        requests=len(requests),
        too_soon=[[*_too_soon(requests, began_s, ends_s, read_s=READ_S[bench.form])] for began_s, ends_s in silences],
    )


def _refuse(running: Exchange, random: Random) -> int:
    """Refuse one request; returns for how many seconds there must be none."""
    silence_s = random.choice(SILENCE_S)
    fault = FailCall(
        account=ACCOUNT,
        calls=random.choice(ASKED),
        error=random.choice(REFUSALS),
        retry_after_s=silence_s,
        count=1,
    )
    with running.faults.during(fault) as switched:
        _until_hit(running, switched.id)
    return silence_s


def _until_hit(running: Exchange, number: int) -> None:
    deadline = time.monotonic() + HIT_S
    while not running.faults.state(number).hits:
        if time.monotonic() > deadline:
            raise ChildProcessError(f"the bot has asked nothing for {HIT_S:g} s")
        time.sleep(0.01)


Request = Mapping[str, object]


def _requests(running: Exchange) -> Sequence[Request]:
    """All that the bot has asked: signed as its account, or public, which nobody else does."""
    return [
        line
        for line in running.ledger.read().lines
        if line["kind"] in {"request", "refused"} and line["account"] in (ACCOUNT, None)
    ]


def _refused_s(running: Exchange) -> Iterator[float]:
    """When requests were refused on purpose: such a line stands before that of the request."""
    for line, next_ in pairwise(running.ledger.lines):
        if line["kind"] == "fault":
            yield convert(next_["received_us"], int) / 1e6


def _sent_s(request: Request) -> float:
    """When it was sent, by its own time; a public one has none, and is taken for sent when it came."""
    stamped = convert(request["params"], dict[str, str]).get("timestamp")
    return int(stamped) / 1e3 if stamped else _came_s(request)


def _came_s(request: Request) -> float:
    return convert(request["received_us"], int) / 1e6


def _too_soon(requests: Sequence[Request], began_s: float, ends_s: float, *, read_s: float) -> Iterator[Finding]:
    """Requests that were sent once the refusal must have been read, and came before the silence was over."""
    for request in requests:
        came_s = _came_s(request)
        if began_s + read_s < _sent_s(request) and came_s < ends_s:
            text = f"{request['method']} came {came_s - began_s:.3f} s after a refusal for {ends_s - began_s:g} s"
            yield Finding("limits", text)


def _siege(bench: Bench) -> Siege:
    """Have the bot ask all the time, until only cancels have room."""
    times = list[float]()
    with trial(bench, "siege", cast="faults.hands", weight_limit=WEIGHT, reconcile_every_s=BUSY_S) as on_trial:
        rounds = bench.many(short=1, long=3)
        stuck = on_trial.attempt(lambda: times.extend(_cancel_without_room(on_trial, n) for n in range(rounds)))
        judgement = on_trial.settled()
        requests = _requests(on_trial.running)
        orders = on_trial.running.ledger.audit.orders.values()
    refused = sum(line["kind"] == "refused" and line["code"] in LIMITED for line in requests)
    return Siege(
        [*stuck, *judgement.findings],
        len(requests),
        refused,
        times,
        cancels=AT_ONCE * rounds,
        lost=AT_ONCE * rounds - sum(order.status == "CANCELED" for order in orders),  # as one that was never made is
    )


def _cancel_without_room(on_trial: Trial, number: int) -> float:
    """Cancel orders when there is no room for questions; returns how many seconds that took."""
    name = f"s{number}"
    if number:
        time.sleep(MINUTE_S - time.time() % MINUTE_S + SKEW_S)  # before, there is no room for orders either
    on_trial.bot.say(f"make {AT_ONCE} {name}")
    hear_all(on_trial.bot, "closed")
    _until_calm(on_trial.running)
    began = time.monotonic()
    on_trial.bot.say(f"cancel {name}")
    hear_all(on_trial.bot, "closed")
    return time.monotonic() - began


def _until_calm(running: Exchange) -> None:
    """Until the bot has asked nothing for a while, as its questions wait."""
    asked = -1
    while asked < (now := len(_requests(running))):
        asked = now
        time.sleep(CALM_S)


ROW = Row(
    id="F24",
    fault="429 storm, ban",
    how="exchange switch, on orders and questions over WebSocket and REST; the exchange's own limits, and a busy bot",
    promise="0 requests before Retry-After; cancels keep their reserve",
    run=run,
)
