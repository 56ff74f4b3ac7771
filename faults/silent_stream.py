"""F11: the quotes of one symbol stop, and the socket that brings them lives on, with those of another symbol.

A strategy goes on ordering at the last price that it knows. From the end of the staleness budget on it is refused.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from functools import partial
from random import Random

from msgspec import Struct

import bowstring as bs
from bowstring.local_exchange.faults.kinds import FreezeStream
from bowstring.trading.guards import PriceCollar
from bowstring.trading.messages import Recovered
from bowstring.venues.binance import Binance
from faults.bot import Cast, Pulse, Say, Stage, Told
from faults.counterparty import Counterparty
from faults.crowd import BID
from faults.figures import Figure, Note, Outcome, Within, Zero
from faults.moving_quotes import moving_quotes
from faults.oracle import Finding
from faults.row import Bench, Row
from faults.trial import ACCOUNT, Trial, outcome, trial, zeros

SILENT = "BTC/USDT"
STREAM = "btcusdt@bookTicker"
BUDGET_S = 0.5
LIMIT_S = 0.1
MOVES_EVERY_S = 0.05
BIDS = (("BTCUSDT", BID), ("ETHUSDT", Decimal(3000)))
ETH_ASK = Decimal(4000)
SILENT_S = (0.9, 1.3)
BACK_S = 0.4
WITHIN = Decimal("0.05")
FRESH_S = 30.0


class Insistent(bs.Strategy):
    """Bids at the latest bid that it knows, at each pulse, whatever its age. It says when it is first ``quoted`` one.

    Told ``enough`` it bids no more, and says how many quotes of the other symbol it had.
    """

    def __init__(self) -> None:
        self._bid: Decimal | None = None
        self._is_on = True
        self._others = 0

    @bs.on(Recovered)
    def greet(self, _recovered: Recovered) -> bs.Actions:
        yield Say(line="recovered")

    @bs.on(Told)
    def obey(self, told: Told) -> bs.Actions:
        if told.word == "enough":
            self._is_on = False
            yield Say(line=f"others {self._others}")

    @bs.on(bs.Quote)
    def note(self, quote: bs.Quote) -> bs.Actions:
        if quote.symbol != SILENT:
            self._others += 1
            return
        if self._bid is None:
            yield Say(line="quoted")
        self._bid = quote.bid

    @bs.on(Pulse)
    def bid(self, _pulse: Pulse) -> bs.Actions:
        if self._bid is not None and self._is_on:
            yield bs.PlaceOrder(
                symbol=SILENT, side="buy", quantity=Decimal("0.001"), price=self._bid, time_in_force="ioc"
            )


class Silence(Struct, frozen=True):
    """From when until when there were no quotes, in microseconds since the epoch."""

    began_us: int
    ended_us: int


class Part(Struct, frozen=True):
    """What one bot came to: how late after each silence's budget its last order was accepted, and all that were.

    ``too_late``: the silences in which that was later than it may be.
    """

    findings: Sequence[Finding]
    late_s: Sequence[float]
    before: Sequence[int]
    too_late: int
    orders: int
    others: int


def run(bench: Bench) -> Outcome:
    bots = bench.many(short=1, long=2)
    with ThreadPoolExecutor(bots) as pool:
        parts = [*pool.map(partial(_part, bench, silences=bench.many(short=2, long=60)), range(bots))]
    findings = [finding for part in parts for finding in part.findings]
    orders, silences = sum(part.orders for part in parts), sum(len(part.late_s) for part in parts)
    figures: Sequence[Figure] = [
        Note(
            f"{orders:,} orders accepted, around {silences} silences;"
            f" {sum(part.others for part in parts):,} quotes of another symbol by the same socket"
        ),
        Within("accepted before the budget's end", [n for part in parts for n in part.before], 1, "orders", least=True),
        Within("refused, after the budget's end", [s for part in parts for s in part.late_s], LIMIT_S),
        Zero("silences with an order accepted later", sum(part.too_late for part in parts), silences),
        *zeros(findings, of=silences),
    ]
    return outcome(figures, findings)


def _part(bench: Bench, number: int, *, silences: int) -> Part:
    random, told, others = Random(f"{bench.seed} {number}"), list[Silence](), list[int]()

    def provoke() -> None:
        with closing(Counterparty(on_trial.running.addresses, on_trial.running.account("bob"))) as counterparty:
            counterparty.place("ETHUSDT", "SELL", "1", ETH_ASK)
        on_trial.bot.heard("quoted", within_s=FRESH_S)
        on_trial.bot.say("go")
        for _ in range(silences):
            time.sleep(BACK_S + random.uniform(0, 0.2))
            told.append(_silence(on_trial, random))
        on_trial.bot.say("enough")
        others.append(int(on_trial.bot.heard("others")[0]))

    with (
        trial(bench, f"bot-{number}", cast="faults.silent_stream") as on_trial,
        moving_quotes(on_trial.running, every_s=MOVES_EVERY_S, bids=BIDS),
    ):
        stuck = on_trial.attempt(provoke)
        judgement = on_trial.settled()
        orders = on_trial.running.ledger.audit.orders.values()
        accepted_us = [order.accepted_us for order in orders if order.account == ACCOUNT]
    in_silence = [[at for at in accepted_us if one.began_us < at < one.ended_us] for one in told]
    late_s = [
        (max(times, default=one.began_us) - one.began_us) / 1e6 - BUDGET_S
        for one, times in zip(told, in_silence, strict=True)
    ]
    return Part(
        [*stuck, *judgement.findings],
        late_s=late_s,
        before=[*map(len, in_silence)],
        too_late=sum(late > LIMIT_S for late in late_s),
        orders=len(accepted_us),
        others=sum(others),
    )


def _silence(on_trial: Trial, random: Random) -> Silence:
    with on_trial.running.faults.during(FreezeStream(stream=STREAM)):
        began_us = time.time_ns() // 1000
        time.sleep(random.uniform(*SILENT_S))
        return Silence(began_us, time.time_ns() // 1000)


def cast(stage: Stage) -> Cast:
    addresses = stage.script.addresses
    venue = Binance("local", rest_url=addresses.rest, ws_url=addresses.ws, ws_api_url=addresses.ws_api)
    return Cast(
        collectors=[venue.quotes(SILENT, "ETH/USDT", stale_after_s=10 * BUDGET_S)],
        strategies=[Insistent()],
        guards=[PriceCollar(WITHIN, stale_after_s=BUDGET_S)],
    )


ROW = Row(
    id="F11",
    fault="one stream silent, socket alive",
    how="exchange switch; a strategy that orders on, behind a PriceCollar",
    promise="refused within budget + 0.1 s",
    run=run,
    is_timed=True,
)
