"""A strategy knows its own orders and the instruments, and its author need know nothing of that."""

import pickle
from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest

from bowstring.core.components import on
from bowstring.core.errors import UnknownInstrument, WiringError
from bowstring.core.messages import Action, ComponentFailed
from bowstring.core.timers import WakeMe
from bowstring.market.events import Quote
from bowstring.testing.builders import instrument, order_update, quote
from bowstring.testing.react import react
from bowstring.trading.messages import CancelOrder, Fill, OrderUpdate, PlaceOrder, ReplaceOrder
from bowstring.trading.strategy import Strategy
from tests.trading.bot import Bot, buy, simulated, until
from tests.trading.scripted import answered

QUOTE = quote("BTC/USDT", bid=99, ask=101)


class Bidder(Strategy):
    """Does not call super().__init__(), and has names of its own for what the base class keeps, too."""

    def __init__(self, act: Callable[["Bidder"], Sequence[Action]] = lambda _self: []) -> None:
        self._orders = self._instruments = self._prefix = self._placed = None
        self._act = act
        self.seen: list[dict[str, str]] = []

    @on(Quote)
    def keep_order(self, _quote: Quote) -> Sequence[Action]:
        return self._act(self)

    @on(OrderUpdate)
    def keep_instrument(self, _update: OrderUpdate) -> None:
        self.seen.append({key: order.status for key, order in self.orders.items()})


def test_orders_are_numbered_and_noted_as_pending_when_they_are_published() -> None:
    bidder = Bidder(lambda _self: [buy(), buy()])

    first, second = react(bidder, QUOTE, expect=PlaceOrder)

    assert (first.client_order_id, second.client_order_id) == ("1", "2")
    assert {key: order.status for key, order in bidder.orders.items()} == {"1": "pending", "2": "pending"}
    assert [order.quantity for order in bidder.orders.values()] == [5, 5]


def test_actions_that_are_no_orders_are_none_of_its_business() -> None:
    bidder = Bidder(lambda _self: [WakeMe(after_s=1)])

    assert len(react(bidder, QUOTE, expect=WakeMe)) == 1
    assert bidder.orders == {}


def test_an_id_of_the_authors_own_is_kept() -> None:
    bidder = Bidder(lambda _self: [buy(client_order_id="mine"), buy()])

    assert [order.client_order_id for order in react(bidder, QUOTE, expect=PlaceOrder)] == ["mine", "1"]


def test_the_view_of_the_orders_cannot_be_written() -> None:
    bidder = Bidder()

    with pytest.raises(TypeError, match="does not support item assignment"):
        bidder.orders["1"] = None  # type: ignore[index]  # that is the point


def test_orders_are_up_to_date_before_each_handler() -> None:
    bidder = Bidder(lambda _self: [buy()])

    react(
        bidder,
        QUOTE,
        order_update("BTC/USDT", "open", price=100, client_order_id="1"),
        order_update("BTC/USDT", "filled", price=100, client_order_id="1"),
    )

    assert bidder.seen == [{"1": "open"}, {}]


def test_a_cancel_and_a_replacement_are_told_where_their_order_is() -> None:
    change = [
        CancelOrder(client_order_id="1"),
        ReplaceOrder(client_order_id="1", quantity=Decimal(1), price=Decimal(1)),
    ]
    bidder = Bidder(lambda self: change if self.orders else [])

    cancel, replace = react(
        bidder, order_update("BTC/USDT", "open", price=100, client_order_id="1", side="sell", venue="v"), QUOTE
    )

    assert isinstance(cancel, CancelOrder)
    assert (cancel.symbol, cancel.venue) == ("BTC/USDT", "v")
    assert isinstance(replace, ReplaceOrder)
    assert (replace.symbol, replace.venue, replace.side) == ("BTC/USDT", "v", "sell")
    assert replace.new_client_order_id == "2"
    assert bidder.orders["2"].side == "sell"


def test_the_side_of_what_is_no_order_is_not_believed() -> None:
    wrong = ReplaceOrder(client_order_id="never", quantity=Decimal(1), price=Decimal(1), side="sell")
    bidder = Bidder(lambda _self: [wrong])

    (replace,) = react(bidder, QUOTE, expect=ReplaceOrder)

    assert replace.side is None
    assert replace.new_client_order_id == "1"
    assert bidder.orders == {}


def test_instruments_are_known_once_they_were_told() -> None:
    bidder = Bidder()
    with pytest.raises(UnknownInstrument, match="BTC/USDT is not listed by any executor's venue; known: none"):
        bidder.instrument("BTC/USDT")

    react(bidder, instrument("BTC/USDT", tick_size="0.5"))

    assert bidder.instrument("BTC/USDT").tick_size == Decimal("0.5")
    with pytest.raises(UnknownInstrument, match="known: BTC/USDT"):
        bidder.instrument("ETH/USDT")


def test_it_can_be_pickled_with_all_that_it_knows() -> None:
    bidder = Bidder(_one)
    react(bidder, instrument("BTC/USDT"), QUOTE)
    del bidder.clock  # a process has its own

    copy = pickle.loads(pickle.dumps(bidder))

    assert dict(copy.orders) == dict(bidder.orders) != {}
    assert copy.instrument("BTC/USDT") == bidder.instrument("BTC/USDT")
    assert [order.client_order_id for order in react(copy, QUOTE, expect=PlaceOrder)] == ["2"]


def _one(_bidder: Bidder) -> Sequence[Action]:
    return [buy()]


def test_a_strategy_that_only_has_the_built_in_handlers_handles_nothing() -> None:
    class Idle(Strategy):
        pass

    with pytest.raises(WiringError, match="Idle handles nothing"):
        react(Idle(), QUOTE)


def test_two_strategies_and_two_runs_have_ids_of_their_own() -> None:
    first: list[str] = []

    @simulated
    async def run() -> None:
        async with Bot(names=("one", "two")) as bot:
            first.extend([await bot.open(by="one"), await bot.open(by="two")])

    run()

    assert len(set(first)) == 2
    assert all(len(client_order_id) <= 36 for client_order_id in first)  # Binance


@simulated
async def test_an_id_of_an_open_order_halts_the_strategy_that_uses_it_again() -> None:
    async with Bot() as bot:
        await bot.open(client_order_id="mine")
        bot.do(buy(client_order_id="mine"))

        (failed,) = bot.events(ComponentFailed)
        assert "client order id mine is taken by an open order" in failed.reason
        assert bot.gateway.count("place") == 1


@simulated
async def test_or_none_of_the_orders_beside_it_is_noted_or_sent() -> None:
    async with Bot() as bot:
        await bot.open(client_order_id="mine")
        bot.do(buy(), buy(client_order_id="mine"))

        assert list(bot.trader.orders) == ["mine"]
        assert bot.gateway.count("place") == 1


def test_an_id_of_the_authors_own_is_not_given_again_by_the_counter() -> None:
    bidder = Bidder(lambda _self: [buy(client_order_id="1"), buy()])

    assert [order.client_order_id for order in react(bidder, QUOTE, expect=PlaceOrder)] == ["1", "2"]


@simulated
async def test_fills_and_updates_reach_only_the_strategy_that_placed_the_order() -> None:
    async with Bot(names=("one", "two")) as bot:
        order = await bot.open(by="two")
        bot.ledger.fill(order, "1")
        await until(lambda: bot.events(Fill))

        assert bot.traders["one"].heard == []
        assert {type(event) for event in bot.traders["two"].heard} == {OrderUpdate, Fill}


@simulated
async def test_an_order_is_in_orders_while_it_is_unanswered() -> None:
    async with Bot() as bot:
        bot.gateway.then("place", answered(1.0))
        order = bot.place()
        assert bot.trader.orders[order].status == "pending"
        assert bot.trader.orders[order].venue == "venue"

        await until(lambda: bot.trader.orders[order].status == "open")
