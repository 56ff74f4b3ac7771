"""What went wrong elsewhere, with real money: each as it happened, and as it must end."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from bowstring.trading.gateway import OrderReport
from bowstring.trading.messages import Fill, Position, ReconcileMismatch
from tests.trading.bot import Bot, now_s, simulated, until
from tests.trading.crash import Lives
from tests.trading.scripted import Reply, ScriptedGateway, rejected, reset, silence


@pytest.fixture(params=["memory", "file"])
def lives(request: pytest.FixtureRequest, tmp_path: Path) -> Lives:
    """Of a bot that has its journal in memory, and of one that has it in a file."""
    return Lives(file=tmp_path / "journal" if request.param == "file" else None)


@simulated
async def test_fills_are_not_replayed_by_restarts(lives: Lives) -> None:
    """A bot counted all fills of the day again at each start, and so its position."""
    async with lives.life() as bot:
        order = await bot.open(quantity="5")
        lives.ledger.fill(order, "2")
        lives.ledger.fill(order, "1")
        await until(lambda: len(bot.events(Fill)) == 2)
        lives.kill(bot)
    for _ in range(2):
        async with lives.life() as again:
            await asyncio.sleep(100)
            assert again.events(Fill) == []
            assert again.events(Position)[-1].quantity == 3
            lives.kill(again)


@pytest.mark.parametrize("arrives_s", [0.0, 2.0])
@simulated
async def test_an_order_is_not_placed_again_by_a_restart(lives: Lives, arrives_s: float) -> None:
    """A strategy that found no order of its own at the start placed it anew, while the first one was on its way."""
    async with lives.life() as bot:
        lives.gateway.then("place", silence(arrives_s=arrives_s))
        order = bot.place()
        lives.kill(bot)
    async with lives.life() as again:
        if not again.trader.orders:
            again.place()
        await asyncio.sleep(10)
        assert lives.ledger.accepted == [order]


@simulated
async def test_no_fill_is_made_up_on_a_warm_restart(lives: Lives) -> None:
    """To make its position that of the account, a bot booked a fill that was equal and opposite to its own."""
    async with lives.life() as bot:
        order = await bot.open(quantity="5")
        lives.ledger.fill(order, "5")
        await until(lambda: bot.events(Fill))
        lives.kill(bot)
    lives.gateway.holdings["BTC"] = Decimal(0)
    async with lives.life() as again:
        await asyncio.sleep(100)
        assert again.events(Fill) == []
        assert {position.quantity for position in again.events(Position)} == {5}
        assert len(again.events(ReconcileMismatch)) == 1


@pytest.mark.parametrize("ended", ["filled", "cancelled"])
@simulated
async def test_a_late_new_brings_no_order_back(ended: str) -> None:
    """The report of the acceptance came after that of the end, and the order was open for ever."""
    async with Bot() as bot:
        order = await bot.open(quantity="5")
        if ended == "filled":
            bot.ledger.fill(order, "5")
        else:
            bot.cancel(order)
        await until(lambda: bot.status(order) == ended)
        bot.gateway.publish(OrderReport(client_order_id=order, status="open", venue_order_id="1"))
        await asyncio.sleep(1)

        assert bot.status(order) == ended
        assert bot.trader.orders == {}


@pytest.mark.parametrize("reply", [silence(arrives_s=1.0), reset(arrives_s=1.0), reset(arrives_s=1.0, at_once=True)])
@simulated
async def test_a_time_out_is_no_failure(reply: Reply) -> None:
    """What timed out was taken for failed and placed again: both were accepted."""
    async with Bot() as bot:
        bot.gateway.then("place", reply)
        order = bot.place()
        await asyncio.sleep(0.5)
        if not bot.trader.orders:
            bot.place()
        await until(lambda: bot.status(order) == "open")

        assert bot.ledger.accepted == [order]


@simulated
async def test_an_order_that_fills_before_the_first_query_is_filled() -> None:
    """An order that was gone from the open orders when it was first asked for counted as never placed."""
    async with Bot() as bot:
        bot.gateway.delays_s = tuple
        bot.gateway.then("place", reset(arrives_s=0.0, after_s=0.1))
        order = bot.place(quantity="5")
        await asyncio.sleep(0.001)
        bot.ledger.fill(order, "5")
        await until(lambda: bot.status(order) == "filled")
        await until(lambda: bot.events(Fill))

        assert bot.events(Position)[-1].quantity == 5
        assert bot.statuses(order) == ["unknown", "filled"]


@simulated
async def test_where_a_cancel_is_refused_for_a_fill_nothing_is_placed_instead() -> None:
    """A cancel-replace took "unknown order" for "cancelled": the old order had filled, and the new one did too."""
    async with Bot(ScriptedGateway(replaces_natively=False)) as bot:
        order = await bot.open(quantity="5")
        bot.gateway.delays_s = lambda: (1.0,)
        bot.ledger.fill(order, "5")
        new = bot.replace(order)
        await until(lambda: bot.closing(new))

        assert bot.ledger.accepted == [order]
        assert bot.statuses(new) == ["failed"]
        assert bot.status(order) == "filled"


@simulated
async def test_no_order_is_dropped_in_a_ten_minute_outage() -> None:
    """Orders that the venue did not show while it was down were dropped, and six of them went on living."""
    async with Bot() as bot:
        orders = [await bot.open() for _ in range(6)]
        bot.gateway.script = lambda _method: reset()
        bot.gateway.refuses_streams = True
        bot.gateway.disconnect()
        await asyncio.sleep(600)
        assert list(bot.trader.orders) == orders

        bot.ledger.fill(orders[0], "5")
        bot.ledger.end(orders[1])
        bot.gateway.heal()
        await until(lambda: bot.status(orders[1]) == "cancelled", within_s=60)
        assert bot.status(orders[0]) == "filled"
        assert list(bot.trader.orders) == orders[2:]
    assert {bot.ledger.orders[order].status for order in orders[2:]} == {"cancelled"}
    assert bot.left == ""


@simulated
async def test_not_found_ten_times_is_no_proof() -> None:
    """The venue's questions lagged behind its engine, and an order that was not found counted as never placed."""
    async with Bot(ScriptedGateway(validity_s=10, query_lag_s=2)) as bot:
        bot.gateway.lag_s = 2
        bot.gateway.then("place", reset(arrives_s=9.0))
        order = bot.place()
        await until(lambda: bot.gateway.count("query", order) >= 4)
        assert bot.status(order) == "unknown"
        await until(lambda: bot.status(order) == "open")

        assert now_s() < 60


@simulated
async def test_an_unknown_replacement_is_not_sent_again() -> None:
    """A replacement timed out, was sent once more, and there were two."""
    async with Bot(ScriptedGateway(replaces_natively=True)) as bot:
        order = await bot.open()
        bot.gateway.then("replace", reset(arrives_s=1.0))
        new = bot.replace(order)
        await until(lambda: bot.status(new) == "open")

        assert bot.ledger.accepted == [order, new]
        assert bot.status(order) == "cancelled"
        assert bot.gateway.count("replace") == 1


@simulated
async def test_a_refused_cancel_does_not_end_an_order() -> None:
    """ "Unknown order" was taken for proof, and the order filled an hour later."""
    async with Bot() as bot:
        order = await bot.open()
        bot.gateway.then("cancel", rejected())
        bot.cancel(order)
        await asyncio.sleep(1)
        assert bot.status(order) == "open"

        bot.ledger.fill(order, "5")
        await until(lambda: bot.status(order) == "filled")
        assert len(bot.events(Fill)) == 1
