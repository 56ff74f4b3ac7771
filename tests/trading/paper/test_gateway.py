"""The paper gateway keeps the `Gateway` contract; what it fills is the matter of test_laws.py."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bowstring.core.clock import Clock
from bowstring.core.errors import ConfigError, NotSent, Rejected
from bowstring.market.events import Quote, Trade
from bowstring.market.instrument import Instrument
from bowstring.trading.gateway import BalanceReport, FillReport, Gateway, OrderRef, OrderReport, Report
from bowstring.trading.messages import PlaceOrder, Side
from bowstring.trading.paper import account, gateway
from bowstring.trading.paper.gateway import PaperGateway
from tests.trading.paper.record import MS, VirtualLoop, instrument, run

LATENCY_MS = 5
BUY = PlaceOrder(symbol="A/Q", client_order_id="1", side="buy", quantity=Decimal(2), price=Decimal(10))
FIRST, SECOND = OrderRef(symbol="A/Q", client_order_id="1"), OrderRef(symbol="A/Q", client_order_id="2")


class Desk:
    """An open paper gateway with the reports that it streamed."""

    def __init__(self, loop: VirtualLoop, *, step: str = "0.1", balances: dict[str, Decimal] | None = None) -> None:
        self.loop = loop
        self.reports: list[Report] = []
        self.gateway = PaperGateway(
            "paper",
            clock=loop.clock,
            instruments=[instrument("A/Q", tick=step, lot=step)],
            balances=balances or {"A": Decimal(10), "Q": Decimal(100)},
            latency_s=LATENCY_MS / 1000,
        )

    def show(self, bid: str, ask: str, *, quantity: str = "100") -> None:
        """A quote that is received now."""
        self.gateway.observe(
            Quote(
                venue="paper",
                symbol="A/Q",
                bid=Decimal(bid),
                bid_quantity=Decimal(quantity),
                ask=Decimal(ask),
                ask_quantity=Decimal(quantity),
                received_ns=self.loop.clock.now_ns(),
            )
        )

    async def balance(self, currency: str) -> tuple[Decimal, Decimal]:
        balances = {balance.currency: balance for balance in await self.gateway.balances()}
        return balances[currency].free, balances[currency].locked


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    desk = Desk(loop)
    await desk.gateway.open()
    subscribed = asyncio.Event()
    streaming = asyncio.create_task(desk.gateway.stream(desk.reports.append, subscribed.set))
    await subscribed.wait()
    yield desk
    await desk.gateway.close()
    await streaming


async def rejection(answer: Awaitable[OrderReport]) -> str:
    with pytest.raises(Rejected) as rejected:
        await answer
    return str(rejected.value)


async def test_it_is_a_gateway(desk: Desk) -> None:
    as_gateway: Gateway = desk.gateway

    assert (as_gateway.venue, as_gateway.replaces_natively, as_gateway.query_lag_s) == ("paper", False, 0.0)
    assert as_gateway.keeps_order
    assert as_gateway.validity_s > LATENCY_MS / 1000
    assert await as_gateway.time_ns() == desk.loop.clock.now_ns()


async def test_an_order_is_answered_when_it_arrives(desk: Desk) -> None:
    sent_ns = desk.loop.clock.now_ns()

    answer = await desk.gateway.place(BUY)

    assert desk.loop.clock.now_ns() == sent_ns + LATENCY_MS * MS
    assert answer == OrderReport(
        client_order_id="1", status="open", venue_order_id="1", time_ns=sent_ns + LATENCY_MS * MS
    )
    assert desk.reports == [answer, BalanceReport(currency="Q", free=Decimal(80), locked=Decimal(20))]


async def test_without_latency_nothing_happens_inside_the_call(desk: Desk) -> None:
    prompt = PaperGateway("paper", clock=desk.loop.clock, instruments=[instrument("A/Q")], balances={"Q": Decimal(100)})
    await prompt.open()

    answer = prompt.place(BUY)

    assert not answer.done()
    assert (await answer).status == "open"


async def test_a_timer_that_is_early_waits_for_the_clock(desk: Desk) -> None:
    answer = desk.gateway.place(BUY)
    desk.loop.clock.epoch_ns -= 3 * MS

    await asyncio.sleep((LATENCY_MS + 1) / 1000)
    assert not answer.done()
    await asyncio.sleep(2 / 1000)
    assert answer.done()


async def test_an_order_that_nobody_waits_for_arrives_all_the_same(desk: Desk) -> None:
    for order in (BUY, replace(BUY, client_order_id="2", symbol="X/Y")):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(desk.gateway.place(order), 0.001)

    await asyncio.sleep(1)

    assert await desk.gateway.query(FIRST) is not None


async def test_a_query_shows_what_has_arrived_though_the_timer_is_late(desk: Desk) -> None:
    answer = desk.gateway.place(BUY)
    assert await desk.gateway.query(FIRST) is None

    desk.loop.jump(LATENCY_MS * MS)

    assert await desk.gateway.query(FIRST) == await answer
    assert [order.symbol for order in await desk.gateway.open_orders()] == ["A/Q"]


async def test_a_query_minds_every_part_of_the_reference(desk: Desk) -> None:
    answer = await desk.gateway.place(BUY)

    assert await desk.gateway.query(replace(FIRST, venue_order_id=answer.venue_order_id)) == answer
    assert await desk.gateway.query(replace(FIRST, venue_order_id="77")) is None
    assert await desk.gateway.query(replace(FIRST, symbol="X/Y")) is None


async def test_nothing_is_sent_before_it_is_opened_or_after_it_is_closed(desk: Desk) -> None:
    await desk.gateway.close()

    for request in (
        lambda: desk.gateway.place(BUY),
        lambda: desk.gateway.cancel(FIRST),
        lambda: desk.gateway.replace(FIRST, BUY),
        lambda: desk.gateway.query(FIRST),
        desk.gateway.open_orders,
        desk.gateway.balances,
        lambda: desk.gateway.fills_since("A/Q", 0),
        lambda: desk.gateway.stream(desk.reports.append, lambda: None),
    ):
        with pytest.raises(NotSent):
            await request()


async def test_what_is_on_its_way_at_the_close_never_arrives(desk: Desk) -> None:
    awaited, abandoned = desk.gateway.place(BUY), desk.gateway.place(replace(BUY, client_order_id="2"))
    abandoned.cancel()

    await desk.gateway.close()
    await desk.gateway.open()
    await asyncio.sleep(1)

    with pytest.raises(NotSent):
        await awaited
    assert await desk.gateway.open_orders() == []
    assert (await desk.gateway.place(BUY)).status == "open"


async def test_open_orders_outlive_a_close_and_fill_unseen(desk: Desk) -> None:
    await desk.gateway.place(BUY)
    await desk.gateway.close()
    await asyncio.sleep(0)
    seen = len(desk.reports)

    desk.show("9", "9.9")
    await desk.gateway.open()

    assert len(desk.reports) == seen
    (fill,) = await desk.gateway.fills_since("A/Q", 0)
    assert fill.quantity == 2


async def test_fills_are_asked_for_by_time_and_symbol(desk: Desk) -> None:
    await desk.gateway.place(BUY)
    desk.show("9", "10", quantity="0.5")
    await asyncio.sleep(1)
    later_ns = desk.loop.clock.now_ns()
    desk.show("9", "9.9", quantity="0.7")

    assert [fill.trade_id for fill in await desk.gateway.fills_since("A/Q", 0)] == ["1", "2"]
    assert [fill.trade_id for fill in await desk.gateway.fills_since("A/Q", later_ns)] == ["2"]
    assert await desk.gateway.fills_since("X/Y", 0) == []


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (replace(BUY, symbol="X/Y"), "unknown symbol 'X/Y'"),
        (replace(BUY, price=Decimal("10.05")), "price 10.05 is off"),
        (replace(BUY, price=Decimal("NaN")), "price NaN is no"),
        (replace(BUY, quantity=Decimal("Infinity")), "quantity Infinity is no"),
        (replace(BUY, quantity=Decimal("1e999999")), "quantity 1E+999999 is no"),
        (replace(BUY, quantity=Decimal("10.1")), "insufficient balance: needs 101.0 Q and 100 is free"),
        (replace(BUY, side="sell", quantity=Decimal(11)), "insufficient balance: needs 11 A and 10 is free"),
        (replace(BUY, post_only=True, time_in_force="ioc"), "post-only cannot be ioc"),
        (replace(BUY, post_only=True, price=Decimal(11)), "post-only would take"),
    ],
)
async def test_a_bad_order_is_rejected_with_the_reason(desk: Desk, order: PlaceOrder, reason: str) -> None:
    desk.show("10", "11")

    assert (await rejection(desk.gateway.place(order))).startswith(f"1: {reason}")
    assert desk.reports == []
    assert await desk.gateway.query(FIRST) is None


async def test_an_id_is_taken_while_its_order_is_open(desk: Desk) -> None:
    await desk.gateway.place(BUY)
    assert await rejection(desk.gateway.place(BUY)) == "1: duplicate client order id"

    await desk.gateway.cancel(FIRST)

    assert (await desk.gateway.place(BUY)).venue_order_id == "2"


async def test_orders_and_requests_are_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "MAX_OPEN", 1)
    monkeypatch.setattr(gateway, "MAX_IN_FLIGHT", 2)

    first, second = desk.gateway.place(BUY), desk.gateway.place(replace(BUY, client_order_id="2"))
    with pytest.raises(NotSent):
        await desk.gateway.cancel(FIRST)

    assert (await first).status == "open"
    assert await rejection(second) == "2: 1 orders are open"
    assert (await desk.gateway.replace(FIRST, replace(BUY, client_order_id="2"))).status == "open"


async def test_only_so_many_finished_orders_and_fills_are_remembered(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "HISTORY", 2)
    small = Desk(desk.loop)
    await small.gateway.open()

    for number in "1234":
        await small.gateway.place(replace(BUY, client_order_id=number, quantity=Decimal(1)))
        small.show("9", "10")

    found = [await small.gateway.query(OrderRef(symbol="A/Q", client_order_id=number)) for number in "1234"]
    assert [report and report.status for report in found] == [None, None, "filled", "filled"]
    assert [fill.trade_id for fill in await small.gateway.fills_since("A/Q", 0)] == ["3", "4"]


async def test_a_cancel_gives_back_what_was_locked(desk: Desk) -> None:
    await desk.gateway.place(BUY)
    desk.show("9", "10", quantity="0.5")

    answer = await desk.gateway.cancel(FIRST)

    assert (answer.status, answer.filled) == ("cancelled", Decimal("0.5"))
    assert await desk.balance("Q") == (Decimal(95), Decimal(0))


async def test_a_cancel_may_lose_against_a_fill(desk: Desk) -> None:
    await desk.gateway.place(BUY)

    cancelling = desk.gateway.cancel(FIRST)
    desk.show("9", "10")

    assert await rejection(cancelling) == "1: filled order"
    assert await rejection(desk.gateway.cancel(SECOND)) == "2: unknown order"


async def test_a_replace_uses_what_the_old_order_has_locked(desk: Desk) -> None:
    await desk.gateway.place(replace(BUY, quantity=Decimal(9)))

    answer = await desk.gateway.replace(FIRST, replace(BUY, client_order_id="2", quantity=Decimal(10)))

    assert (answer.client_order_id, answer.status) == ("2", "open")
    assert [report.status for report in desk.reports if isinstance(report, OrderReport)] == [
        "open",
        "cancelled",
        "open",
    ]
    assert await desk.balance("Q") == (Decimal(0), Decimal(100))


async def test_a_rejected_replace_leaves_the_old_order_alone(desk: Desk) -> None:
    placed = await desk.gateway.place(BUY)
    seen = len(desk.reports)

    too_much = desk.gateway.replace(FIRST, replace(BUY, client_order_id="2", quantity=Decimal(11)))
    other_side = desk.gateway.replace(FIRST, replace(BUY, client_order_id="2", side="sell", quantity=Decimal(11)))

    assert "insufficient balance: needs 110 Q and 100 is free" in await rejection(too_much)
    assert "insufficient balance: needs 11 A and 10 is free" in await rejection(other_side)
    assert await desk.gateway.query(FIRST) == placed
    assert len(desk.reports) == seen


async def test_nothing_replaces_an_order_that_filled_first(desk: Desk) -> None:
    await desk.gateway.place(BUY)
    desk.show("9", "10")

    assert await rejection(desk.gateway.replace(FIRST, replace(BUY, client_order_id="2"))) == "1: filled order"
    assert await desk.gateway.query(SECOND) is None


async def test_a_taker_gets_the_better_price_and_pays_in_what_it_receives(desk: Desk) -> None:
    await desk.gateway.place(BUY)
    desk.show("9", "9.5", quantity="1.5")

    fill, report, base, quote = desk.reports[-4:]

    assert isinstance(fill, FillReport)
    assert (fill.price, fill.quantity, fill.liquidity) == (Decimal("9.5"), Decimal("1.5"), "taker")
    assert (fill.fee, fill.fee_currency) == (Decimal("0.0015"), "A")
    assert isinstance(report, OrderReport)
    assert (report.status, report.filled) == ("open", Decimal("1.5"))
    assert {base, quote} == {
        BalanceReport(currency="A", free=Decimal("11.4985"), locked=Decimal(0)),
        BalanceReport(currency="Q", free=Decimal("80.75"), locked=Decimal(5)),
    }


async def test_an_expired_order_says_why(desk: Desk) -> None:
    await desk.gateway.place(replace(BUY, time_in_force="ioc"))
    desk.show("9", "11")

    report = await desk.gateway.query(FIRST)

    assert report is not None
    assert (report.status, report.reason) == ("expired", "ioc: the first quote after its arrival did not show enough")


async def test_events_of_other_symbols_are_passed_over(desk: Desk) -> None:
    trade = Trade(
        venue="paper", symbol="X/Y", price=Decimal(1), quantity=Decimal(1), side="sell", trade_id="1", received_ns=1
    )

    desk.gateway.observe(trade)

    assert desk.reports == []


async def test_a_report_that_causes_an_event_is_told_before_what_follows_from_it(desk: Desk) -> None:
    def observe_more(report: Report) -> None:
        desk.reports.append(report)
        if isinstance(report, FillReport):
            desk.show("9", "9.9", quantity="0.1")

    eager = asyncio.create_task(desk.gateway.stream(observe_more, lambda: None))
    await desk.gateway.place(BUY)
    desk.show("9", "10", quantity="1.9")

    filled = [report.filled for report in desk.reports if isinstance(report, OrderReport)]
    assert filled == [0, Decimal("1.9"), Decimal(2)]
    await desk.gateway.close()
    await eager


async def test_instruments_are_fetched_when_it_is_opened(desk: Desk) -> None:
    lots = iter(["1", "0.5"])

    async def fetch() -> Sequence[Instrument]:
        return [instrument("A/Q", lot=next(lots))]

    lazy = PaperGateway("paper", clock=desk.loop.clock, instruments=fetch, balances={"Q": Decimal(100)})
    half = replace(BUY, quantity=Decimal("0.5"))

    assert await lazy.open() == [instrument("A/Q", lot="1")]
    assert "quantity 0.5 is off" in await rejection(lazy.place(half))
    await lazy.open()
    assert (await lazy.place(half)).status == "open"


@pytest.mark.parametrize(
    "setting",
    [
        {"latency_s": -1.0},
        {"latency_s": float("nan")},
        {"balances": {"Q": Decimal(-1)}},
        {"balances": {"Q": Decimal("NaN")}},
        {"maker_fee": Decimal(1)},
        {"taker_fee": Decimal("Infinity")},
    ],
    ids=str,
)
def test_an_absurd_setting_is_named(setting: dict[str, object]) -> None:
    settings: dict[str, object] = {"balances": {}, **setting}
    with pytest.raises(ConfigError, match=r"^paper "):
        PaperGateway("paper", clock=Clock(), instruments=[], **settings)  # type: ignore[arg-type]


DIGITS = st.decimals("0.00000001", "99999999", places=8)


@given(price=DIGITS, quantity=DIGITS, side=st.sampled_from(["buy", "sell"]))
def test_no_digit_is_lost(price: Decimal, quantity: Decimal, side: Side) -> None:
    loop = VirtualLoop()
    start = Decimal("1e17")

    async def trade() -> tuple[Decimal, Decimal]:
        desk = Desk(loop, step="0.00000001", balances={"A": start, "Q": start})
        await desk.gateway.open()
        await desk.gateway.place(replace(BUY, side=side, price=price, quantity=quantity))
        desk.show(format(price, "f"), format(price, "f"), quantity=format(quantity, "f"))
        return (await desk.balance("A"))[0], (await desk.balance("Q"))[0]

    base, quote = run(trade(), loop=loop)

    kept, value = Fraction(999, 1000), Fraction(price) * Fraction(quantity)
    gained = (Fraction(quantity) * kept, -value) if side == "buy" else (-Fraction(quantity), value * kept)
    assert (Fraction(base) - Fraction(start), Fraction(quote) - Fraction(start)) == gained
