"""A bot of two venues, of which one cannot be reached; and venues that do not tell all that they are asked."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from bowstring.core.components import Guard
from bowstring.core.engine import Engine
from bowstring.core.errors import StopIncomplete
from bowstring.core.messages import ActionClosed
from bowstring.testing.simulation import simulated_clock
from bowstring.trading.executor import OrderExecutor
from bowstring.trading.guards import MaxPosition
from bowstring.trading.journal.memory import MemoryJournal
from bowstring.trading.messages import ReconcileMismatch
from tests.trading.bot import Bot, Do, Feed, Recorder, Trader, buy, simulated, until
from tests.trading.control.operator import Operator
from tests.trading.crash import Lives
from tests.trading.scripted import SYMBOL, ScriptedGateway, answered, rejected, reset, silence


async def closings(here: ScriptedGateway, away: ScriptedGateway, guard: Guard, journal: MemoryJournal) -> Sequence[str]:
    """How an order of 4 here is closed, by a new bot that cannot reach the other venue: by whom, and why."""
    away.script = lambda method: reset() if method == "open" else None
    executors = [OrderExecutor(one, journal=journal, on_stop="leave") for one in (here, away)]
    feed, trader, recorder = Feed(), Trader(), Recorder()
    engine = Engine(
        collectors=[feed],
        strategies=[trader],
        executors=[*executors, recorder],
        guards=[guard],
        clock=simulated_clock(),
    )
    running = asyncio.create_task(engine.run())
    await engine.started.wait()
    await asyncio.sleep(0.001)
    feed.emit(Do(strategy="trader", actions=(replace(buy(quantity="4"), venue="here"),)))
    await asyncio.sleep(1)
    engine.stop()
    with suppress(StopIncomplete):
        await running
    return [f"{one.by} {one.reason}" for one in recorder.events if isinstance(one, ActionClosed)]


async def filled_untold(quantity: str) -> tuple[ScriptedGateway, MemoryJournal]:
    """What is left of a bot that heard of an order of 5 that so much of it filled, and of no fill."""
    journal, away = MemoryJournal(), ScriptedGateway(venue="away")
    async with Bot(away, journal=journal, on_stop="leave") as bot:
        order = await bot.open(quantity="5")
        away.delays_s = tuple
        away.ledger.fill(order, quantity)
        away.delays_s = lambda: (0.0,)
        away.publish(away.ledger.orders[order].report())
        await asyncio.sleep(1)
    return ScriptedGateway(venue="away", ledger=away.ledger), journal


@simulated
async def test_fills_that_no_fill_told_of_count_while_their_venue_is_closed() -> None:
    for quantity in ("3", "5"):  # of an order that is open, and of one that has ended
        away, journal = await filled_untold(quantity)
        told = await closings(ScriptedGateway(venue="here"), away, MaxPosition(SYMBOL, Decimal(8)), journal)
        assert told == ["MaxPosition position in BTC/USDT could reach 9 long, beyond 8"]


@simulated
async def test_a_limit_for_what_only_the_closed_venue_lists_is_not_taken_for_misspelt() -> None:
    here = ScriptedGateway(venue="here", symbols=("BTC/USDT",))
    away = ScriptedGateway(venue="away", symbols=("ETH/USDT",))

    assert await closings(here, away, MaxPosition("ETH/USDT", Decimal(8)), MemoryJournal()) == ["orders here "]


@simulated
async def test_one_order_that_the_venue_does_not_tell_of_closes_its_symbol_and_not_the_account(tmp_path: Path) -> None:
    alice = Operator(tmp_path)
    async with Bot(journal=alice.journal, on_stop="leave") as bot:
        order = await bot.open(symbol="ETH/USDT")
    bot.ledger.end(order, "expired")
    venue = ScriptedGateway(ledger=bot.ledger)
    venue.script = lambda method: rejected() if method == "query" else None
    async with Bot(venue, journal=alice.journal, on_stop="leave") as again:
        await asyncio.sleep(100)
        (mismatch,) = again.events(ReconcileMismatch)
        asked = again.gateway.count("query", order) - again.gateway.count("balances")
        refused, placed = again.place(symbol="ETH/USDT"), await again.open()
        answer = await alice.decide(order, "cancelled", "0")

    assert asked == 4  # refused five times, of which the last one is taken for an answer
    assert mismatch.reason == f"the venue does not tell of its order {order}: no"
    assert again.outcome(refused)[0] == "ActionRefused"
    assert again.status(placed) == "open"
    assert answer[0]


@simulated
async def test_a_refusal_now_and_then_is_asked_again() -> None:
    async with Bot(reconcile_every_s=10) as bot:
        order = await bot.open()
        del bot.ledger.orders[order]  # so that it is asked for by itself
        bot.ledger.orders.clear()
        for _ in range(5):
            bot.gateway.then("query", *[rejected()] * 4)
            await asyncio.sleep(60)

        assert [one.reason for one in bot.events(ReconcileMismatch)] == [
            f"{order} was open, and the venue does not know it"
        ]


@pytest.mark.parametrize("long", [SYMBOL, "ETH/USDT"])
@simulated
async def test_a_long_list_of_fills_is_given_more_time_each_time(long: str) -> None:
    lives = Lives()
    async with lives.life() as bot:
        await bot.open()
        await bot.open(symbol="ETH/USDT")
        lives.kill(bot)
    calls = lives.gateway.calls
    lives.gateway.script = lambda _method: answered(100.0) if calls[-1] == ("fills_since", long) else None
    async with lives.life() as again:
        await until(lambda: again.executor.blotter.live and not again.outcome(again.place())[1], within_s=1000)


@simulated
async def test_what_a_kill_could_not_cancel_is_cancelled_as_soon_as_the_venue_is_reached() -> None:
    lives = Lives()
    async with lives.life() as bot:
        order = await bot.open()
        lives.kill(bot)
    lives.gateway.script = lambda method: reset() if method in {"open", "cancel"} else None
    async with lives.life() as again:
        again.engine.kill("x", by="me")
        await asyncio.sleep(200)
        again.gateway.script = lambda _method: None
        await again.until_up()
        await asyncio.sleep(1)
        assert again.status(order) == "cancelled"


@simulated
async def test_an_unknown_order_that_the_venue_does_not_tell_of_closes_its_symbol_and_not_the_account() -> None:
    lives = Lives()
    async with lives.life() as bot:
        lives.gateway.then("place", silence())
        bot.place(symbol="ETH/USDT")
        lives.kill(bot)
    lives.gateway.script = lambda method: rejected() if method == "query" else None
    async with lives.life() as again:
        await asyncio.sleep(600)
        assert again.outcome(again.place(symbol=SYMBOL))[0] != "ActionRefused"
