"""The matching core: orders around a moving price, a third of which are cancelled, most of which trade.

``bare`` is price-time priority alone: no accounts, no filters, no fees, no reports. ``ledger`` writes everything down.
"""

import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from msgspec import Struct

from benchmarks.figures import TESTED, Floor, Ratio, Sample, Table, alternate, pin
from bowstring.local_exchange.bookkeeper import Bookkeeper
from bowstring.local_exchange.clerk import Clerk
from bowstring.local_exchange.feed import MARKETS
from bowstring.local_exchange.ledger import LedgerFile
from bowstring.local_exchange.matching.accounts import Order
from bowstring.local_exchange.matching.exchange import Cancel, Exchange
from bowstring.local_exchange.matching.orders import NewOrder
from bowstring.local_exchange.matching.rules import UNIT, Rules

LEAST_HZ = 50_000
ACCOUNTS = 20
_ORDERS_A_SECOND = 40_000  # as many are measured for each second that is asked for
_CANCELLED = 3  # one in so many


class _Wanted(Struct, frozen=True):
    """One order, and which of the earlier ones, by position from the end, is cancelled after it; 0: none."""

    is_buy: bool
    price: int
    lots: int
    cancels: int


def run(*, runs: int, seconds: float) -> Iterator[Table]:
    """One table: orders a second, by the clock and by CPU."""
    pin(TESTED)
    flow = list(_flow(max(1000, int(seconds * _ORDERS_A_SECOND))))
    variants: dict[str, Callable[[], Sample]] = {
        "exchange": partial(_timed, _exchange, flow),
        "ledger": partial(_timed, _ledger, flow),
        "bare": partial(_timed, _bare, flow),
    }
    yield Table(
        title="matching core",
        samples=alternate(variants, runs=runs),
        floors=[Floor(column="orders a second", variant="exchange", at_least=LEAST_HZ)],
        ratios=[
            Ratio(column="orders a second", variant="exchange", beside="bare"),
            Ratio(column="orders a second", variant="ledger", beside="exchange"),
        ],
    )


def _flow(number: int) -> Iterator[_Wanted]:
    random = Random(1)
    for index in range(number):
        is_buy = random.random() < 0.5
        price = 6_500_000 + int(random.gauss(0, 60)) + (-20 if is_buy else 20)
        yield _Wanted(
            is_buy, price, random.randrange(1, 1000) * 10, 0 if index % _CANCELLED else random.randrange(1, 500)
        )


def _timed(work: Callable[[list[_Wanted]], int], flow: list[_Wanted]) -> Sample:
    began, cpu = time.perf_counter(), time.process_time()
    trades = work(flow)
    took, used = time.perf_counter() - began, time.process_time() - cpu
    return {"orders a second": len(flow) / took, "a second of CPU": len(flow) / used, "trades": trades}


def _exchange(flow: list[_Wanted], *, ledger: LedgerFile | None = None) -> int:
    rules, times = Rules.of(MARKETS["BTCUSDT"].instrument), count(1_700_000_000_000_000, 1000)
    exchange = Exchange([rules], now_us=lambda: next(times))
    funds = {"BTC": 10**6 * UNIT, "USDT": 10**11 * UNIT}
    accounts = [exchange.open_account(str(one), balances=funds, is_participant=True) for one in range(ACCOUNTS)]
    keeper = None if ledger is None else Bookkeeper(ledger, exchange, time_us=0, participants=True)
    clerk, placed = Clerk(exchange, ledger=keeper), deque[Order](maxlen=500)
    for number, wanted in enumerate(flow):
        new = NewOrder(
            symbol="BTCUSDT",
            side="BUY" if wanted.is_buy else "SELL",
            type="LIMIT",
            client_order_id=str(number),
            quantity=wanted.lots * rules.lot,
            price=wanted.price * rules.tick,
        )
        placed.append(exchange.place(accounts[number % ACCOUNTS], new))
        clerk.settle()
        order = placed[-wanted.cancels % len(placed)] if wanted.cancels else None
        if order is not None and order.is_open:
            exchange.cancel(order.account, Cancel(symbol="BTCUSDT", new_client_order_id="c", order_id=order.id))
            clerk.settle()
    return exchange.market("BTCUSDT").next_trade_id - 1


def _ledger(flow: list[_Wanted]) -> int:
    with TemporaryDirectory() as folder, closing(LedgerFile(Path(folder) / "ledger")) as file:
        return _exchange(flow, ledger=file)


class _BareOrder(Struct, eq=False):
    price: int
    left: int


def _bare(flow: list[_Wanted]) -> int:
    """Of bids the price, of asks its negative: the best of both is the greatest."""
    levels: tuple[dict[int, deque[_BareOrder]], dict[int, deque[_BareOrder]]] = ({}, {})
    prices: tuple[list[int], list[int]] = ([], [])
    placed, trades = deque[_BareOrder](maxlen=500), 0
    for wanted in flow:
        own = wanted.price if wanted.is_buy else -wanted.price
        order = _BareOrder(own, wanted.lots)
        others, best = levels[wanted.is_buy], prices[wanted.is_buy]
        while order.left and best and best[-1] >= -own:
            queue = others[best[-1]]
            quantity = min(order.left, queue[0].left)
            order.left -= quantity
            queue[0].left -= quantity
            trades += quantity > 0
            if not queue[0].left:
                queue.popleft()
            if not queue:
                del others[best.pop()]
        if order.left:
            if own not in levels[not wanted.is_buy]:
                levels[not wanted.is_buy][own] = deque()
                insort(prices[not wanted.is_buy], own)
            levels[not wanted.is_buy][own].append(order)
        placed.append(order)
        if wanted.cancels:
            placed[-wanted.cancels % len(placed)].left = 0
    return trades
