"""A cancel asks once, and takes nothing but a confirmation or the venue's own word for the end of an order."""

import asyncio
from decimal import Decimal

import pytest

from bowstring.core.messages import ActionDone, ActionFailed
from bowstring.trading.gateway import OrderReport
from bowstring.trading.messages import CancelOrder
from tests.trading.bot import Bot, buy, simulated, until
from tests.trading.scripted import (
    Reply,
    ScriptedGateway,
    answered,
    not_sent,
    rejected,
    reset,
    silence,
)


@pytest.mark.parametrize("is_async", [False, True])
@simulated
async def test_a_confirmed_cancel_ends_the_order(is_async: bool) -> None:
    async with Bot(ScriptedGateway(is_async=is_async)) as bot:
        order = await bot.open()
        cancel = bot.cancel(order)
        await until(lambda: bot.closing(cancel))

        assert isinstance(bot.closing(cancel), ActionDone)
        assert bot.statuses(order) == ["open", "cancelled"]


@simulated
async def test_a_cancel_is_sent_in_the_stack_of_the_handler_that_returned_it() -> None:
    async with Bot() as bot:
        order = await bot.open()
        bot.cancel(order)

        assert bot.gateway.calls[-1] == ("cancel", order)


@simulated
async def test_an_order_that_has_ended_needs_no_cancel() -> None:
    async with Bot() as bot:
        order = await bot.open()
        bot.ledger.fill(order, "5")
        await until(lambda: bot.status(order) == "filled")
        cancel = bot.cancel(order)

        assert isinstance(bot.closing(cancel), ActionDone)
        assert bot.gateway.count("cancel") == 0


@simulated
async def test_a_cancel_of_no_order_of_this_bot_fails() -> None:
    async with Bot() as bot:
        cancel = bot.cancel("manual")

        assert bot.outcome(cancel) == ("ActionFailed", "manual is no order of this bot")
        assert bot.gateway.count("cancel") == 0


@simulated
async def test_a_cancel_follows_its_unanswered_order_where_the_venue_keeps_their_order() -> None:
    async with Bot(ScriptedGateway(keeps_order=True)) as bot:
        bot.gateway.then("place", answered(0.4))
        bot.gateway.then("cancel", answered(0.6))
        order = bot.place()
        bot.cancel(order)

        assert bot.gateway.calls[-2:] == [("place", order), ("cancel", order)]
        await until(lambda: bot.status(order) == "cancelled")


@simulated
async def test_elsewhere_it_waits_for_the_orders_answer() -> None:
    async with Bot(ScriptedGateway(keeps_order=False)) as bot:
        bot.gateway.then("place", answered(0.4))
        order = bot.place()
        cancel = bot.cancel(order)
        await asyncio.sleep(0.1)
        assert bot.gateway.count("cancel") == 0

        await until(lambda: bot.closing(cancel))
        assert bot.statuses(order) == ["open", "cancelled"]


@simulated
async def test_or_for_its_deadline() -> None:
    async with Bot(ScriptedGateway(keeps_order=False)) as bot:
        bot.gateway.delays_s = tuple
        bot.gateway.then("place", silence(arrives_s=0.1))
        order = bot.place()
        cancel = bot.cancel(order)
        await asyncio.sleep(4.9)
        assert bot.gateway.count("cancel") == 0

        await until(lambda: bot.closing(cancel))
        assert bot.status(order) == "cancelled"
        assert bot.gateway.count("cancel") == 1


FILLED = OrderReport(client_order_id="mine", status="filled", filled=Decimal(5))


@pytest.mark.parametrize("reply", [not_sent(0.3), rejected(0.3), Reply(arrives_s=None, answers_s=0.3, says=FILLED)])
@simulated
async def test_and_is_not_sent_if_the_order_has_ended_by_then(reply: Reply) -> None:
    async with Bot(ScriptedGateway(keeps_order=False)) as bot:
        bot.gateway.then("place", reply)
        order = bot.place(client_order_id="mine")
        cancel = bot.cancel(order)
        await until(lambda: bot.closing(cancel))

        assert isinstance(bot.closing(cancel), ActionDone)
        assert bot.gateway.count("cancel") == 0


@pytest.mark.parametrize("keeps_order", [True, False])
@simulated
async def test_two_cancels_of_one_order_make_one_request(keeps_order: bool) -> None:
    async with Bot(ScriptedGateway(keeps_order=keeps_order), names=("one", "two")) as bot:
        bot.gateway.then("place", answered(0.2))
        bot.gateway.then("cancel", answered(0.4))
        order = bot.place(by="one")
        cancels = [bot.cancel(order, by="one"), bot.cancel(order, by="two"), bot.cancel(order, by="one")]
        await until(lambda: all(bot.closing(cancel) for cancel in cancels))

        assert {bot.outcome(cancel)[0] for cancel in cancels} == {"ActionDone"}
        assert bot.gateway.count("cancel") == 1


@simulated
async def test_a_cancel_that_failed_may_be_tried_again() -> None:
    async with Bot() as bot:
        order = await bot.open()
        bot.gateway.then("cancel", not_sent(), not_sent(at_once=True))
        for _ in range(2):
            cancel = bot.cancel(order)
            await until(lambda: bot.closing(cancel))  # noqa: B023  # it is awaited here
            assert bot.outcome(cancel) == ("ActionFailed", "not connected")

        assert bot.statuses(order) == ["open"]
        assert bot.gateway.count("query") == 0
        cancel = bot.cancel(order)
        await until(lambda: bot.closing(cancel))
        assert bot.status(order) == "cancelled"


@pytest.mark.parametrize(
    "reply",
    [
        rejected(0.1),
        reset(after_s=0.1),
        reset(at_once=True),
        silence(),
        Reply(arrives_s=None, error=asyncio.CancelledError()),
    ],
)
@pytest.mark.parametrize("is_async", [False, True])
@simulated
async def test_what_is_no_confirmation_proves_nothing_and_is_looked_up(reply: Reply, is_async: bool) -> None:
    async with Bot(ScriptedGateway(is_async=is_async)) as bot:
        order = await bot.open()
        bot.gateway.then("cancel", reply)
        cancel = bot.cancel(order)
        await until(lambda: bot.closing(cancel))

        assert isinstance(bot.closing(cancel), ActionFailed)
        assert bot.gateway.count("query", order) == 1
        assert bot.statuses(order) == ["open"]
        assert order in bot.trader.orders


@pytest.mark.parametrize(
    "reply",
    [rejected(0.1), reset(arrives_s=0.05, after_s=0.1), silence(arrives_s=0.1), reset(arrives_s=0, after_s=0.1)],
)
@simulated
async def test_a_look_up_that_shows_the_end_is_as_good_as_a_confirmation(reply: Reply) -> None:
    async with Bot() as bot:
        order = await bot.open()
        bot.gateway.delays_s = tuple
        if reply.arrives_s is None:
            bot.ledger.fill(order, "5")
        bot.gateway.then("cancel", reply)
        cancel = bot.cancel(order)
        await until(lambda: bot.closing(cancel))

        assert isinstance(bot.closing(cancel), ActionDone)
        assert bot.status(order) == ("filled" if reply.arrives_s is None else "cancelled")
        bot.gateway.heal()


@simulated
async def test_unknown_order_in_reply_to_a_cancel_leaves_an_unknown_order_unknown() -> None:
    async with Bot() as bot:
        bot.gateway.then("place", reset(arrives_s=1.0))
        order = bot.place()
        await until(lambda: bot.status(order) == "unknown")
        cancel = bot.cancel(order)
        await until(lambda: bot.closing(cancel))
        assert bot.outcome(cancel) == ("ActionFailed", "unknown order")
        assert bot.status(order) == "unknown"

        await until(lambda: bot.status(order) == "open")


@simulated
async def test_a_failed_look_up_changes_nothing() -> None:
    async with Bot() as bot:
        order = await bot.open()
        bot.gateway.then("cancel", rejected())
        bot.gateway.then("query", reset())
        cancel = bot.cancel(order)
        await until(lambda: bot.closing(cancel))

        assert bot.outcome(cancel) == ("ActionFailed", "no")


@simulated
async def test_a_late_confirmation_is_taken() -> None:
    async with Bot() as bot:
        order = await bot.open()
        bot.gateway.delays_s = tuple
        bot.gateway.then("cancel", Reply(arrives_s=2.0, answers_s=8.0))
        bot.gateway.then("query", reset())
        cancel = bot.cancel(order)
        await until(lambda: bot.closing(cancel))
        assert bot.outcome(cancel) == ("ActionFailed", "no answer to the cancel within 5.0 s")

        await until(lambda: bot.status(order) == "cancelled")


@simulated
async def test_a_late_refusal_is_not() -> None:
    async with Bot() as bot:
        order = await bot.open()
        bot.gateway.then("cancel", rejected(8.0))
        cancel = bot.cancel(order)
        await until(lambda: bot.closing(cancel))
        await asyncio.sleep(5)

        assert bot.status(order) == "open"


@simulated
async def test_a_cancel_in_the_batch_of_its_order_is_sent_after_it() -> None:
    async with Bot() as bot:
        order, cancel = buy(client_order_id="mine"), CancelOrder(client_order_id="mine")
        bot.do(order, cancel)
        await until(lambda: bot.closing(cancel))

        assert bot.gateway.calls[-2:] == [("place", "mine"), ("cancel", "mine")]
        assert bot.statuses("mine") == ["open", "cancelled"]


@pytest.mark.parametrize("validity_s", [3.0, 12.0])
@simulated
async def test_a_cancel_without_an_answer_is_sent_again_soon(validity_s: float) -> None:
    """Within the time of a stop, also where a request may be valid for longer than that."""
    venue = ScriptedGateway(validity_s=validity_s)
    async with Bot(venue) as bot:
        await bot.open()
        venue.then("cancel", silence())
        await bot.stop()

        assert (venue.count("cancel"), bot.left) == (2, "")
