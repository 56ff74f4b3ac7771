"""The other side of what a bot trades: deep quotes to take from, and a taker who now and then fills what it makes."""

import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from decimal import Decimal
from random import Random

from faults.counterparty import GONE, Counterparty
from faults.exchange import Exchange

BID, ASK = Decimal("64999.00"), Decimal("65001.00")
"""Of BTC/USDT."""
LOW, HIGH = Decimal(3000), Decimal(3800)
"""Beyond whatever bots ask for ETH/USDT."""
DEEP = Decimal(5)


def quote(running: Exchange) -> None:
    """Quote so much, as ``bob``, that no bot sees the end of it."""
    with closing(Counterparty(running.addresses, running.account("bob"))) as counterparty:
        counterparty.place("BTCUSDT", "BUY", DEEP, BID)
        counterparty.place("BTCUSDT", "SELL", DEEP, ASK)


@contextmanager
def crowd(running: Exchange, random: Random, *, every_s: float = 0.05) -> Generator[threading.Event]:
    """Trade as the account ``bob``, meanwhile; not while the event that this gives is set."""
    counterparty = Counterparty(running.addresses, running.account("bob"))
    quote(running)
    resting, over = threading.Event(), threading.Event()

    def take() -> None:
        while not over.wait(random.uniform(0.5, 1.5) * every_s):
            if not resting.is_set():
                _take(counterparty, random)

    taker = threading.Thread(target=take)
    taker.start()
    try:
        yield resting
    finally:
        over.set()
        taker.join()
        counterparty.close()


def _take(counterparty: Counterparty, random: Random) -> None:
    side = random.choice(("BUY", "SELL"))
    price = LOW if side == "SELL" else HIGH
    try:
        counterparty.place("ETHUSDT", side, Decimal(random.randint(10, 90)) / 1000, price, tif="IOC")
    except GONE:
        counterparty.close()
