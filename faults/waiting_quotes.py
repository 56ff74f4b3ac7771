"""Quotes that waited in the socket of a bot that was stopped: they are as new to it as any, and are not.

A counterparty bids more again and again, each price once. So the ledger tells for how long a price had been gone when
the bot bid it.
"""

import signal
import threading
import time
from bisect import bisect
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from itertools import count, pairwise
from random import Random

from msgspec import Struct

import bowstring as bs
from bowstring.local_exchange.audit import LedgerOrder
from bowstring.trading.messages import Recovered
from bowstring.venues.binance import Binance
from faults.bot import Cast, Say, Stage, Told
from faults.counterparty import Counterparty
from faults.exchange import Exchange
from faults.figures import Figure, Note, Within, Zero
from faults.ledger import Ledger
from faults.oracle import Finding
from faults.row import Bench
from faults.trial import ACCOUNT, Trial, trial

RIVAL = "bob"
FIRST_BID, ASK = 60_000, 90_000
RISES_EVERY_S = 0.05
TRADES_S = (1.0, 1.4)
STANDS_S = (2.0, 3.0)
OLD_S = 1.5
VALID_S = 0.3
QUOTED_S = 30.0


class Stop(Struct, frozen=True):
    """From when until when the process was stopped, in microseconds since the epoch."""

    began_us: int
    ended_us: int


class Waited(Struct, frozen=True):
    """What one bot came to: how many orders were accepted after each stop, and how long ago their prices had gone."""

    findings: Sequence[Finding]
    gone_s: Sequence[Sequence[float]]

    def figures(self) -> Sequence[Figure]:
        """What was measured."""
        old = [max(gone_s, default=0.0) >= OLD_S for gone_s in self.gone_s]
        return [
            Note(f"{len(old)} times stopped, for {STANDS_S[0]} to {STANDS_S[1]} s, a bot that bids what is quoted"),
            Within("its orders accepted after a stop", [*map(len, self.gone_s)], 1, "orders", least=True),
            Zero(f"stops after which one was accepted at a price gone for {OLD_S} s or longer", sum(old), len(old)),
        ]


def run(bench: Bench) -> Waited:
    """Stop a bot that bids what is quoted, again and again."""
    random, stops = Random(f"{bench.seed} quotes"), list[Stop]()

    def provoke() -> None:
        on_trial.bot.heard("quoted", within_s=QUOTED_S)
        for _ in range(bench.many(short=2, long=40)):
            time.sleep(random.uniform(*TRADES_S))
            stops.append(_stop(on_trial, random))
        time.sleep(TRADES_S[1])

    with trial(bench, "quotes", cast=__name__) as on_trial, _rising_bids(on_trial.running):
        stuck = on_trial.attempt(provoke)
        on_trial.bot.say("enough")
        judgement = on_trial.settled()
        ledger = on_trial.running.ledger
    return Waited([*stuck, *judgement.findings], _gone(ledger, stops))


def _stop(on_trial: Trial, random: Random) -> Stop:
    began_us = time.time_ns() // 1000
    on_trial.bot.signal(signal.SIGSTOP)
    time.sleep(random.uniform(*STANDS_S))
    ended_us = time.time_ns() // 1000
    on_trial.bot.signal(signal.SIGCONT)
    return Stop(began_us, ended_us)


def _gone(ledger: Ledger, stops: Sequence[Stop]) -> Sequence[Sequence[float]]:
    """For each stop, how long ago the price of each order that was accepted until the next one had gone, in seconds."""
    gone_us = _gone_us(ledger)
    after: list[list[float]] = [[] for _ in stops]
    for order in _orders(ledger, ACCOUNT):
        number = bisect([stop.ended_us for stop in stops], order.accepted_us) - 1
        if number >= 0 and order.price in gone_us:
            after[number].append(max(0, order.accepted_us - gone_us[order.price]) / 1e6)
    return after


def _gone_us(ledger: Ledger) -> Mapping[Decimal, int]:
    """When there was a better bid than each."""
    bids = _orders(ledger, RIVAL)
    return {bid.price: better.accepted_us for bid, better in pairwise(bids)}


def _orders(ledger: Ledger, account: str) -> Sequence[LedgerOrder]:
    orders = ledger.audit.orders.values()
    bids = [order for order in orders if order.account == account and order.side == "BUY"]
    return sorted(bids, key=lambda bid: bid.accepted_us)


@contextmanager
def _rising_bids(running: Exchange) -> Generator[None]:
    """Bid more again and again, meanwhile."""
    over = threading.Event()

    def rise() -> None:
        with closing(Counterparty(running.addresses, running.account(RIVAL))) as rival:
            rival.place("BTCUSDT", "SELL", "1", str(ASK))
            for number in count():
                rival.place("BTCUSDT", "BUY", "0.01", str(FIRST_BID + number), name=f"bid{number}")
                if number:
                    rival.call("DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId=f"bid{number - 1}")
                if over.wait(RISES_EVERY_S):
                    return

    thread = threading.Thread(target=rise)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Follower(bs.Strategy):
    """Bids what is bid, whenever that changes, until it is told ``enough``. It says when it is first ``quoted``."""

    def __init__(self) -> None:
        self._bid: Decimal | None = None
        self._is_on = True

    @bs.on(Recovered)
    def greet(self, _recovered: Recovered) -> bs.Actions:
        yield Say(line="recovered")

    @bs.on(Told)
    def obey(self, told: Told) -> None:
        self._is_on = told.word != "enough"

    @bs.on(bs.Quote)
    def follow(self, quote: bs.Quote) -> bs.Actions:
        if self._bid is None:
            yield Say(line="quoted")
        if self._is_on and quote.bid > 0 and quote.bid != self._bid:
            yield bs.PlaceOrder(
                symbol=quote.symbol,
                side="buy",
                quantity=Decimal("0.001"),
                price=quote.bid,
                time_in_force="ioc",
                valid_for_s=VALID_S,
            )
        self._bid = quote.bid


def cast(stage: Stage) -> Cast:
    addresses = stage.script.addresses
    venue = Binance("local", rest_url=addresses.rest, ws_url=addresses.ws, ws_api_url=addresses.ws_api)
    return Cast(collectors=[venue.quotes("BTC/USDT", stale_after_s=5)], strategies=[Follower()])
