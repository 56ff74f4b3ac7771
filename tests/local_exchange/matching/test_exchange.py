"""Commands of an account: cancels, cancel-replace, client order ids, stops, and what is told of each."""

import pytest

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.matching.accounts import Order
from bowstring.local_exchange.matching.exchange import Cancel, Replaced
from bowstring.local_exchange.matching.orders import NewOrder, Refused
from bowstring.local_exchange.matching.record import Report
from bowstring.local_exchange.matching.rules import UNIT
from tests.local_exchange.matching.desk import START_US, Desk, amounts, refusal, rules, units


def replace(desk: Desk, order_id: int, new: NewOrder, *, stop_on_failure: bool = True) -> Replaced:
    cancel = Cancel(symbol="BTCUSDT", new_client_order_id="cancel", order_id=order_id)
    return desk.exchange.replace(desk.a, cancel, new, stop_on_failure=stop_on_failure)


def test_a_cancelled_order_leaves_the_book_and_cannot_be_cancelled_again() -> None:
    desk = Desk()
    order = desk.buy(desk.a, 3, 100)
    desk.sell(desk.b, 1, 100)

    desk.cancel(order)

    assert (order.status, amounts(order), desk.levels(is_bid=True)) == ("CANCELED", {"executed": 1, "left": 2}, [])
    assert refusal(lambda: desk.cancel(order)) == (-2011, "Unknown order sent.")


def test_a_cancel_is_told_under_its_own_client_order_id_and_the_orders() -> None:
    desk = Desk()
    order = desk.buy(desk.a, 1, 100, client_id="mine")
    desk.exchange.take()

    desk.cancel(order)

    (report,) = desk.exchange.take().changes
    assert isinstance(report, Report)
    assert (report.change, report.client_order_id, report.original) == ("CANCELED", "cancel", "mine")


def test_an_order_is_cancelled_by_its_client_order_id() -> None:
    desk = Desk()
    order = desk.buy(desk.a, 1, 100, client_id="mine")

    desk.exchange.cancel(desk.a, Cancel(symbol="BTCUSDT", new_client_order_id="c", client_order_id="mine"))

    assert order.status == "CANCELED"


def test_both_ids_must_be_of_one_order() -> None:
    desk = Desk()
    order = desk.buy(desk.a, 1, 100, client_id="mine")

    assert refusal(lambda: desk.cancel(order, client_order_id="other"))[0] == -2039
    assert desk.cancel(order, client_order_id="mine").status == "CANCELED"


def test_orders_of_others_and_of_other_symbols_cannot_be_cancelled() -> None:
    desk = Desk(rules(), rules("ETHUSDT"))
    order = desk.buy(desk.a, 1, 100)
    foreign = Cancel(symbol="BTCUSDT", new_client_order_id="c", order_id=order.id)
    elsewhere = Cancel(symbol="ETHUSDT", new_client_order_id="c", order_id=order.id)

    assert refusal(lambda: desk.exchange.cancel(desk.b, foreign)) == (-2011, "Unknown order sent.")
    assert refusal(lambda: desk.exchange.cancel(desk.a, elsewhere)) == (-2011, "Unknown order sent.")
    assert order.is_open


@pytest.mark.parametrize(("restriction", "fills"), [("ONLY_NEW", 1), ("ONLY_PARTIALLY_FILLED", 0)])
def test_a_restricted_cancel_asks_for_the_status(restriction: str, fills: int) -> None:
    desk = Desk()
    order, other = desk.buy(desk.a, 3, 100), desk.buy(desk.a, 3, 90)
    desk.sell(desk.b, 1, 100)
    orders = [other, order]

    assert refusal(lambda: desk.cancel(orders[fills], restriction=restriction)) == (
        -2011,
        "Order was not canceled due to cancel restrictions.",
    )
    assert desk.cancel(orders[1 - fills], restriction=restriction).status == "CANCELED"


def test_all_open_orders_of_a_symbol_are_cancelled_and_no_others() -> None:
    desk = Desk(rules(), rules("ETHUSDT"))
    here = [desk.buy(desk.a, 1, 100), desk.sell(desk.a, 1, 200)]
    others = [desk.buy(desk.b, 1, 100), desk.buy(desk.a, 1, 100, symbol="ETHUSDT")]

    cancelled = desk.exchange.cancel_all(desk.a, "BTCUSDT", new_client_order_id=lambda: "all")

    assert cancelled == here
    assert [order.status for order in here + others] == ["CANCELED", "CANCELED", "NEW", "NEW"]
    assert refusal(lambda: desk.exchange.cancel_all(desk.a, "BTCUSDT", new_client_order_id=str))[0] == -2011


def test_a_client_order_id_is_free_again_when_its_order_has_ended() -> None:
    desk = Desk()
    first = desk.buy(desk.a, 1, 100, client_id="mine")

    assert refusal(lambda: desk.buy(desk.a, 1, 99, client_id="mine")) == (-2010, "Duplicate order sent.")
    assert desk.buy(desk.b, 1, 99, client_id="mine").is_open
    desk.cancel(first)
    second = desk.buy(desk.a, 1, 99, client_id="mine")
    assert desk.a.find("BTCUSDT", client_order_id="mine") is second
    desk.cancel(second)
    assert desk.a.find("BTCUSDT", client_order_id="mine") is second
    assert desk.a.find("BTCUSDT", order_id=first.id) is first


def test_a_replacement_takes_the_place_of_an_order_and_of_what_it_locked() -> None:
    desk = Desk()
    desk.a = desk.open("poor", USDT=100)
    old = desk.buy(desk.a, 1, 100, client_id="mine")

    done = replace(desk, old.id, desk.new("BUY", 1, 99, client_id="mine"))

    assert done.cancelled is old
    assert isinstance(done.placed, Order)
    assert (old.status, done.placed.status, desk.levels(is_bid=True)) == ("CANCELED", "NEW", [(99, 1)])
    assert desk.funds(desk.a) == {"USDT": (1, 99)}


def test_a_filter_refuses_a_replacement_before_anything_is_cancelled() -> None:
    desk = Desk()
    old = desk.buy(desk.a, 1, 100)

    code, _ = refusal(lambda: replace(desk, old.id, desk.new("BUY", 1, 99.5)))

    assert (code, old.status) == (-1013, "NEW")


def test_without_its_cancel_a_replacement_is_not_attempted() -> None:
    done = replace(desk := Desk(), 77, desk.new("BUY", 1, 99))

    assert isinstance(done.cancelled, Refused)
    assert (done.cancelled.code, done.placed, desk.a.open) == (-2011, None, {})


def test_a_replacement_is_placed_without_its_cancel_where_that_is_allowed() -> None:
    desk = Desk()

    done = replace(desk, 77, desk.new("BUY", 1, 99), stop_on_failure=False)

    assert isinstance(done.cancelled, Refused)
    assert isinstance(done.placed, Order)
    assert done.placed.is_open


@pytest.mark.parametrize("stop_on_failure", [True, False])
def test_a_cancel_stands_when_its_replacement_is_refused(*, stop_on_failure: bool) -> None:
    desk = Desk()
    desk.sell(desk.b, 1, 110)
    old = desk.buy(desk.a, 1, 100)

    done = replace(desk, old.id, desk.new("BUY", 1, 110, kind="LIMIT_MAKER"), stop_on_failure=stop_on_failure)

    assert isinstance(done.placed, Refused)
    assert (done.cancelled, old.status, done.placed.code) == (old, "CANCELED", -2010)


@pytest.mark.parametrize(
    ("kind", "side", "stop", "moves", "triggered"),
    [
        ("STOP_LOSS_LIMIT", "BUY", 105, (104, 105), 105),
        ("STOP_LOSS_LIMIT", "SELL", 95, (96, 95), 95),
        ("TAKE_PROFIT_LIMIT", "SELL", 105, (104, 106), 106),
        ("TAKE_PROFIT_LIMIT", "BUY", 95, (96, 94), 94),
    ],
)
def test_a_stop_becomes_an_order_when_the_last_price_reaches_it(
    kind: str, side: str, stop: int, moves: tuple[int, ...], triggered: int
) -> None:
    desk = Desk()
    desk.trade(100)
    order = desk.place(desk.a, side, 1, 100, kind=kind, stop=stop, client_id="stop")
    assert (order.working_us, desk.levels(is_bid=side == "BUY")) == (0, [])
    desk.reports()

    waited = list[int]()
    for price in moves:
        desk.now_us += 1000
        if order.working_us == 0:
            waited.append(price)
        desk.trade(price)

    assert waited[-1] == triggered
    assert order.working_us == desk.now_us > order.time_us
    assert ("stop", "NEW", "NEW") in desk.reports()


def test_a_stop_is_told_of_twice_and_works_from_the_second_time_on() -> None:
    desk = Desk()
    desk.trade(100)
    desk.exchange.take()
    order = desk.buy(desk.a, 1, 110, kind="STOP_LOSS_LIMIT", stop=105)
    desk.trade(105)

    told = [one for one in desk.exchange.take().changes if isinstance(one, Report) and one.order is order]

    assert [(one.change, one.status, one.is_working) for one in told] == [("NEW", "NEW", False), ("NEW", "NEW", True)]


def test_what_a_stop_may_need_is_locked_while_it_waits() -> None:
    desk = Desk()
    desk.trade(100)
    buyer = desk.open("buyer", USDT=200)
    stop = desk.buy(buyer, 1, 110, kind="STOP_LOSS_LIMIT", stop=105)
    assert desk.funds(buyer) == {"USDT": (90, 110)}

    desk.cancel(stop)

    assert (desk.funds(buyer), desk.market.stops) == ({"USDT": (200, 0)}, {})


def test_no_stop_is_triggered_before_there_is_a_price() -> None:
    desk = Desk()
    stops = [
        desk.sell(desk.a, 1, 95, kind="STOP_LOSS_LIMIT", stop=95),
        desk.buy(desk.a, 1, 90, kind="TAKE_PROFIT_LIMIT", stop=95),
    ]

    desk.buy(desk.b, 1, 50)

    assert [stop.working_us for stop in stops] == [0, 0]


def test_a_stop_that_trades_triggers_the_next_one() -> None:
    desk = Desk()
    desk.trade(100)
    for price in (105, 106, 107):
        desk.sell(desk.b, 1, price)
    second = desk.buy(desk.a, 1, 107, kind="STOP_LOSS_LIMIT", stop=106)
    first = desk.buy(desk.a, 1, 106, kind="STOP_LOSS_LIMIT", stop=105)
    desk.exchange.take()

    desk.buy(desk.a, 1, 105)

    assert desk.trades() == [(105, 1), (106, 1), (107, 1)]
    assert (first.status, second.status, desk.market.stops) == ("FILLED", "FILLED", {})


def test_of_stops_that_are_triggered_together_the_oldest_is_first() -> None:
    desk = Desk()
    desk.trade(100)
    older = desk.buy(desk.a, 1, 107, kind="STOP_LOSS_LIMIT", stop=105)
    newer = desk.buy(desk.a, 1, 107, kind="STOP_LOSS_LIMIT", stop=104)
    desk.sell(desk.b, 1, 106)

    desk.trade(105)

    assert (older.status, newer.status) == ("FILLED", "NEW")


def test_a_fill_or_kill_stop_that_is_triggered_without_enough_in_the_book_expires() -> None:
    desk = Desk()
    desk.trade(100)
    stop = desk.buy(desk.a, 2, 110, kind="STOP_LOSS_LIMIT", stop=105, tif="FOK")
    desk.sell(desk.b, 1, 108)

    desk.trade(105)

    assert (stop.status, stop.expiry_reason) == ("EXPIRED", "UNFILLED_FOK_ORDER_EXPIRED")


def test_time_stands_still_when_the_clock_steps_back() -> None:
    desk = Desk()
    desk.buy(desk.a, 1, 100)
    desk.now_us -= 5_000_000

    assert desk.buy(desk.a, 1, 100).time_us == START_US


def test_the_accounts_that_may_have_changed_are_named_with_their_assets() -> None:
    desk = Desk()
    desk.sell(desk.a, 1, 100)
    assert desk.exchange.take().touched == [(desk.a, ["BTC"])]

    desk.buy(desk.b, 1, 100)

    assert {account.name: sorted(assets) for account, assets in desk.exchange.take().touched} == {
        "a": ["BTC", "USDT"],
        "b": ["BTC", "USDT"],
    }


def test_an_unknown_symbol_is_refused() -> None:
    desk = Desk()

    assert refusal(lambda: desk.buy(desk.a, 1, 1, symbol="XXXYYY")) == (-1121, "Invalid symbol.")


def test_two_accounts_have_two_names() -> None:
    with pytest.raises(ConfigError, match="two accounts 'a'"):
        Desk().open("a")


def test_checking_an_order_changes_nothing() -> None:
    desk = Desk()
    desk.sell(desk.b, 1, 100)
    desk.exchange.take()

    desk.exchange.check(desk.a, desk.new("BUY", 1, 100))

    assert desk.exchange.take().changes == []
    assert refusal(lambda: desk.exchange.check(desk.a, desk.new("BUY", 1, 0.5)))[0] == -1013


def test_an_account_remembers_its_orders_and_fills_and_a_participant_does_not() -> None:
    desk = Desk()
    participant = desk.exchange.open_account("p", balances={"USDT": units(1000)}, is_participant=True)
    order = desk.sell(desk.a, 1, 100)
    desk.buy(participant, 1, 100)

    assert [one.id for one in desk.a.orders("BTCUSDT")] == [order.id]
    assert [fill.price for fill in desk.a.fills["BTCUSDT"]] == [100 * UNIT]
    assert (list(participant.orders("BTCUSDT")), participant.fills) == ([], {})
