"""A venue's clock that steps, or one wrong reading of it: no fill is lost, and nothing is proved by it."""

import asyncio

from bowstring.trading.messages import Fill
from tests.trading.bot import Bot, simulated, until
from tests.trading.scripted import ScriptedGateway, reset


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
