"""The bot does not trade with itself."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.trading.guards.no_self_cross import NoSelfCross
from bowstring.trading.messages import FINAL, OrderStatus, Side
from tests.trading.guards.told import fill, judged, place, replace, tell, update, verdicts


@pytest.mark.parametrize(("price", "passes"), [("99.99", True), ("100", False), ("100.01", False)])
def test_a_buyer_stays_below_the_bots_own_sellers(price: str, passes: bool) -> None:
    guard = NoSelfCross()
    judged(guard, place(side="sell", price=100))

    assert (judged(guard, place(price=price, client_order_id="2")) is None) is passes


@pytest.mark.parametrize(("price", "passes"), [("100.01", True), ("100", False), ("99.99", False)])
def test_a_seller_stays_above_the_bots_own_buyers(price: str, passes: bool) -> None:
    guard = NoSelfCross()
    judged(guard, place(side="buy", price=100))

    assert (judged(guard, place(side="sell", price=price, client_order_id="2")) is None) is passes


def test_the_reason_names_the_order_and_whose_it_is() -> None:
    guard = NoSelfCross()
    judged(guard, place(side="sell", price="100.5", strategy="maker", client_order_id="7"))

    own = "7, which maker has to sell at 100.5"
    assert judged(guard, place(price=101)) == f"to buy at 101 could trade with the bot's own {own}"


def test_a_replacement_must_not_cross_and_is_there_besides_the_old_one() -> None:
    guard = NoSelfCross()
    judged(guard, place(side="sell", price=100, client_order_id="old"))
    assert judged(guard, replace(price=100, new_client_order_id="new")) is not None
    assert judged(guard, replace(price=105, side="sell", new_client_order_id="new")) is None

    assert verdicts(guard, [place(price=100, client_order_id="3"), place(price=99, client_order_id="4")]) == [
        False,
        True,
    ]


def test_what_reduces_is_held_to_it_too() -> None:
    guard = NoSelfCross()
    judged(guard, place(side="sell", price=100))

    assert judged(guard, place(price=100, client_order_id="2", reduces=True)) is not None


def test_other_venues_and_symbols_are_other_books() -> None:
    guard = NoSelfCross()
    judged(guard, place(side="sell", price=100))

    orders = [place(price=200, venue="other"), place(price=200, symbol="ETH/USDT", client_order_id="2")]
    assert verdicts(guard, orders) == [True, True]


@pytest.mark.parametrize(
    "status", ["pending", "unknown", "open", "failed", "refused", "rejected", "expired", "cancelled"]
)
def test_an_order_is_in_the_way_until_it_has_ended(status: OrderStatus) -> None:
    guard = NoSelfCross()
    judged(guard, place(side="sell", price=100))
    tell(guard, update(status, side="sell"))

    assert (judged(guard, place(price=100, client_order_id="2")) is None) is (status in FINAL)


def test_a_cancelled_order_whose_fill_is_to_be_told_is_not_in_the_way() -> None:
    guard = NoSelfCross()
    judged(guard, place(2, side="sell", price=100))
    tell(guard, update("cancelled", side="sell", quantity=2, filled=1))

    assert judged(guard, place(price=100, client_order_id="2")) is None


def test_an_order_of_before_a_restart_is_in_the_way() -> None:
    guard = NoSelfCross()
    tell(guard, update("unknown", side="sell", price=100))

    assert judged(guard, place(price=100, client_order_id="2")) is not None


@given(st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 20), st.booleans()), max_size=40))
def test_no_two_orders_that_live_ever_cross_and_none_is_refused_without_need(
    story: list[tuple[Side, int, bool]],
) -> None:
    guard = NoSelfCross()
    live: dict[str, tuple[Side, int]] = {}
    for number, (side, price, ends_one) in enumerate(story):
        passes = judged(guard, place(side=side, price=price, client_order_id=str(number))) is None

        crosses = [
            other
            for other_side, other in live.values()
            if other_side != side and (other <= price if side == "buy" else other >= price)
        ]
        assert passes is not bool(crosses)
        if passes:
            live[str(number)] = side, price
        if ends_one and live:
            name, (ended_side, ended_price) = live.popitem()
            tell(guard, fill(side=ended_side, price=ended_price, client_order_id=name))
            tell(guard, update("filled", side=ended_side, price=ended_price, filled=1, client_order_id=name))


def test_an_order_that_is_refused_is_not_in_the_way() -> None:
    guard = NoSelfCross()
    judged(guard, place(side="sell", price=100, client_order_id="1"))
    judged(guard, place(side="buy", price=100, client_order_id="2"))

    assert judged(guard, place(side="sell", price=100, client_order_id="3", quantity=Decimal(1))) is None
