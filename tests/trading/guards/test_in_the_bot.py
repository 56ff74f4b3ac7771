"""Guards in a running bot: groups that pass or do not, restarts, and orders whose outcome is not known."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from functools import partial

import pytest

from bowstring.core.components import Guard
from bowstring.core.messages import ActionRefused, Together
from bowstring.trading.gateway import BalanceReport
from bowstring.trading.guards import (
    MaxExposure,
    MaxOpenOrders,
    MaxPosition,
    NoDuplicates,
    NoSelfCross,
    OrderGuard,
    OrderRate,
    ReserveBalance,
)
from bowstring.trading.journal.memory import MemoryJournal
from bowstring.trading.messages import Fill, Side
from bowstring.trading.new_orders import NewOrder
from tests.trading.bot import Bot, buy, simulated, until
from tests.trading.guards.told import quote
from tests.trading.scripted import SYMBOL, Reply, ScriptedGateway, rejected, reset, silence


class NoFours(OrderGuard):
    """Refuses a quantity of 4."""

    def objection(self, order: NewOrder, side: Side) -> str | None:
        return "four" if order.quantity == 4 else None


COUNTING: dict[str, Callable[[], Guard]] = {
    "MaxPosition": partial(MaxPosition, SYMBOL, Decimal(5)),
    "MaxExposure": partial(MaxExposure, "USDT", Decimal(500)),
    "MaxOpenOrders": partial(MaxOpenOrders, 1),
    "ReserveBalance": ReserveBalance,  # of the 1,000 USDT that there are
    "OrderRate": partial(OrderRate, 1, per_s=3600),
    "NoDuplicates": partial(NoDuplicates, within_s=3600),
    "NoSelfCross": NoSelfCross,
}
"""Guards that count what they let pass: an order for 5 at 100 is all that each of them allows, but for the last."""


def full(name: str) -> str:
    return "10" if name == "ReserveBalance" else "5"


def again(name: str) -> tuple[Side, str]:
    """What is refused while the first order counts, and passes when it does not."""
    return ("sell", "100") if name == "NoSelfCross" else ("buy", "100")


@pytest.mark.parametrize("name", COUNTING)
@simulated
async def test_what_had_passed_is_given_back_when_another_of_its_group_is_refused(name: str) -> None:
    async with Bot(guards=[COUNTING[name](), NoFours()]) as bot:
        bot.publish(quote(99, 101))
        one, four = buy(quantity=full(name)), buy(quantity="4", price="1", side="buy", symbol="ETH/USDT")
        bot.publish(quote("0.5", "1.5", symbol="ETH/USDT"))
        bot.do(Together([one, four]))
        assert bot.gateway.count("place") == 0
        assert {closed.by for closed in bot.events(ActionRefused)} <= {"NoFours", name}
        assert bot.statuses(one.client_order_id) == ["refused"]

        side, price = again(name)
        passes = bot.place(quantity=full(name), side=side, price=price)
        await until(lambda: bot.status(passes) in {"open", "failed"} or bot.closing(passes))
        assert bot.statuses(passes)[:1] != ["refused"], bot.outcome(passes)


@pytest.mark.parametrize("name", COUNTING)
@simulated
async def test_what_passes_counts_before_its_group_is_carried_out(name: str) -> None:
    async with Bot(guards=[COUNTING[name]()]) as bot:
        bot.publish(quote(99, 101))
        side, price = again(name)
        bot.do(Together([buy(quantity=full(name)), buy(quantity=full(name), side=side, price=price)]))

        assert [closed.by for closed in bot.events(ActionRefused)] == [name, name]
        assert bot.gateway.count("place") == 0


@pytest.mark.parametrize("name", [name for name in COUNTING if name not in {"OrderRate", "NoDuplicates"}])
@simulated
async def test_an_unknown_order_counts_until_its_absence_is_proved(name: str) -> None:
    gateway = ScriptedGateway()
    side, price = again(name)
    async with Bot(gateway, guards=[COUNTING[name]()]) as bot:
        bot.publish(quote(99, 101))
        gateway.then("place", silence())
        gateway.hides_orders = True
        gateway.stop_clock()
        lost = bot.place(quantity=full(name))
        await until(lambda: bot.status(lost) == "unknown")
        bot.publish(quote(99, 101))
        assert bot.statuses(bot.place(quantity=full(name), side=side, price=price)) == ["refused"]
        gateway.stopped_ns = None
        await until(lambda: bot.status(lost) == "failed")
        bot.publish(quote(99, 101))

        passes = bot.place(quantity=full(name), side=side, price=price)
        await until(lambda: bot.closing(passes))
        assert bot.outcome(passes)[0] == "ActionDone"


@pytest.mark.parametrize("name", [name for name in COUNTING if name not in {"OrderRate", "NoDuplicates"}])
@simulated
async def test_an_open_order_counts_after_a_restart(name: str) -> None:
    journal, gateway = MemoryJournal(), ScriptedGateway()
    side, price = again(name)
    async with Bot(gateway, guards=[COUNTING[name]()], journal=journal, on_stop="leave") as bot:
        bot.publish(quote(99, 101))
        left = await bot.open(quantity=full(name))
    async with Bot(gateway, guards=[COUNTING[name]()], journal=journal) as bot:
        bot.publish(quote(99, 101))
        assert bot.status(left) == "open"
        refused = bot.place(quantity="0.1", side=side, price=price)
        assert bot.statuses(refused) == ["refused"]
        assert bot.events(ActionRefused)[0].by == name


@simulated
async def test_a_position_and_what_was_filled_meanwhile_count_after_a_restart() -> None:
    journal, gateway = MemoryJournal(), ScriptedGateway()
    limit = partial(MaxPosition, SYMBOL, Decimal(10))
    async with Bot(gateway, guards=[limit()], journal=journal, on_stop="leave") as bot:
        order = await bot.open(quantity="6")
        bot.ledger.fill(order, "2")
        await until(lambda: bot.events(Fill))
    gateway.ledger.fill(order, "3")
    async with Bot(gateway, guards=[limit()], journal=journal) as bot:
        assert [fill.recovered for fill in bot.events(Fill)] == [True]

        assert bot.statuses(bot.place(quantity="4.001")) == ["refused"]
        await bot.open(quantity="4")


@simulated
async def test_an_order_about_to_be_replaced_counts_besides_its_replacement() -> None:
    async with Bot(guards=[MaxPosition(SYMBOL, Decimal(10))]) as bot:
        old = await bot.open(quantity="6")
        assert bot.statuses(bot.replace(old, quantity="4.001")) == ["refused"]
        new = bot.replace(old, quantity="4")
        assert bot.statuses(bot.place(quantity="0.001")) == ["refused"]
        await until(lambda: bot.status(new) == "open")

        await bot.open(quantity="6")
        assert bot.statuses(bot.place(quantity="0.001")) == ["refused"]


@simulated
async def test_a_group_goes_its_ways_once_it_has_passed() -> None:
    async with Bot(guards=[MaxPosition(SYMBOL, Decimal(10))]) as bot:
        bot.gateway.then("place", rejected())
        one, two = buy(quantity="5"), buy(quantity="5", price="99")
        bot.do(Together([one, two]))
        await until(lambda: bot.status(two.client_order_id) == "open")

        assert bot.status(one.client_order_id) == "rejected"


@simulated
async def test_a_guard_that_raises_refuses_the_whole_group() -> None:
    class Broken(OrderGuard):
        def objection(self, order: NewOrder, side: Side) -> str | None:
            if order.quantity == 4:
                raise ValueError("broken")
            return None

    async with Bot(guards=[Broken()]) as bot:
        bot.do(Together([buy(quantity="5"), buy(quantity="4", price="99")]))
        await asyncio.sleep(1)

        assert bot.gateway.count("place") == 0
        assert [closed.by for closed in bot.events(ActionRefused)] == ["Broken", "Broken"]


@simulated
async def test_an_order_that_came_to_nothing_by_a_reset_counts_meanwhile() -> None:
    async with Bot(guards=[NoSelfCross()]) as bot:
        bot.gateway.then("place", reset())
        lost = bot.place(side="sell")
        await until(lambda: bot.status(lost) == "unknown")
        assert bot.statuses(bot.place()) == ["refused"]

        await until(lambda: bot.status(lost) == "failed")
        await bot.open()


@simulated
async def test_a_balance_that_comes_before_its_order_is_open_is_not_held_against_it_for_ever() -> None:
    gateway = ScriptedGateway()
    shown = BalanceReport(currency="USDT", free=Decimal(1000), locked=Decimal(0))
    gateway._balances = lambda: [shown]  # type: ignore[method-assign]
    async with Bot(gateway, guards=[ReserveBalance()]) as bot:
        gateway.then("place", Reply(arrives_s=0.0, answers_s=0.5))
        gateway.delays_s = lambda: (0.5,)
        first = bot.place()  # needs 500
        await asyncio.sleep(0.01)
        shown = BalanceReport(currency="USDT", free=Decimal(500), locked=Decimal(500))
        gateway.delays_s = lambda: (0.0,)
        gateway.publish(shown)
        await until(lambda: bot.status(first) == "open")
        await asyncio.sleep(200)
        second = bot.place(quantity="4")  # needs 400 of 500
        await asyncio.sleep(1)
        outcome = bot.outcome(second)
    assert second in bot.ledger.orders, outcome
