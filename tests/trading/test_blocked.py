"""A loop that did not run for long, whatever kept it: the venue is asked how things stand before there is new risk."""

import asyncio
from collections.abc import Sequence

from bowstring.core.messages import Action, Event, LoopBlocked
from bowstring.trading.messages import PlaceOrder
from tests.core.watched import AFTER_S, World
from tests.trading.bot import Bot, buy, simulated, until
from tests.trading.scripted import ScriptedGateway, answered


@simulated
async def test_after_a_handler_that_blocked_for_long_there_is_no_new_risk_before_the_venue_was_asked() -> None:
    late = buy(valid_for_s=60)

    def block(event: Event) -> Sequence[Action]:
        bot.trader.reactions.clear()
        world.block(1.5)
        return [late]

    world = World()
    asyncio.get_running_loop().clock = world  # type: ignore[attr-defined]  # the simulation's
    gateway = ScriptedGateway()
    async with Bot(gateway) as bot:
        watchdog = bot.engine.watchdog(after_s=AFTER_S)
        world.look = watchdog.look
        watchdog.start()
        bot.trader.reactions.append(block)
        await bot.open()
        gateway.script = lambda method: answered(1.0) if method == "balances" else None
        asked = gateway.count("balances")
        await until(lambda: bot.events(LoopBlocked))
        await asyncio.sleep(0.1)
        paused = PlaceOrder(symbol="BTC/USDT", side="buy", quantity=late.quantity, price=late.price)
        bot.do(paused)
        await until(lambda: gateway.count("balances") > asked)
        await asyncio.sleep(1.5)
        order = await bot.open()
        watchdog.stop()

        assert bot.outcome(late) == ("ActionRefused", "trader._react blocks the event loop")
        assert bot.outcome(paused) == (
            "ActionRefused",
            "no new risk at venue: trader._react blocked the event loop for 1.4 s",
        )
        assert bot.status(order) == "open"


@simulated
async def test_nor_after_the_process_stood_still_whatever_comes_before_anybody_knows_of_that() -> None:
    world = World()
    loop = asyncio.get_running_loop()
    loop.clock = world  # type: ignore[attr-defined]  # the simulation's
    gateway = ScriptedGateway()
    async with Bot(gateway) as bot:
        watchdog = bot.engine.watchdog(after_s=AFTER_S)
        watchdog.start()
        first, second = buy(valid_for_s=60), buy(valid_for_s=60)
        gateway.script = lambda method: answered(1.0) if method == "balances" else None
        asked = gateway.count("balances")
        loop.call_soon(world.let_pass, 3.0)
        loop.call_soon(bot.do, first)
        await until(lambda: bot.events(LoopBlocked))
        await asyncio.sleep(0.1)
        bot.do(second)
        await until(lambda: gateway.count("balances") > asked)
        await asyncio.sleep(1.5)
        order = await bot.open()
        watchdog.stop()

        assert bot.outcome(first) == ("ActionRefused", "the event loop did not run for a second or longer")
        assert bot.outcome(second) == (
            "ActionRefused",
            "no new risk at venue: a process that stood still blocked the event loop for 3.0 s",
        )
        assert bot.status(order) == "open"
