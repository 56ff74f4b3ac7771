"""Orders that the venue shows as open, and that have ended by all that was known."""

import asyncio
from pathlib import Path

import pytest

from bowstring.core.errors import Rejected
from bowstring.core.messages import KillSwitch
from bowstring.trading.control.commands import Decided
from bowstring.trading.messages import PlaceOrder, ReconcileMismatch
from tests.trading.bot import Bot, simulated, until
from tests.trading.control.operator import Operator
from tests.trading.scripted import Reply, ScriptedGateway, reset, silence


@pytest.fixture
def alice(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


def reasons(bot: Bot) -> list[str]:
    return [mismatch.reason for mismatch in bot.events(ReconcileMismatch)]


def nothing(_bot: Bot) -> None:
    """Check nothing."""


async def unknown(bot: Bot) -> str:
    """Have an order whose outcome the bot cannot find out."""
    bot.gateway.hides_orders = True
    bot.gateway.stop_clock()
    bot.gateway.then("place", silence())
    order = bot.place()
    await until(lambda: bot.status(order) == "unknown")
    return order


def comes_late(bot: Bot, order: str) -> None:
    """It was on its way for longer than the venue promises."""
    bot.gateway.hides_orders = False
    bot.gateway.stopped_ns = None
    placed = bot.action_of(order)
    assert isinstance(placed, PlaceOrder)
    bot.ledger.accept(placed)


@pytest.mark.parametrize(("status", "filled"), [("rejected", None), ("cancelled", "0"), ("expired", "0")])
@simulated
async def test_an_order_that_the_venue_shows_as_open_is_cancelled_or_named_at_the_stop(
    status: Decided, filled: str | None, alice: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bot, "check_updates", nothing)  # it was final, and ends again
    async with Bot(ScriptedGateway(validity_s=30), journal=alice.journal) as bot:
        order = await unknown(bot)
        await alice.decide(order, status, filled)
        comes_late(bot, order)
        await until(lambda: reasons(bot), within_s=200)  # so the bot knows that it is shown
        bot.cancel(order)  # "done", and nothing is sent
        await asyncio.sleep(1)
    assert bot.ledger.orders[order].status == "cancelled" or order in bot.left


@simulated
async def test_so_is_one_that_was_shown_and_then_refused() -> None:
    async with Bot() as bot:
        bot.gateway.then("place", Reply(answers_s=0.5, error=Rejected("too many requests", code="-1003")))
        order = bot.place()
        await asyncio.sleep(100)
        told = bot.statuses(order)
    assert told[0] == "open"
    assert bot.ledger.orders[order].status == "cancelled" or order in bot.left


@simulated
async def test_an_order_that_comes_to_life_while_trading_is_halted_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Bot, "check_updates", nothing)  # it was final, and lives
    async with Bot(ScriptedGateway(validity_s=1.0, query_lag_s=0.5)) as bot:
        bot.gateway.then("place", reset())
        order = bot.place()
        await until(lambda: bot.status(order) == "failed")
        bot.publish(KillSwitch(reason="enough", by="me"))
        await asyncio.sleep(1)
        comes_late(bot, order)
        await asyncio.sleep(60)

        assert bot.ledger.orders[order].status == "cancelled"


@simulated
async def test_an_order_that_ends_while_the_venue_is_asked_is_not_taken_for_alive() -> None:
    async with Bot(reconcile_every_s=5) as bot:
        order = await bot.open()
        bot.gateway.then("balances", Reply(answers_s=2.0))
        await asyncio.sleep(6)  # it has been shown as open, and the rest is not answered yet
        bot.cancel(order)
        await until(lambda: bot.status(order) == "cancelled")
        await asyncio.sleep(2)

        assert bot.executor.blotter.undead == {}
