"""Quotes that change all the time, so that a stream that is silent is one that is broken."""

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from itertools import count

from faults.counterparty import GONE, Counterparty
from faults.crowd import BID, quote
from faults.exchange import Exchange

EVERY_S = 0.1


@contextmanager
def moving_quotes(
    running: Exchange, *, every_s: float = EVERY_S, bids: Sequence[tuple[str, Decimal]] = (("BTCUSDT", BID),)
) -> Generator[None]:
    """Have more and less bid, meanwhile: of these symbols at these prices."""
    mover, over = Counterparty(running.addresses, running.account("bob")), threading.Event()
    quote(running)

    def move() -> None:
        for number in count():
            if over.wait(every_s):
                return
            for symbol, price in bids:
                patiently(mover, partial(_move, mover, symbol, price, f"move{number}"))

    thread = threading.Thread(target=move)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        mover.close()


def patiently(counterparty: Counterparty, ask: Callable[[], object]) -> None:
    """Ask, unless the exchange is not there."""
    try:
        ask()
    except GONE:
        counterparty.close()


def _move(mover: Counterparty, symbol: str, price: Decimal, name: str) -> None:
    mover.place(symbol, "BUY", "0.01", price, name=name)
    mover.call("DELETE", "/api/v3/order", symbol=symbol, origClientOrderId=name)
