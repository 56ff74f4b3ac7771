"""The laws of paper trading hold for any scenario, and the checks notice it when one is broken."""

from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal
from types import ModuleType

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bowstring.market.events import Quote, Trade
from bowstring.market.instrument import Instrument
from bowstring.trading.gateway import FillReport, OrderRef, OrderReport
from bowstring.trading.messages import PlaceOrder, Side
from bowstring.trading.paper import account, book, gateway, ledger
from tests.trading.paper import record as recording
from tests.trading.paper.laws import check, check_every_fill_is_in_the_feed
from tests.trading.paper.record import MS, Cancel, Replace, Scenario, Step, Wait

NO_SHRINKING = settings(max_examples=2_000, database=None, phases=[Phase.generate])

SYMBOLS = st.sampled_from(["A/Q", "A/Q", "A/Q", "B/Q"])
PRICES = st.integers(9, 12).map(Decimal)
QUANTITIES = st.integers(1, 6).map(Decimal)
DISPLAYED = st.integers(0, 6).map(Decimal)


@st.composite
def orders(draw: st.DrawFn) -> PlaceOrder:
    return PlaceOrder(
        symbol=draw(SYMBOLS),
        side=draw(st.sampled_from(["buy", "sell"])),
        quantity=draw(QUANTITIES),
        price=draw(PRICES),
        time_in_force=draw(st.sampled_from(["gtc", "gtc", "gtc", "ioc", "fok"])),
        post_only=draw(st.sampled_from([False, False, True])),
    )


@st.composite
def quotes(draw: st.DrawFn) -> Quote:
    bid = draw(PRICES)
    return Quote(
        venue="paper",
        symbol=draw(SYMBOLS),
        bid=bid,
        bid_quantity=draw(DISPLAYED),
        ask=bid + draw(st.integers(1, 2)),
        ask_quantity=draw(DISPLAYED),
    )


TRADES = st.builds(
    Trade,
    venue=st.just("paper"),
    symbol=SYMBOLS,
    price=PRICES,
    quantity=QUANTITIES,
    side=st.sampled_from(["buy", "sell"]),
    trade_id=st.just("1"),
)
WAITS = st.builds(Wait, ms=st.integers(0, 3), running=st.booleans())
CANCELS = st.builds(Cancel, back=st.integers(0, 3))
REPLACES = st.builds(Replace, back=st.integers(0, 3), by=orders())


@st.composite
def scenarios(draw: st.DrawFn, *, lags: bool = False) -> Scenario:
    """Few different quotes, so that they come again and meet what own orders have used up."""
    shown = st.sampled_from(draw(st.lists(quotes(), min_size=1, max_size=4)))
    steps: st.SearchStrategy[Step] = orders() | shown | TRADES | WAITS | CANCELS | REPLACES | shown | orders()
    return Scenario(
        steps=draw(st.lists(steps, min_size=20, max_size=60)),
        latency_ms=draw(st.sampled_from([0, 2])),
        lag_ms=draw(st.integers(1, 3)) if lags else 0,
    )


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios())
def test_every_law_holds_for_any_orders_on_any_feed(scenario: Scenario) -> None:
    judge(scenario)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(lags=True))
def test_an_event_that_is_observed_late_fills_only_what_had_arrived_when_it_was_received(scenario: Scenario) -> None:
    judge(scenario)


def judge(scenario: Scenario) -> None:
    """All laws; where events are observed late, only the one that speaks of nothing else but fills."""
    written = recording.record(scenario)
    if scenario.lag_ms:
        check_every_fill_is_in_the_feed(written)
    else:
        check(written)


class LatencyIsIgnored(gateway.PaperGateway):
    async def open(self) -> Sequence[Instrument]:
        self._latency_ns = 0
        return await super().open()


class LateEventsFillNewOrders(book.PaperBook):
    def _by_priority(self, side: Side, time_ns: int) -> list[book.PaperOrder]:
        return super()._by_priority(side, time_ns + 10 * MS)


class MakersGetTheTouch(book.PaperBook):
    def _terms(self, order: book.PaperOrder, touch: book.Touch) -> tuple[Decimal, book.Liquidity]:
        return touch.price, super()._terms(order, touch)[1]


class TakersGetTheirLimit(book.PaperBook):
    def _terms(self, order: book.PaperOrder, touch: book.Touch) -> tuple[Decimal, book.Liquidity]:
        return order.placed.price, super()._terms(order, touch)[1]


class TradesAtTheLimitFill(book.PaperBook):
    def observe(self, event: Quote | Trade) -> Iterator[book.Change]:
        if isinstance(event, Trade):
            step = Decimal("0.5") if event.side == "buy" else Decimal("-0.5")
            event = replace(event, price=event.price + step)
        return super().observe(event)


class TradesOfTheOwnSideFill(book.PaperBook):
    def observe(self, event: Quote | Trade) -> Iterator[book.Change]:
        if isinstance(event, Trade):
            event = replace(event, side="buy" if event.side == "sell" else "sell")
        return super().observe(event)


class TradesAreUsedTwice(book.PaperBook):
    def observe(self, event: Quote | Trade) -> Iterator[book.Change]:
        if isinstance(event, Trade):
            event = replace(event, quantity=2 * event.quantity)
        return super().observe(event)


class LastComesFirst(book.PaperBook):
    def _by_priority(self, side: Side, time_ns: int) -> list[book.PaperOrder]:
        return super()._by_priority(side, time_ns)[::-1]


class AllRestAtOnce(book.PaperBook):
    def may_take(self, placed: PlaceOrder) -> bool:
        return False


class NoneRestsAtOnce(book.PaperBook):
    def may_take(self, placed: PlaceOrder) -> bool:
        return True


class PostOnlyCrosses(book.PaperBook):
    def crosses(self, placed: PlaceOrder) -> bool:
        return False


class DisplayedIsUsedTwice(book.Touch):
    def show(self, price: Decimal, *, quantity: Decimal) -> None:
        super().show(price, quantity=quantity)
        self.used = Decimal(0)


class DisplayedIsNeverRenewed(book.Touch):
    def show(self, price: Decimal, *, quantity: Decimal) -> None:
        self.price, self.quantity = price, quantity


class MoreThanDisplayed(book.Touch):
    def offer(self, order: book.PaperOrder) -> Decimal:
        return order.remaining if self.crosses(order.placed) else Decimal(0)


class FokInPart(book.Touch):
    def offer(self, order: book.PaperOrder) -> Decimal:
        return min(order.remaining, self.quantity - self.used) if self.crosses(order.placed) else Decimal(0)


class FeesAreNotTaken(ledger.Ledger):
    def receive(self, currency: str, amount: Decimal) -> None:
        super().receive(currency, amount / Decimal("0.999"))


class FeesAreRounded(ledger.Ledger):
    def receive(self, currency: str, amount: Decimal) -> None:
        super().receive(currency, round(amount, 2))


class LocksAreKept(ledger.Ledger):
    def lock(self, currency: str, amount: Decimal) -> None:
        super().lock(currency, max(amount, Decimal(0)))


class OrdersLockNothing(ledger.Ledger):
    def lock(self, currency: str, amount: Decimal) -> None:
        super().lock(currency, Decimal(0))


class AnyBalanceWillDo(ledger.Ledger):
    def free(self, currency: str) -> Decimal:
        return Decimal(1_000_000)


class ImmediateOrdersRest(account.PaperAccount):
    def place(self, placed: PlaceOrder, *, time_ns: int, instead_of: book.PaperOrder | None = None) -> OrderReport:
        return super().place(replace(placed, time_in_force="gtc"), time_ns=time_ns, instead_of=instead_of)


class FinishedOrdersAreForgotten(account.PaperAccount):
    def find(self, ref: OrderRef) -> book.PaperOrder | None:
        order = super().find(ref)
        return order if order and order.status == "open" else None


class FillsAreReportedLast(account.PaperAccount):
    def observe(self, event: Quote | Trade) -> None:
        super().observe(event)
        self.outbox = deque(sorted(self.outbox, key=lambda report: isinstance(report, FillReport)))


USED_BY: dict[type[object], ModuleType] = {
    gateway.PaperGateway: recording,
    account.PaperAccount: gateway,
    ledger.Ledger: account,
    book.PaperBook: account,
    book.Touch: book,
}


MUTANTS: dict[str, type[object]] = {
    mutant.__name__: mutant for base in USED_BY for mutant in base.__subclasses__() if mutant.__module__ == __name__
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_law_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    base = MUTANTS[name].__mro__[1]
    monkeypatch.setattr(USED_BY[base], base.__name__, MUTANTS[name])

    find(scenarios() | scenarios(lags=True), is_noticed, settings=NO_SHRINKING)


def is_noticed(scenario: Scenario) -> bool:
    try:
        judge(scenario)
    except AssertionError:
        return True
    return False
