"""The simulated venue is the oracle: what it shows, holds and charges must be right itself."""

from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.trading.gateway import FillReport, OrderReport, Report
from bowstring.trading.messages import TimeInForce
from simulation.exchange import SYMBOLS, Exchange
from simulation.ledger import Accepted, Ended, Ledger, Settled, Traded
from simulation.venue_orders import LOT, TICK, No, Wanted

BTC = SYMBOLS[0]


class Clock:
    """Tells another time whenever it is asked."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        self.now_ns += 1
        return self.now_ns


def venue(seed: int = 0) -> Exchange:
    return Exchange("north", seed=seed, ledger=Ledger(), now_ns=Clock())


def wanted(
    name: str = "mine",
    *,
    buys: bool = True,
    quantity: str = "0.5",
    away: int = 10,
    time_in_force: TimeInForce = "gtc",
    post_only: bool = False,
) -> Wanted:
    """An order so many ticks away from the middle of the market, which begins at 100."""
    price = 100 - away * TICK if buys else 100 + away * TICK
    return Wanted(BTC, name, "buy" if buys else "sell", Decimal(quantity), price, time_in_force, post_only)


def day(exchange: Exchange, seed: int) -> Iterator[None]:
    """Orders, cancels and a market that moves; stops after each."""
    random = Random(seed)
    for number in range(60):
        chance = random.random()
        if chance < 0.4:
            symbol, away = random.choice(SYMBOLS), random.randint(-5, 20) * TICK
            buys, quantity = random.random() < 0.5, random.randint(1, 2000) * LOT
            price = 100 - away if buys else 100 + away
            with suppress(No):
                exchange.place(Wanted(symbol, str(number), "buy" if buys else "sell", quantity, price), by="bot")
        elif chance < 0.6 and exchange.open:
            exchange.cancel(random.choice(list(exchange.open)), by="bot")
        else:
            exchange.tick(random.choice(SYMBOLS))
        yield


@given(st.integers(0, 1_000_000))
def test_what_is_locked_is_what_open_orders_may_need(seed: int) -> None:
    exchange = venue(seed)
    for _ in day(exchange, seed):
        needed = dict.fromkeys(exchange.locked, Decimal(0))
        for order in exchange.open.values():
            currency, amount = order.wanted.lock(order.remaining)
            needed[currency] += amount
        assert exchange.locked == needed
        assert all(exchange.total[currency] >= needed[currency] for currency in ("BTC", "ETH", "USDT"))


@given(st.integers(0, 1_000_000))
def test_what_the_account_has_is_what_it_began_with_and_what_its_fills_brought(seed: int) -> None:
    exchange = venue(seed)
    has = dict(exchange.total)
    for _ in day(exchange, seed):
        pass
    for trade in exchange.ledger.all(Traded):
        base, quote = trade.symbol.split("/")
        sign = 1 if trade.side == "buy" else -1
        has[base] += sign * trade.quantity
        has[quote] -= sign * trade.quantity * trade.price
        has[trade.fee_currency] -= trade.fee
    settled = {one.currency: one.free + one.locked for one in exchange.ledger.all(Settled)}

    assert exchange.total == has
    assert all(has[currency] == total for currency, total in settled.items())


@given(st.integers(0, 1_000_000))
def test_a_replica_shows_what_was_so_at_its_time(seed: int) -> None:
    exchange = venue(seed)
    seen: list[tuple[Any, ...]] = []
    for _ in day(exchange, seed):
        now_ns = exchange.now_ns()
        shown = [exchange.shown(name, now_ns) for name in exchange.orders]
        assert [order.report.client_order_id for order in exchange.shown_open(now_ns)] == list(exchange.open)
        seen.append((now_ns, list(exchange.orders), shown, exchange.shown_balances(now_ns), len(exchange.fills)))

    for at_ns, names, shown, balances, filled in seen:
        assert [exchange.shown(name, at_ns) for name in names] == shown
        assert exchange.shown_balances(at_ns) == balances
        assert sum(len(exchange.shown_fills(symbol, -(10**12), at_ns)) for symbol in SYMBOLS) == filled


@given(st.integers(0, 1_000_000))
def test_what_is_published_is_what_the_ledger_has(seed: int) -> None:
    exchange, heard = venue(seed), list[Report]()
    exchange.publish = heard.append
    for _ in day(exchange, seed):
        pass

    fills = [report for report in heard if isinstance(report, FillReport)]
    assert [(fill.trade_id, fill.quantity) for fill in fills] == [
        (trade.trade_id, trade.quantity) for trade in exchange.ledger.all(Traded)
    ]
    last = {report.client_order_id: report for report in heard if isinstance(report, OrderReport)}
    assert {name for name, report in last.items() if report.status == "open"} == set(exchange.open)
    assert len(last) == len(exchange.ledger.all(Accepted))


def test_an_order_through_the_market_takes_what_is_there_and_the_rest_rests() -> None:
    exchange = venue()

    report = exchange.place(wanted(quantity="1.5", away=-10), by="bot")

    assert (report.status, report.filled) == ("open", Decimal(1))
    assert exchange.fills[0][1].liquidity == "taker"


@pytest.mark.parametrize(("time_in_force", "filled"), [("ioc", "1"), ("fok", "0")])
def test_what_may_not_rest_expires(time_in_force: TimeInForce, filled: str) -> None:
    exchange = venue()

    report = exchange.place(wanted(quantity="1.5", away=-10, time_in_force=time_in_force), by="bot")

    assert (report.status, report.filled) == ("expired", Decimal(filled))
    assert [entry.by for entry in exchange.ledger.all(Ended)] == ["venue"]


@pytest.mark.parametrize(
    "order", [wanted(away=-10, post_only=True), wanted(quantity="1000000"), wanted(buys=False, quantity="2000")]
)
def test_what_the_venue_does_not_accept_is_not_in_its_ledger(order: Wanted) -> None:
    exchange = venue()

    with pytest.raises(No):
        exchange.place(order, by="bot")

    assert list(exchange.ledger) == []


def test_a_name_is_unique_among_open_orders_only_so_that_a_second_sending_is_accepted() -> None:
    exchange = venue()
    exchange.place(wanted(), by="bot")
    with pytest.raises(No):
        exchange.place(wanted(), by="bot")
    exchange.cancel("mine", by="bot")
    exchange.place(wanted(), by="bot")

    assert [entry.name for entry in exchange.ledger.all(Accepted)] == ["mine", "mine"]


def test_what_is_replaced_is_cancelled_first_also_where_its_replacement_is_refused() -> None:
    exchange = venue()
    exchange.place(wanted("old"), by="bot")

    report = exchange.replace("old", wanted("new", quantity="1000000"), by="bot")

    assert report.status == "rejected"
    assert exchange.open == {}
    assert exchange.shown("old", exchange.now_ns()) is not None


def test_a_dead_mans_switch_cancels_all_orders_unless_it_is_set_anew() -> None:
    exchange, timers = venue(), list[Any]()

    def after(*timer: Any) -> None:
        timers.append(timer)

    exchange.after = after
    exchange.place(wanted("mine"), by="bot")
    exchange.place(wanted("another's"), by="human")
    exchange.cancel_after(5)
    exchange.cancel_after(5)
    _run(timers.pop(0))
    assert len(exchange.open) == 2

    _run(timers.pop(0))

    assert exchange.open == {}
    assert not exchange.is_armed


def _run(timer: tuple[float, object, int]) -> None:
    _seconds, call, fuse = timer
    assert callable(call)
    call(fuse)
