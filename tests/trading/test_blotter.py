"""The blotter takes each report and each fill in once, and makes positions of exact numbers."""

from collections.abc import Sequence
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bowstring.core.messages import Event
from bowstring.trading import blotter as module
from bowstring.trading.blotter import Blotter
from bowstring.trading.gateway import FillReport, OrderReport
from bowstring.trading.messages import Fill, OrderStatus, OrderUpdate, Position, ReconcileMismatch, Side
from bowstring.trading.orders import Order
from tests.trading.scripted import instrument


def order(
    client_order_id: str = "1", *, side: Side = "buy", strategy: str = "bidder", symbol: str = "BTC/USDT"
) -> Order:
    return Order(
        strategy=strategy,
        venue="venue",
        symbol=symbol,
        client_order_id=client_order_id,
        side=side,
        quantity=Decimal(10),
        price=Decimal(100),
    )


def report(status: OrderStatus, filled: str = "0", *, client_order_id: str = "1") -> OrderReport:
    return OrderReport(client_order_id=client_order_id, status=status, filled=Decimal(filled))


def execution(
    trade_id: str,
    quantity: str = "1",
    *,
    client_order_id: str = "1",
    side: Side = "buy",
    fee: str = "0",
    fee_currency: str = "USDT",
    symbol: str = "BTC/USDT",
) -> FillReport:
    return FillReport(
        symbol=symbol,
        client_order_id=client_order_id,
        trade_id=trade_id,
        side=side,
        price=Decimal(100),
        quantity=Decimal(quantity),
        fee=Decimal(fee),
        fee_currency=fee_currency,
        liquidity="maker",
        time_ns=7,
    )


def made(*orders: Order) -> Blotter:
    blotter = Blotter("venue")
    blotter.instruments = {"BTC/USDT": instrument("venue", "BTC/USDT")}
    for each in orders or (order(),):
        blotter.add(each)
    return blotter


def told(events: Sequence[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def positions(events: Sequence[Event]) -> list[Decimal]:
    return [event.quantity for event in events if isinstance(event, Position)]


def test_a_report_is_told_once() -> None:
    blotter = made()

    first = blotter.take_report(report("open"))
    again = blotter.take_report(report("open"))

    assert [(event.status, event.strategy) for event in first if isinstance(event, OrderUpdate)] == [("open", "bidder")]
    assert again == []


def test_a_finished_order_is_found_but_not_live() -> None:
    blotter = made()
    blotter.take_report(report("cancelled"))

    found = blotter.find("1")

    assert found is not None
    assert found.status == "cancelled"
    assert blotter.live == {}
    assert blotter.of("bidder") == []


def test_a_fill_is_told_before_its_position_and_its_order() -> None:
    events = made().take_fill(execution("t1", "4"))

    assert told(events) == ["Fill", "Position", "OrderUpdate"]
    assert isinstance(events[2], OrderUpdate)
    assert events[2].status == "open"
    assert events[2].filled == 4


def test_a_fill_is_taken_once_for_each_symbol_and_trade_id() -> None:
    blotter = made(order(), order("2", symbol="ETH/USDT"))

    assert blotter.take_fill(execution("t1"))
    assert blotter.take_fill(execution("t1")) == []
    assert blotter.take_fill(execution("t1"), recovered=True) == []
    assert blotter.take_fill(execution("t1", client_order_id="2", symbol="ETH/USDT"))


def test_the_cumulative_fill_is_the_greater_of_reports_and_fills() -> None:
    blotter = made()

    assert [e.filled for e in blotter.take_report(report("open", "3")) if isinstance(e, OrderUpdate)] == [3]
    assert told(blotter.take_fill(execution("t1", "1"))) == ["Fill", "Position"]
    assert [e.filled for e in blotter.take_fill(execution("t2", "4")) if isinstance(e, OrderUpdate)] == [5]


def test_fills_alone_fill_an_order() -> None:
    blotter = made()
    blotter.take_fill(execution("t1", "4"))

    (update,) = (event for event in blotter.take_fill(execution("t2", "6")) if isinstance(event, OrderUpdate))

    assert update.status == "filled"
    assert blotter.live == {}


def test_a_fill_after_the_end_of_its_order_still_counts() -> None:
    blotter = made()
    blotter.take_report(report("filled", "10"))

    assert told(blotter.take_fill(execution("t1", "10"))) == ["Fill", "Position"]


def test_foreign_orders_and_fills_tell_nothing() -> None:
    blotter = made()

    assert blotter.take_report(report("open", client_order_id="manual")) == []
    assert blotter.take_fill(execution("t1", client_order_id="manual")) == []
    assert positions(blotter.take_fill(execution("t2"))) == [1]


def test_the_position_is_each_strategys_own() -> None:
    blotter = made(order("1"), order("2", side="sell", strategy="asker"))

    assert positions(blotter.take_fill(execution("t1", "3"))) == [3]
    assert positions(blotter.take_fill(execution("t2", "2", client_order_id="2", side="sell"))) == [-2]
    assert positions(blotter.take_fill(execution("t3", "1"))) == [4]


def test_fees_in_base_lessen_the_position_and_others_do_not() -> None:
    blotter = made(order("1"), order("2", side="sell"))

    assert positions(blotter.take_fill(execution("t1", "3", fee="0.003", fee_currency="BTC"))) == [Decimal("2.997")]
    assert positions(blotter.take_fill(execution("t2", "3", fee="0.3", fee_currency="USDT"))) == [Decimal("5.997")]
    sold = execution("t3", "1", client_order_id="2", side="sell", fee="-0.001", fee_currency="BTC")
    assert positions(blotter.take_fill(sold)) == [Decimal("4.998")]


def test_of_a_symbol_that_is_not_listed_any_more_a_fee_is_taken_off_too() -> None:
    blotter = made(order(symbol="X/Y"))

    assert positions(blotter.take_fill(execution("t1", "3", symbol="X/Y", fee="1", fee_currency="X"))) == [2]


def test_a_fill_is_one_by_whatever_name_of_its_symbol_it_is_told() -> None:
    blotter = made(order())

    (fill, *_others) = blotter.take_fill(execution("t1", "3", symbol="BTCUSDT"))
    assert isinstance(fill, Fill)
    assert fill.symbol == "BTC/USDT"
    assert blotter.take_fill(execution("t1", "3")) == []


def test_a_trade_of_the_account_with_itself_has_one_id_and_two_fills() -> None:
    blotter = made(order("1"), order("2", side="sell"))

    assert positions(blotter.take_fill(execution("t1", "3", client_order_id="1"))) == [3]
    assert positions(blotter.take_fill(execution("t1", "3", client_order_id="2", side="sell"))) == [0]


def test_a_contradiction_is_told_once_however_often_the_venue_tells_the_same() -> None:
    blotter = made(order())
    one, other = (replace(report("open"), venue_order_id=id_) for id_ in ("1", "77"))
    blotter.take_report(one)

    assert told(blotter.take_report(other)) == ["ReconcileMismatch", "OrderUpdate"]
    assert blotter.take_report(one) == []
    assert blotter.take_report(other) == []


@given(st.lists(st.tuples(st.integers(1, 10**30), st.sampled_from(["buy", "sell"])), min_size=1, max_size=20))
def test_positions_are_exact_whatever_the_ambient_precision(fills: list[tuple[int, Side]]) -> None:
    unit = Decimal("1e-18")
    blotter = made(*(order(side, side=side) for side in ("buy", "sell")))
    with localcontext(prec=5):
        told = [
            blotter.take_fill(execution(f"t{n}", f"{units}e-18", client_order_id=side, side=side))
            for n, (units, side) in enumerate(fills)
        ]

    expected = sum(units if side == "buy" else -units for units, side in fills)
    with localcontext(prec=100):
        assert positions(told[-1]) == [expected * unit]


def test_a_withdrawn_order_is_failed_without_an_event() -> None:
    blotter = made()

    assert blotter.withdraw("1", reason="no line")
    assert blotter.live == {}
    found = blotter.find("1")
    assert found is not None
    assert (found.status, found.reason) == ("failed", "no line")


def test_an_order_that_the_venue_told_of_cannot_be_withdrawn() -> None:
    blotter = made()
    blotter.take_report(report("open"))

    assert not blotter.withdraw("1", reason="no line")
    assert not blotter.withdraw("never heard of", reason="no line")
    assert list(blotter.live) == ["1"]


def test_a_contradiction_is_told_first_and_the_order_that_is_shown_lives() -> None:
    blotter = made()
    blotter.withdraw("1", reason="no line")

    mismatch, update = blotter.take_report(report("open"))

    assert isinstance(mismatch, ReconcileMismatch)
    assert (mismatch.venue, mismatch.symbol) == ("venue", "BTC/USDT")
    assert isinstance(update, OrderUpdate)
    assert list(blotter.live) == ["1"]
    assert blotter.take_report(report("cancelled")) != []
    assert blotter.live == {}


def test_fills_are_to_come_for_live_orders_and_for_those_that_filled_more_than_was_told() -> None:
    blotter = made(order("1"), order("2", symbol="ETH/USDT"))
    assert blotter.symbols_with_fills_to_come() == ["BTC/USDT", "ETH/USDT"]

    blotter.take_report(report("filled", "10"))
    blotter.take_report(report("cancelled", client_order_id="2"))
    assert blotter.symbols_with_fills_to_come() == ["BTC/USDT"]

    blotter.take_fill(execution("t1", "10"))
    assert blotter.symbols_with_fills_to_come() == []


def test_what_can_be_reduced_is_the_position_less_what_is_under_way() -> None:
    blotter = made(order("1"), order("2", side="sell"), order("3", side="sell", symbol="ETH/USDT"))
    blotter.take_fill(execution("t1", "10"))

    assert blotter.reducible("bidder", "BTC/USDT", side="sell") == 0
    blotter.take_fill(execution("t2", "4", client_order_id="2", side="sell"))
    assert blotter.reducible("bidder", "BTC/USDT", side="sell") == 0
    blotter.take_report(report("cancelled", "4", client_order_id="2"))
    assert blotter.reducible("bidder", "BTC/USDT", side="sell") == 6
    assert blotter.reducible("bidder", "BTC/USDT", side="buy") == -6
    assert blotter.reducible("other", "BTC/USDT", side="sell") == 0


def test_what_has_ended_filled_cannot_be_reduced_again_before_its_fill_is_told() -> None:
    blotter = made(order("1"), order("2", side="sell"))
    blotter.take_fill(execution("t1", "10"))
    blotter.take_report(report("cancelled", "4", client_order_id="2"))
    assert blotter.reducible("bidder", "BTC/USDT", side="sell") == 6

    blotter.take_fill(execution("t2", "4", client_order_id="2", side="sell"))
    assert blotter.reducible("bidder", "BTC/USDT", side="sell") == 6


def test_old_orders_and_fills_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FINISHED_KEPT", 2)
    blotter = made(order("1"), order("2"), order("3"))
    for client_order_id in ("1", "2", "3"):
        blotter.take_fill(execution(client_order_id, "10", client_order_id=client_order_id))

    assert [blotter.find(client_order_id) is None for client_order_id in ("1", "2", "3")] == [True, False, False]
    assert blotter.take_fill(execution("1", "10", client_order_id="1")) == []
    assert blotter.take_fill(execution("3", client_order_id="3")) == []


def test_an_order_that_turned_out_to_live_is_not_forgotten_with_the_finished_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FINISHED_KEPT", 1)
    blotter = made(order("1"), order("2"), order("3"))
    blotter.withdraw("1", reason="no line")
    blotter.take_fill(execution("t1", "4"))
    for client_order_id in ("2", "3"):
        blotter.take_report(report("cancelled", client_order_id=client_order_id))

    (update,) = (event for event in blotter.take_fill(execution("t2", "4")) if isinstance(event, OrderUpdate))
    assert update.filled == 8


def test_a_recovered_fill_says_so() -> None:
    blotter = made()

    fill, *_ = blotter.take_fill(execution("t1", fee="0.5"), recovered=True)

    assert isinstance(fill, Fill)
    assert fill.recovered
    assert (fill.strategy, fill.venue, fill.fee, fill.liquidity, fill.time_ns) == (
        "bidder",
        "venue",
        Decimal("0.5"),
        "maker",
        7,
    )


@pytest.mark.parametrize(("known", "told"), [("1", "2"), ("2", "1"), ("999", "1000")])
def test_two_orders_of_one_name_are_a_mismatch_whatever_their_names(known: str, told: str) -> None:
    blotter = made(order())
    blotter.take_report(replace(report("open"), venue_order_id=known))
    events = blotter.take_report(replace(report("open"), venue_order_id=told))
    assert [type(event) for event in events if isinstance(event, ReconcileMismatch)] == [ReconcileMismatch]
