"""The executor's life: how it starts, what it does when a strategy is halted, and how it stops."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal

import pytest

from bowstring.core.errors import ConfigError, NotSent, Rejected
from bowstring.core.messages import ActionDone, CollectorDown, ComponentFailed
from bowstring.market.instrument import InstrumentListed
from bowstring.trading.executor import Policy
from bowstring.trading.gateway import Report
from bowstring.trading.journal.memory import MemoryJournal
from bowstring.trading.messages import Balance, CancelOrder, Fill, OrderUpdate
from bowstring.trading.new_orders import NewOrder
from tests.trading.bot import Bot, buy, now_s, simulated, until
from tests.trading.scripted import Reply, ScriptedGateway, answered, rejected, reset, silence

# Start


@simulated
async def test_instruments_and_balances_are_told_before_anything_trades() -> None:
    async with Bot() as bot:
        assert [event.symbol for event in bot.events(InstrumentListed)] == ["BTC/USDT", "ETH/USDT"]
        assert ("USDT", Decimal(1000)) in [(event.currency, event.free) for event in bot.events(Balance)]
        assert bot.trader.instrument("BTC/USDT").base == "BTC"


@pytest.mark.parametrize("answer", [reset(), silence()], ids=["reset", "silence"])
@simulated
async def test_a_venue_that_cannot_be_reached_is_tried_again_until_it_can(answer: Reply) -> None:
    gateway = ScriptedGateway()
    gateway.then("open", answer)

    async with Bot(gateway) as bot:
        assert gateway.count("open") == 2
        await bot.open()


@simulated
async def test_a_venue_that_says_no_is_the_engines_failure() -> None:
    gateway = ScriptedGateway()
    gateway.then("open", rejected())

    with pytest.raises(Rejected, match=r"^no\b"):
        async with Bot(gateway):
            pass
    assert (gateway.count("open"), gateway.count("close")) == (1, 1)


@pytest.mark.parametrize("argument", ["on_stop", "on_halt"])
def test_a_policy_that_is_none_is_a_mistake(argument: str) -> None:
    with pytest.raises(ConfigError, match=f'{argument} is \'Cancel\': give "cancel" or "leave"'):
        Bot(**{argument: "Cancel"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # the mistake


@simulated
async def test_it_starts_when_the_private_stream_is_up() -> None:
    gateway = ScriptedGateway()
    gateway.then("stream", reset(), reset())
    async with Bot(gateway) as bot:
        assert gateway.count("stream") == 3
        assert len(bot.events(CollectorDown)) == 2
        await bot.open()


# What a strategy sees


@simulated
async def test_the_story_of_an_order_is_told_in_order_even_where_a_reaction_goes_on_with_it() -> None:
    async with Bot() as bot:
        order = await bot.open()
        bot.gateway.is_prompt = True
        bot.trader.reactions.append(
            lambda event: [CancelOrder(client_order_id=order)] if isinstance(event, Fill) else []
        )
        bot.ledger.fill(order, "1")

        assert bot.statuses(order) == ["open", "open", "cancelled"]
        assert [update.filled for update in bot.updates(order)] == [0, 1, 1]
        assert bot.trader.orders == {}


@simulated
async def test_a_foreign_order_tells_nothing_and_is_left_alone() -> None:
    gateway = ScriptedGateway()
    gateway.ledger.accept(buy(client_order_id="manual"))
    async with Bot(gateway) as bot:
        gateway.ledger.fill("manual", "1")
        gateway.disconnect()
        await bot.until_up()

        assert [*bot.events(OrderUpdate), *bot.events(Fill)] == []
    assert bot.left == ""
    assert gateway.ledger.orders["manual"].status == "open"


# Halted strategies


@simulated
async def test_the_orders_of_a_halted_strategy_are_cancelled_and_those_of_others_are_not() -> None:
    async with Bot(names=("one", "two")) as bot:
        first, second, third = await bot.open(by="one"), await bot.open(by="one"), await bot.open(by="two")
        bot.do(fails=True, by="one")
        await until(lambda: not bot.blotter.of("one"))

        assert [bot.status(order) for order in (first, second, third)] == ["cancelled", "cancelled", "open"]
        assert bot.trader.orders != {}
        bot.engine.resume("one")
        assert bot.trader.orders == {}


@simulated
async def test_or_left_alone_where_that_is_the_policy() -> None:
    async with Bot(on_halt="leave") as bot:
        order = await bot.open()
        bot.do(fails=True)
        await asyncio.sleep(10)

        assert bot.status(order) == "open"


@simulated
async def test_a_guard_that_fails_has_no_orders() -> None:
    async with Bot() as bot:
        order = await bot.open()
        bot.publish(ComponentFailed(component="trader", role="guard", reason="", halted=True))
        bot.publish(ComponentFailed(component="trader", role="strategy", reason="", halted=False))
        await asyncio.sleep(1)

        assert bot.status(order) == "open"


@simulated
async def test_the_orders_of_a_halted_strategy_that_turn_up_later_are_cancelled_then() -> None:
    async with Bot(ScriptedGateway(validity_s=60)) as bot:
        bot.gateway.then("place", reset(arrives_s=40))
        late = bot.place()
        bot.gateway.then("cancel", rejected(), reset(), silence())
        refused = await bot.open()
        bot.do(fails=True)
        await until(lambda: not bot.blotter.live, within_s=200)

        assert bot.status(late) == bot.status(refused) == "cancelled"


@simulated
async def test_orders_of_a_halted_strategy_that_were_not_sent_yet_are_not() -> None:
    intents = Never()
    async with Bot(journal=intents) as bot:
        order = bot.place()
        bot.do(fails=True)
        await asyncio.sleep(0.001)

        assert bot.outcome(order) == ("ActionFailed", "trader was halted")
        assert bot.gateway.count("place") == 0


class Never(MemoryJournal):
    """A storage that never ends a record."""

    def record(self, orders: Sequence[NewOrder], /) -> Awaitable[None]:
        return asyncio.get_running_loop().create_future()


# Stop


@simulated
async def test_a_stop_cancels_own_orders_and_waits_for_the_confirmation() -> None:
    async with Bot() as bot:
        orders = [await bot.open() for _ in range(3)]
        bot.gateway.script = lambda method: answered(1.0) if method == "cancel" else None
        await bot.stop()

        assert bot.left == ""
        assert {bot.ledger.orders[order].status for order in orders} == {"cancelled"}
        assert bot.gateway.calls[-1] == ("close", "")
        bot.check_ledger()


@simulated
async def test_or_leaves_them_where_that_is_the_policy() -> None:
    async with Bot(on_stop="leave") as bot:
        order = await bot.open()
        bot.gateway.then("place", answered(2.0))
        pending = bot.place()
        await bot.stop()

        assert bot.left == ""
        assert bot.status(order) == bot.status(pending) == "open"
        assert bot.gateway.count("cancel") == 0


@pytest.mark.parametrize("on_stop", ["cancel", "leave"])
@simulated
async def test_what_is_unknown_at_the_end_is_named(on_stop: Policy) -> None:
    async with Bot(ScriptedGateway(validity_s=30), on_stop=on_stop) as bot:
        bot.gateway.then("place", reset())
        order = bot.place()
        await until(lambda: bot.status(order) == "unknown")
        began_s = now_s()
        await bot.stop()

        assert f"orders that may be alive at venue: {order} (BTC/USDT, unknown)" in bot.left
        assert now_s() - began_s < 10


@pytest.mark.parametrize("reply", [silence(), rejected(), reset()])
@simulated
async def test_what_could_not_be_cancelled_is_named(reply: Reply) -> None:
    async with Bot() as bot:
        orders = [await bot.open() for _ in range(2)]
        bot.gateway.script = lambda method: reply if method == "cancel" else None
        began_s = now_s()
        await bot.stop()

        for order in orders:
            assert f"{order} (BTC/USDT, open)" in bot.left
        assert now_s() - began_s < 10


@simulated
async def test_an_unanswered_order_is_cancelled_and_named_if_it_stays_so() -> None:
    async with Bot(ScriptedGateway(keeps_order=False, validity_s=30)) as bot:
        bot.gateway.then("place", answered(3.0), silence())
        answered_late, silent = bot.place(), bot.place()
        await bot.stop()

        assert bot.status(answered_late) == "cancelled"
        assert f"{silent} (BTC/USDT, unknown)" in bot.left
        assert answered_late not in bot.left
        assert bot.statuses(silent) == ["unknown"]
        assert isinstance(bot.closing(silent), ActionDone)


@simulated
async def test_an_answer_that_comes_after_the_end_is_for_nobody() -> None:
    """The journal may be another process's by then."""
    journal = MemoryJournal()
    async with Bot(ScriptedGateway(keeps_order=False, validity_s=30), journal=journal) as bot:
        bot.gateway.then("place", answered(25.0))
        bot.gateway.script = lambda method: reset() if method in {"cancel", "query"} else None
        order = bot.place()
        await bot.stop()
        told = bot.statuses(order)
        await asyncio.sleep(30)

        assert bot.statuses(order) == told == ["unknown"]
        assert [one.status for one in journal.recall("venue").live] == ["unknown"]


@simulated
async def test_a_cancel_that_fails_is_tried_again() -> None:
    async with Bot() as bot:
        order = await bot.open()
        bot.gateway.then("cancel", reset(), Reply(arrives_s=None, error=NotSent("busy")))
        await bot.stop()

        assert bot.left == ""
        assert bot.status(order) == "cancelled"
        assert bot.gateway.count("cancel") == 3


class Clinging(ScriptedGateway):
    """Takes its time to let go of a connection."""

    async def stream(self, report: Callable[[Report], None], ready: Callable[[], None]) -> None:
        try:
            await super().stream(report, ready)
        finally:
            await asyncio.sleep(20)


@simulated
async def test_a_gateway_that_clings_to_its_connection_keeps_no_order_from_being_named() -> None:
    async with Bot(Clinging()) as bot:
        order = await bot.open()
        bot.gateway.script = lambda _method: silence()
        await bot.stop()

        assert f"orders that may be alive at venue: {order} (BTC/USDT, open)" in bot.left
        assert bot.gateway.count("close") == 1


@simulated
async def test_while_it_stops_nothing_new_is_sent_but_cancels() -> None:
    async with Bot() as bot:
        bought = await bot.open()
        bot.ledger.fill(bought, "5")
        order = await bot.open()
        bot.gateway.then("cancel", answered(2.0))
        stopping = asyncio.create_task(bot.stop())
        await asyncio.sleep(1.5)
        reducing = buy(side="sell", quantity="1", reduces=True)
        cancel = CancelOrder(client_order_id=order)
        bot.do(reducing, cancel)
        await stopping

        assert bot.outcome(reducing) == ("ActionRefused", "no orders for venue: it is stopping")
        assert bot.outcome(cancel)[0] == "ActionDone"


@simulated
async def test_an_order_that_was_not_sent_when_it_stops_is_not_sent() -> None:
    async with Bot(journal=Never()) as bot:
        order = bot.place(valid_for_s=60)
        await bot.stop()

        assert bot.left == ""
        assert bot.gateway.count("place") == 0
        assert bot.statuses(order) == ["failed"]


@pytest.mark.parametrize("reply", [silence(), reset()])
@simulated
async def test_a_gateway_that_fails_to_close_keeps_nobody(reply: Reply) -> None:
    async with Bot(ScriptedGateway(validity_s=30)) as bot:
        bot.gateway.then("place", reset())
        bot.gateway.then("close", reply)
        order = bot.place()
        await until(lambda: bot.status(order) == "unknown")
        began_s = now_s()
        await bot.stop()

        assert order in bot.left
        assert now_s() - began_s < 10


@simulated
async def test_no_work_is_left_after_a_stop() -> None:
    async with Bot(ScriptedGateway(validity_s=30, is_async=True)) as bot:
        bot.gateway.then("place", reset(), silence(), silence())
        for _ in range(3):
            bot.place()
        bot.gateway.script = lambda method: silence() if method != "close" else None
        await asyncio.sleep(31)
        bot.place()
        await bot.stop()
        await asyncio.sleep(0)

        assert asyncio.all_tasks() == {asyncio.current_task()}


@simulated
async def test_nor_of_a_replacement_that_was_not_answered() -> None:
    async with Bot(ScriptedGateway(validity_s=30, replaces_natively=True)) as bot:
        old = await bot.open()
        bot.gateway.script = lambda method: silence() if method != "close" else None
        bot.replace(old)
        await bot.stop()

        assert asyncio.all_tasks() == {asyncio.current_task()}
        bot.gateway.heal()


@simulated
async def test_a_longer_way_to_the_venue_is_waited_for() -> None:
    async with Bot(ScriptedGateway(validity_s=9.0)) as bot:
        bot.gateway.then("place", Reply(arrives_s=8.0, answers_s=8.0))
        order = bot.place()
        await until(lambda: bot.status(order) == "open")

        assert bot.statuses(order) == ["open"]
