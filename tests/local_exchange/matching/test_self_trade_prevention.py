"""The scenarios of Binance's page on self-trade prevention, with whole numbers, and what else its rules mean."""

import pytest

from bowstring.local_exchange.matching.accounts import Order
from bowstring.local_exchange.matching.orders import Prevented
from bowstring.local_exchange.matching.record import Report
from bowstring.local_exchange.matching.rules import UNIT
from tests.local_exchange.matching.desk import Desk, amounts


def three_bids(desk: Desk) -> list[Order]:
    return [desk.buy(desk.a, quantity, price, stp="NONE") for quantity, price in ((2, 12), (3, 11), (8, 10))]


def prevented(desk: Desk) -> list[tuple[int, int, Prevented]]:
    """(order, cumulative prevented quantity) with each match that was prevented."""
    changes = desk.exchange.take().changes
    return [(one.order.id, one.executed, one.prevented) for one in changes if isinstance(one, Report) and one.prevented]


def test_none_lets_the_trade_happen() -> None:
    desk = Desk()
    maker = desk.buy(desk.a, 1, 1, stp="NONE")

    assert desk.sell(desk.a, 1, 1, stp="NONE").status == maker.status == "FILLED"


def test_expire_maker_ends_every_order_that_the_taker_meets_and_the_taker_rests() -> None:
    desk = Desk()
    makers = three_bids(desk)

    taker = desk.sell(desk.a, 3, 10, stp="EXPIRE_MAKER")

    assert [(one.status, amounts(one)) for one in makers] == [
        ("EXPIRED_IN_MATCH", {"prevented": 2}),
        ("EXPIRED_IN_MATCH", {"prevented": 3}),
        ("EXPIRED_IN_MATCH", {"prevented": 8}),
    ]
    assert (taker.status, amounts(taker), taker.prevented_match_id) == ("NEW", {"left": 3}, None)
    assert [(match.price // UNIT, match.quantity // UNIT, match.other_order_id) for _, _, match in prevented(desk)] == [
        (12, 2, taker.id),
        (11, 3, taker.id),
        (10, 8, taker.id),
    ]
    assert (desk.levels(is_bid=True), desk.levels(is_bid=False)) == ([], [(10, 3)])


def test_expire_taker_ends_the_taker_and_leaves_the_book_alone() -> None:
    desk = Desk()
    makers = three_bids(desk)

    taker = desk.sell(desk.a, 3, 10, stp="EXPIRE_TAKER")

    assert [one.status for one in makers] == ["NEW"] * 3
    assert (taker.status, amounts(taker)) == ("EXPIRED_IN_MATCH", {"prevented": 3})
    assert [(order, match.quantity // UNIT) for order, _, match in prevented(desk)] == [(taker.id, 3)]


def test_expire_both_ends_both_with_all_that_was_left_of_them() -> None:
    desk = Desk()
    maker = desk.buy(desk.a, 1, 10, stp="NONE")

    taker = desk.sell(desk.a, 3, 10, stp="EXPIRE_BOTH")

    assert (maker.status, amounts(maker)) == ("EXPIRED_IN_MATCH", {"prevented": 1})
    assert (taker.status, amounts(taker)) == ("EXPIRED_IN_MATCH", {"prevented": 3})
    assert maker.prevented_match_id == taker.prevented_match_id


def test_the_mode_of_the_taker_decides() -> None:
    desk = Desk()
    maker = desk.buy(desk.a, 1, 10, stp="EXPIRE_MAKER")

    assert desk.sell(desk.a, 1, 10, stp="EXPIRE_TAKER").status == "EXPIRED_IN_MATCH"
    assert maker.status == "NEW"


def test_a_market_order_that_finds_only_its_own_account_expires_for_want_of_liquidity() -> None:
    desk = Desk()
    maker = desk.buy(desk.a, 1, 10)

    taker = desk.sell(desk.a, 1, stp="EXPIRE_MAKER")

    assert (maker.status, taker.status) == ("EXPIRED_IN_MATCH", "EXPIRED")
    assert (taker.expiry_reason, taker.prevented) == ("INSUFFICIENT_LIQUIDITY", 0)


@pytest.mark.parametrize("mode", ["DECREMENT", "TRANSFER"])
def test_decrement_takes_the_same_quantity_from_both_and_ends_the_smaller(mode: str) -> None:
    desk = Desk()
    maker = desk.buy(desk.a, 6, 20)

    taker = desk.sell(desk.a, 2, 20, stp=mode)

    assert (maker.status, amounts(maker)) == ("NEW", {"prevented": 2, "left": 4})
    assert (taker.status, amounts(taker)) == ("EXPIRED_IN_MATCH", {"prevented": 2})
    assert maker.prevented_match_id == taker.prevented_match_id is not None
    assert desk.funds(desk.a) == {"BTC": (1000, 0), "ETH": (1000, 0), "USDT": (1_000_000 - 80, 80)}
    assert desk.levels(is_bid=True) == [(20, 4)]


def test_decrement_ends_both_when_they_are_equal() -> None:
    desk = Desk()
    maker, taker = desk.buy(desk.a, 2, 20), desk.sell(desk.a, 2, 20, stp="DECREMENT")

    assert [maker.status, taker.status] == ["EXPIRED_IN_MATCH"] * 2


def test_a_decremented_taker_goes_on_to_trade_with_others() -> None:
    desk = Desk()
    desk.buy(desk.a, 1, 20)
    desk.buy(desk.b, 5, 20)

    taker = desk.sell(desk.a, 3, 20, stp="DECREMENT")

    assert (taker.status, amounts(taker)) == ("FILLED", {"executed": 2, "prevented": 1})
    assert desk.trades() == [(20, 2)]


def test_the_prevented_quantity_adds_up_over_the_life_of_an_order() -> None:
    desk = Desk()
    maker = desk.buy(desk.a, 6, 20)
    desk.sell(desk.a, 2, 20, stp="DECREMENT")
    desk.sell(desk.b, 1, 20)
    desk.exchange.take()

    desk.sell(desk.a, 1, 20, stp="DECREMENT")

    assert amounts(maker) == {"executed": 1, "prevented": 3, "left": 2}
    assert [
        (match.quantity // UNIT, match.total // UNIT) for order, _, match in prevented(desk) if order == maker.id
    ] == [(1, 3)]


def test_what_a_taker_traded_before_it_met_its_own_order_stands() -> None:
    desk = Desk()
    desk.buy(desk.b, 1, 21)
    desk.buy(desk.a, 1, 20)

    taker = desk.sell(desk.a, 3, 20, stp="EXPIRE_TAKER")

    assert (taker.status, amounts(taker)) == ("EXPIRED_IN_MATCH", {"executed": 1, "prevented": 2})


@pytest.mark.parametrize(
    ("mode", "done"),
    [
        ("EXPIRE_MAKER", {"executed": 5}),
        ("EXPIRE_TAKER", {"prevented": 5}),
        ("EXPIRE_BOTH", {"prevented": 5}),
        ("DECREMENT", {"executed": 3, "prevented": 2}),
    ],
)
def test_an_order_for_an_amount_of_money_obeys_the_mode_too(mode: str, done: dict[str, float]) -> None:
    desk = Desk()
    desk.sell(desk.b, 2, 100)
    desk.sell(desk.a, 9, 100)

    order = desk.buy(desk.b, quote=500, stp=mode)

    assert amounts(order) == done
    assert desk.funds(desk.b)["USDT"] == (1_000_000 - 100 * done.get("executed", 0), 0)
