"""In a hedge group an order reduces what is at risk on balance, or it does not reduce."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from bowstring.core.engine import Engine
from bowstring.core.errors import ConfigError, Refused
from bowstring.core.messages import ActionRefused
from bowstring.testing.simulation import simulated_clock
from bowstring.trading.blotter import Blotter
from bowstring.trading.executor import OrderExecutor
from bowstring.trading.gateway import FillReport, OrderReport
from bowstring.trading.hedging import HedgeGroup
from bowstring.trading.messages import OrderStatus, OrderUpdate, PlaceOrder, RiskAlarm, Side
from bowstring.trading.orders import Order
from tests.trading.bot import Bot, Do, Feed, Recorder, Trader, simulated, until
from tests.trading.scripted import Ledger, ScriptedGateway

SPOT, PERP = ("spot", "BTC/USDT"), ("perp", "BTC/USDT:USDT")


class Book:
    """The blotters of two venues, and the orders that they know."""

    def __init__(self) -> None:
        self.group = HedgeGroup(SPOT, PERP)
        self.blotters = {venue: Blotter(venue) for venue, _symbol in (SPOT, PERP)}
        self.orders: dict[str, tuple[str, str]] = {}
        for venue, blotter in self.blotters.items():
            self.group.join(venue, blotter)

    def order(self, member: tuple[str, str], side: Side, quantity: int | str, *, strategy: str = "one") -> str:
        venue, symbol = member
        name = str(len(self.orders) + 1)
        self.orders[name] = member
        self.blotters[venue].add(
            Order(
                strategy=strategy,
                venue=venue,
                symbol=symbol,
                client_order_id=name,
                side=side,
                quantity=Decimal(quantity),
                price=Decimal(100),
            )
        )
        return name

    def fill(self, name: str, quantity: int | str) -> None:
        venue, symbol = self.orders[name]
        order = self.blotters[venue].find(name)
        assert order is not None
        self.blotters[venue].take_fill(
            FillReport(
                symbol=symbol,
                client_order_id=name,
                trade_id=f"{name}.{order.filled}",
                side=order.side,
                price=Decimal(100),
                quantity=Decimal(quantity),
                fee=Decimal(0),
                fee_currency="USDT",
                liquidity="maker",
            )
        )

    def report(self, name: str, status: OrderStatus, filled: int | str = 0) -> None:
        report = OrderReport(client_order_id=name, status=status, filled=Decimal(filled))
        self.blotters[self.orders[name][0]].take_report(report)

    def hold(self, member: tuple[str, str], quantity: int, *, strategy: str = "one") -> None:
        if quantity:
            side: Side = "buy" if quantity > 0 else "sell"
            self.fill(self.order(member, side, abs(quantity), strategy=strategy), abs(quantity))

    def reducible(self, side: Side, *, strategy: str = "one") -> Decimal:
        return self.group.reducible(strategy, side=side)


@pytest.mark.parametrize(
    ("spot", "perp", "to_sell", "to_buy"),
    [(5, 0, 5, -5), (5, -5, 0, 0), (5, -3, 2, -2), (5, -8, -3, 3), (0, -5, -5, 5), (-2, -3, -5, 5), (0, 0, 0, 0)],
)
def test_only_what_is_held_on_balance_can_be_reduced(spot: int, perp: int, to_sell: int, to_buy: int) -> None:
    book = Book()
    book.hold(SPOT, spot)
    book.hold(PERP, perp)

    assert [book.reducible("sell"), book.reducible("buy")] == [to_sell, to_buy]


def test_orders_in_flight_in_every_member_are_taken_as_filled() -> None:
    book = Book()
    book.hold(SPOT, 5)
    one = book.order(PERP, "sell", 3)
    assert book.reducible("sell") == 2
    two = book.order(SPOT, "sell", 2)
    assert book.reducible("sell") == 0
    book.report(one, "unknown")
    assert book.reducible("sell") == 0

    book.report(one, "failed")
    assert book.reducible("sell") == 3
    book.report(two, "cancelled")
    assert book.reducible("sell") == 5


def test_orders_of_the_other_side_may_not_fill_and_are_not_counted_upon() -> None:
    book = Book()
    book.hold(SPOT, 5)
    book.order(PERP, "buy", 10)

    assert book.reducible("sell") == 5


def test_each_strategy_has_its_own_hedge() -> None:
    book = Book()
    book.hold(SPOT, 5, strategy="one")
    book.hold(PERP, -5, strategy="two")

    assert [book.reducible("sell", strategy=name) for name in ("one", "two")] == [5, -5]


def test_while_a_member_is_not_known_nothing_reduces() -> None:
    group = HedgeGroup(SPOT, PERP)
    group.join("spot", Blotter("spot"))

    with pytest.raises(Refused, match="nobody knows what reduces a hedge with perp: give its executor the group too"):
        group.reducible("one", side="sell")


@pytest.mark.parametrize("members", [(), (SPOT,), (SPOT, SPOT)])
def test_a_group_of_one_is_a_mistake(members: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(ConfigError, match="give at least two, each as"):
        HedgeGroup(*members)


def test_a_group_given_to_a_stranger_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="a hedge group without a symbol at venue was given to its executor"):
        Bot(make=partial(OrderExecutor, hedges=[HedgeGroup(SPOT, PERP)]))


def test_a_symbol_in_two_groups_is_a_mistake() -> None:
    groups = [HedgeGroup(("venue", "BTC/USDT"), SPOT), HedgeGroup(("venue", "BTC/USDT"), PERP)]

    with pytest.raises(ConfigError, match="BTC/USDT at venue is in two hedge groups: let it be in one"):
        OrderExecutor(ScriptedGateway(), hedges=groups)


class Step(Struct, frozen=True):
    kind: str
    is_spot: bool
    side: Side
    quantity: int
    order: int


STEPS = st.builds(
    Step,
    kind=st.sampled_from(["risk", "reduce", "reduce", "reduce", "fill", "fill", "cancelled", "failed", "unknown"]),
    is_spot=st.booleans(),
    side=st.sampled_from(["buy", "sell"]),
    quantity=st.integers(1, 9),
    order=st.integers(0, 30),
)


def net(held: dict[str, int], orders: dict[str, tuple[Side, int]], side: Side) -> int:
    """The net position if all live orders of one side are filled."""
    sign = 1 if side == "buy" else -1
    return sum(held.values()) + sign * sum(left for its_side, left in orders.values() if its_side == side)


@given(st.lists(STEPS, max_size=60))
def test_what_passes_as_reducing_brings_the_net_position_closer_to_zero_and_not_beyond(story: Sequence[Step]) -> None:
    """Whatever of the orders in flight is filled: those of its own side, which are all that can go against it."""
    book = Book()
    held = {"spot": 0, "perp": 0}
    orders: dict[str, tuple[Side, int]] = {}
    venues: dict[str, str] = {}
    for step in story:
        member = SPOT if step.is_spot else PERP
        if step.kind in {"risk", "reduce"}:
            if step.kind == "reduce" and step.quantity > book.reducible(step.side):
                continue
            before = net(held, orders, step.side)
            name = book.order(member, step.side, step.quantity)
            orders[name], venues[name] = (step.side, step.quantity), member[0]
            if step.kind == "reduce":
                after = net(held, orders, step.side)
                assert abs(after) < abs(before)
                assert after * before >= 0
        elif orders:
            name = list(orders)[step.order % len(orders)]
            side, left = orders[name]
            filled = min(left, step.quantity) if step.kind == "fill" else 0
            if filled:
                book.fill(name, filled)
                held[venues[name]] += filled if side == "buy" else -filled
                orders[name] = side, left - filled
            if step.kind == "cancelled" or (step.kind == "fill" and left == filled):
                book.report(name, "cancelled" if left > filled else "filled", 0)
                del orders[name]


# In the bot


@simulated
async def test_in_one_venue_a_hedge_reduces_and_taking_it_away_does_not() -> None:
    hedges = [HedgeGroup(("venue", "BTC/USDT"), ("venue", "ETH/USDT"))]
    async with Bot(make=partial(OrderExecutor, hedges=hedges)) as bot:
        order = await bot.open(quantity="5")
        bot.ledger.fill(order, "5")
        await until(lambda: bot.status(order) == "filled")
        bot.publish(RiskAlarm(state="reducing", reason="test", by="test"))

        too_much = bot.place(symbol="ETH/USDT", side="sell", quantity="5.001", reduces=True)
        reason = "it claims to reduce, but of ETH/USDT and its hedge there is 5 to sell"
        assert bot.outcome(too_much) == ("ActionRefused", reason)
        hedge = await bot.open(symbol="ETH/USDT", side="sell", quantity="5", reduces=True)
        refused = bot.place(side="sell", quantity="0.001", reduces=True)
        assert bot.statuses(refused) == ["refused"]
        bot.ledger.fill(hedge, "5")
        await until(lambda: bot.status(hedge) == "filled")

        for side in ("buy", "sell"):
            assert bot.statuses(bot.place(side=side, quantity="0.001", reduces=True)) == ["refused"]


@simulated
async def test_without_a_group_the_same_orders_are_refused_and_the_own_position_may_be_left() -> None:
    async with Bot() as bot:
        order = await bot.open(quantity="5")
        bot.ledger.fill(order, "5")
        await until(lambda: bot.status(order) == "filled")

        refused = bot.place(symbol="ETH/USDT", side="sell", quantity="1", reduces=True)
        assert bot.outcome(refused)[1] == "it claims to reduce, but of ETH/USDT there is 0 to sell"
        await bot.open(side="sell", quantity="5", reduces=True)


class TwoVenues:
    """A bot with an executor for each of two venues, which share a hedge group."""

    def __init__(self, hedges: Sequence[HedgeGroup], **options: Any) -> None:
        self.gateways = {name: ScriptedGateway(venue=name) for name in ("spot", "perp")}
        self.trader, self._feed, self.recorder = Trader(), Feed(), Recorder()
        executors = [OrderExecutor(gateway, hedges=hedges, **options) for gateway in self.gateways.values()]
        self.engine = Engine(
            collectors=[self._feed],
            strategies=[self.trader],
            executors=[*executors, self.recorder],
            clock=simulated_clock(),
        )

    async def __aenter__(self) -> "TwoVenues":
        self._running = asyncio.create_task(self.engine.run())
        await self.engine.started.wait()
        await asyncio.sleep(0.001)
        return self

    async def __aexit__(self, *error: object) -> None:
        self.engine.stop()
        await self._running

    def ledger(self, venue: str) -> Ledger:
        return self.gateways[venue].ledger

    def place(self, venue: str, side: Side, quantity: str, *, reduces: bool) -> str:
        order = PlaceOrder(
            venue=venue,
            symbol="BTC/USDT",
            side=side,
            quantity=Decimal(quantity),
            price=Decimal(100),
            reduces=reduces,
        )
        self._feed.emit(Do(strategy=self.trader.name, actions=(order,)))
        return order.client_order_id

    async def filled(self, venue: str, side: Side, quantity: str, *, reduces: bool) -> None:
        order = self.place(venue, side, quantity, reduces=reduces)
        await until(lambda: order in self.ledger(venue).orders)
        self.ledger(venue).fill(order, quantity)
        await until(lambda: self.status(order) == "filled")

    def status(self, client_order_id: str) -> str:
        updates = [event for event in self.recorder.events if isinstance(event, OrderUpdate)]
        statuses = [update.status for update in updates if update.client_order_id == client_order_id]
        return statuses[-1] if statuses else ""


@simulated
async def test_across_two_venues_each_knows_what_the_other_holds() -> None:
    async with TwoVenues([HedgeGroup(("spot", "BTC/USDT"), ("perp", "BTC/USDT"))]) as bot:
        await bot.filled("spot", "buy", "5", reduces=False)
        await bot.filled("perp", "sell", "3", reduces=True)
        assert bot.status(bot.place("perp", "sell", "2.001", reduces=True)) == "refused"
        assert bot.status(bot.place("spot", "sell", "2.001", reduces=True)) == "refused"
        await bot.filled("spot", "sell", "2", reduces=True)

        refusals = [event.by for event in bot.recorder.events if isinstance(event, ActionRefused)]
        assert refusals == ["orders perp", "orders spot"]
