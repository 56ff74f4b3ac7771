from decimal import Decimal

import bowstring as bs
from bowstring.demo.bots import Bidder, Maker
from bowstring.testing import position, quote, react

TOUCH = quote("BTC/USDT", bid=99, ask=101)


def test_the_bidder_bids_at_the_touch_and_stops_at_its_limit() -> None:
    bidder = Bidder("BTC/USDT", size=Decimal(1), max_position=Decimal(2))

    assert [order.price for order in react(bidder, TOUCH, expect=bs.PlaceOrder)] == [Decimal(99)]
    assert react(bidder, position("BTC/USDT", 2), TOUCH) == []


def test_the_maker_quotes_both_sides_and_never_takes() -> None:
    maker = Maker("BTC/USDT", size=Decimal(1), patience=Decimal(1))

    orders = react(maker, TOUCH, expect=bs.PlaceOrder)

    assert [(order.side, order.price) for order in orders] == [("buy", Decimal(99)), ("sell", Decimal(101))]
    assert all(order.post_only for order in orders)
