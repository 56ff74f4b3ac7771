"""A random day: what a seed draws is done at the venue and in a naive model, and in the end they are compared."""

from collections.abc import Sequence
from functools import partial
from random import Random

from bowstring.core.errors import Rejected
from bowstring.testing.conformance.checks import Checks
from bowstring.testing.conformance.desk import Desk, opposite
from bowstring.testing.conformance.model import Model, Modelled
from bowstring.testing.conformance.promise import promise
from bowstring.testing.conformance.wallet import Balance, Wallet, cost, locking, traded
from bowstring.trading.gateway import OrderReport
from bowstring.trading.messages import PlaceOrder, Side, TimeInForce

WANTED: tuple[TimeInForce, ...] = ("gtc", "ioc", "fok")
MOST_OPEN = 10  # orders, of three times the venue's quantity at most
MOST_HELD = 30  # times the venue's quantity; with what is open, less than the hundred that the account can pay for


class RandomDayChecks(Checks):
    """Everything together."""

    seeds: Sequence[int] = range(3)
    steps: int = 30

    async def test_a_random_day_ends_as_a_naive_model_says(self) -> None:
        """Orders, fills and balances, to the last digit."""
        for seed in self.seeds:
            async with self.opened() as desk:
                try:
                    await Day(desk, seed=seed).run(self.steps)
                except AssertionError as error:
                    error.add_note(f"on the random day with seed {seed}")
                    raise


class Day:
    """Draws what happens, and does it at the venue and in the model."""

    def __init__(self, desk: Desk, *, seed: int) -> None:
        self._desk = desk
        self._random = Random(seed)
        self._model = Model()
        self._start: Wallet = {}
        self._since_ns = 0

    async def run(self, steps: int) -> None:
        """Live through the day, and look for differences at its end."""
        self._start = await self._desk.wallet()
        self._since_ns = await self._desk.gateway.time_ns()
        for _ in range(steps):
            await self._step()
        await self._compare_orders()
        await self._compare_fills()
        await self._compare_balances()

    async def _step(self) -> None:
        """Do one thing, and wait until it is reported."""
        if len(self._model.open) >= MOST_OPEN:
            await self._cancel()
            return
        steps = [self._rest, self._rest, self._cancel, self._be_taken, self._be_taken, self._take]
        if self._desk.gateway.replaces_natively:
            steps.append(self._replace)
        await self._random.choice(steps)()

    async def _rest(self) -> None:
        order = self._draw_resting(self._draw_side())
        self._model.add(order)
        await self._desk.rests(order)

    async def _cancel(self) -> None:
        """Any order, whatever became of it."""
        if not self._model.orders:
            return
        order = self._random.choice(self._model.open or list(self._model.orders.values()))
        outcome = await self._desk.cancel(order.placed)
        if order.status != "open":
            promise(isinstance(outcome, Rejected), f"cancel of this is rejected: {order}", seen=repr(outcome))
            return
        promise(isinstance(outcome, OrderReport), f"cancel of this is carried out: {order}", seen=repr(outcome))
        order.status = "cancelled"
        await self._desk.ends(order.placed, "cancelled", filled=order.filled)

    async def _be_taken(self) -> None:
        """The counterparty takes as much as it gets of what rests."""
        side: Side = self._random.choice(("buy", "sell"))
        price = self._desk.venue.high if side == "buy" else self._desk.venue.low
        quantity = self._random.randint(1, 5) * self._desk.venue.quantity
        filled = self._model.taken(side, price=price, quantity=quantity)
        if filled:
            await self._desk.venue.trade(side, price=price, quantity=quantity)
        for order in filled:
            await self._desk.executed(order.placed, order.filled)

    async def _take(self) -> None:
        """All that is offered; an IOC order asks for more."""
        desk, side = self._desk, self._draw_side()
        time_in_force: TimeInForce = self._random.choice([one for one in WANTED if one not in desk.venue.lacks])
        offered = self._random.randint(1, 3) * desk.venue.quantity
        more = desk.venue.quantity if time_in_force == "ioc" and self._random.random() < 0.5 else 0
        await desk.venue.offer(opposite(side), price=desk.middle, quantity=offered)
        placed = desk.order(side, price=desk.middle, quantity=offered + more, time_in_force=time_in_force)
        order = self._model.add(placed)
        self._model.fill(order, price=desk.middle, quantity=offered)
        if more:
            order.status = "expired"
        await desk.accepted(placed)
        await desk.ends(placed, order.status, filled=offered)

    async def _replace(self) -> None:
        """An order that rests, by one of the same side."""
        if not self._model.open:
            return
        old = self._random.choice(self._model.open)
        new = self._draw_resting(old.placed.side)
        ref = self._desk.ref(old.placed)
        outcome = await self._desk.request(lambda: self._desk.gateway.replace(ref, new))
        promise(isinstance(outcome, OrderReport), f"replace of this is carried out: {old}", seen=repr(outcome))
        old.status = "cancelled"
        self._model.add(new)
        await self._desk.ends(old.placed, "cancelled", filled=old.filled)

    async def _compare_orders(self) -> None:
        desk, orders = self._desk, self._model.orders.values()
        for order in orders:
            await desk.shows(
                partial(desk.query, order.placed),
                partial(_is_shown, order),
                f"query shows {order}",
            )
        ids = sorted(order.placed.client_order_id for order in self._model.open)
        await desk.shows(desk.open_ids, lambda shown: sorted(shown) == ids, f"open_orders has these: {ids}")

    async def _compare_fills(self) -> None:
        """Within one trade, fills may have any order."""
        due = sorted(self._model.fills)
        fills = await self._desk.shows(
            partial(self._desk.gateway.fills_since, self._desk.venue.symbol, self._since_ns),
            lambda fills: sorted((one.client_order_id, one.price, one.quantity) for one in fills) == due,
            f"fills_since returns these, and no others: {due}",
        )
        told = self._desk.all_fills
        known = {fill.trade_id: fill for fill in told}
        promise(len(known) == len(told), "stream reports every fill once", seen=told)
        others = [fill for fill in fills if known.get(fill.trade_id) != fill]
        promise(not others, "fills_since returns what was streamed", seen=others)

    async def _compare_balances(self) -> None:
        instrument = self._desk.instrument
        due = traded(self._start, self._desk.all_fills, instrument=instrument)
        costs = [
            cost(instrument, one.placed.side, price=one.placed.price, quantity=one.remaining)
            for one in self._model.open
        ]
        locked = locking({currency: Balance(amount) for currency, amount in due.items()}, costs)
        await self._desk.shows(
            self._desk.wallet,
            lambda held: held == locked,
            f"balances are those before, {self._start}, all fills and fees since, and what is locked: {locked}",
        )

    def _draw_side(self) -> Side:
        """Any, unless too much is held or sold already."""
        position = self._model.position
        if abs(position) > MOST_HELD * self._desk.venue.quantity:
            return "sell" if position > 0 else "buy"
        return self._random.choice(("buy", "sell"))

    def _draw_resting(self, side: Side) -> PlaceOrder:
        """An order within a few ticks of where orders rest."""
        venue, ticks = self._desk.venue, self._random.randint(0, 3) * self._desk.instrument.tick_size
        price = venue.low + ticks if side == "buy" else venue.high - ticks
        return self._desk.order(side, price=price, quantity=self._random.randint(1, 3) * venue.quantity)


def _is_shown(order: Modelled, shown: OrderReport | None) -> bool:
    if shown is None:
        return order.status != "open"
    return (shown.status, shown.filled) == (order.status, order.filled)
