"""Orders that the venue shows as open, and that had ended by all that was known: they live again."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from bowstring.core.errors import Rejected
from bowstring.core.messages import KillSwitch
from bowstring.trading import blotter as blotter_module
from bowstring.trading.control.commands import Decided
from bowstring.trading.gateway import OrderReport
from bowstring.trading.guards.max_open_orders import MaxOpenOrders
from bowstring.trading.journal.commands import verify
from bowstring.trading.journal.file import JournalFile
from bowstring.trading.messages import Fill, PlaceOrder, Position, ReconcileMismatch, Side
from tests.trading.bot import Bot, buy, simulated, until
from tests.trading.control.operator import Operator
from tests.trading.crash import Lives
from tests.trading.scripted import Reply, ScriptedGateway, reset, silence


@pytest.fixture
def alice(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


@pytest.fixture(autouse=True)
def lives_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bot, "lives_again", True)


def reasons(bot: Bot) -> list[str]:
    return [mismatch.reason for mismatch in bot.events(ReconcileMismatch)]


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
    status: Decided, filled: str | None, alice: Operator
) -> None:
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
async def test_an_order_that_comes_to_life_while_trading_is_halted_is_cancelled() -> None:
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

        assert bot.status(order) == "cancelled"
        await asyncio.sleep(60)
        assert reasons(bot) == []


def nothing(_bot: Bot) -> None:
    """Check nothing."""


async def while_down(bot: Bot, *, seconds: float = 5) -> None:
    bot.gateway.refuses_streams = True
    bot.gateway.disconnect()
    await asyncio.sleep(seconds)


async def refused_and_shown(bot: Bot, *, side: Side = "buy") -> str:
    """Have an order that was refused in answer, and that the stream shows as open after that."""
    bot.gateway.delays_s = lambda: (0.1,)
    bot.gateway.then("place", Reply(error=Rejected("busy", code="-1")))
    order = bot.place(side=side)
    await asyncio.sleep(1)
    bot.gateway.delays_s = lambda: (0.0,)
    assert bot.statuses(order) == ["rejected", "open"]
    return order


@simulated
async def test_a_fill_of_such_an_order_while_the_stream_is_down_is_found() -> None:
    async with Bot() as bot:
        order = await refused_and_shown(bot)
        await while_down(bot)
        bot.ledger.fill(order, "5")
        bot.gateway.refuses_streams = False
        await bot.until_up()
        await asyncio.sleep(200)
        fills = [fill.trade_id for fill in bot.events(Fill)]
        assert fills == ["1"]
        assert bot.events(Position)[-1].quantity == 5
        assert bot.status(order) == "filled"


@simulated
async def test_a_fill_of_such_an_order_while_the_bot_is_down_is_found() -> None:
    lives = Lives()
    async with lives.life() as bot:
        order = await refused_and_shown(bot)
        lives.kill(bot)
    lives.ledger.fill(order, "5")
    async with lives.life() as bot:
        await asyncio.sleep(100)
        fills = [fill.trade_id for fill in bot.events(Fill)]
    assert fills == ["1"]


@simulated
async def test_such_an_order_is_not_forgotten_for_a_list_that_is_older() -> None:
    async with Bot(ScriptedGateway(query_lag_s=1.0)) as bot:
        gateway = bot.gateway
        gateway.delays_s = lambda: (0.6,)
        gateway.then("place", Reply(arrives_s=0.5, answers_s=0.5, error=Rejected("busy", code="-1")))
        await until(lambda: gateway.count("open_orders") == 1)
        await asyncio.sleep(29.9)  # the list is asked for at 30 s, before the order arrives
        gateway.then("balances", Reply(arrives_s=0.0, answers_s=3.0))
        order = bot.place()
        await asyncio.sleep(4.5)  # the answers, whose list is older, are taken in
        gateway.delays_s = lambda: (0.0,)
    status = bot.ledger.orders[order].status
    assert status == "cancelled" or order in bot.left, (status, bot.left)


@simulated
async def test_such_an_order_is_cancelled_by_a_late_start_that_is_halted(alice: Operator) -> None:
    lives = Lives(ScriptedGateway(validity_s=30))
    lives.journal = alice.journal
    async with lives.life() as bot:
        order = await unknown(bot)
        await alice.decide(order, "cancelled", "0")
        comes_late(bot, order)
        await until(lambda: reasons(bot), within_s=200)
        bot.gateway.script = lambda method: silence() if method == "cancel" else None
        bot.publish(KillSwitch(reason="enough", by="me"))
        await asyncio.sleep(0.01)
        lives.kill(bot)
    lives.gateway.refuses_streams = True  # it starts without the venue, which is back a minute later
    async with lives.life() as bot:
        await asyncio.sleep(60)
        lives.gateway.refuses_streams = False
        await asyncio.sleep(200)
        assert lives.journal.risk.state == "halted"
        status = lives.ledger.orders[order].status
    assert status == "cancelled"


@simulated
async def test_an_order_that_comes_to_life_in_a_disputed_symbol_while_halted_is_cancelled(alice: Operator) -> None:
    async with Bot(ScriptedGateway(validity_s=30), journal=alice.journal) as bot:
        first, second = await unknown(bot), await unknown(bot)
        await alice.decide(first, "cancelled", "0")
        await alice.decide(second, "cancelled", "0")
        comes_late(bot, first)
        await until(lambda: reasons(bot), within_s=200)
        bot.publish(KillSwitch(reason="enough", by="me"))
        await until(lambda: bot.ledger.orders[first].status == "cancelled")
        comes_late(bot, second)
        await asyncio.sleep(200)
        status = bot.ledger.orders[second].status
    assert status == "cancelled"


@simulated
async def test_what_such_an_order_can_reduce_is_not_there_to_reduce_again() -> None:
    async with Bot() as bot:
        bought = await bot.open(quantity="5")
        bot.ledger.fill(bought, "5")
        await until(lambda: bot.status(bought) == "filled")
        await refused_and_shown(bot, side="sell")
        second = bot.place(side="sell", quantity="5", reduces=True)  # the gate is closed to all else
        await asyncio.sleep(1)
        placed = bot.ledger.orders.get(second)
        sells = sum(o.quantity for o in bot.ledger.orders.values() if o.side == "sell" and o.status == "open")
    assert placed is None, f"position 5, and {sells} open to sell"


@simulated
async def test_such_an_order_counts_for_guards() -> None:
    async with Bot(guards=[MaxOpenOrders(1)]) as bot:
        await refused_and_shown(bot)
        second = bot.place(symbol="ETH/USDT")
        await asyncio.sleep(1)
        placed, open_ = bot.ledger.orders.get(second), [o for o in bot.ledger.orders.values() if o.status == "open"]
    assert placed is None, f"{len(open_)} open at the venue"


@simulated
async def test_such_an_order_is_not_forgotten_with_the_finished_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blotter_module, "FINISHED_KEPT", 3)
    async with Bot() as bot:
        order = await refused_and_shown(bot)
        for _ in range(4):
            bot.cancel(await bot.open(symbol="ETH/USDT"))
            await asyncio.sleep(1)
        await asyncio.sleep(31)
        bot.ledger.fill(order, "1")
        await asyncio.sleep(31)
        fills = [fill.trade_id for fill in bot.events(Fill)]
        external = list(bot.blotter.external.values())
    status = bot.ledger.orders[order].status
    assert (fills, external) == (["1"], [])
    assert status == "cancelled" or order in bot.left


@simulated
async def test_an_order_of_others_with_the_name_of_an_ended_one_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bot, "check", nothing)
    async with Bot() as bot:
        order = await bot.open(client_order_id="grid-1")
        bot.cancel(order)
        await until(lambda: bot.status(order) == "cancelled")
        bot.gateway.delays_s = tuple
        bot.ledger.accept(buy(client_order_id="grid-1"))  # by another program, later: the venue lets it
        bot.gateway.delays_s = lambda: (0.0,)
        await asyncio.sleep(31)
    assert bot.ledger.orders["grid-1"].status == "open"


@simulated
async def test_what_such_an_order_has_filled_is_on_record() -> None:
    lives = Lives()
    async with lives.life() as bot:
        order = await refused_and_shown(bot)
        bot.gateway.publish(  # the order's own report; that of its fill is lost
            OrderReport(client_order_id=order, status="open", filled=Decimal(2), venue_order_id="1")
        )
        await asyncio.sleep(1)
        known = bot.blotter.find(order)
        assert known is not None
        assert known.filled == 2
        recalled = {one.client_order_id: one.filled for one in lives.journal.recall("venue").live}
    assert recalled[order] == 2


@simulated
async def test_a_journal_in_which_an_order_lives_again_is_sound(tmp_path: Path) -> None:
    journal = JournalFile(tmp_path / "bot.journal", threads=False)
    alice = Operator(tmp_path)
    async with Bot(ScriptedGateway(validity_s=30), journal=journal) as bot:
        order = await unknown(bot)
        await alice.decide(order, "cancelled", "3")
        comes_late(bot, order)
        await until(lambda: bot.status(order) == "open", within_s=200)
        assert bot.trader.orders[order].filled == 0  # what was said of its fills is void
        bot.ledger.fill(order, "2")
    assert bot.statuses(order) == ["unknown", "cancelled", "open", "open", "cancelled"]
    assert list(verify(tmp_path / "bot.journal")) == []
