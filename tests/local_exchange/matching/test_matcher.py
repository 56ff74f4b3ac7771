"""Which orders trade, at which price, and what becomes of the rest."""

import pytest

from bowstring.local_exchange.matching.record import Report
from bowstring.local_exchange.matching.rules import UNIT
from tests.local_exchange.matching.desk import Desk, amounts, rules


def test_the_best_price_trades_first_and_at_one_price_the_oldest() -> None:
    desk = Desk()
    for name, price in (("x", 102), ("y", 101), ("z", 101), ("w", 103)):
        desk.sell(desk.a, 1, price, client_id=name)
    desk.reports()

    desk.buy(desk.b, 3, 102, client_id="taker")

    assert [name for name, change, _ in desk.reports() if change == "TRADE" and name != "taker"] == ["y", "z", "x"]
    assert desk.levels(is_bid=False) == [(103, 1)]


def test_trades_are_at_the_makers_price_and_the_rest_of_a_limit_order_rests() -> None:
    desk = Desk()
    desk.sell(desk.a, 1, 100)

    order = desk.buy(desk.b, 3, 105)

    assert desk.trades() == [(100, 1)]
    assert (order.status, amounts(order)) == ("PARTIALLY_FILLED", {"executed": 1, "left": 2})
    assert desk.levels(is_bid=True) == [(105, 2)]


def test_an_order_that_trades_partly_keeps_its_place() -> None:
    desk = Desk()
    first, second = desk.sell(desk.a, 2, 100), desk.sell(desk.a, 2, 100)

    desk.buy(desk.b, 1, 100)
    desk.buy(desk.b, 1, 100)

    assert (first.status, second.status) == ("FILLED", "NEW")


def test_every_fill_is_a_public_trade_and_one_report_a_side_with_its_fee() -> None:
    desk = Desk(maker_fee=UNIT // 1000, taker_fee=UNIT // 100)
    desk.sell(desk.a, 1, 100, client_id="maker")
    desk.exchange.take()

    desk.buy(desk.b, 1, 100, client_id="taker")

    placed, trade, *fills = desk.exchange.take().changes
    assert isinstance(placed, Report)
    assert (placed.change, placed.status, placed.is_working) == ("NEW", "NEW", True)
    assert trade is desk.market.trades[-1]
    assert [
        (one.client_order_id, one.fill.fee, one.fill.fee_asset, one.fill.is_maker, one.fill.is_buyer)
        for one in fills
        if isinstance(one, Report) and one.fill
    ] == [("maker", UNIT // 10, "USDT", True, False), ("taker", UNIT // 100, "BTC", False, True)]
    assert desk.exchange.fees == {"USDT": UNIT // 10, "BTC": UNIT // 100}


def test_a_buyer_who_pays_less_than_his_limit_gets_the_difference_back() -> None:
    desk = Desk()
    poor = desk.open("poor", USDT=210)
    desk.sell(desk.a, 1, 100)

    desk.buy(poor, 2, 105)

    assert desk.funds(poor) == {"BTC": (1, 0), "USDT": (5, 105)}


def test_what_an_order_may_need_is_locked_until_it_ends() -> None:
    desk = Desk()
    buyer, seller = desk.open("buyer", USDT=100), desk.open("seller", BTC=3)

    bid, ask = desk.buy(buyer, 1, 90), desk.sell(seller, 2, 110)

    assert (desk.funds(buyer), desk.funds(seller)) == ({"USDT": (10, 90)}, {"BTC": (1, 2)})
    desk.cancel(bid)
    desk.cancel(ask)
    assert (desk.funds(buyer), desk.funds(seller)) == ({"USDT": (100, 0)}, {"BTC": (3, 0)})


@pytest.mark.parametrize(("tif", "reason"), [("IOC", "UNFILLED_IOC_QUANTITY_EXPIRED")])
def test_what_an_immediate_or_cancel_order_does_not_get_expires(tif: str, reason: str) -> None:
    desk = Desk()
    desk.sell(desk.a, 1, 100)
    desk.reports()

    order = desk.buy(desk.b, 3, 100, tif=tif, client_id="ioc")

    own = [(change, status) for name, change, status in desk.reports() if name == "ioc"]
    assert own == [("NEW", "NEW"), ("TRADE", "PARTIALLY_FILLED"), ("EXPIRED", "EXPIRED")]
    assert (order.expiry_reason, amounts(order)) == (reason, {"executed": 1, "left": 2})
    assert desk.levels(is_bid=True) == []


def test_a_fill_or_kill_order_that_cannot_trade_in_full_trades_nothing() -> None:
    desk = Desk()
    desk.sell(desk.a, 2, 100)
    desk.sell(desk.a, 1, 102)

    killed = desk.buy(desk.b, 3, 101, tif="FOK")

    assert (killed.status, killed.expiry_reason) == ("EXPIRED", "UNFILLED_FOK_ORDER_EXPIRED")
    assert (amounts(killed), desk.trades()) == ({"left": 3}, [])
    assert desk.levels(is_bid=False) == [(100, 2), (102, 1)]


def test_a_fill_or_kill_order_that_can_trade_in_full_does() -> None:
    desk = Desk()
    desk.sell(desk.a, 2, 100)
    desk.sell(desk.a, 1, 102)

    assert desk.buy(desk.b, 3, 102, tif="FOK").status == "FILLED"
    assert desk.trades() == [(100, 2), (102, 1)]


@pytest.mark.parametrize("mode", ["EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "DECREMENT"])
def test_a_fill_or_kill_order_is_not_filled_by_what_its_account_has_in_the_book(mode: str) -> None:
    desk = Desk()
    own, other = desk.sell(desk.b, 1, 100), desk.sell(desk.a, 2, 100)

    killed = desk.buy(desk.b, 3, 100, tif="FOK", stp=mode)

    assert (killed.status, own.status, other.status) == ("EXPIRED", "NEW", "NEW")


def test_a_market_order_takes_what_there_is_and_the_rest_expires() -> None:
    desk = Desk()
    desk.sell(desk.a, 1, 100)
    desk.sell(desk.a, 1, 200)

    order = desk.buy(desk.b, 5)

    assert desk.trades() == [(100, 1), (200, 1)]
    assert (order.status, order.expiry_reason) == ("EXPIRED", "INSUFFICIENT_LIQUIDITY")
    assert amounts(order) == {"executed": 2, "left": 3}
    assert desk.funds(desk.b)["USDT"] == (1_000_000 - 300, 0)


def test_a_market_order_into_an_empty_book_expires() -> None:
    assert Desk().buy(Desk().b, 1).status == "EXPIRED"


def test_a_market_order_for_an_amount_of_money_buys_whole_lots_of_it() -> None:
    desk = Desk()
    desk.sell(desk.a, 1, 100)
    desk.sell(desk.a, 5, 150)

    order = desk.buy(desk.b, quote=449)

    assert (order.status, amounts(order)) == ("FILLED", {"executed": 3})
    assert order.quote_executed == 400 * UNIT
    assert desk.funds(desk.b)["USDT"] == (1_000_000 - 400, 0)


def test_a_market_order_for_an_amount_of_money_sells_whole_lots_for_it() -> None:
    desk = Desk()
    desk.buy(desk.a, 1, 150)
    desk.buy(desk.a, 5, 100)

    order = desk.sell(desk.b, quote=449)

    assert (order.status, amounts(order), order.quote_executed) == ("FILLED", {"executed": 3}, 350 * UNIT)
    assert desk.funds(desk.b)["BTC"] == (1000 - 3, 0)


def test_what_the_book_cannot_give_for_an_amount_of_money_expires() -> None:
    desk = Desk()
    desk.sell(desk.a, 1, 100)

    order = desk.buy(desk.b, quote=500)

    assert (order.status, amounts(order)) == ("EXPIRED", {"executed": 1, "left": 4})


def test_a_limit_maker_rests() -> None:
    desk = Desk()
    desk.sell(desk.a, 1, 101)

    assert desk.buy(desk.b, 1, 100, kind="LIMIT_MAKER").status == "NEW"
    assert desk.levels(is_bid=True) == [(100, 1)]


def test_an_account_may_trade_with_itself_where_it_does_not_prevent_that() -> None:
    desk = Desk(maker_fee=UNIT // 100, taker_fee=UNIT // 100)
    maker = desk.sell(desk.a, 1, 100)

    taker = desk.buy(desk.a, 1, 100, stp="NONE")

    assert (maker.status, taker.status) == ("FILLED", "FILLED")
    assert desk.funds(desk.a)["BTC"] == (1000 - 0.01, 0)
    assert desk.funds(desk.a)["USDT"] == (1_000_000 - 1, 0)


def test_fees_are_rounded_down() -> None:
    desk = Desk(rules(lot=1, min_quantity=1), maker_fee=UNIT // 2, taker_fee=UNIT // 2)
    desk.sell(desk.a, 0.00000003, 1)

    desk.buy(desk.b, 0.00000003, 1)

    assert desk.exchange.fees == {"USDT": 1, "BTC": 1}


def test_each_account_pays_its_own_rates() -> None:
    desk = Desk()
    funds = {"BTC": 10 * UNIT, "USDT": 1000 * UNIT}
    maker = desk.exchange.open_account("maker", balances=funds, maker_fee=UNIT // 100, taker_fee=UNIT // 50)
    taker = desk.exchange.open_account("taker", balances=funds, maker_fee=UNIT // 25, taker_fee=UNIT // 20)
    desk.sell(maker, 1, 100)

    desk.buy(taker, 1, 100)

    assert desk.exchange.fees == {"USDT": UNIT, "BTC": UNIT // 20}
