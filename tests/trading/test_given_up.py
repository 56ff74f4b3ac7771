"""A gateway that gives up a question: whoever asked goes on."""

import asyncio

from bowstring.trading.messages import Fill
from tests.trading.bot import Bot, simulated
from tests.trading.crash import Lives
from tests.trading.scripted import Reply, ScriptedGateway, reset, silence

GIVEN_UP = Reply(error=asyncio.CancelledError())


@simulated
async def test_a_question_that_the_gateway_gave_up_does_not_end_the_asking() -> None:
    async with Bot() as bot:
        order = await bot.open(quantity="5")
        bot.gateway.then("open_orders", GIVEN_UP)
        await asyncio.sleep(31)
        bot.gateway.delays_s = tuple
        bot.ledger.fill(order, "5")
        await asyncio.sleep(100)

        assert len(bot.events(Fill)) == 1


@simulated
async def test_nor_a_doubt() -> None:
    async with Bot() as bot:
        bot.gateway.then("query", GIVEN_UP)
        bot.gateway.then("place", reset())
        order = bot.place()
        await asyncio.sleep(300)

        assert bot.status(order) == "failed"


@simulated
async def test_nor_a_recovery() -> None:
    lives = Lives()
    async with lives.life() as bot:
        lives.gateway.then("place", silence())
        bot.place()
        lives.kill(bot)
    lives.gateway.then("query", Reply(), GIVEN_UP)
    async with lives.life():  # raises: the start is over, for "it was cancelled from within"
        pass


@simulated
async def test_nor_does_a_close_keep_orders_from_being_named() -> None:
    gateway = ScriptedGateway()
    async with Bot(gateway) as bot:
        order = await bot.open()
        gateway.script = {"cancel": silence(), "close": GIVEN_UP}.get
        await bot.stop()
    assert order in bot.left
