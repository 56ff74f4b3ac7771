"""A replacement never makes two orders of one: the new one is placed when the old one is known to be gone."""

import asyncio
from decimal import Decimal

import pytest

from bowstring.core.messages import ActionClosed, ActionDone, ActionExpired, ActionFailed, CollectorDown
from bowstring.trading.guards import MaxPosition
from bowstring.trading.messages import CancelOrder, OrderUpdate, ReplaceOrder
from tests.trading.bot import Bot, simulated, until
from tests.trading.scripted import Reply, ScriptedGateway, answered, not_sent, rejected, reset, silence

BOTH = pytest.mark.parametrize("replaces_natively", [True, False])


async def closed(bot: Bot, new: str) -> ActionClosed:
    await until(lambda: bot.closing(new))
    closing = bot.closing(new)
    assert closing is not None
    return closing


@BOTH
@pytest.mark.parametrize("keeps_order", [True, False])
@simulated
async def test_the_new_order_takes_the_place_of_the_old(replaces_natively: bool, keeps_order: bool) -> None:
    async with Bot(ScriptedGateway(replaces_natively=replaces_natively, keeps_order=keeps_order)) as bot:
        old = await bot.open(side="sell")
        new = bot.replace(old, quantity="2", price="101")

        assert isinstance(await closed(bot, new), ActionDone)
        assert bot.statuses(old) == ["open", "cancelled"]
        (update,) = bot.updates(new)
        assert (update.status, update.side) == ("open", "sell")
        assert [update.quantity, update.price] == [2, 101]
        assert list(bot.trader.orders) == [new]
        assert bot.gateway.count("replace") == replaces_natively


@BOTH
@simulated
async def test_both_orders_are_the_strategys_meanwhile(replaces_natively: bool) -> None:
    async with Bot(ScriptedGateway(replaces_natively=replaces_natively)) as bot:
        old = await bot.open()
        bot.gateway.script = lambda _method: answered(0.5)
        new = bot.replace(old)

        assert list(bot.trader.orders) == [old, new]
        assert bot.trader.orders[new].status == "pending"
        await closed(bot, new)


@BOTH
@simulated
async def test_if_the_old_order_fills_first_nothing_is_placed(replaces_natively: bool) -> None:
    async with Bot(ScriptedGateway(replaces_natively=replaces_natively)) as bot:
        old = await bot.open()
        bot.gateway.script = lambda method: answered(1.0) if method in {"cancel", "replace"} else None
        new = bot.replace(old)
        bot.ledger.fill(old, "5")

        await closed(bot, new)
        assert bot.statuses(old) == ["open", "filled"]
        assert bot.statuses(new) == ["rejected" if replaces_natively else "failed"]
        assert bot.ledger.accepted == [old]


@simulated
async def test_a_partial_fill_of_the_old_order_does_not_stop_the_replacement() -> None:
    async with Bot() as bot:
        old = await bot.open()
        bot.gateway.then("cancel", answered(1.0))
        new = bot.replace(old)
        bot.ledger.fill(old, "1")

        await closed(bot, new)
        assert bot.statuses(new) == ["open"]
        assert bot.updates(old)[-1].filled == 1


@pytest.mark.parametrize("reply", [rejected(), reset(), not_sent(), silence()])
@simulated
async def test_if_the_old_order_is_not_confirmed_to_be_gone_nothing_is_placed(reply: Reply) -> None:
    async with Bot() as bot:
        old = await bot.open()
        bot.gateway.then("cancel", reply)
        new = bot.replace(old)

        assert isinstance(await closed(bot, new), ActionFailed)
        assert bot.statuses(new) == ["failed"]
        assert bot.ledger.accepted == [old]
        assert list(bot.trader.orders) == [old]


@simulated
async def test_a_cancel_that_is_only_taken_note_of_is_no_confirmation() -> None:
    async with Bot() as bot:
        old = await bot.open()
        noted = bot.ledger.orders[old].report()
        bot.gateway.then("cancel", Reply(arrives_s=0.5, answers_s=0.1, says=noted))
        new = bot.replace(old)
        await asyncio.sleep(0.4)
        assert bot.closing(new) is None

        assert isinstance(await closed(bot, new), ActionDone)
        assert bot.statuses(new) == ["open"]


@simulated
async def test_a_confirmation_that_does_not_come_in_time_is_none() -> None:
    async with Bot() as bot:
        old = await bot.open()
        bot.gateway.then("cancel", Reply(arrives_s=30, answers_s=0.1, says=bot.ledger.orders[old].report()))
        new = bot.replace(old, valid_for_s=3.0)

        reason = f"the order to be replaced, {old}, is open, not cancelled"
        assert (await closed(bot, new)).reason == reason
        assert bot.ledger.accepted == [old]


@simulated
async def test_a_confirmation_after_the_deadline_is_too_late() -> None:
    async with Bot() as bot:
        old = await bot.open()
        bot.gateway.then("cancel", answered(2.5))
        new = bot.replace(old, valid_for_s=2.0)

        assert isinstance(await closed(bot, new), ActionExpired)
        assert bot.statuses(new) == ["expired"]
        assert bot.statuses(old) == ["open", "cancelled"]


@BOTH
@simulated
async def test_an_expired_replacement_leaves_the_old_order_alone(replaces_natively: bool) -> None:
    async with Bot(ScriptedGateway(replaces_natively=replaces_natively)) as bot:
        old = await bot.open()
        new = bot.replace(old, valid_for_s=-1.0)

        assert isinstance(await closed(bot, new), ActionExpired)
        assert bot.gateway.count("cancel") + bot.gateway.count("replace") == 0


@BOTH
@simulated
async def test_a_replacement_that_cannot_be_sent_leaves_the_old_order_alone(replaces_natively: bool) -> None:
    async with Bot(ScriptedGateway(replaces_natively=replaces_natively)) as bot:
        old = await bot.open()
        bot.replace(old, quantity="NaN")
        bot.do(
            CancelOrder(client_order_id="new"),
            ReplaceOrder(client_order_id=old, new_client_order_id="new", quantity=Decimal(1), price=Decimal(1)),
        )
        bot.gateway.disconnect()
        await until(lambda: bot.events(CollectorDown))
        bot.replace(old)

        reasons = [update.reason for update in bot.events(OrderUpdate) if update.client_order_id != old]
        assert reasons == [
            "its quantity is NaN",
            "it was cancelled before it was sent",
            "no new risk at venue: its private stream is down: stream reset",
        ]
        assert bot.gateway.count("cancel") + bot.gateway.count("replace") == 0


@BOTH
@simulated
async def test_an_unknown_old_order_is_replaced_only_if_the_venue_confirms_its_end(replaces_natively: bool) -> None:
    async with Bot(ScriptedGateway(replaces_natively=replaces_natively)) as bot:
        bot.gateway.then("place", reset(arrives_s=1.0), reset(arrives_s=0.0))
        bot.gateway.script = lambda method: reset() if method == "query" else None
        bot.gateway.delays_s = tuple
        absent, present = bot.place(), bot.place()
        await until(lambda: bot.status(present) == bot.status(absent) == "unknown")
        not_placed, placed = bot.replace(absent), bot.replace(present)
        await closed(bot, not_placed)
        await closed(bot, placed)

        assert not_placed not in bot.ledger.accepted
        assert bot.statuses(placed) == ["open"]
        bot.gateway.heal()
        await until(lambda: bot.status(present) == "cancelled" and bot.status(absent) == "open")


@BOTH
@simulated
async def test_of_no_open_order_there_is_no_replacement(replaces_natively: bool) -> None:
    async with Bot(ScriptedGateway(replaces_natively=replaces_natively)) as bot:
        ended = await bot.open()
        bot.cancel(ended)
        await until(lambda: bot.status(ended) == "cancelled")
        for nothing in (ended, "never"):
            new = bot.replace(nothing)
            assert bot.outcome(new) == ("ActionFailed", f"{nothing} is no open order of trader")

        assert bot.ledger.accepted == [ended]
        assert {update.client_order_id for update in bot.events(OrderUpdate)} == {ended}
        assert bot.trader.orders == {}


@BOTH
@simulated
async def test_an_order_has_one_replacement_at_a_time(replaces_natively: bool) -> None:
    async with Bot(ScriptedGateway(replaces_natively=replaces_natively)) as bot:
        old = await bot.open()
        bot.gateway.then("replace" if replaces_natively else "cancel", answered(1.0))
        first, second = bot.replace(old), bot.replace(old)
        await closed(bot, first)

        assert bot.outcome(second) == ("ActionFailed", f"{old} is being replaced already")
        assert bot.statuses(second) == ["failed"]
        assert bot.ledger.accepted == [old, first]


@simulated
async def test_a_replacement_that_came_to_nothing_may_be_tried_again() -> None:
    async with Bot() as bot:
        old = await bot.open()
        bot.gateway.then("cancel", rejected())
        failed = bot.replace(old)
        await closed(bot, failed)
        again = bot.replace(old)
        await closed(bot, again)

        assert bot.statuses(failed) == ["failed"]
        assert bot.statuses(old)[-1] == "cancelled"
        assert bot.statuses(again) == ["open"]


@simulated
async def test_a_cancel_of_the_new_order_while_the_old_one_is_being_cancelled_closes_it_unsent() -> None:
    async with Bot() as bot:
        old = await bot.open()
        bot.gateway.then("cancel", answered(1.0))
        new = bot.replace(old)
        cancel = bot.cancel(new)

        assert (await closed(bot, new)).reason == "it was cancelled before it was sent"
        assert isinstance(bot.closing(cancel), ActionDone)
        assert bot.ledger.accepted == [old]
        assert bot.statuses(old) == ["open", "cancelled"]


@simulated
async def test_a_cancel_of_the_new_order_ends_the_wait_for_a_confirmation() -> None:
    async with Bot() as bot:
        old = await bot.open()
        bot.gateway.then("cancel", Reply(arrives_s=30, answers_s=0.1, says=bot.ledger.orders[old].report()))
        new = bot.replace(old)
        await asyncio.sleep(0.2)
        bot.cancel(new)
        await asyncio.sleep(0.001)

        assert bot.outcome(new) == ("ActionFailed", "it was cancelled before it was sent")


@pytest.mark.parametrize(
    ("reply", "statuses"),
    [
        (not_sent(), ["failed"]),
        (not_sent(at_once=True), ["failed"]),
        (rejected(), ["rejected"]),
        (reset(), ["unknown", "failed"]),
        (reset(arrives_s=0.1), ["unknown", "open"]),
        (reset(arrives_s=0.1, at_once=True), ["unknown", "open"]),
        (silence(arrives_s=6.0), ["unknown", "failed"]),
    ],
)
@BOTH
@simulated
async def test_the_new_orders_outcome_is_that_of_any_order(
    reply: Reply, statuses: list[str], replaces_natively: bool
) -> None:
    async with Bot(ScriptedGateway(replaces_natively=replaces_natively)) as bot:
        old = await bot.open()
        bot.gateway.then("replace" if replaces_natively else "place", reply)
        new = bot.replace(old)
        await closed(bot, new)
        await until(lambda: bot.statuses(new) == statuses)

        assert bot.gateway.count("place") + bot.gateway.count("replace") == 2
        old_lives = replaces_natively and statuses[-1] != "open"
        await until(lambda: bot.status(old) == ("open" if old_lives else "cancelled"))


@simulated
async def test_after_a_native_replacement_the_old_order_is_looked_up() -> None:
    async with Bot(ScriptedGateway(replaces_natively=True)) as bot:
        old = await bot.open()
        bot.gateway.delays_s = tuple
        new = bot.replace(old)
        await closed(bot, new)
        await until(lambda: bot.status(old) == "cancelled")


@simulated
async def test_a_native_replacement_waits_for_the_answer_of_the_old_order_where_it_could_overtake_it() -> None:
    async with Bot(ScriptedGateway(replaces_natively=True, keeps_order=False)) as bot:
        bot.gateway.then("place", Reply(arrives_s=0.5, answers_s=0.5))
        old = bot.place()
        new = bot.replace(old)
        await asyncio.sleep(0.4)
        assert bot.gateway.count("replace") == 0

        assert isinstance(await closed(bot, new), ActionDone)
        assert bot.statuses(new) == ["open"]


@simulated
async def test_and_its_own_outcome_may_be_unknown_then() -> None:
    async with Bot(ScriptedGateway(replaces_natively=True, keeps_order=False)) as bot:
        bot.gateway.then("place", answered(0.5))
        bot.gateway.then("replace", reset(arrives_s=0.1, at_once=True))
        old = bot.place()
        new = bot.replace(old)
        await until(lambda: bot.statuses(new) == ["unknown", "open"])


@simulated
async def test_and_if_that_does_not_come_in_time_it_expires() -> None:
    async with Bot(ScriptedGateway(replaces_natively=True, keeps_order=False)) as bot:
        bot.gateway.then("place", Reply(arrives_s=3.0, answers_s=3.0))
        old = bot.place()
        new = bot.replace(old, valid_for_s=2.0)

        assert isinstance(await closed(bot, new), ActionExpired)
        assert bot.gateway.count("replace") == 0


@simulated
async def test_and_a_cancel_of_the_new_order_meanwhile_closes_it_unsent() -> None:
    async with Bot(ScriptedGateway(replaces_natively=True, keeps_order=False)) as bot:
        bot.gateway.then("place", Reply(arrives_s=3.0, answers_s=3.0))
        old = bot.place()
        new = bot.replace(old)
        bot.cancel(new)
        await asyncio.sleep(0.001)

        assert bot.outcome(new) == ("ActionFailed", "it was cancelled before it was sent")


@BOTH
@simulated
async def test_the_position_limit_counts_both_orders_meanwhile(replaces_natively: bool) -> None:
    gateway = ScriptedGateway(replaces_natively=replaces_natively)
    async with Bot(gateway, guards=[MaxPosition("BTC/USDT", Decimal(10))]) as bot:
        old = await bot.open(quantity="5")
        too_much = bot.replace(old, quantity="5.001")
        assert bot.statuses(too_much) == ["refused"]

        gateway.script = lambda _method: answered(0.5)
        new = bot.replace(old, quantity="5")
        meanwhile = bot.place(quantity="0.001")
        assert bot.statuses(meanwhile) == ["refused"]
        await closed(bot, new)
        await until(lambda: bot.status(old) == "cancelled")
        afterwards = bot.place(quantity="5")
        await until(lambda: bot.status(afterwards) == "open")


@BOTH
@simulated
async def test_what_guards_could_not_judge_is_not_replaced(replaces_natively: bool) -> None:
    gateway = ScriptedGateway(replaces_natively=replaces_natively)
    async with Bot(gateway, names=("one", "two"), guards=[MaxPosition("BTC/USDT", Decimal(5))]) as bot:
        old = await bot.open(by="one", quantity="5")
        action = ReplaceOrder(
            client_order_id=old,
            symbol="ETH/USDT",
            side="buy",
            quantity=Decimal(1000),
            price=Decimal(1),
            venue="venue",
        )
        bot.do(action, by="two")

        assert bot.outcome(action) == ("ActionFailed", f"{old} is no open order of two")
        assert bot.ledger.accepted == [old]
        assert gateway.count("cancel") == 0


@simulated
async def test_after_a_native_replacement_the_old_order_is_asked_for() -> None:
    async with Bot(ScriptedGateway(replaces_natively=True), reconcile_every_s=1000) as bot:
        order = await bot.open()
        bot.gateway.delays_s = tuple  # its end is never told
        new = bot.replace(order)
        await until(lambda: bot.status(new) == "open" and bot.status(order) == "cancelled")
