"""The strategies of a simulated bot: they trade at random, and do what users' strategies do wrong."""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random

from bowstring.core.components import Collector, Emit, on
from bowstring.core.messages import Action, Actions, Addressed
from bowstring.core.timers import WakeMe, Woke
from bowstring.market.events import Quote
from bowstring.trading.messages import (
    CancelOrder,
    Fill,
    OrderUpdate,
    PlaceOrder,
    Position,
    Recovered,
    ReplaceOrder,
    Side,
    TimeInForce,
)
from bowstring.trading.strategy import Strategy
from simulation.venue_orders import LOT, TICK

IN_FORCE: Sequence[TimeInForce] = ("gtc",) * 6 + ("ioc", "fok")
STUBBORNNESS = 0.85
REUSED = "-once"
"""The end of the ids that a strategy gives to order after order, of which one at most may be sent."""


class Do(Addressed, frozen=True, kw_only=True):
    """Have a strategy publish these actions."""

    actions: tuple[Action, ...] = ()


class Raise(Addressed, frozen=True, kw_only=True):
    """Have a strategy raise."""


class Block(Addressed, frozen=True, kw_only=True):
    """Have a strategy block the loop."""

    seconds: float


class Trader(Strategy):
    """Trades at random on quotes and on what becomes of its orders, until it ``is_calm``; raises unless ``is_careful``.

    ``published`` are its actions, ``held`` the positions that it was told of.
    """

    told_of = (Action,)

    def __init__(
        self, name: str, *, random: Random, eagerness: float, is_stubborn: bool, block: Callable[[float], None]
    ) -> None:
        self.name = name
        self.is_calm = self.is_careful = False
        self.published: list[Action] = []
        self.held: dict[tuple[str, str], Decimal] = {}
        self._random = random
        self._eagerness = eagerness
        self._is_stubborn = is_stubborn
        self._block = block
        self._quotes: dict[tuple[str, str], Quote] = {}
        self._ended: list[str] = []
        self._may_reuse = True

    def publishing(self, actions: Sequence[Action]) -> None:
        super().publishing(actions)
        self.published.extend(actions)

    @on(Quote)
    def trade(self, quote: Quote) -> Actions:
        self._quotes[quote.venue, quote.symbol] = quote
        return self._some(self._eagerness)

    @on(OrderUpdate)
    def answer(self, update: OrderUpdate) -> Actions:
        if update.client_order_id not in self.orders:
            self._ended = [*self._ended[-2:], update.client_order_id]
        return self._some(self._eagerness / 20)

    @on(Fill)
    def follow(self, fill: Fill) -> Actions:
        return self._some(self._eagerness / 10)

    @on(Woke)
    def wake(self, woke: Woke) -> Actions:
        return self._some(self._eagerness)

    @on(Position)
    def hold(self, position: Position) -> None:
        self.held[position.venue, position.symbol] = position.quantity

    @on(Recovered)
    def begin(self, recovered: Recovered) -> None:
        for symbol, quantity in recovered.positions.items():
            self.held[recovered.venue, symbol] = quantity

    @on(Do)
    def obey(self, do: Do) -> Actions:
        return do.actions

    @on(Raise)
    def fail(self, told: Raise) -> None:
        if not self.is_careful:
            raise LookupError("told to")

    @on(Block)
    def block(self, told: Block) -> None:
        self._block(told.seconds)

    def _some(self, likelihood: float) -> list[Action]:
        if self.is_calm or not self._quotes or self._random.random() > likelihood:
            return []
        self._may_reuse = True
        return [self._action() for _ in range(self._random.choice([1, 1, 1, 2, 3]))]

    def _action(self) -> Action:
        chance = self._random.random()
        if chance < 0.55:
            return self._place()
        if chance < 0.75:
            return CancelOrder(client_order_id=self._some_id())
        if chance < 0.97:
            return self._replace()
        return WakeMe(after_s=self._random.uniform(0, 3))

    def _place(self) -> PlaceOrder:
        quotes = list(self._quotes.values())
        quote = quotes[0] if self._insists() else self._random.choice(quotes)
        side: Side = "buy" if self._insists() else self._random.choice(["buy", "sell"])
        return PlaceOrder(
            venue=quote.venue,
            symbol=quote.symbol,
            client_order_id=self._reused_id() if self._random.random() < 0.05 else "",
            side=side,
            quantity=self._quantity(),
            price=self._price(quote, side),
            time_in_force=self._random.choice(IN_FORCE),
            post_only=self._random.random() < 0.1,
            reduces=self._random.random() < 0.15,
            valid_for_s=self._valid_for_s(),
        )

    def _insists(self) -> bool:
        return self._is_stubborn and self._random.random() < STUBBORNNESS

    def _price(self, quote: Quote, side: Side) -> Decimal:
        """Through the touch, near it, or where it may rest for long."""
        away = self._random.choice([self._random.randint(-4, 4), self._random.randint(2, 25)]) * TICK
        return quote.bid - away if side == "buy" else quote.ask + away

    def _replace(self) -> ReplaceOrder:
        client_order_id = self._some_id()
        order = self.orders.get(client_order_id)
        price = order.price if order else Decimal(100)
        return ReplaceOrder(
            client_order_id=client_order_id,
            quantity=self._quantity(),
            price=price + self._random.randint(-3, 3) * TICK,
            valid_for_s=self._valid_for_s(),
        )

    def _some_id(self) -> str:
        return self._random.choice([*self.orders, *self._ended, "never"])

    def _reused_id(self) -> str:
        """An id that may have been used before, but by no open order: that would be an error."""
        may_reuse, self._may_reuse = self._may_reuse, False
        return self.name + REUSED if may_reuse and self.name + REUSED not in self.orders else ""

    def _quantity(self) -> Decimal:
        return self._random.randint(1, self._random.choice([300, 300, 1800])) * LOT

    def _valid_for_s(self) -> float:
        return self._random.choice([0.05, 2.0, 2.0, 20.0])


class SlowTrader(Trader):
    """Thinks before it trades; what it is told meanwhile waits."""

    @on(Quote)
    async def trade(self, quote: Quote) -> Actions:  # type: ignore[override]  # a handler may be async
        actions = super().trade(quote)
        await asyncio.sleep(self._random.choice([0.0, 0.1, 2.5]))
        return () if self.is_calm else actions


class Feed(Collector):
    """Where quotes come from, and what a world tells its bot."""

    emit: Emit
    is_open = False

    async def run(self, emit: Emit) -> None:
        self.emit, self.is_open = emit, True
        await asyncio.Event().wait()
