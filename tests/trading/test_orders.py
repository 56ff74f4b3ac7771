"""The order state machine is a join: no order, number or loss of reports leads it astray, and it never goes back."""

from decimal import Decimal, localcontext
from functools import reduce
from itertools import permutations
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bowstring.core.errors import NotSent
from bowstring.trading.gateway import OrderReport
from bowstring.trading.messages import FINAL, OrderStatus, OrderUpdate, ReplaceOrder
from bowstring.trading.orders import RANK, Order, advance, contradiction, intended, is_news

ORDER = Order(
    strategy="bidder",
    venue="venue",
    symbol="BTC/USDT",
    client_order_id="1",
    side="buy",
    quantity=Decimal(10),
    price=Decimal(100),
)
STATUSES: tuple[OrderStatus, ...] = get_args(OrderStatus)
LOCAL: tuple[OrderStatus, ...] = ("unknown", "failed")


def report(
    status: OrderStatus, filled: int = 0, *, venue_order_id: str = "17", reason: str = "", time_ns: int = 0
) -> OrderReport:
    return OrderReport(
        client_order_id="1",
        status=status,
        filled=Decimal(filled),
        venue_order_id=venue_order_id,
        reason=reason,
        time_ns=time_ns,
    )


def after(*reports: OrderReport, order: Order = ORDER) -> Order:
    return reduce(advance, reports, order)


TRACE = (
    report("open", 0, time_ns=1),
    report("open", 3, time_ns=2),
    report("open", 4, time_ns=3),
    report("open", 9, time_ns=4),
    report("unknown", 0, venue_order_id="", reason="no answer"),
    report("cancelled", 9, reason="asked for", time_ns=5),
)


@st.composite
def traces(draw: st.DrawFn) -> list[OrderReport]:
    """What a venue tells of one order in its life, and what we may conclude meanwhile."""
    if draw(st.booleans()):
        trace = [report("rejected", reason="post-only would take", time_ns=1)]
    else:
        fills = sorted(draw(st.sets(st.integers(1, 9), max_size=4)))
        trace = [report("open", filled, time_ns=n) for n, filled in enumerate([0, *fills], start=1)]
        ends: list[OrderStatus] = ["open", "filled", "cancelled", "expired"]
        end = draw(st.sampled_from(ends))
        filled = 10 if end == "filled" else int(trace[-1].filled)
        trace.append(report(end, filled, reason=f"{end} it", time_ns=9))
    local = draw(st.lists(st.sampled_from(LOCAL), max_size=2))
    return trace + [report(status, venue_order_id="", reason=status) for status in local]


anything = st.builds(
    report,
    st.sampled_from(STATUSES),
    st.integers(0, 12),
    venue_order_id=st.sampled_from(["", "17", "18"]),
    reason=st.sampled_from(["", "a", "b"]),
    time_ns=st.integers(0, 3),
)


def test_every_order_of_a_trace_of_six_reports_ends_in_the_same_state() -> None:
    ends = {after(*ordered) for ordered in permutations(TRACE)}

    assert ends == {
        replace(ORDER, status="cancelled", filled=Decimal(9), venue_order_id="17", reason="asked for", time_ns=5)
    }


@given(st.data())
def test_reports_in_any_order_and_any_number_lead_to_the_same_state(data: st.DataObject) -> None:
    trace = data.draw(traces())
    doubled = trace + data.draw(st.lists(st.sampled_from(trace)))

    assert after(*data.draw(st.permutations(doubled))) == after(*trace)


@given(st.lists(anything, max_size=6), st.randoms())
def test_even_reports_that_contradict_each_other_lead_to_one_state(reports: list[OrderReport], random: object) -> None:
    assert after(*reversed(reports)) == after(*reports, *reports) == after(*reports)


@given(st.lists(anything, max_size=8))
def test_rank_cumulative_fill_and_time_never_decrease(reports: list[OrderReport]) -> None:
    order = ORDER
    for each in reports:
        before, order = order, advance(order, each)
        assert RANK[before.status] <= RANK[order.status]
        assert before.filled <= order.filled
        assert before.time_ns <= order.time_ns


@given(st.data())
def test_lost_reports_leave_the_join_of_the_others(data: st.DataObject) -> None:
    trace = data.draw(traces())
    seen = data.draw(st.lists(st.sampled_from(trace), unique=True))

    order = after(*seen)

    assert order.filled == max([each.filled for each in seen], default=0)
    assert RANK[order.status] == max([RANK[each.status] for each in seen], default=0)
    assert after(*seen, *trace) == after(*trace)


@given(traces())
def test_the_truth_that_a_venue_tells_contradicts_nothing(trace: list[OrderReport]) -> None:
    order, told = ORDER, [each for each in trace if each.status != "failed"]
    for each in told:
        assert contradiction(order, each) is None
        order = advance(order, each)


@pytest.mark.parametrize("late", [report("open"), report("open", 3), report("unknown"), report("cancelled", 3)])
def test_a_late_report_after_the_last_fill_changes_nothing(late: OrderReport) -> None:
    filled = after(report("filled", 10))

    assert advance(filled, late) == filled


def test_a_cumulative_fill_of_the_whole_quantity_fills_the_order_whatever_its_status_says() -> None:
    assert after(report("open", 10)).status == "filled"
    assert after(report("cancelled", 10, reason="late")) == after(report("filled", 10))
    assert after(report("open", 9)).status == "open"


def test_the_reason_belongs_to_the_status() -> None:
    cancelled = after(report("unknown", reason="no answer"), report("cancelled", 2, reason="asked for"))

    assert cancelled.reason == "asked for"
    assert after(report("unknown", reason="no answer"), report("open")).reason == ""
    assert after(report("filled", 10, reason="at last")).reason == "at last"


def test_an_order_that_the_venue_shows_is_alive_whatever_had_been_proven() -> None:
    assert after(report("failed"), report("open")).status == "open"


def test_an_order_remains_what_it_can_still_fill() -> None:
    assert after(report("unknown", 3)).remaining == 7
    assert after(report("cancelled", 3)).remaining == 0


def test_remaining_quantities_are_exact_whatever_the_ambient_precision() -> None:
    with localcontext(prec=3):
        order = after(OrderReport(client_order_id="1", status="open", filled=Decimal("0.00000001")))
        assert order.remaining == Decimal("9.99999999")


def test_an_order_is_final_where_nothing_more_is_expected() -> None:
    assert {status for status in STATUSES if replace(ORDER, status=status).is_final} == FINAL
    assert set(RANK) == set(STATUSES)


def test_an_update_tells_all_that_is_known() -> None:
    assert ORDER.update() == OrderUpdate(
        strategy="bidder",
        venue="venue",
        symbol="BTC/USDT",
        client_order_id="1",
        status="pending",
        side="buy",
        quantity=Decimal(10),
        price=Decimal(100),
    )


def test_only_status_fill_and_venue_order_id_are_news() -> None:
    order = after(report("open", 1, time_ns=1))

    assert not is_news(order, advance(order, report("open", 1, time_ns=2)))
    assert is_news(order, advance(order, report("open", 2)))
    assert is_news(order, advance(order, report("cancelled", 1)))
    assert is_news(after(report("open", venue_order_id="")), after(report("open")))
    assert not is_news(after(report("failed")), after(report("rejected")))
    assert is_news(after(report("failed")), after(report("open")))


@pytest.mark.parametrize(
    ("known", "told", "problem"),
    [
        (report("open"), report("open", 11), "1 filled 11 of 10"),
        (report("failed"), report("open"), "1 was failed, yet it is open, 0 filled"),
        (report("failed"), report("cancelled", 2), "1 was failed, yet it is cancelled, 2 filled"),
        (report("rejected"), report("unknown", 1), "1 was rejected, yet it is unknown, 1 filled"),
        (report("open", 1), report("failed"), "1 has filled 1, yet it is failed"),
        (report("open", 1), report("rejected"), "1 has filled 1, yet it is rejected"),
        (report("open"), report("open", venue_order_id="18"), "1 is two orders at the venue: 17 and 18"),
    ],
)
def test_what_cannot_be_true_together_is_named(known: OrderReport, told: OrderReport, problem: str) -> None:
    assert contradiction(after(known), told) == problem


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (report("unknown"), report("failed", venue_order_id="")),
        (report("failed"), report("failed")),
        (report("failed"), report("unknown")),
        (report("failed"), report("rejected")),
        (report("rejected"), report("rejected")),
        (report("open"), report("rejected")),
        (report("open", 10), report("filled", 10)),
        (report("cancelled", 2), report("open")),
        (report("open", venue_order_id=""), report("open")),
    ],
)
def test_what_can_be_true_together_is_no_contradiction(known: OrderReport, told: OrderReport) -> None:
    assert contradiction(after(known), told) is None


DECIDED = report("cancelled", 3, reason="decided by alice: their support says so")


@pytest.mark.parametrize(
    ("known", "told", "status", "filled"),
    [
        (report("rejected"), report("open"), "open", 0),
        (report("failed", reason=DECIDED.reason), report("open", 2), "open", 2),
        (DECIDED, report("open"), "open", 0),
        (DECIDED, report("open", 2), "open", 2),
        (report("filled", 10, reason=DECIDED.reason), report("open", 2), "open", 2),
    ],
)
def test_what_the_venue_shows_as_open_lives_whatever_others_said(
    known: OrderReport, told: OrderReport, status: str, filled: int
) -> None:
    order = after(known, told)
    assert order.status == status
    assert order.filled == filled
    assert contradiction(after(known), told) == f"1 was {known.status}, yet it is open, {filled} filled"
    assert is_news(after(known), order)


@pytest.mark.parametrize("known", [report("cancelled"), report("expired"), report("filled", 10)])
def test_a_late_report_does_not_bring_to_life_what_the_venue_has_said_is_over(known: OrderReport) -> None:
    assert after(known, report("open")).status == known.status


@pytest.mark.parametrize("told", [report("cancelled"), report("unknown"), report("rejected")])
def test_nor_is_a_decision_undone_by_what_shows_no_life(told: OrderReport) -> None:
    assert after(DECIDED, told).status == "cancelled"


def test_a_replacement_of_an_order_that_is_not_known_asks_for_none() -> None:
    action = ReplaceOrder(client_order_id="old", new_client_order_id="new", quantity=Decimal(1), price=Decimal(1))

    with pytest.raises(NotSent, match="new is to replace an order that is not known"):
        intended(action)
