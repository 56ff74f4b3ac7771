"""Commands that are left for the next start, or given while a venue cannot be reached."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from bowstring.core.engine import Engine
from bowstring.core.errors import StopIncomplete
from bowstring.core.messages import ActionRefused
from bowstring.testing.simulation import simulated_clock
from bowstring.trading.control.commands import Accept, Activate, Kill, SetPosition
from bowstring.trading.executor import OrderExecutor
from bowstring.trading.messages import Position, ReconcileMismatch
from tests.trading.bot import Bot, Do, Feed, Recorder, Trader, buy, simulated, until
from tests.trading.control.operator import Operator
from tests.trading.scripted import SYMBOL, ScriptedGateway, reset

ACCEPT = Accept(operator="alice", why="I know", venue="venue", symbol=SYMBOL)


@pytest.fixture
def alice(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


@simulated
async def test_a_position_that_is_left_for_the_next_start_is_that_after_what_was_missed(alice: Operator) -> None:
    async with Bot(journal=alice.journal, on_stop="leave") as bot:
        order = await bot.open(quantity="5")
    bot.ledger.fill(order, "5")
    quantity = Decimal(5)
    name = alice.give(
        SetPosition(operator="alice", why="seen", strategy="trader", venue="venue", symbol=SYMBOL, quantity=quantity)
    )
    async with Bot(ScriptedGateway(ledger=bot.ledger), journal=alice.journal) as again:
        assert (await alice.answer(name)).is_done
        await asyncio.sleep(100)
        assert again.events(Position)[-1].quantity == 5


@simulated
async def test_an_acceptance_that_is_left_for_the_next_start_holds_and_so_do_earlier_ones(alice: Operator) -> None:
    async with Bot(journal=alice.journal, on_stop="leave") as bot:
        orders = [await bot.open(), await bot.open(symbol="ETH/USDT")]
        for order in orders:
            del bot.ledger.orders[order]
        await until(lambda: len(bot.events(ReconcileMismatch)) == 2, within_s=200)
        await alice.tell(ACCEPT)
    name = alice.give(replace(ACCEPT, symbol="ETH/USDT"))
    async with Bot(ScriptedGateway(ledger=bot.ledger), journal=alice.journal, on_stop="leave") as again:
        assert (await alice.answer(name)).is_done
        await asyncio.sleep(100)
        assert again.events(ReconcileMismatch) == []


@simulated
async def test_nothing_is_accepted_at_a_venue_that_was_not_asked_yet(alice: Operator) -> None:
    async with Bot(journal=alice.journal, on_stop="leave") as bot:
        del bot.ledger.orders[await bot.open()]
        await until(lambda: bot.events(ReconcileMismatch), within_s=200)
    gateway = ScriptedGateway(ledger=bot.ledger)
    gateway.script = lambda method: reset() if method == "open" else None
    async with Bot(gateway, journal=alice.journal, on_stop="leave"):
        answer = await alice.tell(ACCEPT)
        gateway.script = lambda _method: None

    assert answer == (False, "venue was not asked yet how things stand: give it again then")


@simulated
async def test_an_executor_without_a_file_trades_again_too(alice: Operator) -> None:
    gateways = [ScriptedGateway(venue="live"), ScriptedGateway(venue="paper")]
    executors = [OrderExecutor(gateways[0], journal=alice.journal), OrderExecutor(gateways[1])]
    feed, trader, recorder = Feed(), Trader(), Recorder()
    engine = Engine(collectors=[feed], strategies=[trader], executors=[*executors, recorder], clock=simulated_clock())
    running = asyncio.create_task(engine.run())
    await engine.started.wait()
    await alice.tell(Kill(operator="alice", why="x"))
    await asyncio.sleep(1)
    await alice.tell(Activate(operator="alice", why="over"))
    feed.emit(Do(strategy="trader", actions=tuple(replace(buy(), venue=one.venue) for one in gateways)))
    await asyncio.sleep(1)
    engine.stop()
    await running

    assert [one.reason for one in recorder.events if isinstance(one, ActionRefused)] == []
    assert [len(gateway.ledger.accepted) for gateway in gateways] == [1, 1]


@simulated
async def test_a_kill_that_is_pulled_while_another_one_is_lifted_holds(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        bot.engine.kill("one", by="me")
        await asyncio.sleep(1)
        bot.engine.kill("another", by="me")  # which is delivered in the loop's next turn
        bot.engine.rearm()
        refused = bot.place()
        await asyncio.sleep(1)

        assert bot.outcome(refused) == ("ActionRefused", "the kill switch was pulled by me: another")


@simulated
async def test_no_order_leaves_whatever_kind_of_file_the_kill_switch_is(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        alice.files.kill_path.symlink_to("nowhere")

        assert bot.outcome(bot.place()) == ("ActionRefused", f"trading is halted: {alice.files.killed()}")


@simulated
async def test_a_start_that_is_refused_names_no_orders_of_its_own_as_nobodys(alice: Operator) -> None:
    async with Bot(journal=alice.journal, on_stop="leave") as bot:
        order = await bot.open()
    alice.files.folder.chmod(0o755)

    with pytest.raises(StopIncomplete, match=f"^orders venue: orders that may be alive at venue: {order}[^;]*$"):
        await Bot(ScriptedGateway(ledger=bot.ledger), journal=alice.journal, on_stop="leave").engine.run()
