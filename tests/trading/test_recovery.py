"""How every start begins: with what is on record, and what the venue says to it."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bowstring.core.components import Executor, on
from bowstring.core.engine import Engine
from bowstring.core.errors import ConfigError, StopIncomplete
from bowstring.core.messages import Action, ActionClosed, ActionDone, ActionRefused, Event, KillSwitch
from bowstring.testing.simulation import simulated_clock
from bowstring.trading.executor import OrderExecutor
from bowstring.trading.gateway import OrderReport
from bowstring.trading.journal.memory import MemoryJournal
from bowstring.trading.journal.port import News
from bowstring.trading.messages import (
    Fill,
    GuardState,
    OrderUpdate,
    Position,
    ReconcileMismatch,
    Recovered,
    RiskStateChanged,
)
from tests.trading.bot import Bot, Do, Feed, Recorder, Trader, buy, now_s, simulated, until
from tests.trading.crash import Lives
from tests.trading.scripted import ScriptedGateway, rejected, reset, silence


def told(bot: Bot, kind: type[Event]) -> list[str]:
    """The names of events of a kind, in order."""
    return [type(event).__name__ for event in bot.events(kind)]


@simulated
async def test_who_has_nothing_is_told_so_before_it_trades() -> None:
    async with Bot(names=("one", "two")) as bot:
        recovered = bot.events(Recovered)

    assert [(one.strategy, one.venue, one.orders, one.positions) for one in recovered] == [
        ("one", "venue", (), {}),
        ("two", "venue", (), {}),
    ]


@simulated
async def test_a_venue_that_cannot_be_reached_stays_closed_and_the_other_one_trades(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateways = [ScriptedGateway(venue="here"), ScriptedGateway(venue="away")]
    gateways[1].script = lambda method: reset() if method == "open" else None
    executors = [OrderExecutor(gateway) for gateway in gateways]
    feed, trader, recorder = Feed(), Trader(), Recorder()
    engine = Engine(collectors=[feed], strategies=[trader], executors=[*executors, recorder], clock=simulated_clock())
    running = asyncio.create_task(engine.run())
    await engine.started.wait()
    await asyncio.sleep(0.001)
    orders = [replace(buy(), venue=gateway.venue) for gateway in gateways]
    feed.emit(Do(strategy="trader", actions=tuple(orders)))
    await asyncio.sleep(1)

    assert now_s() >= 50
    assert [closed.reason for closed in recorder.events if isinstance(closed, ActionRefused)] == [
        "no orders for away: it is not connected yet"
    ]
    assert [order.status for order in executors[0].blotter.live.values()] == ["open"]
    assert (
        "away: no orders yet, it is not connected yet, its private stream is not up yet; it is tried on" in caplog.text
    )

    gateways[1].script = lambda _method: None
    await until(lambda: any(isinstance(told, Recovered) and told.venue == "away" for told in recorder.events))
    engine.stop()
    await running


@simulated
async def test_a_venue_that_says_no_after_the_start_stays_closed_and_that_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway = ScriptedGateway()
    gateway.script = lambda method: reset() if method == "open" else None
    async with Bot(gateway) as bot:
        gateway.script = lambda method: rejected() if method == "open" else None
        await asyncio.sleep(60)

        assert bot.outcome(bot.place()) == ("ActionRefused", "no orders for venue: it cannot be connected, no")
    assert "no orders before the bot is started anew, no" in caplog.text


@simulated
async def test_orders_on_record_are_told_also_of_a_venue_that_cannot_be_reached() -> None:
    lives = Lives()
    async with lives.life() as bot:
        order = await bot.open()
        lives.kill(bot)
    lives.gateway.script = lambda method: reset() if method == "open" else None
    async with lives.life() as again:
        assert [update.status for update in again.events(OrderUpdate)] == ["open"]
        await again.stop()
        assert again.trader.orders[order].status == "open"
    assert order in again.left


@simulated
async def test_an_open_order_is_the_strategys_again_before_its_first_handler() -> None:
    lives = Lives()
    async with lives.life() as bot:
        order = await bot.open(quantity="5")
        lives.ledger.fill(order, "2")
        await until(lambda: bot.events(Fill))
        lives.kill(bot)
    async with lives.life() as again:
        (recovered,) = again.events(Recovered)
        assert [(one.client_order_id, one.status, one.filled) for one in recovered.orders] == [
            (order, "open", Decimal(2))
        ]
        assert recovered.positions == {"BTC/USDT": 2}
        assert again.trader.orders[order].filled == 2
        assert again.events(Fill) == []


@simulated
async def test_what_filled_meanwhile_is_told_once_as_recovered() -> None:
    lives = Lives()
    async with lives.life() as bot:
        order = await bot.open(quantity="5")
        lives.ledger.fill(order, "1")
        await until(lambda: bot.events(Fill))
        lives.kill(bot)
        lives.ledger.fill(order, "1")
        lives.ledger.fill(order, "3")
    async with lives.life() as again:
        assert [(fill.trade_id, fill.recovered) for fill in again.events(Fill)] == [("2", True), ("3", True)]
        assert again.status(order) == "filled"
        assert again.events(Position)[-1].quantity == 5
        assert again.events(Recovered)[0].positions == {"BTC/USDT": 5}
        assert again.trader.orders == {}


@pytest.mark.parametrize("arrives_s", [0.0, 1.0])
@simulated
async def test_an_order_that_was_sent_and_not_answered_is_unknown_until_the_venue_shows_it(arrives_s: float) -> None:
    lives = Lives()
    async with lives.life() as bot:
        lives.gateway.then("place", silence(arrives_s=arrives_s))
        order = bot.place()
        lives.kill(bot)
    async with lives.life() as again:
        assert again.statuses(order)[:2] == ["unknown", "open"]
        assert list(again.trader.orders) == [order]
        assert lives.ledger.accepted == [order]


@simulated
async def test_an_order_that_never_arrived_is_proved_absent_before_anything_is_sent() -> None:
    lives = Lives(ScriptedGateway(validity_s=3, query_lag_s=1))
    async with lives.life() as bot:
        lives.gateway.then("place", silence())
        order = bot.place()
        lives.kill(bot)
    began_ns = simulated_clock().monotonic_ns()
    async with lives.life() as again:
        assert simulated_clock().monotonic_ns() - began_ns > 4_000_000_000
        assert again.statuses(order) == ["unknown", "failed"]
        assert again.events(Recovered)[0].orders == ()
        new = await again.open()
        assert lives.ledger.accepted == [new]


@simulated
async def test_what_an_order_that_arrived_late_has_filled_is_told_before_where_it_stands() -> None:
    """No report tells of it: it is shown by the query for the order, which does not say at what price it filled."""
    lives = Lives(ScriptedGateway(validity_s=60))
    async with lives.life() as bot:
        lives.gateway.then("place", silence(arrives_s=40.0))
        order = bot.place(quantity="5")
        lives.kill(bot)
    lives.gateway.delays_s = tuple
    asyncio.get_running_loop().call_at(40.1, lives.ledger.fill, order, "5")
    async with lives.life() as again:
        await until(lambda: again.events(Recovered))
        (recovered,) = again.events(Recovered)
        assert (recovered.orders, recovered.positions) == ((), {"BTC/USDT": Decimal(5)})
        before = again.events(Event)[: again.events(Event).index(recovered)]
        assert [(one.quantity, one.recovered) for one in before if isinstance(one, Fill)] == [(Decimal(5), True)]


@simulated
async def test_an_order_that_was_recorded_and_not_sent_is_on_record_as_such() -> None:
    lives = Lives()
    async with lives.life() as bot:
        late = bot.place(valid_for_s=-1)
        lives.kill(bot)
    async with lives.life() as again:
        assert again.statuses(late) == []
        assert again.events(Recovered)[0].orders == ()


@simulated
async def test_nothing_is_sent_while_it_recovers() -> None:
    lives = Lives(ScriptedGateway(validity_s=3))
    async with lives.life() as bot:
        lives.gateway.then("place", silence())
        unanswered = bot.place()
        lives.kill(bot)
    lives.gateway.stop_clock()
    async with lives.life() as again:  # its start was not waited for any longer, and is tried on
        refused = again.place()
        assert again.outcome(refused) == (
            "ActionRefused",
            f"no orders for venue: it has not found out yet what became of {unanswered}",
        )
        assert again.events(Recovered) == []

        lives.gateway.stopped_ns = None
        await until(lambda: again.events(Recovered), within_s=100)
        assert again.statuses(unanswered) == ["unknown", "failed"]
        await again.open()


@simulated
async def test_orders_of_a_strategy_that_is_no_more_are_cancelled_when_it_stops() -> None:
    lives = Lives()
    async with lives.life(names=("gone", "trader")) as bot:
        order = await bot.open(by="gone")
        lives.kill(bot)
    async with lives.life() as again:
        assert again.status(order) == "open"
    assert lives.ledger.orders[order].status == "cancelled"


@simulated
async def test_halted_trading_is_halted_after_a_restart_and_open_orders_are_cancelled() -> None:
    lives = Lives()
    async with lives.life() as bot:
        order = await bot.open()
        lives.gateway.script = lambda method: silence() if method == "cancel" else None
        bot.publish(KillSwitch(reason="enough", by="me"))
        await asyncio.sleep(0.001)
        lives.kill(bot)
    async with lives.life() as again:
        (changed,) = again.events(RiskStateChanged)
        assert (changed.state, changed.reason, changed.by) == ("halted", "enough", "me")
        await until(lambda: again.status(order) == "cancelled")
        assert again.outcome(again.place()) == ("ActionRefused", "trading is halted by me: enough")


@simulated
async def test_a_mismatch_keeps_new_risk_out_of_its_symbol_after_a_restart() -> None:
    lives = Lives()
    async with lives.life() as bot:
        order = await bot.open()
        bot.gateway.publish(OrderReport(client_order_id=order, status="open", venue_order_id="77"))
        await until(lambda: bot.events(ReconcileMismatch))
        lives.kill(bot)
    async with lives.life() as again:
        refused = again.place()
        why = f"no new risk in BTC/USDT at venue: {order} is two orders at the venue: 1 and 77"
        assert again.outcome(refused) == ("ActionRefused", why)
        assert again.outcome(again.place(symbol="ETH/USDT"))[0] != "ActionRefused"
        again.cancel(order)
        await until(lambda: again.status(order) == "cancelled")


@simulated
async def test_guards_are_told_what_they_asked_to_be_kept() -> None:
    lives = Lives()
    async with lives.life() as bot:
        bot.publish(GuardState(guard="DailyLoss", state="1"))
        bot.publish(GuardState(guard="DailyLoss", state="2"))
        await asyncio.sleep(0.001)
        lives.kill(bot)
    async with lives.life() as again:
        assert [kept.state for kept in again.events(GuardState) if kept.guard == "DailyLoss"] == ["2"]


@simulated
async def test_of_executors_that_share_a_journal_one_puts_on_record_what_a_guard_asks_to_be_kept() -> None:
    journal = Counting()
    async with Bot(journal=journal) as bot, Bot(ScriptedGateway(venue="other"), journal=journal) as other:
        for one in (bot, other):  # each bot's queue has it, as all executors of one bot do
            one.publish(GuardState(guard="DailyLoss", state="1"))
        await asyncio.sleep(0.001)
    assert journal.written.count(GuardState) == 1


@simulated
async def test_a_start_puts_nothing_on_record_that_is_there() -> None:
    journal = Counting()
    journal.write(
        [GuardState(guard="DailyLoss", state="1"), RiskStateChanged(state="halted", reason="enough", by="me")]
    )
    async with Bot(journal=journal) as bot:
        assert [type(told) for told in bot.events(Event) if isinstance(told, GuardState | RiskStateChanged)] == [
            GuardState,
            RiskStateChanged,
        ]
    assert (journal.written.count(GuardState), journal.written.count(RiskStateChanged)) == (1, 1)


@pytest.mark.parametrize(("first", "second"), [("7 at test", "7 at live"), ("", "7 at live"), ("7 at test", "")])
@simulated
async def test_a_journal_of_another_account_is_refused_and_nothing_is_sent(first: str, second: str) -> None:
    lives = Lives()
    lives.gateway.account = first
    async with lives.life() as bot:
        bot.ledger.fill(await bot.open(quantity="5"), "5")
    lives.gateway.account = second
    with pytest.raises(ConfigError, match=r"^the journal is of .*account .*, and this is .*account .*: give venue a"):
        async with lives.life():
            pass
    lives.gateway.account = first
    async with lives.life() as again:
        assert again.events(Recovered)[0].positions == {"BTC/USDT": 5}


class Counting(MemoryJournal):
    """Remembers the types of what was written, but for what account it is of."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[type[object]] = []

    def write(self, news: Sequence[News], /) -> None:
        self.written += [type(one) for one in news if not (isinstance(one, GuardState) and "account" in one.guard)]
        super().write(news)


class Bet(Action, frozen=True, kw_only=True):
    """An action that adds risk, for an executor that knows of no journal."""

    @property
    def adds_risk(self) -> bool:
        return True


class Bookmaker(Executor):
    """Takes bets."""

    @on(Bet)
    def take(self, _bet: Bet) -> None:
        pass


@simulated
async def test_other_executors_take_no_risk_after_a_restart_either() -> None:
    journal = MemoryJournal()
    journal.write([RiskStateChanged(state="halted", reason="enough", by="me")])
    feed, trader, recorder = Feed(), Trader(), Recorder()
    executors = [OrderExecutor(ScriptedGateway(), journal=journal), Bookmaker(), recorder]
    engine = Engine(collectors=[feed], strategies=[trader], executors=executors, clock=simulated_clock())
    running = asyncio.create_task(engine.run())
    await engine.started.wait()
    await asyncio.sleep(0.001)
    feed.emit(Do(strategy="trader", actions=(Bet(),)))
    await asyncio.sleep(0.001)
    engine.rearm()
    feed.emit(Do(strategy="trader", actions=(Bet(),)))
    await asyncio.sleep(0.001)
    engine.stop()
    await running

    closings = [closed for closed in recorder.events if isinstance(closed, ActionClosed)]
    assert [(type(closed), closed.reason) for closed in closings] == [
        (ActionRefused, "trading is halted by me: enough"),
        (ActionDone, ""),
    ]


@simulated
async def test_executors_that_share_a_journal_tell_of_it_once() -> None:
    journal = MemoryJournal()
    journal.write([GuardState(guard="DailyLoss", state="1")])
    async with Bot(journal=journal) as bot, Bot(ScriptedGateway(venue="other"), journal=journal) as other:
        assert len(bot.events(GuardState)) + len(other.events(GuardState)) == 1


@simulated
async def test_the_latest_orders_that_have_ended_are_known_after_a_restart() -> None:
    lives = Lives()
    async with lives.life() as bot:
        order = await bot.open()
        bot.cancel(order)
        await until(lambda: bot.status(order) == "cancelled")
        lives.kill(bot)
    async with lives.life() as again:
        assert again.status(order) == "cancelled"
        assert again.events(OrderUpdate) == []
        again.place(client_order_id=order)
        assert lives.ledger.accepted == [order]


@simulated
async def test_a_position_is_what_all_lives_made_it() -> None:
    lives = Lives()
    for expected in (5, 10, 15):
        async with lives.life() as bot:
            order = await bot.open(quantity="5")
            lives.ledger.fill(order, "5")
            await asyncio.sleep(0.001)
            assert bot.events(Position)[-1].quantity == Decimal(expected)
            lives.kill(bot)


@simulated
async def test_a_fill_whose_order_has_ended_is_found_after_a_restart() -> None:
    lives = Lives()
    async with lives.life() as bot:
        order = await bot.open(quantity="5")
        bot.gateway.delays_s = tuple
        lives.ledger.fill(order, "5")
        bot.gateway.delays_s = lambda: (0.0,)
        bot.gateway.publish(lives.ledger.orders[order].report())
        await until(lambda: bot.status(order) == "filled")
        assert bot.events(Fill) == []
        lives.kill(bot)
    async with lives.life() as again:
        assert [fill.recovered for fill in again.events(Fill)] == [True]
        assert again.events(Recovered)[0].positions == {"BTC/USDT": 5}


@simulated
async def test_orders_of_another_life_are_named_by_a_stop_before_the_venue_is_reached() -> None:
    lives = Lives()
    async with lives.life() as bot:
        order = await bot.open()
        lives.kill(bot)
    lives.gateway.then("open", silence())
    again = Bot(lives.gateway, journal=lives.journal)
    starting = asyncio.create_task(again.engine.run())
    await asyncio.sleep(1)
    again.engine.stop()

    with pytest.raises(StopIncomplete, match=rf"orders that may be alive at venue: {order} \(BTC/USDT, open\)"):
        await starting
    assert lives.gateway.count("cancel") == 0


@simulated
async def test_a_stop_in_the_middle_of_a_recovery_ends_it() -> None:
    gateway = ScriptedGateway()
    gateway.script = lambda method: reset() if method == "open" else None
    bot = Bot(gateway)
    starting = asyncio.create_task(bot.engine.run())
    await asyncio.sleep(1)
    bot.engine.stop()
    await starting
    asked = list(gateway.calls)
    await asyncio.sleep(100)

    assert gateway.calls == asked
    assert asyncio.all_tasks() == {asyncio.current_task()}


@simulated
async def test_so_are_those_of_every_venue() -> None:
    journal = MemoryJournal()
    ledgers = {name: ScriptedGateway(venue=name) for name in ("one", "two")}
    for gateway in ledgers.values():
        async with Bot(gateway, journal=journal, on_stop="leave") as bot:
            await bot.open()
    for gateway in ledgers.values():
        gateway.then("open", silence())
    bots = [Bot(gateway, journal=journal) for gateway in ledgers.values()]
    engine = Engine(executors=[bot.executor for bot in bots], clock=simulated_clock())
    starting = asyncio.create_task(engine.run())
    await asyncio.sleep(1)
    engine.stop()

    with pytest.raises(StopIncomplete, match=r"alive at one: .*alive at two: "):
        await starting


@simulated
async def test_a_recovery_that_ends_while_it_stops_opens_nothing() -> None:
    lives = Lives(ScriptedGateway(validity_s=3))
    async with lives.life() as bot:
        lives.gateway.then("place", silence())
        bot.place()
        lives.kill(bot)
    lives.gateway.stop_clock()
    async with lives.life() as again:
        lives.gateway.then("cancel", silence())
        stopping = asyncio.create_task(again.stop())
        await asyncio.sleep(0.01)
        lives.gateway.stopped_ns = None
        lives.gateway.skew_s = 3600
        await until(lambda: again.events(Recovered))
        late = again.place(side="sell", reduces=True)
        assert again.outcome(late) == ("ActionRefused", "no orders for venue: it is stopping")
        await stopping
