"""F15: the bot's process is stopped while it trades, and goes on when its orders are too old to be sent.

Another bot bids what is quoted: what waited in its socket is old, too, and nothing but the stop tells.
"""

import asyncio
import signal
import time
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random

import apsw
from msgspec import Struct, convert

import bowstring as bs
from bowstring.venues.binance.gateway import OrdersOver
from faults import hands, steady, waiting_quotes
from faults.bot import Cast, Stage, Told
from faults.bots import Bot
from faults.crowd import crowd
from faults.figures import Figure, Note, Outcome, Zero
from faults.ledger import Ledger
from faults.oracle import Finding
from faults.row import Bench, Row
from faults.trial import ACCOUNT, outcome, placed, trial, zeros

WAYS: tuple[OrdersOver, ...] = ("ws", "rest")
VALID_S = 0.3
PONDERS_S = 0.05
TRADES_S = (0.1, 0.4)
STANDS_S = (0.4, 1.6)
READ_S = 0.1
"""How late the exchange may read what was sent in time: it has other things to do."""
QUIET_S = 120.0
RECEIVED = "SELECT client_order_id, received_ns FROM intents"


class Part(Struct, frozen=True):
    """What one bot came to: how often it was stopped, and how many orders it ``sent``.

    ``late`` are the stops after which an order was sent late, ``accepted`` those after which such a one was accepted.
    """

    findings: Sequence[Finding]
    stops: int
    sent: int
    late: int
    accepted: int


def run(bench: Bench) -> Outcome:
    parts_each, stops = bench.many(short=1, long=2), bench.many(short=4, long=100)
    ways = [(way, number) for number in range(parts_each) for way in WAYS]
    with ThreadPoolExecutor(len(ways) + 1) as pool:
        waiting = pool.submit(waiting_quotes.run, bench)
        parts = [*pool.map(partial(_part, bench, stops=stops), ways)]
        waited = waiting.result()
    findings = [*waited.findings, *(finding for part in parts for finding in part.findings)]
    stopped, sent = sum(part.stops for part in parts), sum(part.sent for part in parts)
    figures: Sequence[Figure] = [
        Note(f"{stopped:,} times stopped, for {STANDS_S[0]} to {STANDS_S[1]} s; {sent:,} orders sent"),
        Zero(
            f"stops after which an order came {READ_S:g} s past its deadline or later",
            sum(part.late for part in parts),
            stopped,
        ),
        Zero("stops after which such an order was accepted", sum(part.accepted for part in parts), stopped),
        *waited.figures(),
        *zeros(findings, of=stopped),
    ]
    return outcome(figures, findings)


def _part(bench: Bench, way_number: tuple[OrdersOver, int], *, stops: int) -> Part:
    way, number = way_number
    random, stopped_us = Random(f"{bench.seed} {way} {number}"), list[int]()
    words = {"valid_for_s": f"{VALID_S}"}
    with (
        trial(bench, f"{way}-{number}", cast="faults.frozen_process", orders_over=way, words=words) as on_trial,
        crowd(on_trial.running, random) as resting,
    ):
        stuck = on_trial.attempt(partial(_stop_again_and_again, on_trial.bot, random, stops, stopped_us))
        resting.set()
        judgement = on_trial.settled()
        ledger = on_trial.running.ledger
        late = [*_late(ledger, _deadlines(Path(on_trial.script.folder) / on_trial.script.journal))]
    came = {order.client_order_id for order in ledger.audit.orders.values() if order.account == ACCOUNT}
    return Part(
        [*stuck, *judgement.findings],
        stops=len(stopped_us),
        sent=len(placed(ledger, ACCOUNT)),
        late=len({bisect(stopped_us, at_us) for _name, at_us in late}),
        accepted=len({bisect(stopped_us, at_us) for name, at_us in late if name in came}),
    )


def _stop_again_and_again(bot: Bot, random: Random, stops: int, stopped_us: list[int]) -> None:
    bot.say("place 1000000")
    bot.say("go")
    for _ in range(stops):
        time.sleep(random.uniform(*TRADES_S))
        stopped_us.append(time.time_ns() // 1000)
        bot.signal(signal.SIGSTOP)
        time.sleep(random.uniform(*STANDS_S))
        bot.signal(signal.SIGCONT)
    time.sleep(TRADES_S[1])
    bot.say("enough")
    bot.heard("quiet", within_s=QUIET_S)


def _deadlines(path: Path) -> Mapping[str, int]:
    """Until when each order was to be sent, in microseconds since the epoch."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        rows = [*connection.execute(RECEIVED)]
    finally:
        connection.close()
    return {str(name): int(str(received_ns)) // 1000 + round(VALID_S * 1e6) for name, received_ns in rows}


def _late(ledger: Ledger, deadlines: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """The orders that came after their deadlines, and when they did."""
    for line in placed(ledger, ACCOUNT):
        name = convert(line["params"], dict[str, str])["newClientOrderId"]
        came_us = convert(line["received_us"], int)
        if came_us > deadlines[name] + READ_S * 1e6:
            yield name, came_us


class Moment(bs.Event, frozen=True):
    """It is time to think of something."""


class Moments(bs.Collector):
    """Tells them."""

    async def run(self, emit: bs.Emit) -> None:
        while True:
            emit(Moment())
            await asyncio.sleep(1.2 * PONDERS_S)


class Straggler(bs.Strategy):
    """Takes its time over each order: what it decides on may be too late by then."""

    def __init__(self) -> None:
        self._is_on = False

    @bs.on(Told)
    def obey(self, told: Told) -> None:
        self._is_on = told.word.startswith("place") or (self._is_on and told.word != "enough")

    @bs.on(Moment)
    async def ponder(self, _moment: Moment) -> bs.Actions:
        if not self._is_on:
            return []
        await asyncio.sleep(PONDERS_S)
        order = bs.PlaceOrder(
            symbol=hands.MADE, side="buy", quantity=hands.QUANTITY, price=hands.PRICE, valid_for_s=VALID_S
        )
        return [order, *(bs.CancelOrder(client_order_id=name) for name in self.orders)]


def cast(stage: Stage) -> Cast:
    own = steady.cast(stage)
    return Cast(collectors=[Moments()], strategies=[*own.strategies, Straggler()], every_s=own.every_s)


ROW = Row(
    id="F15",
    fault="SIGSTOP, then CONT",
    how=f"signals, again and again under load; orders are valid for {VALID_S} s; a bot that bids what is quoted",
    promise="0 orders sent past their deadline, 0 at prices that waited",
    run=run,
)
