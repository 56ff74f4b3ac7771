"""What a human decides at odd moments, and what is remembered of it."""

import asyncio
from collections.abc import Awaitable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from bowstring.core.engine import Engine
from bowstring.core.errors import NotRecorded
from bowstring.core.messages import ActionRefused
from bowstring.testing.simulation import simulated_clock
from bowstring.trading.control.commands import Accept, Reduce, SetPosition, Status
from bowstring.trading.executor import OrderExecutor
from bowstring.trading.gateway import BalanceReport, OrderReport
from bowstring.trading.journal.memory import MemoryJournal
from bowstring.trading.journal.port import News
from bowstring.trading.messages import Fill, Position, ReconcileMismatch, RiskAlarm, RiskState
from bowstring.trading.new_orders import NewOrder
from tests.trading.bot import Bot, Do, Feed, Recorder, Trader, buy, simulated, until
from tests.trading.control.operator import Operator
from tests.trading.crash import Lives
from tests.trading.scripted import Reply, ScriptedGateway, rejected, reset, silence

BTC = "BTC/USDT"


@pytest.fixture
def alice(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


def reasons(bot: Bot) -> list[str]:
    return [mismatch.reason for mismatch in bot.events(ReconcileMismatch)]


def accept(symbol: str = BTC) -> Accept:
    return Accept(operator="alice", why="I know", venue="venue", symbol=symbol)


def to_five() -> SetPosition:
    five = Decimal(5)
    return SetPosition(operator="alice", why="counted", strategy="trader", venue="venue", symbol=BTC, quantity=five)


class Full(MemoryJournal):
    """One whose disk is full from some moment on."""

    is_full = False

    def write(self, news: Sequence[News], /) -> None:
        self._check()
        super().write(news)

    def record(self, orders: Sequence[NewOrder], /) -> Awaitable[None] | None:
        self._check()
        return super().record(orders)

    def _check(self) -> None:
        if self.is_full:
            raise NotRecorded("the disk is full")


@simulated
async def test_a_position_that_is_set_while_the_stream_is_down_is_not_filled_up_again(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        order = await bot.open(quantity="5")
        bot.gateway.refuses_streams = True
        bot.gateway.disconnect()
        await asyncio.sleep(0.1)
        bot.ledger.fill(order, "5")
        await alice.tell(to_five())  # the account has 5: it may be refused, too
        bot.gateway.heal()
        await until(lambda: bot.events(Fill))
        await asyncio.sleep(1)

        assert bot.events(Position)[-1].quantity == 5


@simulated
async def test_nor_while_a_reconciliation_has_a_fill_in_its_hands(alice: Operator) -> None:
    async with Bot(journal=alice.journal, reconcile_every_s=10) as bot:
        order = await bot.open(quantity="5")
        bot.gateway.delays_s = tuple
        bot.ledger.fill(order, "5")
        bot.gateway.then("balances", Reply(answers_s=2.0))
        count = bot.gateway.count("balances")
        await until(lambda: bot.gateway.count("balances") > count)
        await alice.tell(to_five())
        await asyncio.sleep(30)

        assert bot.events(Position)[-1].quantity == 5


@simulated
async def test_what_a_human_has_accepted_is_not_told_again_each_time_it_is_asked(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        order = await bot.open()
        bot.gateway.publish(OrderReport(client_order_id=order, status="open", venue_order_id="77"))
        await until(lambda: reasons(bot))
        assert (await alice.tell(accept()))[0]
        await asyncio.sleep(100)

        assert len(reasons(bot)) == 1
        assert bot.outcome(bot.place())[0] != "ActionRefused"


@simulated
async def test_what_is_reducing_is_so_after_a_restart_at_a_venue_without_a_file_too(alice: Operator) -> None:
    refused: list[int] = []
    for life in (1, 2):
        gateways = [ScriptedGateway(venue="live"), ScriptedGateway(venue="paper")]
        executors = [OrderExecutor(gateways[0], journal=alice.journal), OrderExecutor(gateways[1])]
        feed, recorder = Feed(), Recorder()
        engine = Engine(
            collectors=[feed], strategies=[Trader()], executors=[*executors, recorder], clock=simulated_clock()
        )
        running = asyncio.create_task(engine.run())
        await engine.started.wait()
        await asyncio.sleep(0.01)
        if life == 1:
            await alice.tell(Reduce(operator="alice", why="half is enough"))
        feed.emit(Do(strategy="trader", actions=tuple(replace(buy(), venue=one.venue) for one in gateways)))
        await asyncio.sleep(1)
        refused.append(sum(isinstance(event, ActionRefused) for event in recorder.events))
        engine.stop()
        await running

    assert refused == [2, 2]


@simulated
async def test_what_was_accepted_is_remembered_where_one_answer_about_balances_is_missing(alice: Operator) -> None:
    async with Bot(journal=alice.journal, reconcile_every_s=10, on_stop="leave") as bot:
        order = await bot.open(quantity="5")
        bot.ledger.fill(order, "5")
        await until(lambda: bot.events(Position))
        bot.gateway.holdings["BTC"] = Decimal(4)
        await until(lambda: reasons(bot), within_s=100)
        await alice.tell(accept())
        del bot.ledger.orders[await bot.open(symbol="ETH/USDT")]
        await until(lambda: len(reasons(bot)) == 2, within_s=100)
        count = bot.gateway.count("balances")
        bot.gateway.then("balances", Reply(answers_s=1.0))  # overtaken by the stream, so that it is not compared
        await until(lambda: bot.gateway.count("balances") > count)
        bot.gateway.publish(BalanceReport(currency="USDT", free=Decimal(7), locked=Decimal(0)))
        await asyncio.sleep(2)
        await alice.tell(accept("ETH/USDT"))
        await asyncio.sleep(60)

        assert len(reasons(bot)) == 2


@simulated
async def test_the_status_tells_that_no_order_is_sent_as_the_journal_failed(alice: Operator) -> None:
    journal = Full(control_file=alice.journal.control_file)
    async with Bot(journal=journal) as bot:
        order = await bot.open()
        journal.is_full = True
        bot.ledger.fill(order, "1")
        await asyncio.sleep(1)
        _is_done, text = await alice.tell(Status(operator="", why=""))

        assert bot.outcome(bot.place())[0] == "ActionFailed"
        assert "disk is full" in text  # it is "trading is active", and nothing else


@simulated
async def test_the_status_tells_that_an_order_could_not_be_recorded_until_one_can(alice: Operator) -> None:
    journal = Full(control_file=alice.journal.control_file)
    async with Bot(journal=journal) as bot:
        journal.is_full = True
        bot.place()
        _is_done, full = await alice.tell(Status(operator="", why=""))
        journal.is_full = False
        await bot.open()
        _is_done, well = await alice.tell(Status(operator="", why=""))

        assert "venue: no orders, its intent could not be recorded: NotRecorded('the disk is full')" in full
        assert well == "trading is active"


@simulated
async def test_a_human_may_decide_about_an_order_whose_id_another_venue_knows_too(alice: Operator) -> None:
    gateways = [ScriptedGateway(venue=venue, validity_s=30) for venue in ("first", "second")]
    executors = [OrderExecutor(gateway, journal=alice.journal, on_stop="leave") for gateway in gateways]
    feed = Feed()
    engine = Engine(collectors=[feed], strategies=[Trader()], executors=executors, clock=simulated_clock())
    running = asyncio.create_task(engine.run())
    await engine.started.wait()
    await asyncio.sleep(0.001)
    feed.emit(Do(strategy="trader", actions=(replace(buy(client_order_id="pair-1"), venue="first"),)))
    await asyncio.sleep(1)
    gateways[0].ledger.fill("pair-1", "5")
    await asyncio.sleep(1)
    gateways[1].hides_orders = True
    gateways[1].stop_clock()
    gateways[1].then("place", silence())
    feed.emit(Do(strategy="trader", actions=(replace(buy(client_order_id="pair-1"), venue="second"),)))
    await asyncio.sleep(31)
    answer = await alice.decide("pair-1", "failed")
    engine.stop()
    await asyncio.wait({running})
    running.exception()

    assert answer == (True, "order pair-1 is failed, 0 of 5 filled")


@simulated
async def test_a_human_may_decide_about_an_open_order_of_a_venue_that_is_gone(alice: Operator) -> None:
    async with Bot(journal=alice.journal, on_stop="leave") as bot:
        order = await bot.open()
    gone = ScriptedGateway()
    gone.script = lambda method: reset() if method == "open" else None
    async with Bot(gone, journal=alice.journal) as again:
        is_done, _text = await alice.decide(order, "cancelled", "0")
    assert is_done
    assert again.left == ""


@simulated
async def test_an_unknown_order_of_which_the_venue_does_not_tell_stays_accepted(alice: Operator) -> None:
    lives = Lives()
    lives.journal = alice.journal

    def refuses(method: str) -> Reply | None:
        return rejected() if method == "query" else None

    async with lives.life() as bot:
        bot.gateway.script = refuses
        bot.gateway.then("place", silence())
        bot.place()
        await until(lambda: reasons(bot), within_s=200)
        await asyncio.sleep(200)
        done, text = await alice.tell(Accept(operator="alice", why="seen", venue="venue", symbol="BTC/USDT"))
        assert done, text
        await asyncio.sleep(200)
        await bot.open()
        lives.kill(bot)
    lives.gateway.script = refuses
    async with lives.life() as bot:
        await asyncio.sleep(200)
        await bot.open()


@simulated
async def test_what_a_human_has_decided_is_not_sent_any_more(alice: Operator) -> None:
    gateway = ScriptedGateway(is_async=True, validity_s=3.0)
    gateway.queue_s = 8.0
    async with Bot(gateway, journal=alice.journal) as bot:
        order = bot.place()
        await until(lambda: bot.status(order) == "unknown")
        done, text = await alice.decide(order, "failed")
        assert done, text
        assert gateway.count("place") == 0
        await asyncio.sleep(20)
        sent = gateway.count("place", order)
        gateway.queue_s = 0.0
    assert sent == 0


@simulated
async def test_an_accepted_shortfall_stays_accepted(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        bought = await bot.open(quantity="5")
        bot.ledger.fill(bought, "5")
        more = await bot.open(price="90")
        bot.gateway.holdings["BTC"] = Decimal(1)
        await until(lambda: bot.events(ReconcileMismatch), within_s=300)
        assert "positions are" in reasons(bot)[0]
        asked = bot.gateway.count("balances")
        bot.gateway.holdings["BTC"] = Decimal("1.001")
        bot.ledger.fill(more, "0.001")  # so balances are not compared the next time
        await until(lambda: bot.gateway.count("balances") > asked)
        await asyncio.sleep(1)
        done, text = await alice.tell(Accept(operator="alice", why="sold by hand", venue="venue", symbol="BTC/USDT"))
        assert done, text
        await asyncio.sleep(300)
        await bot.open()


@simulated
async def test_a_position_is_not_set_between_two_attempts_to_ask(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        await bot.open()
        bot.gateway.script = lambda method: reset() if method == "open_orders" else None
        await asyncio.sleep(60)  # it is tried again and again, with pauses
        answer = await alice.tell(to_five())
        _is_done, status = await alice.tell(Status(operator="", why=""))
        bot.gateway.script = lambda _method: None
        await asyncio.sleep(40)

        assert answer == (
            False,
            "venue: it is asked how things stand, and fills may come of that: give it again when it has told",
        )
        assert "venue: asked how things stand, it has not told in full for 60 s" in status
        assert (await alice.tell(to_five()))[0]


@simulated
async def test_of_a_venue_that_never_told_status_does_not_say_for_how_long(alice: Operator) -> None:
    gateway = ScriptedGateway()
    gateway.script = lambda method: reset() if method == "open_orders" else None
    async with Bot(gateway, journal=alice.journal):
        await asyncio.sleep(60)
        _is_done, status = await alice.tell(Status(operator="", why=""))
        gateway.script = lambda _method: None
        await asyncio.sleep(60)

    assert "venue: no orders, it has not recovered yet" in status
    assert "has not told in full" not in status


@simulated
async def test_a_decision_about_an_order_helps_a_start_whose_venue_is_out_of_reach(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        bot.gateway.hides_orders = True
        bot.gateway.stop_clock()
        bot.gateway.then("place", silence())
        order = bot.place()
        await until(lambda: bot.status(order) == "unknown")
    gone = ScriptedGateway()
    gone.script = lambda method: reset() if method == "open" else None
    again = Bot(gone, journal=alice.journal)
    running = asyncio.create_task(again.engine.run())
    await asyncio.sleep(1)
    answer = await alice.decide(order, "failed")
    await asyncio.sleep(1)
    again.engine.stop()
    await running

    assert answer == (True, f"order {order} is failed, 0 of 5 filled")


@pytest.mark.parametrize("state", ["halted", "reducing"])
@simulated
async def test_what_a_failed_journal_cannot_keep_the_kill_switch_does(state: RiskState, alice: Operator) -> None:
    journal = Full(control_file=alice.journal.control_file)
    async with Bot(journal=journal) as bot:
        order = await bot.open()
        journal.is_full = True
        bot.ledger.fill(order, "1")
        await asyncio.sleep(1)
        bot.publish(RiskAlarm(state=state, reason="too much lost", by="DailyLoss"))
        await asyncio.sleep(1)

        assert alice.files.kill_reason() == "too much lost (DailyLoss)"
    async with Bot(journal=alice.journal) as again:  # what it had on record says nothing of that
        assert again.outcome(again.place())[0] == "ActionRefused"
        await asyncio.sleep(1)
        assert alice.journal.risk.state == "halted"
