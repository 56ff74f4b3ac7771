"""When the private stream was down, nothing is missed, nothing is told twice, and no new risk was taken meanwhile."""

import asyncio
from collections.abc import Callable
from decimal import Decimal

import pytest

from bowstring.core.components import on
from bowstring.core.messages import Actions, CollectorDown, CollectorUp
from bowstring.testing.simulation import simulated_clock
from bowstring.trading import private_stream
from bowstring.trading.gateway import Report
from bowstring.trading.messages import Balance, Fill, OrderUpdate
from tests.trading import bot as bot_module
from tests.trading.bot import Bot, Trader, buy, simulated, until
from tests.trading.scripted import Reply, ScriptedGateway, reset, silence


async def cut(bot: Bot) -> None:
    """Break the stream for as long as the test says."""
    bot.gateway.refuses_streams = True
    bot.gateway.disconnect()
    await until(lambda: isinstance(_last(bot), CollectorDown))


async def restored(bot: Bot) -> None:
    bot.gateway.refuses_streams = False
    await until(lambda: isinstance(_last(bot), CollectorUp))


def _last(bot: Bot) -> CollectorDown | CollectorUp | None:
    changes = [
        event for event in bot.events(CollectorDown) + bot.events(CollectorUp) if event.collector == "orders venue"
    ]
    return max(changes, key=lambda event: event.seq, default=None)


def fills(bot: Bot) -> list[tuple[str, bool]]:
    return [(fill.trade_id, fill.recovered) for fill in bot.events(Fill)]


@simulated
async def test_its_state_is_told() -> None:
    async with Bot() as bot:
        assert isinstance(_last(bot), CollectorUp)
        await cut(bot)
        (first, *_) = bot.events(CollectorDown)
        assert (first.collector, first.reason) == ("orders venue", "stream reset")
        await restored(bot)


@simulated
async def test_its_end_is_a_break_too() -> None:
    async with Bot() as bot:
        bot.gateway.ends_streams = True
        bot.gateway.disconnect()
        await bot.until_up()

        (down,) = bot.events(CollectorDown)
        assert down.reason == "the private stream ended"


@simulated
async def test_while_it_is_down_new_risk_is_refused_and_cancels_and_reductions_pass() -> None:
    async with Bot() as bot:
        bought, resting = await bot.open(), await bot.open()
        bot.ledger.fill(bought, "5")
        await until(lambda: bot.status(bought) == "filled")
        await cut(bot)

        refused = bot.place()
        replaced = bot.replace(resting)
        for order in (refused, replaced):
            assert bot.outcome(order)[0] == "ActionRefused"
            assert "no new risk at venue: its private stream is down: " in bot.outcome(order)[1]
            assert bot.statuses(order) == ["refused"]
        reducing = bot.place(side="sell", quantity="2", reduces=True)
        cancel = bot.cancel(resting)
        await until(lambda: bot.closing(reducing) and bot.closing(cancel))
        assert bot.status(reducing) == "open"
        assert bot.status(resting) == "cancelled"

        await restored(bot)
        await bot.open()


@simulated
async def test_fills_that_were_missed_are_told_in_order_and_once() -> None:
    async with Bot() as bot:
        first, second = await bot.open(), await bot.open(symbol="ETH/USDT")
        bot.ledger.fill(first, "1")
        await until(lambda: bot.events(Fill))
        await cut(bot)
        for order, quantity in ((second, "1"), (first, "1"), (first, "1"), (second, "2")):
            await asyncio.sleep(0.1)
            bot.ledger.fill(order, quantity)
        await restored(bot)

        assert fills(bot) == [("1", False), ("2", True), ("3", True), ("4", True), ("5", True)]
        assert bot.updates(first)[-1].filled == bot.updates(second)[-1].filled == 3
        bot.ledger.fill(first, "2")
        await until(lambda: bot.status(first) == "filled")
        assert fills(bot)[-1] == ("6", False)


@simulated
async def test_what_streams_while_catching_up_comes_after_what_was_missed_and_once() -> None:
    async with Bot() as bot:
        order = await bot.open()
        await cut(bot)
        bot.ledger.fill(order, "1")
        bot.gateway.then("balances", Reply(answers_s=0.5))
        bot.gateway.refuses_streams = False
        await until(lambda: bot.gateway.count("balances") == 2)
        bot.ledger.fill(order, "2")
        await asyncio.sleep(0.1)
        assert fills(bot) == []
        assert isinstance(_last(bot), CollectorDown)

        await restored(bot)
        assert fills(bot) == [("1", True), ("2", False)]


@simulated
async def test_a_fill_that_is_both_fetched_and_streamed_is_told_once() -> None:
    async with Bot() as bot:
        order = await bot.open()
        await cut(bot)
        bot.gateway.then("fills_since", Reply(arrives_s=0.5, answers_s=0.5))
        bot.gateway.refuses_streams = False
        await until(lambda: bot.gateway.count("fills_since") == 1)
        bot.ledger.fill(order, "1")
        await restored(bot)

        assert fills(bot) == [("1", True)]


@simulated
async def test_orders_that_ended_meanwhile_are_known_to_have_ended() -> None:
    async with Bot() as bot:
        filled, cancelled, left = await bot.open(), await bot.open(), await bot.open()
        await cut(bot)
        bot.ledger.fill(filled, "5")
        bot.ledger.end(cancelled)
        bot.ledger.fill(left, "1")
        await restored(bot)

        assert [bot.status(order) for order in (filled, cancelled, left)] == ["filled", "cancelled", "open"]
        assert bot.gateway.count("query") == 2
        bot.check_orders()


@simulated
async def test_the_fills_of_an_order_that_ended_by_its_answer_are_fetched_too() -> None:
    async with Bot() as bot:
        bought = await bot.open()
        bot.ledger.fill(bought, "5")
        await until(lambda: bot.status(bought) == "filled")
        await cut(bot)
        sold = bot.place(side="sell", quantity="5", reduces=True)
        await until(lambda: bot.closing(sold))
        bot.ledger.fill(sold, "5")
        report = bot.ledger.orders[sold].report()
        bot.gateway.then("cancel", Reply(arrives_s=None, says=report))
        bot.cancel(sold)
        await until(lambda: bot.status(sold) == "filled")
        assert fills(bot) == [("1", False)]

        await restored(bot)
        assert fills(bot) == [("1", False), ("2", True)]
        bot.check_ledger()


@simulated
async def test_failed_attempts_do_not_shorten_the_time_that_is_caught_up_with() -> None:
    async with Bot() as bot:
        order = await bot.open()
        await cut(bot)
        bot.ledger.fill(order, "1")
        await asyncio.sleep(600)
        bot.gateway.then("balances", reset(), reset())
        await restored(bot)

        assert fills(bot) == [("1", True)]


@simulated
async def test_a_stream_that_was_silent_before_it_broke_is_caught_up_with_from_its_last_report() -> None:
    async with Bot() as bot:
        order = await bot.open()
        bot.gateway.delays_s = tuple
        await asyncio.sleep(10)
        bot.ledger.fill(order, "1")
        await asyncio.sleep(600)
        bot.gateway.heal()
        await cut(bot)
        await restored(bot)

        assert fills(bot) == [("1", True)]


@simulated
async def test_no_more_is_fetched_than_may_have_been_missed() -> None:
    async with Bot() as bot:
        order = await bot.open()
        await asyncio.sleep(100_000)
        bot.ledger.fill(order, "1")
        await asyncio.sleep(100)
        cut_ns = simulated_clock().now_ns()
        await cut(bot)
        await restored(bot)

        assert cut_ns - 92_000_000_000 < bot.gateway.since_ns < cut_ns - 60_000_000_000


@pytest.mark.parametrize("method", ["time_ns", "fills_since", "open_orders", "query", "balances"])
@pytest.mark.parametrize("reply", [reset(), silence()])
@simulated
async def test_what_cannot_be_had_leaves_it_down(method: str, reply: Reply) -> None:
    async with Bot() as bot:
        order = await bot.open()
        await cut(bot)
        bot.ledger.end(order)
        bot.gateway.then(method, reply)
        bot.gateway.refuses_streams = False
        await until(lambda: bot.gateway.count(method) > (method in {"open_orders", "balances"}))
        await asyncio.sleep(0.001)
        assert bot.outcome(bot.place())[0] == "ActionRefused"

        await until(lambda: isinstance(_last(bot), CollectorUp), within_s=200)
        assert bot.status(order) == "cancelled"


@simulated
async def test_a_stream_that_is_never_ready_is_tried_again() -> None:
    async with Bot() as bot:
        await cut(bot)
        bot.gateway.then("stream", silence())
        bot.gateway.refuses_streams = False
        await asyncio.sleep(30)
        assert bot.gateway.count("stream") == 2
        assert isinstance(_last(bot), CollectorDown)

        await until(lambda: isinstance(_last(bot), CollectorUp), within_s=200)


@simulated
async def test_too_many_reports_before_the_missed_ones_are_not_kept_but_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(private_stream, "MAX_HELD", 3)
    async with Bot() as bot:
        order = await bot.open()
        await cut(bot)
        bot.gateway.then("balances", Reply(answers_s=0.5))
        bot.gateway.refuses_streams = False
        await until(lambda: bot.gateway.count("balances") == 2)
        for _ in range(4):
            bot.ledger.fill(order, "1")
        await asyncio.sleep(0.6)
        assert isinstance(_last(bot), CollectorDown)
        assert "more than 3 reports" in bot.events(CollectorDown)[-1].reason

        await restored(bot)
        assert fills(bot) == [(str(n), True) for n in range(1, 5)]


@simulated
async def test_balances_are_told_anew() -> None:
    async with Bot() as bot:
        assert [balance.free for balance in bot.events(Balance) if balance.currency == "USDT"] == [1000]
        await cut(bot)
        bot.gateway.holdings["USDT"] = Decimal(900)
        await restored(bot)

        assert [balance.free for balance in bot.events(Balance) if balance.currency == "USDT"] == [1000, 900]
        assert bot.events(Balance)[-1].venue == "venue"


@simulated
async def test_an_unanswered_order_may_be_answered_while_it_is_down() -> None:
    async with Bot() as bot:
        bot.gateway.then("place", Reply(arrives_s=1.0, answers_s=2.0))
        order = bot.place()
        await cut(bot)
        await restored(bot)
        await until(lambda: bot.status(order) == "open")

        assert bot.statuses(order) == ["open"]
        assert len(bot.events(OrderUpdate)) == 1


@simulated
async def test_what_is_placed_on_a_recovered_fill_comes_too_early() -> None:
    async with Bot() as bot:
        order = await bot.open()
        await cut(bot)
        bot.ledger.fill(order, "1")
        bot.trader.reactions.append(lambda event: [buy(client_order_id="mine")] if isinstance(event, Fill) else [])
        await restored(bot)

        assert bot.statuses("mine") == ["refused"]


class Eager(Trader):
    """Trades whenever it can."""

    @on(CollectorUp)
    def go(self, up: CollectorUp) -> Actions:
        return [buy()] if up.collector == "orders venue" else []


class GivesUp(ScriptedGateway):
    """Its second stream is given up half a second after it was ready, as where a task of the gateway's is cancelled."""

    streams, alive = 0, False

    async def stream(self, report: Callable[[Report], None], ready: Callable[[], None]) -> None:
        self.streams += 1
        if self.streams == 2:
            ready()
            await asyncio.sleep(0.5)
            raise asyncio.CancelledError
        await super().stream(report, ready)


@simulated
async def test_no_new_risk_is_taken_on_a_stream_that_was_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot_module, "Trader", Eager)
    gateway = GivesUp()
    async with Bot(gateway):
        await asyncio.sleep(1)
        placed = gateway.count("place")
        gateway.then("balances", Reply(answers_s=3.0))
        gateway.disconnect()
        await until(lambda: gateway.streams == 3)
        on_dead_stream = gateway.count("place") - placed
    assert on_dead_stream == 0
