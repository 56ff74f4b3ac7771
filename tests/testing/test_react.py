import asyncio
import re
from decimal import Decimal
from typing import Any

import pytest

import bowstring as bs
from bowstring.core.errors import ConfigError, WiringError
from bowstring.testing import StrategyFailed, fill, instrument, order_update, position, quote, react, trade

QUOTE = quote("BTC/USDT", bid=99, ask=101)


class Bidder(bs.Strategy):
    """Bids one at the bid while it has no open order; remembers what it was told."""

    def __init__(self) -> None:
        self.symbols = {"BTC/USDT"}
        self.position = Decimal(0)
        self.fills: list[bs.Fill] = []

    @bs.on(bs.Quote)
    def bid(self, quote: bs.Quote) -> bs.Actions:
        if not self.orders:
            yield bs.PlaceOrder(symbol=quote.symbol, side="buy", quantity=Decimal(1), price=quote.bid)

    @bs.on(bs.Position)
    def track(self, position: bs.Position) -> None:
        self.position = position.quantity

    @bs.on(bs.Fill)
    def book(self, fill: bs.Fill) -> None:
        self.fills.append(fill)

    @bs.on(bs.Trade)
    async def wait_then_cancel(self, _trade: bs.Trade) -> list[bs.CancelOrder]:
        await asyncio.sleep(3600)
        return [bs.CancelOrder(client_order_id=client_order_id) for client_order_id in self.orders]


def test_it_returns_the_actions_numbered_from_one() -> None:
    [order] = react(Bidder(), QUOTE, expect=bs.PlaceOrder)
    assert (order.client_order_id, order.price, order.strategy) == ("1", Decimal(99), "Bidder")


class Hedger(bs.Strategy):
    """Buys here and sells there, or does neither."""

    @bs.on(bs.Quote)
    def hedge(self, quote: bs.Quote) -> bs.Actions:
        one = bs.PlaceOrder(venue="here", symbol=quote.symbol, side="buy", quantity=Decimal(1), price=quote.bid)
        two = bs.PlaceOrder(venue="there", symbol=quote.symbol, side="sell", quantity=Decimal(1), price=quote.ask)
        yield bs.Together([one, two])


def test_it_returns_the_members_of_a_group() -> None:
    hedger = Hedger()

    orders = react(hedger, QUOTE, expect=bs.PlaceOrder)

    assert [(order.client_order_id, order.venue) for order in orders] == [("1", "here"), ("2", "there")]
    assert orders[0].group == orders[1].group != 0
    assert {key: order.status for key, order in hedger.orders.items()} == {"1": "pending", "2": "pending"}


def test_an_action_of_another_type_than_expected_fails_the_test() -> None:
    with pytest.raises(AssertionError, match="expected CancelOrders only"):
        react(Bidder(), QUOTE, expect=bs.CancelOrder)


def test_an_event_may_be_given_again_and_state_is_kept_between_calls() -> None:
    bidder = Bidder()
    react(bidder, QUOTE)

    assert list(bidder.orders) == ["1"]
    assert react(bidder, QUOTE) == []
    assert react(bidder, order_update("BTC/USDT", "cancelled", price=99), QUOTE, expect=bs.PlaceOrder)[
        0
    ].client_order_id == ("2")


def test_addressed_events_reach_the_strategy_and_those_of_others_do_not() -> None:
    bidder = Bidder()
    react(bidder, position("BTC/USDT", 2), fill("BTC/USDT", price=99))
    react(bidder, position("BTC/USDT", 7, strategy="another"))

    assert bidder.position == 2
    assert bidder.fills[0].fee_currency == "USDT"


def test_symbols_filter_as_in_the_bot() -> None:
    assert react(Bidder(), quote("ETH/USDT", bid=1, ask=2)) == []


def test_an_async_handler_runs_to_its_end_in_no_time() -> None:
    actions = react(Bidder(), QUOTE, trade("BTC/USDT", price=100))
    assert [type(action) for action in actions] == [bs.PlaceOrder, bs.CancelOrder]


def test_instruments_are_told_by_an_event() -> None:
    bidder = Bidder()
    react(bidder, instrument("BTC/USDT", tick_size="0.5"))

    assert bidder.instrument("BTC/USDT").floor_price(Decimal("99.7")) == Decimal("99.5")


def test_a_strategy_that_a_bot_would_halt_fails_the_test() -> None:
    class Broken(bs.Strategy):
        @bs.on(bs.Quote)
        def bid(self, quote: bs.Quote) -> bs.Actions:
            yield bs.PlaceOrder(symbol=quote.symbol, side="buy", quantity=Decimal(1), price=quote.bid)
            raise RuntimeError("no idea")

    with pytest.raises(StrategyFailed, match="no idea") as failed:
        react(Broken(), QUOTE)
    assert isinstance(failed.value.__cause__, RuntimeError)


def test_an_instrument_that_was_not_told_fails_the_test_with_what_to_write() -> None:
    class Rounding(bs.Strategy):
        @bs.on(bs.Quote)
        def bid(self, quote: bs.Quote) -> None:
            self.instrument(quote.symbol)

    with pytest.raises(StrategyFailed, match="BTC/USDT is not listed") as failed:
        react(Rounding(), QUOTE)
    assert "tell it first: react(strategy, instrument(" in failed.value.__notes__[0]


@pytest.mark.parametrize("wrong", ["x", [QUOTE], bs.Quote])
def test_what_is_no_event_is_told_with_what_to_give(wrong: Any) -> None:
    expected = f"react: {wrong!r} is no Event: give events one by one, as in react(strategy, quote(...))"
    with pytest.raises(WiringError, match=re.escape(expected)):
        react(Bidder(), QUOTE, wrong)


def test_a_class_is_no_strategy() -> None:
    wrong: Any = Bidder
    with pytest.raises(WiringError, match=r"^react: Bidder is a class: write Bidder\(\.\.\.\)$"):
        react(wrong, QUOTE)


@pytest.mark.parametrize("ask", [2, "3"])
def test_a_quote_is_not_crossed(ask: int | str) -> None:
    with pytest.raises(ConfigError, match=rf"^quote\(bid=3, ask={ask}\): let the bid be below the ask$"):
        quote("BTC/USDT", bid=3, ask=ask)
