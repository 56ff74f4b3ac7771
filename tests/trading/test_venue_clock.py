"""A venue's clock that steps, or one wrong reading of it: no fill is lost, and nothing is proved by it."""

import asyncio

from bowstring.testing.simulation import simulated_clock
from bowstring.trading.messages import Fill
from tests.trading.bot import Bot, simulated, until
from tests.trading.crash import Lives
from tests.trading.scripted import ScriptedGateway, reset, silence


@simulated
async def test_one_wrong_reading_of_the_venues_clock_loses_no_fill() -> None:
    async with Bot(reconcile_every_s=10) as bot:
        order = await bot.open(quantity="5")
        asked = bot.gateway.count("time_ns")
        bot.gateway.skew_s = 3600.0  # for one answer
        await until(lambda: bot.gateway.count("time_ns") > asked)
        await asyncio.sleep(0.001)
        bot.gateway.skew_s = 0.0
        bot.gateway.delays_s = tuple  # and a report is lost
        bot.ledger.fill(order, "2")
        await asyncio.sleep(8000)

        assert [fill.trade_id for fill in bot.events(Fill)] == ["1"]


@simulated
async def test_a_step_of_the_venues_clock_hides_no_fill_from_a_proof_of_absence() -> None:
    async with Bot(ScriptedGateway(validity_s=4.0, query_lag_s=1.0)) as bot:
        bot.gateway.delays_s = tuple
        bot.gateway.hides_orders = True
        bot.gateway.then("place", reset(arrives_s=0.05))
        order = bot.place(quantity="5")
        await until(lambda: order in bot.ledger.orders)
        bot.ledger.fill(order, "5")
        bot.gateway.skew_s = 3600.0
        await until(lambda: bot.status(order) != "unknown", within_s=200)

        assert bot.statuses(order) == ["unknown", "filled"]


@simulated
async def test_a_fill_is_found_where_the_first_answer_about_time_was_wrong() -> None:
    lives = Lives()
    lives.gateway.skew_s = 3600.0
    async with lives.life() as bot:
        bot.gateway.skew_s = 0.0
        order = await bot.open()
        lives.kill(bot)
    await asyncio.sleep(300)
    lives.ledger.now_ns = simulated_clock().now_ns
    lives.ledger.fill(order, "5")
    await asyncio.sleep(300)
    async with lives.life() as bot:
        await asyncio.sleep(100)
        fills = [fill.trade_id for fill in bot.events(Fill)]
    assert fills == ["1"]


class WrongOnce(ScriptedGateway):
    """Its second answer about the time, the first to a doubt, is an hour ahead."""

    asked = 0

    async def time_ns(self) -> int:
        self.asked += 1
        return await super().time_ns() + (3600 * 10**9 if self.asked == 2 else 0)


@simulated
async def test_a_start_is_not_kept_up_for_an_hour_by_one_wrong_answer_about_the_time() -> None:
    lives = Lives()
    async with lives.life() as bot:
        bot.gateway.then("place", silence())
        order = bot.place()
        await asyncio.sleep(1)
        lives.kill(bot)
    lives.gateway = WrongOnce(ledger=lives.ledger)
    async with lives.life() as bot:
        await asyncio.sleep(300)

        assert bot.status(order) == "failed"
        await bot.open()
