"""Random strategies against a random venue: whatever fails, the ledger and the bot agree in the end.

Every seed is one run on virtual time, always the same. The same check has to catch what is broken on purpose.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bowstring.core.components import on
from bowstring.core.messages import Action, Event
from bowstring.testing.simulation import simulate, simulated_clock
from bowstring.trading import blotter
from bowstring.trading.blotter import Blotter
from bowstring.trading.executor import OrderExecutor
from bowstring.trading.gateway import FillReport, Gateway, OrderRef, OrderReport
from bowstring.trading.guards import MaxPosition
from bowstring.trading.journal.memory import MemoryJournal
from bowstring.trading.journal.port import Journal
from bowstring.trading.messages import CancelOrder, OrderUpdate, PlaceOrder, ReplaceOrder, Side
from bowstring.trading.new_orders import NewOrder
from bowstring.trading.orders import Order
from bowstring.trading.sending import Sent
from tests.trading.bot import Bot, buy, until
from tests.trading.scripted import SYMBOL, Reply, ScriptedGateway, answered, not_sent, rejected, reset, silence


class Fate:
    """Draws from one seed what the strategies want and what the world does to it."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.journal: Journal = MemoryJournal() if random.random() < 0.5 else Slow(random)
        self.gateway = ScriptedGateway(
            replaces_natively=random.random() < 0.5,
            keeps_order=random.random() < 0.5,
            is_async=random.random() < 0.5,
            validity_s=random.choice([1.0, 3.0, 8.0]),
            query_lag_s=random.choice([0.0, 2.0]),
        )
        self.gateway.lag_s = random.choice([0.0, self.gateway.query_lag_s])
        self.gateway.skew_s = random.uniform(-5, 5)

    def begin(self) -> None:
        """From now on, anything may go wrong."""
        self.gateway.script = self._reply
        self.gateway.delays_s = self._delays_s

    def some_s(self, most_s: float) -> float:
        """A time."""
        return self.random.uniform(0, most_s)

    def actions(self, bot: Bot) -> list[Action]:
        """What one handler returns."""
        return [self._action(bot) for _ in range(self.random.choice([1, 1, 1, 2, 3]))]

    def happen(self, bot: Bot) -> None:
        """Something happens at the venue, or to the connection."""
        live = [order for order in bot.ledger.orders.values() if order.status == "open"]
        chance = self.random.random()
        if live and chance < 0.5:
            order = self.random.choice(live)
            bot.ledger.fill(order.client_order_id, Decimal(self.random.randint(1, int(order.quantity - order.filled))))
        elif live and chance < 0.6:
            bot.ledger.end(self.random.choice(live).client_order_id, "expired")
        elif chance > 0.97:
            bot.gateway.refuses_streams = True
            bot.gateway.disconnect()
        if self.random.random() < 0.4:
            bot.gateway.refuses_streams = False
        self.gateway.queue_s = self.random.choice([0.0] * 8 + [0.3, 12.0])

    def _action(self, bot: Bot) -> Action:
        known = [*bot.trader.orders, *bot.ledger.accepted[-3:], "never"]
        chance = self.random.random()
        if chance < 0.5:
            side: Side = self.random.choice(["buy", "sell"])
            return buy(quantity=str(self.random.randint(1, 5)), side=side, valid_for_s=self._valid_for_s())
        if chance < 0.75:
            return CancelOrder(client_order_id=self.random.choice(known))
        return ReplaceOrder(
            client_order_id=self.random.choice(known),
            quantity=Decimal(self.random.randint(1, 5)),
            price=Decimal(100),
            valid_for_s=self._valid_for_s(),
        )

    def _valid_for_s(self) -> float:
        return self.random.choice([0.05, 2.0, 20.0])

    def _reply(self, method: str) -> Reply | None:
        return self._write() if method in {"place", "replace", "cancel"} else self._read()

    def _write(self) -> Reply:
        arrives_s = self.random.choice([None, self.some_s(1), self.some_s(10)])
        drawn = self.random.choices(range(8), weights=[10, 2, 2, 1, 1, 1, 1, 2])[0]
        return [
            answered(self.some_s(1)),
            silence(arrives_s=arrives_s),
            reset(arrives_s=arrives_s, after_s=self.some_s(8)),
            reset(arrives_s=arrives_s, at_once=True),
            not_sent(self.some_s(8)),
            not_sent(at_once=True),
            rejected(self.some_s(8)),
            Reply(arrives_s=self.some_s(1), answers_s=self.some_s(20) + 1),
        ][drawn]

    def _read(self) -> Reply:
        slow = Reply(arrives_s=self.some_s(2), answers_s=self.some_s(4))
        return self.random.choices([Reply(), slow, reset(), silence()], weights=[20, 4, 1, 1])[0]

    def _delays_s(self) -> Sequence[float]:
        slow = [self.some_s(3) for _ in range(self.random.choice([1, 1, 2]))]
        return self.random.choice([(0.0,), (0.0,), slow])


class Slow(MemoryJournal):
    """A storage that takes its time, and fails now and then."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random = random

    def record(self, orders: Sequence[NewOrder], /) -> Awaitable[None] | None:
        super().record(orders)
        if self._random.random() < 0.05:
            raise OSError("disk full")
        return self._take_time() if self._random.random() < 0.8 else None

    async def _take_time(self) -> None:
        await asyncio.sleep(self._random.choice([0.0, 0.01, 0.3, 3.0]))
        if self._random.random() < 0.05:
            raise OSError("disk full")


LIMIT = Decimal(6)


async def live(
    seed: int,
    *,
    make: Callable[..., OrderExecutor] = OrderExecutor,
    guard: Callable[[str, Decimal], MaxPosition] = MaxPosition,
) -> None:
    """One life, with 60 batches of actions: troubled, then healed; raises AssertionError where a promise was broken."""
    fate = Fate(seed)
    guards = [guard(SYMBOL, LIMIT)]
    async with Bot(fate.gateway, names=("trader", "other"), guards=guards, journal=fate.journal, make=make) as bot:
        await trouble(fate, bot, batches=60)
        fate.gateway.heal()
        await asyncio.sleep(60)  # for what is on its way
        await until(lambda: all(order.status == "open" for order in bot.blotter.live.values()), within_s=300)
    assert bot.left == ""
    bot.check_ends()
    bot.check_ledger()
    assert max(bot.ledger.reach, default=0) <= LIMIT


async def trouble(fate: Fate, bot: Bot, *, batches: int) -> None:
    fate.begin()
    for _ in range(batches):
        bot.do(*fate.actions(bot), by=fate.random.choice(["trader", "other"]))
        await asyncio.sleep(fate.some_s(0.5))
        fate.happen(bot)


async def die(seed: int) -> None:
    """One life that ends in the middle of its troubles."""
    fate = Fate(seed)
    async with Bot(fate.gateway, names=("trader", "other"), journal=fate.journal) as bot:
        await trouble(fate, bot, batches=fate.random.randint(0, 30))
        began_ns = simulated_clock().monotonic_ns()
        await bot.stop()
        assert simulated_clock().monotonic_ns() - began_ns < 10_000_000_000
        assert asyncio.all_tasks() == {asyncio.current_task()}
        fate.gateway.heal()
        await asyncio.sleep(30)  # for what is on its way
    alive = {order.client_order_id for order in bot.ledger.orders.values() if order.status == "open"}
    assert {client_order_id for client_order_id in alive if client_order_id not in bot.left} == set()


@given(st.integers(0, 2**32))
@settings(max_examples=50)
def test_whenever_it_stops_all_that_may_be_alive_is_named(seed: int) -> None:
    simulate(die(seed), seed=seed)


@given(st.integers(0, 2**32))
@settings(max_examples=60)
def test_in_the_end_the_ledger_and_the_bot_agree(seed: int) -> None:
    simulate(live(seed), seed=seed)


# Executors that are broken on purpose


class Resending(OrderExecutor):
    """Sends an order again when its outcome is unknown."""

    def place(self, order: PlaceOrder) -> Sent:
        return self._insist(order, super().place(order))

    async def _insist(self, order: PlaceOrder, sent: Sent) -> None:
        if sent is not None:
            await sent
        now = self.blotter.find(order.client_order_id)
        if now is not None and now.status == "unknown":
            with contextlib.suppress(Exception):
                await self._gateway.place(order)


class Hasty(OrderExecutor):
    """Takes an order that was not answered in time for one that was not sent."""

    def place(self, order: PlaceOrder) -> Sent:
        return self._conclude(order, super().place(order))

    async def _conclude(self, order: PlaceOrder, sent: Sent) -> None:
        if sent is not None:
            await sent
        await self._fail(order)

    async def _fail(self, order: PlaceOrder) -> None:
        now = self.blotter.find(order.client_order_id)
        if now is not None and now.status == "unknown":
            self._desk.take(OrderReport(client_order_id=order.client_order_id, status="failed"))


class Credulous(Hasty):
    """Takes an order that a query does not show for one that is not there."""

    async def _fail(self, order: PlaceOrder) -> None:
        name = OrderRef(symbol=order.symbol, client_order_id=order.client_order_id)
        with contextlib.suppress(Exception):
            if await self._gateway.query(name) is None:
                await super()._fail(order)


class Doubling(OrderExecutor):
    """Takes every report of a fill for a new one."""

    def __init__(self, gateway: Gateway, **options: Any) -> None:
        super().__init__(gateway, **options)
        self.blotter = Forgetting(self.venue)


class Forgetting(Blotter):
    def take_fill(self, report: FillReport, *, recovered: bool = False) -> list[Event]:
        self._trades.clear()
        return super().take_fill(report, recovered=recovered)


def last_word(order: Order, report: OrderReport) -> Order:
    return replace(order, status=report.status, filled=report.filled)


def is_caught(*, lives: int = 20, **broken: Any) -> bool:
    """Whether the check finds something in one of so many lives."""
    for seed in range(lives):
        try:
            simulate(live(seed, **broken), seed=seed)
        except (AssertionError, BaseExceptionGroup, TimeoutError):
            return True
    return False


class Optimistic(MaxPosition):
    """Does not count what is unknown."""

    @on(OrderUpdate)
    def take_update(self, update: OrderUpdate) -> None:
        super().take_update(replace(update, status="failed") if update.status == "unknown" else update)


@pytest.mark.parametrize("broken", [Resending, Hasty, Credulous, Doubling])
def test_the_check_catches_a_broken_executor(broken: Callable[..., OrderExecutor]) -> None:
    assert is_caught(make=broken)


def test_the_check_catches_a_state_that_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blotter, "advance", last_word)

    assert is_caught()


def test_the_check_catches_a_guard_that_does_not_count_what_is_unknown() -> None:
    assert is_caught(lives=100, guard=Optimistic)


def test_the_same_lives_are_fine_otherwise() -> None:
    assert not is_caught()
