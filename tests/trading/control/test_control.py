"""A human's commands to a running bot, on virtual time: what they do, and what goes on record."""

import asyncio
import os
from decimal import Decimal
from pathlib import Path

import pytest

from bowstring.core.engine import Engine
from bowstring.core.errors import ConfigError
from bowstring.core.inbox import LOSSLESS_CAPACITY
from bowstring.core.messages import Addressed, KillSwitch, Resumed
from bowstring.testing.simulation import simulated_clock
from bowstring.trading.control.commands import Accept, Activate, DecideOrder, Kill, Reduce, Resume, SetPosition, Status
from bowstring.trading.control.files import ControlFiles, Given
from bowstring.trading.executor import OrderExecutor, Policy
from bowstring.trading.journal.memory import MemoryJournal
from bowstring.trading.messages import (
    MismatchSettled,
    OperatorDecision,
    PlaceOrder,
    Position,
    ReconcileMismatch,
    Recovered,
    RiskStateChanged,
)
from tests.trading.bot import Bot, Feed, Recorder, Trader, buy, now_s, simulated, until
from tests.trading.control.operator import Operator
from tests.trading.scripted import SYMBOL, ScriptedGateway, answered, reset, silence

KILL = Kill(operator="alice", why="prices look wrong")
REDUCE = Reduce(operator="alice", why="half is enough")
ACTIVATE = Activate(operator="alice", why="all is well")
STATUS = Status(operator="", why="")
ACCEPT = Accept(operator="alice", why="I know", venue="venue", symbol=SYMBOL)


@pytest.fixture
def alice(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


def decisions(bot: Bot) -> list[tuple[str, str, str]]:
    return [(one.operator, one.what, one.reason) for one in bot.events(OperatorDecision)]


def nothing(_bot: Bot) -> None:
    """Check nothing."""


def states(bot: Bot) -> list[tuple[str, str, str]]:
    return [(one.state, one.by, one.reason) for one in bot.events(RiskStateChanged)]


# Risk


@simulated
async def test_kill_halts_trading_cancels_what_is_open_and_goes_on_record(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        order = await bot.open()
        answer = await alice.tell(KILL)
        late = bot.place()
        await until(lambda: bot.status(order) == "cancelled")

        assert answer == (True, "trading is halted")
        assert bot.outcome(late)[0] == "ActionRefused"
        assert states(bot) == [("halted", "alice", "prices look wrong")]
        assert decisions(bot) == [("alice", "kill", "prices look wrong")]
        assert [pulled.by for pulled in bot.events(KillSwitch)] == ["alice"]
        assert alice.journal.risk.state == "halted"


@simulated
async def test_the_kill_switch_beside_the_journal_does_too(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        order = await bot.open()
        alice.files.pull("look at that book\nand more")
        await until(lambda: bot.status(order) == "cancelled")

        assert states(bot) == [("halted", "the kill file", "look at that book")]


@simulated
async def test_no_order_leaves_once_it_is_there(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        order = await bot.open()
        alice.files.pull("look")
        refused = bot.place()
        replaced = bot.replace(order)

        assert bot.outcome(refused) == ("ActionRefused", f"trading is halted: {alice.files.killed()}")
        assert bot.outcome(replaced) == ("ActionRefused", f"trading is halted: {alice.files.killed()}")
        assert bot.gateway.count("place") == 1


@simulated
async def test_an_empty_one_says_enough_and_is_heeded_once(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        alice.files.kill_path.touch()
        await asyncio.sleep(10)

        assert states(bot) == [("halted", "the kill file", "bot.journal.kill is there")]
        assert len(bot.events(KillSwitch)) == 1


@simulated
async def test_with_both_trading_is_halted_once_and_the_decision_is_on_record(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        alice.files.pull("prices look wrong (alice)")
        await until(lambda: alice.journal.risk.state == "halted")
        await alice.tell(KILL)

        assert len(bot.events(KillSwitch)) == len(bot.events(RiskStateChanged)) == 1
        assert decisions(bot) == [("alice", "kill", "prices look wrong")]


@simulated
async def test_what_was_halted_trades_again_when_a_human_says_so_and_the_kill_switch_is_gone(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        alice.files.pull("look")
        await until(lambda: alice.journal.risk.state == "halted")
        answer = await alice.tell(ACTIVATE)
        order = await bot.open()

        assert answer == (True, "trading is active")
        assert not alice.files.kill_path.exists()
        assert bot.status(order) == "open"
        assert states(bot)[-1] == ("active", "alice", "all is well")
        assert decisions(bot) == [("alice", "activate", "all is well")]


@simulated
async def test_a_kill_switch_that_is_pulled_again_is_heeded_again(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        for _ in range(2):
            alice.files.pull("look")
            await until(lambda: alice.journal.risk.state == "halted")
            await alice.tell(ACTIVATE)

        assert [state for state, _by, _reason in states(bot)] == ["halted", "active"] * 2


@simulated
async def test_one_that_is_newer_than_the_command_to_lift_it_stays(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        alice.files.check_folder()
        await asyncio.sleep(0.001)
        command = alice.give(ACTIVATE)
        given_ns = (alice.files.folder / f"{command}.command").stat().st_mtime_ns
        alice.files.kill_path.touch()
        os.utime(alice.files.kill_path, ns=(given_ns + 1, given_ns + 1))
        answer = await alice.answer(command)

        assert not answer.is_done
        assert "bot.journal.kill is newer than this command: look why, and give it again" in answer.text
        assert alice.files.kill_path.exists()
        assert alice.journal.risk.state == "halted"
        assert decisions(bot) == []


@pytest.mark.parametrize("start", ["active", "halted"])
@simulated
async def test_reduce_lets_through_what_makes_a_position_smaller(start: str, alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        bought = await bot.open()
        bot.ledger.fill(bought, "5")
        await until(lambda: bot.status(bought) == "filled")
        if start == "halted":
            alice.files.pull("look")
            await until(lambda: alice.journal.risk.state == "halted")
        answer = await alice.tell(REDUCE)
        more = bot.place()
        less = await bot.open(side="sell", quantity="2", reduces=True)

        assert answer == (True, "trading is reducing")
        assert not alice.files.kill_path.exists()
        assert bot.outcome(more)[0] == "ActionRefused"
        assert bot.status(less) == "open"


@simulated
async def test_while_trading_is_reduced_open_orders_stay_and_may_fill_or_be_cancelled(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        open_, other = await bot.open(), await bot.open()
        await alice.tell(REDUCE)
        replacement = bot.replace(open_)
        bot.ledger.fill(open_, "2")
        await until(lambda: bot.events(Position))
        bot.cancel(other)
        await until(lambda: bot.status(other) == "cancelled")

        assert bot.outcome(replacement)[0] == "ActionRefused"
        assert bot.status(open_) == "open"
        assert bot.events(Position)[-1].quantity == 2


@simulated
async def test_a_kill_and_an_activation_in_one_moment_are_carried_out_in_their_order(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        names = [alice.give(command) for command in (KILL, ACTIVATE)]
        answers = [(await alice.answer(name)).text for name in names]
        await asyncio.sleep(1)

        assert answers == ["trading is halted", "trading is active"]
        assert alice.journal.risk.state == "active"
        assert bot.status(await bot.open()) == "open"


@pytest.mark.parametrize("on_halt", ["cancel", "leave"])
@simulated
async def test_a_bot_that_starts_with_the_kill_switch_starts_halted(on_halt: Policy, alice: Operator) -> None:
    gateway = ScriptedGateway()
    async with Bot(gateway, journal=alice.journal, on_stop="leave") as bot:
        order = await bot.open()
    alice.files.pull("not tonight")
    async with Bot(ScriptedGateway(ledger=gateway.ledger), journal=alice.journal, on_halt=on_halt) as bot:
        refused = bot.place()
        await asyncio.sleep(1)

        assert states(bot) == [("halted", "the kill file", "not tonight")]
        assert bot.outcome(refused) == ("ActionRefused", "trading is halted by the kill file: not tonight")
        assert bot.status(order) == ("cancelled" if on_halt == "cancel" else "open")
        assert bot.events(KillSwitch) == []


@simulated
async def test_one_that_was_halted_before_stays_so_for_the_reason_that_it_had(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        await alice.tell(KILL)
    alice.files.pull("again")
    async with Bot(journal=alice.journal) as bot:
        assert states(bot) == [("halted", "alice", "prices look wrong")]
    alice.files.kill_path.unlink()
    async with Bot(journal=alice.journal) as bot:
        assert states(bot) == [("halted", "alice", "prices look wrong")]


# Strategies


@simulated
async def test_a_halted_strategy_is_resumed_with_what_waited(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        bot.do(fails=True)
        bot.do(buy(client_order_id="later"))
        answer = await alice.tell(Resume(operator="alice", why="mended", strategy="trader"))

        assert answer == (True, "trader goes on")
        assert decisions(bot) == [("alice", "resume trader", "mended")]
        assert bot.ledger.accepted == ["later"]


class Fact(Addressed, frozen=True, kw_only=True):
    """Something that a strategy is told again and again."""


@simulated
async def test_one_that_missed_events_goes_on_from_where_it_stands(alice: Operator) -> None:
    async with Bot(journal=alice.journal, on_halt="leave") as bot:
        order = await bot.open()
        bot.do(fails=True)
        for _ in range(LOSSLESS_CAPACITY + 5):
            bot.do()
        bot.ledger.fill(order, "2")
        await asyncio.sleep(1)
        assert bot.trader.orders[order].filled == 0
        await alice.tell(Resume(operator="alice", why="mended", strategy="trader"))

        assert bot.events(Resumed)[-1].missed > LOSSLESS_CAPACITY
        assert bot.events(Recovered)[-1].positions == {SYMBOL: Decimal(2)}
        assert bot.trader.orders[order].filled == 2
        assert [account.waiting for account in bot.engine.accounts() if account.name == "trader"] == [0]


@simulated
async def test_what_is_not_halted_is_not_resumed(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        answer = await alice.tell(Resume(operator="alice", why="", strategy="trader"))
        misspelt = await alice.tell(Resume(operator="alice", why="", strategy="trade"))

        assert answer == (False, '"trader" is not halted; halted: none')
        assert misspelt == (False, 'there is no strategy or guard "trade"; there are trader')
        assert decisions(bot) == []


# Orders


async def unknown(bot: Bot, *, symbol: str = SYMBOL) -> str:
    """Have an order whose outcome the bot cannot find out."""
    bot.gateway.hides_orders = True
    bot.gateway.stop_clock()
    bot.gateway.then("place", silence())
    order = bot.place(symbol=symbol)
    await until(lambda: bot.status(order) == "unknown")
    return order


@pytest.mark.parametrize(
    ("status", "filled", "told"),
    [
        ("failed", None, "0"),
        ("failed", "0", "0"),
        ("rejected", None, "0"),
        ("cancelled", "0", "0"),
        ("cancelled", "1.5", "1.5"),
        ("expired", "4", "4"),
        ("filled", None, "5"),
        ("filled", "5", "5"),
        ("open", "0", "0"),
    ],
)
@simulated
async def test_a_human_decides_what_became_of_an_unknown_order(
    status: str, filled: str | None, told: str, alice: Operator
) -> None:
    async with Bot(ScriptedGateway(validity_s=30), journal=alice.journal, on_stop="leave") as bot:
        order = await unknown(bot)
        answer = await alice.decide(order, status, filled)  # type: ignore[arg-type]
        told_last = bot.updates(order)[-1]

        assert answer == (True, f"order {order} is {status}, {told} of 5 filled")
        assert (told_last.status, told_last.filled) == (status, Decimal(told))
        assert (bot.status(order), bot.trader.orders.keys() == {order}) == (status, status == "open")
        assert bot.events(Position) == []
        what = f"order {order} {status}" + (f" --filled {filled}" if filled else "")
        assert decisions(bot) == [("alice", what, "seen")]


ANOTHER_STATUS = "leave --filled out, or give another status"


@pytest.mark.parametrize(
    ("status", "filled", "why"),
    [
        ("failed", "1", f"1 of 5 filled does not go with failed: {ANOTHER_STATUS}"),
        ("rejected", "1", f"1 of 5 filled does not go with rejected: {ANOTHER_STATUS}"),
        ("filled", "4", f"4 of 5 filled does not go with filled: {ANOTHER_STATUS}"),
        ("cancelled", "5", "5 of 5 filled does not go with cancelled: give 0 or more, and less than 5"),
        ("open", "-1", "-1 of 5 filled does not go with open: give 0 or more, and less than 5"),
        ("cancelled", "0.0001", f"0.0001 filled is off the step of 0.001 in {SYMBOL}: give what the venue shows"),
        ("cancelled", None, "say how much of it was filled before it was cancelled: --filled 0, or more"),
        ("open", None, "say how much of it was filled before it was open: --filled 0, or more"),
    ],
)
@simulated
async def test_but_not_what_contradicts_itself(status: str, filled: str | None, why: str, alice: Operator) -> None:
    async with Bot(ScriptedGateway(validity_s=30), journal=alice.journal, on_stop="leave") as bot:
        order = await unknown(bot)
        answer = await alice.decide(order, status, filled)  # type: ignore[arg-type]

        assert answer == (False, why)
        assert bot.status(order) == "unknown"
        assert decisions(bot) == []
        await alice.decide(order, "failed")


@simulated
async def test_an_order_whose_outcome_is_known_is_not_for_a_human_to_decide(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        order = await bot.open()
        filled = await bot.open()
        bot.ledger.fill(filled, "5")
        await until(lambda: bot.status(filled) == "filled")
        bot.gateway.then("place", silence())
        pending = bot.place()
        answers = [await alice.decide(name, "failed") for name in (order, filled, pending)]

        why = (
            "what a human decides about is unknown, or open in a symbol with a mismatch, or at a venue that has not "
            "been reached since the start"
        )
        assert answers == [
            (False, f"order {order} is open: {why}"),
            (False, f"order {filled} is filled: {why}"),
            (False, f"order {pending} is pending: {why}"),
        ]
        assert await alice.decide("nobody's", "failed") == (
            False,
            "there is no order nobody's of this bot; `status` names what waits for a decision",
        )
        bot.gateway.heal()


@simulated
async def test_what_was_decided_holds_until_the_venue_shows_otherwise(
    alice: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bot, "check_updates", nothing)  # it was final, and lives
    async with Bot(ScriptedGateway(validity_s=30), journal=alice.journal) as bot:
        order = await unknown(bot)
        await alice.decide(order, "failed")
        await asyncio.sleep(200)
        held = bot.statuses(order)
        placed = bot.action_of(order)
        assert isinstance(placed, PlaceOrder)
        bot.ledger.accept(placed)  # it was on its way for longer than the venue promises
        await until(lambda: bot.status(order) == "open")

        assert held == ["unknown", "failed"]
        assert bot.statuses(order) == ["unknown", "failed", "open"]
        assert [mismatch.reason for mismatch in bot.events(ReconcileMismatch)] == [
            f"{order} was failed, yet it is open, 0 filled"
        ]


@simulated
async def test_the_fills_of_an_order_that_was_decided_are_the_venues(alice: Operator) -> None:
    gateway = ScriptedGateway(validity_s=30)
    async with Bot(gateway, journal=alice.journal) as bot:
        gateway.stop_clock()
        gateway.script = lambda method: reset() if method in {"query", "fills_since"} else None
        gateway.then("place", silence(arrives_s=0.1))
        order = bot.place()
        gateway.disconnect()
        gateway.refuses_streams = True
        await until(lambda: bot.status(order) == "unknown")
        bot.ledger.fill(order, "5")
        await alice.decide(order, "filled")
        told_before = bot.events(Position)
        gateway.stopped_ns = None
        gateway.heal()
        await until(lambda: bot.events(Position))

        assert told_before == []
        assert bot.events(Position)[-1].quantity == 5
        assert bot.status(order) == "filled"


@simulated
async def test_an_unknown_order_that_was_decided_lets_a_start_go_on(alice: Operator) -> None:
    gateway = ScriptedGateway(validity_s=30)
    async with Bot(gateway, journal=alice.journal, on_stop="leave") as bot:
        order = await unknown(bot)
    gateway = ScriptedGateway(validity_s=30, ledger=gateway.ledger)
    gateway.stop_clock()
    command = alice.give(
        DecideOrder(operator="alice", why="seen", client_order_id=order, status="failed")  # while no bot runs
    )
    async with Bot(gateway, journal=alice.journal) as bot:
        answer = await alice.answer(command)

        assert answer.is_done
        assert bot.statuses(order) == ["unknown", "failed"]
        assert bot.status(await bot.open()) == "open"
    assert now_s() < 40


@simulated
async def test_at_once(alice: Operator) -> None:
    gateway = ScriptedGateway(validity_s=30)
    async with Bot(gateway, journal=alice.journal, on_stop="leave") as bot:
        order = await unknown(bot)
    gateway = ScriptedGateway(validity_s=30, ledger=gateway.ledger)
    gateway.stop_clock()
    starting = asyncio.create_task(Bot(gateway, journal=alice.journal).__aenter__())
    await asyncio.sleep(40)
    began_ns = simulated_clock().monotonic_ns()
    await alice.decide(order, "failed")
    bot = await starting
    await bot.stop()

    assert bot.left == ""
    assert simulated_clock().monotonic_ns() - began_ns < 1e9


# Mismatches


async def lost(bot: Bot) -> str:
    """Have an open order that has filled 2 and that the venue then denies, until that is a mismatch."""
    order = await bot.open()
    bot.ledger.fill(order, "2")
    await until(lambda: bot.events(Position))
    del bot.ledger.orders[order]
    await until(lambda: bot.events(ReconcileMismatch), within_s=200)
    return order


@simulated
async def test_an_open_order_that_the_venue_denies_may_be_decided_too(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        order = await lost(bot)
        for status, filled, why in (
            ("failed", None, f"order {order} was open: it may be cancelled, expired or filled now"),
            ("open", "2", f"order {order} was open: it may be cancelled, expired or filled now"),
            ("cancelled", "1", f"2 of {order} is known to have filled, not 1: give that, or more"),
        ):
            assert await alice.decide(order, status, filled) == (False, why)  # type: ignore[arg-type]
        answer = await alice.decide(order, "cancelled", "2")

        assert answer == (True, f"order {order} is cancelled, 2 of 5 filled")
        assert bot.trader.orders == {}


@simulated
async def test_a_mismatch_that_was_accepted_lets_new_risk_through_and_is_not_told_again(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        order = await lost(bot)
        refused = bot.place()
        answer = await alice.tell(ACCEPT)
        await asyncio.sleep(100)

        reason = f"{order} was open, and the venue does not know it"
        assert bot.outcome(refused) == ("ActionRefused", f"no new risk in {SYMBOL} at venue: {reason}")
        assert answer == (True, f"new risk may be taken in {SYMBOL} at venue again; accepted: {reason}")
        assert len(bot.events(ReconcileMismatch)) == len(bot.events(MismatchSettled)) == 1
        assert bot.status(await bot.open()) == "open"
        assert decisions(bot) == [("alice", f"accept venue {SYMBOL}", "I know")]
        await alice.decide(order, "cancelled", "2")


@simulated
async def test_another_one_in_the_same_symbol_is(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        order = await lost(bot)
        await alice.tell(ACCEPT)
        bot.gateway.holdings["BTC"] = Decimal(0)
        await until(lambda: len(bot.events(ReconcileMismatch)) == 2, within_s=200)

        assert bot.events(ReconcileMismatch)[-1].reason == "positions are 2 BTC together, and the account has 0"
        bot.gateway.holdings["BTC"] = Decimal(2)
        await alice.tell(ACCEPT)
        await alice.decide(order, "cancelled", "2")


@simulated
async def test_there_is_nothing_to_accept_where_both_sides_agree(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        assert await alice.tell(ACCEPT) == (False, f"there is no mismatch in {SYMBOL} at venue")
        misspelt = Accept(operator="alice", why="I know", venue="venue", symbol="BTCUSDT")
        unlisted = "BTCUSDT is not listed at venue: give a symbol as the bot does, as BTC/USDT"
        assert await alice.tell(misspelt) == (False, unlisted)
        assert bot.events(MismatchSettled) == []


# Positions


def position(
    strategy: str = "trader", venue: str = "venue", symbol: str = SYMBOL, quantity: str = "-1.5"
) -> SetPosition:
    return SetPosition(
        operator="alice", why="counted", strategy=strategy, venue=venue, symbol=symbol, quantity=Decimal(quantity)
    )


@simulated
async def test_a_position_is_what_a_human_says_and_fills_go_on_from_there(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        order = await bot.open()
        bot.ledger.fill(order, "2")
        await until(lambda: bot.events(Position))
        answer = await alice.tell(position())
        bot.ledger.fill(order, "3")
        await until(lambda: bot.status(order) == "filled")

        assert answer == (True, f"the position of trader in {SYMBOL} at venue is -1.5; it was 2")
        assert [told.quantity for told in bot.events(Position)] == [Decimal(2), Decimal("-1.5"), Decimal("1.5")]
        assert decisions(bot) == [("alice", f"position trader venue {SYMBOL} -1.5", "counted")]
    async with Bot(ScriptedGateway(ledger=bot.ledger), journal=alice.journal) as bot:
        assert bot.events(Recovered)[0].positions == {SYMBOL: Decimal("1.5")}


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (position(strategy="trade"), 'there is no strategy "trade"; there are trader'),
        (position(symbol="XYZ/USDT"), "XYZ/USDT is not listed at venue"),
        (position(venue="binance"), "there is no venue binance; there are: venue"),
    ],
)
@simulated
async def test_of_what_there_is(command: SetPosition, why: str, alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        assert await alice.tell(command) == (False, why)
        assert bot.events(Position) == []


@simulated
async def test_of_a_strategy_that_has_gone_too(alice: Operator) -> None:
    async with Bot(journal=alice.journal, names=("old",)) as bot:
        order = await bot.open()
        bot.ledger.fill(order, "5")
        await until(lambda: bot.events(Position))
    async with Bot(ScriptedGateway(ledger=bot.ledger), journal=alice.journal) as bot:
        answer = await alice.tell(position(strategy="old", quantity="0"))

        assert answer == (True, f"the position of old in {SYMBOL} at venue is 0; it was 5")


# How it stands


@simulated
async def test_the_status_of_a_bot_that_is_well(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        assert await alice.tell(STATUS) == (True, "trading is active")
        assert decisions(bot) == []


@simulated
async def test_the_status_tells_what_a_human_may_decide(alice: Operator) -> None:
    async with Bot(ScriptedGateway(validity_s=30), journal=alice.journal, on_stop="leave") as bot:
        denied = await lost(bot)
        order = await unknown(bot, symbol="ETH/USDT")
        bot.do(fails=True)
        await alice.tell(KILL)
        bot.gateway.refuses_streams = True
        bot.gateway.disconnect()
        await asyncio.sleep(0.1)
        _is_done, text = await alice.tell(STATUS)

        assert text.splitlines() == [
            "trading is halted by alice: prices look wrong",
            "trader is halted",
            "venue: no new risk, its private stream is down: stream reset",
            f"venue: no new risk in {SYMBOL}, {denied} was open, and the venue does not know it",
            f"venue: order {order} of trader to buy 5 ETH/USDT at 100, 0 filled, is unknown, no answer within 30 s",
        ]


@simulated
async def test_the_status_tells_what_keeps_a_start_from_trading(alice: Operator) -> None:
    gateway = ScriptedGateway(validity_s=30)
    async with Bot(gateway, journal=alice.journal, on_stop="leave") as bot:
        order = await unknown(bot)
    gateway = ScriptedGateway(validity_s=30, ledger=gateway.ledger)
    gateway.stop_clock()
    name = alice.give(STATUS)
    running = asyncio.create_task(Bot(gateway, journal=alice.journal).__aenter__())
    text = (await alice.answer(name)).text
    await asyncio.sleep(1)
    later = (await alice.tell(STATUS))[1]
    await alice.decide(order, "failed")
    bot = await running
    await bot.stop()

    assert text.splitlines()[0:2] == ["trading is active", "venue: no orders, it has not recovered yet"]
    assert later.splitlines() == [
        "trading is active",
        f"venue: no orders, it has not found out yet what became of {order}",
        f"venue: order {order} of trader to buy 5 {SYMBOL} at 100, 0 filled, is unknown, no answer within 30 s",
    ]


# Several accounts, and starts


class TwoAccounts:
    """A bot with two executors, of which the second takes ten seconds to start."""

    def __init__(self, *journals: MemoryJournal) -> None:
        self.gateways = [ScriptedGateway(venue="first"), ScriptedGateway(venue="second")]
        self.gateways[1].then("open", answered(10.0))
        executors = [
            OrderExecutor(gateway, journal=journal) for gateway, journal in zip(self.gateways, journals, strict=True)
        ]
        self.recorder = Recorder()
        self.engine = Engine(
            collectors=[Feed()], strategies=[Trader()], executors=[*executors, self.recorder], clock=simulated_clock()
        )

    async def __aenter__(self) -> "TwoAccounts":
        self._running = asyncio.create_task(self.engine.run())
        await asyncio.sleep(1)
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.engine.stop()
        await self._running

    def positions(self) -> list[tuple[str, Decimal]]:
        return [(told.venue, told.quantity) for told in self.recorder.events if isinstance(told, Position)]


@simulated
async def test_what_is_for_an_account_waits_until_that_has_started_and_what_is_for_none_until_all_have(
    alice: Operator,
) -> None:
    async with TwoAccounts(alice.journal, alice.journal) as bot:
        names = [alice.give(position(venue=venue)) for venue in ("second", "third", "first")]
        assert (await alice.answer(names[2])).is_done
        assert not bot.engine.started.is_set()
        answers = [await alice.answer(name) for name in names[:2]]

        assert [answer.is_done for answer in answers] == [True, False]
        assert answers[1].text == "there is no venue third; there are: first, second"
        assert bot.positions() == [("first", Decimal("-1.5")), ("second", Decimal("-1.5"))]


@simulated
async def test_a_bot_that_cannot_reach_its_venue_yet_can_be_asked_and_killed(alice: Operator) -> None:
    gateway = ScriptedGateway()
    gateway.then("open", answered(20.0))
    starting = asyncio.create_task(Bot(gateway, journal=alice.journal).__aenter__())
    await asyncio.sleep(1)
    answers = [await alice.tell(STATUS), await alice.tell(KILL)]
    assert now_s() < 5
    bot = await starting
    refused = bot.place()
    await bot.stop()

    closed = "venue: no orders, it is not connected yet\nvenue: no new risk, its private stream is not up yet"
    assert answers == [(True, f"trading is active\n{closed}"), (True, "trading is halted")]
    assert bot.outcome(refused)[0] == "ActionRefused"
    assert states(bot)[-1] == ("halted", "alice", "prices look wrong")


@simulated
async def test_live_orders_of_a_venue_that_the_bot_has_no_more_are_named(
    alice: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    async with Bot(ScriptedGateway(venue="old"), journal=alice.journal, on_stop="leave") as bot:
        order = await bot.open()
    async with Bot(ScriptedGateway(venue="new"), journal=alice.journal) as again:
        status = await alice.tell(STATUS)

    stray = f"{order} (old, BTC/USDT, open)"
    assert status == (True, f"trading is active\nnobody looks after {stray}: the bot has no such venue")
    assert f"nobody looks after {stray}: run the bot with their venue, which it had before" in caplog.text
    assert again.left == f"orders new: orders that nobody looked after: {stray}"


@simulated
async def test_all_disagreements_are_named_and_what_the_venue_denies_may_be_decided_after_it_was_accepted(
    alice: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    async with Bot(journal=alice.journal, on_stop="leave") as bot:
        orders = [await bot.open() for _ in range(3)]
        for order in orders:
            del bot.ledger.orders[order]
        await until(lambda: bot.events(ReconcileMismatch), within_s=200)
        _is_done, before = await alice.tell(STATUS)
        _is_done, accepted = await alice.tell(Accept(operator="alice", why="", venue="venue", symbol="BTC/USDT"))
        _is_done, after = await alice.tell(STATUS)
        answers = [await alice.decide(order, "cancelled", "0") for order in orders]
        assert bot.blotter.live == {}

    reasons = [f"{order} was open, and the venue does not know it" for order in orders]
    assert all(reason in text for reason in reasons for text in (before, accepted, after, caplog.text))
    assert all(f"venue: BTC/USDT, {reason}, which was accepted" in after for reason in reasons)
    assert [is_done for is_done, _text in answers] == [True, True, True]


@simulated
async def test_a_strategy_is_resumed_only_once_everything_has_started(alice: Operator) -> None:
    async with TwoAccounts(alice.journal, alice.journal) as bot:
        name = alice.give(Resume(operator="alice", why="", strategy="trader"))
        await asyncio.sleep(5)
        assert alice.files.find_answer(name) is None
        await bot.engine.started.wait()

        assert not (await alice.answer(name)).is_done


@simulated
async def test_one_command_halts_all_accounts(alice: Operator) -> None:
    async with TwoAccounts(alice.journal, alice.journal) as bot:
        await bot.engine.started.wait()
        await alice.tell(KILL)

        changes = [event for event in bot.recorder.events if isinstance(event, RiskStateChanged)]
        assert [change.state for change in changes] == ["halted"]


@simulated
async def test_a_bot_has_one_journal(tmp_path: Path) -> None:
    journals = [MemoryJournal(control_file=str(tmp_path / name)) for name in ("one", "other")]
    bots = [Bot(ScriptedGateway(venue=f"venue {n}"), journal=journal) for n, journal in enumerate(journals)]
    engine = Engine(executors=[bot.executor for bot in bots], clock=simulated_clock())

    with pytest.raises(
        ConfigError, match=rf"have the journals {tmp_path}/one and {tmp_path}/other: give all of them one"
    ):
        await engine.run()


@simulated
async def test_two_bots_do_not_share_a_folder(alice: Operator) -> None:
    async with Bot(journal=alice.journal):
        with pytest.raises(ConfigError, match=r"bot\.journal\.control is in use by another bot: stop that one first"):
            async with Bot(journal=Operator(alice.files.folder.parent).journal):
                pass


@simulated
async def test_a_command_is_found_even_if_the_folder_s_time_does_not_tell(
    alice: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ControlFiles, "folder_changed_ns", always_the_same)
    async with Bot(journal=alice.journal):
        await asyncio.sleep(1)
        began_ns = simulated_clock().monotonic_ns()

        assert await alice.tell(STATUS) == (True, "trading is active")
        assert simulated_clock().monotonic_ns() - began_ns < 0.5e9


def always_the_same(_files: ControlFiles) -> int:
    return 1


# Files that go wrong


@simulated
async def test_what_is_no_command_is_refused(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        name = alice.give(KILL)
        path = alice.files.folder / f"{name}.command"
        path.write_bytes(b"{}")
        answer = await alice.answer(name)

        assert not answer.is_done
        assert answer.text.startswith("it is no command: ")
        assert bot.events(OperatorDecision) == []


@simulated
async def test_nor_is_what_others_may_have_written(alice: Operator) -> None:
    async with Bot(journal=alice.journal) as bot:
        name = alice.give(KILL)
        (alice.files.folder / f"{name}.command").chmod(0o620)
        answer = await alice.answer(name)

        assert answer.text == "it is not a file of the bot's own user, or others have access to it"
        assert alice.journal.risk.state == "active"
        assert bot.events(OperatorDecision) == []


@simulated
async def test_a_command_that_was_taken_back_is_not_carried_out(
    alice: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_too_late(files: ControlFiles, name: str) -> Given:
        given = read(files, name)
        files.take_back(name)
        return given

    read = ControlFiles.read
    async with Bot(journal=alice.journal) as bot:
        assert alice.files.take_back(alice.give(KILL))
        await asyncio.sleep(1)
        monkeypatch.setattr(ControlFiles, "read", read_too_late)
        alice.give(KILL)
        await asyncio.sleep(1)

        assert bot.events(OperatorDecision) == []


@simulated
async def test_one_whose_answer_cannot_be_written_was_carried_out_once_and_others_are_too(
    alice: Operator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_args: object) -> None:
        raise OSError("no space left")

    async with Bot(journal=alice.journal) as bot:
        monkeypatch.setattr(ControlFiles, "answer", fail)
        alice.give(position(quantity="1"))
        await asyncio.sleep(1)
        monkeypatch.undo()
        await alice.tell(position(quantity="2"))

        assert [told.quantity for told in bot.events(Position)] == [1, 2]
        assert "not carried out, or not answered, OSError('no space left')" in caplog.text


@simulated
async def test_one_that_cannot_be_taken_is_not_carried_out_and_does_not_keep_others(
    alice: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise PermissionError("no")

    async with Bot(journal=alice.journal) as bot:
        monkeypatch.setattr(ControlFiles, "take", fail)
        alice.give(position(quantity="1"))
        await asyncio.sleep(1)
        monkeypatch.undo()
        await alice.tell(position(quantity="2"))

        assert [told.quantity for told in bot.events(Position)] == [2]


@simulated
async def test_a_decision_that_cannot_be_recorded_holds_and_no_order_is_sent(
    alice: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_news: object) -> None:
        raise OSError("no space left")

    def refuse(_orders: object) -> None:
        raise OSError("no space left")

    async with Bot(journal=alice.journal) as bot:
        monkeypatch.setattr(alice.journal, "write", fail)
        monkeypatch.setattr(alice.journal, "record", refuse)
        order = bot.place()
        alice.files.pull("disk is full")
        await until(lambda: bot.events(KillSwitch))

        assert bot.closing(order) is not None
        assert [change.state for change in bot.events(RiskStateChanged)] == ["halted"]
        assert bot.outcome(bot.place())[0] == "ActionRefused"
