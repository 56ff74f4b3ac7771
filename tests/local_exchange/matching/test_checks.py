"""Each limit, one step below it, at it, and one step above it; and what an account cannot pay."""

from functools import partial

import pytest

from bowstring.local_exchange.matching.accounts import Order
from bowstring.local_exchange.matching.rules import UNIT
from tests.local_exchange.matching.desk import Desk, refusal, rules, units

POOR = "Account has insufficient balance for requested action."


def holds(desk: Desk, broken: str | None, *, quantity: float = 1, price: float = 0) -> None:
    """An order is accepted, or refused for that filter and has changed nothing."""
    before = desk.funds(desk.a)
    desk.exchange.take()
    if broken is None:
        assert isinstance(desk.buy(desk.a, quantity, price), Order)
    else:
        assert refusal(lambda: desk.buy(desk.a, quantity, price)) == (-1013, f"Filter failure: {broken}")
        assert (desk.funds(desk.a), desk.a.open, desk.exchange.take().changes) == (before, {}, [])


@pytest.mark.parametrize(
    ("price", "broken"),
    [
        (9, "PRICE_FILTER"), (10, None), (11, None), (19, None), (20, None), (21, "PRICE_FILTER"),
        (10.5, "PRICE_FILTER"), (10.00000001, "PRICE_FILTER"), (9.99999999, "PRICE_FILTER"),
    ],
)  # fmt: skip
def test_prices_have_a_range_and_a_step(price: float, broken: str | None) -> None:
    desk = Desk(rules(min_price=units(10), max_price=units(20)))

    holds(desk, broken, price=price)


@pytest.mark.parametrize(
    ("quantity", "broken"),
    [(1, "LOT_SIZE"), (2, None), (2.5, "LOT_SIZE"), (3, None), (4, None), (5, "LOT_SIZE"), (0, "LOT_SIZE")],
)
def test_quantities_have_a_range_and_a_step(quantity: float, broken: str | None) -> None:
    desk = Desk(rules(min_quantity=units(2), max_quantity=units(4)))

    holds(desk, broken, quantity=quantity, price=10)


@pytest.mark.parametrize(
    ("quantity", "broken"), [(1, "LOT_SIZE"), (2, None), (2.5, "LOT_SIZE"), (4, None), (5, "MARKET_LOT_SIZE")]
)
def test_quantities_of_market_orders_have_their_own_maximum(quantity: float, broken: str | None) -> None:
    desk = Desk(rules(min_quantity=units(2), max_quantity=units(4)))
    desk.sell(desk.b, 4, 10)

    holds(desk, broken, quantity=quantity)


@pytest.mark.parametrize(
    ("quantity", "price", "broken"),
    [(9, 11, "NOTIONAL"), (10, 10, None), (1, 101, None), (10, 20, None), (3, 67, "NOTIONAL"), (1, 200, None)],
)
def test_price_times_quantity_has_a_range(quantity: float, price: float, broken: str | None) -> None:
    desk = Desk(rules(min_notional=units(100), max_notional=units(200)))

    holds(desk, broken, quantity=quantity, price=price)


@pytest.mark.parametrize(("quantity", "broken"), [(9, "NOTIONAL"), (10, None), (100, None)])
def test_a_market_order_is_worth_the_mean_price_and_has_no_maximum(quantity: float, broken: str | None) -> None:
    desk = Desk(rules(min_notional=units(100), max_notional=units(200)))
    desk.trade(10, quantity=15)

    holds(desk, broken, quantity=quantity)


def test_before_the_first_trade_nobody_knows_what_a_market_order_is_worth() -> None:
    desk = Desk(rules(min_notional=units(100)))
    desk.sell(desk.b, 10, 10)

    assert desk.buy(desk.a, 1).status == "FILLED"


@pytest.mark.parametrize(
    ("price", "broken"),
    [(19, "PERCENT_PRICE_BY_SIDE"), (20, None), (500, None), (501, "PERCENT_PRICE_BY_SIDE")],
)
def test_prices_stay_near_the_mean_price(price: float, broken: str | None) -> None:
    desk = Desk()
    desk.trade(100)

    holds(desk, broken, price=price)


def test_far_from_any_trade_the_last_price_is_the_mean_price() -> None:
    desk = Desk()
    desk.trade(100, quantity=9)
    desk.trade(200)
    desk.now_us += 3_600_000_000

    holds(desk, "PERCENT_PRICE_BY_SIDE", price=39)
    holds(desk, None, price=40)


@pytest.mark.parametrize(("stop", "broken"), [(105.5, True), (0, True), (105, False), (10_001, True)])
def test_stop_prices_are_prices(stop: float, *, broken: bool) -> None:
    desk = Desk()
    desk.trade(100)
    order = desk.new("BUY", 1, 100, kind="STOP_LOSS_LIMIT", stop=stop)

    if broken:
        assert refusal(lambda: desk.exchange.place(desk.a, order)) == (-1013, "Filter failure: PRICE_FILTER")
    else:
        assert desk.exchange.place(desk.a, order).is_open


@pytest.mark.parametrize("side", ["BUY", "SELL"])
@pytest.mark.parametrize("kind", ["STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"])
def test_a_stop_at_or_beyond_the_last_price_is_refused(kind: str, side: str) -> None:
    desk = Desk()
    desk.trade(100)
    rises = (kind == "STOP_LOSS_LIMIT") == (side == "BUY")
    beyond = 99 if rises else 101

    for order in (desk.new(side, 1, 100, kind=kind, stop=stop) for stop in (100, beyond)):
        place = partial(desk.exchange.place, desk.a, order)
        assert refusal(place) == (-2010, "Order would trigger immediately.")
    assert desk.place(desk.a, side, 1, 100, kind=kind, stop=200 - beyond).is_open


def test_an_account_has_so_many_open_orders_in_a_symbol() -> None:
    desk = Desk(rules(max_orders=3), rules("ETHUSDT", max_orders=1))
    desk.buy(desk.a, 1, 100, symbol="ETHUSDT")
    orders = [desk.buy(desk.a, 1, 100) for _ in range(3)]

    assert refusal(lambda: desk.buy(desk.a, 1, 100)) == (-1013, "Filter failure: MAX_NUM_ORDERS")
    assert desk.buy(desk.a, 1, 100, tif="IOC").status == "EXPIRED"
    assert desk.buy(desk.a, 1).status == "EXPIRED"
    assert desk.buy(desk.b, 1, 100).is_open
    desk.cancel(orders[0])
    assert desk.buy(desk.a, 1, 100).is_open


@pytest.mark.parametrize("tif", ["GTC", "IOC", "FOK"])
def test_an_account_has_so_many_stops_in_a_symbol(tif: str) -> None:
    desk = Desk(rules(max_stop_orders=2))
    stops = [desk.buy(desk.a, 1, 100, kind="STOP_LOSS_LIMIT", stop=200, tif=tif) for _ in range(2)]
    desk.buy(desk.b, 1, 100, kind="STOP_LOSS_LIMIT", stop=200)

    another = desk.new("SELL", 1, 500, kind="TAKE_PROFIT_LIMIT", stop=200, tif=tif)

    assert refusal(lambda: desk.exchange.place(desk.a, another)) == (-1013, "Filter failure: MAX_NUM_ALGO_ORDERS")
    desk.cancel(stops[0])
    assert desk.exchange.place(desk.a, another).is_open


@pytest.mark.parametrize("funds", [99.99999999, 100])
def test_a_buyer_needs_his_limit_price(funds: float) -> None:
    desk = Desk()
    desk.sell(desk.b, 1, 50)
    buyer = desk.open("buyer", USDT=funds)

    if funds == 100:
        assert desk.buy(buyer, 1, 100).status == "FILLED"
    else:
        assert refusal(lambda: desk.buy(buyer, 1, 100)) == (-2010, POOR)


@pytest.mark.parametrize("kind", ["", "MARKET"])
@pytest.mark.parametrize("coins", [1, 2])
def test_a_seller_needs_the_coins(kind: str, coins: float) -> None:
    desk = Desk()
    seller = desk.open("seller", BTC=coins)
    price = 0 if kind else 100

    if coins == 2:
        assert desk.sell(seller, 2, price, kind=kind).account is seller
    else:
        assert refusal(lambda: desk.sell(seller, 2, price, kind=kind)) == (-2010, POOR)


@pytest.mark.parametrize("funds", [299, 300])
def test_a_market_buyer_needs_what_the_book_asks(funds: float) -> None:
    desk = Desk()
    desk.sell(desk.b, 1, 100)
    desk.sell(desk.b, 1, 200)
    buyer = desk.open("buyer", USDT=funds)

    if funds == 300:
        assert desk.buy(buyer, 2).status == "FILLED"
    else:
        assert refusal(lambda: desk.buy(buyer, 2)) == (-2010, POOR)


def test_what_is_locked_cannot_be_spent_again() -> None:
    desk = Desk()
    buyer = desk.open("buyer", USDT=150)
    desk.buy(buyer, 1, 100)

    assert refusal(lambda: desk.buy(buyer, 1, 51)) == (-2010, POOR)
    assert desk.buy(buyer, 1, 50).is_open


@pytest.mark.parametrize("price", [100, 101])
def test_a_limit_maker_that_would_trade_is_refused(price: float) -> None:
    desk = Desk()
    desk.sell(desk.b, 1, 100)

    assert refusal(lambda: desk.buy(desk.a, 1, price, kind="LIMIT_MAKER")) == (
        -2010,
        "Order would immediately match and take.",
    )


def test_an_amount_of_money_needs_a_book_and_must_be_enough_for_a_lot() -> None:
    desk = Desk(rules(min_quantity=units(2), max_quantity=units(4)))
    assert refusal(lambda: desk.buy(desk.a, quote=500)) == (
        -2010,
        "Order book liquidity is less than symbol minimum quantity.",
    )
    for _ in range(2):
        desk.sell(desk.b, 4, 100)

    assert refusal(lambda: desk.buy(desk.a, quote=199)) == (-1013, "Filter failure: LOT_SIZE")
    assert refusal(lambda: desk.buy(desk.a, quote=500)) == (-1013, "Filter failure: MARKET_LOT_SIZE")
    assert desk.buy(desk.a, quote=200).executed == 2 * UNIT


@pytest.mark.parametrize(("quote", "broken"), [(99, True), (100, False)])
def test_an_amount_of_money_is_the_notional(quote: float, *, broken: bool) -> None:
    desk = Desk(rules(min_notional=units(100)))
    desk.sell(desk.b, 10, 10)

    if broken:
        assert refusal(lambda: desk.buy(desk.a, quote=quote)) == (-1013, "Filter failure: NOTIONAL")
    else:
        assert desk.buy(desk.a, quote=quote).status == "FILLED"
