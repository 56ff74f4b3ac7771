"""An order is sent once or never, and what is not known of it is not guessed."""

import asyncio

import pytest

from bowstring.core.messages import ActionClosed, ActionDone, ActionExpired, ActionFailed, ActionRefused
from bowstring.testing.simulation import simulated_clock
from bowstring.trading import sending
from bowstring.trading.gateway import OrderReport
from bowstring.trading.journal.memory import MemoryJournal
from bowstring.trading.messages import CancelOrder, OrderUpdate
from tests.trading.bot import Bot, buy, now_s, simulated, until
from tests.trading.scripted import Reply, ScriptedGateway, answered, not_sent, rejected, reset, silence

ASYNC = pytest.mark.parametrize("is_async", [False, True])


@simulated
async def test_an_order_is_sent_in_the_stack_of_the_handler_that_returned_it() -> None:
    async with Bot() as bot:
        order = bot.place()

        assert bot.gateway.calls[-1] == ("place", order)
        assert bot.status(order) == "pending"


@ASYNC
@simulated
async def test_the_answer_closes_the_action_and_opens_the_order(is_async: bool) -> None:
    async with Bot(ScriptedGateway(is_async=is_async)) as bot:
        order = await bot.open(quantity="2", price="99")

        (update,) = bot.updates(order)
        assert (update.status, update.venue_order_id) == ("open", "1")
        assert [update.quantity, update.price] == [2, 99]
        assert bot.outcome(order)[0] == "ActionDone"


@simulated
async def test_a_rejected_order_has_the_venues_reason() -> None:
    async with Bot() as bot:
        bot.gateway.then("place", rejected())
        order = bot.place()
        await until(lambda: bot.closing(order))

        assert [(update.status, update.reason) for update in bot.updates(order)] == [("rejected", "no")]
        assert isinstance(bot.closing(order), ActionDone)


@ASYNC
@pytest.mark.parametrize("reply", [not_sent(), not_sent(0.5), not_sent(at_once=True)])
@simulated
async def test_an_order_that_was_not_sent_fails_once(reply: Reply, is_async: bool) -> None:
    async with Bot(ScriptedGateway(is_async=is_async)) as bot:
        bot.gateway.then("place", reply)
        order = bot.place()
        await until(lambda: bot.closing(order))

        assert isinstance(bot.closing(order), ActionFailed)
        assert [(update.status, update.reason) for update in bot.updates(order)] == [("failed", "not connected")]
        assert bot.status(order) == "failed"


@ASYNC
@pytest.mark.parametrize(
    "reply",
    [
        silence(arrives_s=0.1),
        reset(arrives_s=0.1, after_s=0.2),
        reset(arrives_s=0.1, at_once=True),
        Reply(arrives_s=0.1, answers_s=0.2, error=asyncio.CancelledError()),
        Reply(arrives_s=0.1, answers_s=0.2, error=asyncio.CancelledError(), at_once=True),
        Reply(arrives_s=0.1, answers_s=0.2, error=TimeoutError()),
    ],
)
@simulated
async def test_whatever_else_happens_leaves_the_order_unknown_until_the_venue_shows_it(
    reply: Reply, is_async: bool
) -> None:
    async with Bot(ScriptedGateway(is_async=is_async)) as bot:
        bot.gateway.delays_s = tuple  # nothing by the stream
        bot.gateway.then("place", reply)
        order = bot.place()
        await until(lambda: len(bot.statuses(order)) == 2)

        assert bot.statuses(order) == ["unknown", "open"]
        assert bot.updates(order)[0].reason
        assert isinstance(bot.closing(order), ActionDone)
        assert bot.gateway.count("place") == 1


@simulated
async def test_an_unknown_order_is_in_the_strategys_orders() -> None:
    async with Bot() as bot:
        bot.gateway.then("place", silence())
        order = bot.place()
        await until(lambda: bot.statuses(order) == ["unknown"])

        assert bot.trader.orders[order].status == "unknown"
        assert bot.trader.orders[order].remaining == 5
        await until(lambda: order not in bot.trader.orders)


@simulated
async def test_a_late_answer_is_taken() -> None:
    async with Bot(ScriptedGateway(validity_s=30), reconcile_every_s=1000) as bot:
        bot.gateway.delays_s = tuple
        bot.gateway.script = lambda method: reset() if method == "query" else None
        bot.gateway.then("place", Reply(arrives_s=0.1, answers_s=40))
        order = bot.place()
        await until(lambda: bot.status(order) == "unknown")
        await until(lambda: bot.closing(order))
        await until(lambda: bot.status(order) == "open")

        assert now_s() // 1 == 40
        bot.gateway.heal()


@simulated
async def test_a_late_rejection_ends_the_order() -> None:
    async with Bot(ScriptedGateway(validity_s=30)) as bot:
        bot.gateway.then("place", rejected(31))
        order = bot.place()
        await until(lambda: bot.statuses(order) == ["unknown", "rejected"])


@simulated
async def test_late_proof_that_nothing_was_sent_is_told_as_failed() -> None:
    async with Bot(ScriptedGateway(validity_s=30)) as bot:
        bot.gateway.then("place", not_sent(31))
        order = bot.place()
        await until(lambda: bot.statuses(order) == ["unknown", "failed"])

        assert bot.updates(order)[-1].reason == "not connected"


@simulated
async def test_an_unknown_order_is_asked_for_by_one_task_however_often_it_is_in_doubt() -> None:
    async with Bot(ScriptedGateway(validity_s=7)) as bot:
        bot.gateway.then("place", reset(after_s=7.5))
        order = bot.place()
        await until(lambda: bot.status(order) == "unknown")
        await asyncio.sleep(0.75)

        asked = bot.gateway.count("query")
        await until(lambda: bot.status(order) == "failed")
        assert bot.statuses(order) == ["unknown", "failed"]
        assert asked <= 3


@simulated
async def test_the_stream_may_be_faster_than_the_answer() -> None:
    async with Bot() as bot:
        bot.gateway.then("place", Reply(arrives_s=0.1, answers_s=0.5))
        order = bot.place()
        await until(lambda: bot.status(order) == "open")
        bot.ledger.fill(order, "5")
        await until(lambda: bot.closing(order))

        assert bot.statuses(order) == ["open", "filled"]


@simulated
async def test_proof_that_nothing_was_sent_is_not_believed_of_an_order_that_the_venue_shows() -> None:
    async with Bot() as bot:
        bot.gateway.then("place", Reply(arrives_s=0.1, answers_s=0.5, error=not_sent().error))
        order = bot.place()
        await until(lambda: bot.closing(order))

        assert bot.statuses(order) == ["open"]
        assert isinstance(bot.closing(order), ActionDone)


@pytest.mark.parametrize(
    "answer",
    [
        OrderReport(client_order_id="another", status="open"),
        OrderReport(client_order_id="mine", status="pending"),
    ],
)
@simulated
async def test_an_answer_that_does_not_tell_is_none(answer: OrderReport) -> None:
    async with Bot() as bot:
        bot.gateway.delays_s = tuple
        bot.gateway.then("place", Reply(arrives_s=0.1, answers_s=0.2, says=answer))
        order = bot.place(client_order_id="mine")
        await until(lambda: bot.statuses(order) == ["unknown", "open"])


# Deadlines


@pytest.mark.parametrize(("late_ns", "kind"), [(-1, ActionDone), (0, ActionDone), (1, ActionExpired)])
@pytest.mark.parametrize("valid_for_s", [2.0, 2.3, 0.1, 0.0])
@simulated
async def test_an_order_is_sent_up_to_its_deadline_and_never_later(
    late_ns: int, kind: type[ActionClosed], valid_for_s: float
) -> None:
    async with Bot() as bot:
        received_ns = simulated_clock().now_ns() - round(valid_for_s * 1e9) - late_ns
        order = bot.place(valid_for_s=valid_for_s, received_ns=received_ns)
        await until(lambda: bot.closing(order))

        assert type(bot.closing(order)) is kind
        assert bot.gateway.count("place") == (kind is ActionDone)
        if kind is ActionExpired:
            assert bot.statuses(order) == ["expired"]
            assert bot.trader.orders == {}


@simulated
async def test_an_endless_validity_has_no_end() -> None:
    async with Bot() as bot:
        order = bot.place(valid_for_s=float("inf"), received_ns=1)
        await until(lambda: bot.status(order) == "open")


@simulated
async def test_cancels_do_not_expire() -> None:
    async with Bot() as bot:
        order = await bot.open()
        bot.do(cancel := CancelOrder(client_order_id=order), received_ns=1)
        await until(lambda: bot.closing(cancel))

        assert bot.status(order) == "cancelled"


# Refusals


@simulated
async def test_with_too_many_unanswered_orders_new_ones_are_refused_and_cancels_are_not() -> None:
    async with Bot() as bot:
        bot.gateway.script = lambda method: answered(1.0) if method == "place" else None
        bot.do(*(buy() for _ in range(sending.MAX_UNANSWERED + 1)))

        assert [closed.reason for closed in bot.events(ActionRefused)] == ["512 orders are unanswered by venue"]
        assert [update.status for update in bot.events(OrderUpdate)] == ["refused"]
        first = next(iter(bot.trader.orders))
        cancel = bot.cancel(first)
        await until(lambda: bot.closing(cancel))
        await until(lambda: len(bot.events(ActionDone)) == sending.MAX_UNANSWERED)
        await bot.open()


@simulated
async def test_a_claim_to_reduce_is_checked_against_the_position() -> None:
    async with Bot() as bot:
        bought = await bot.open(quantity="5")
        bot.ledger.fill(bought, "5")
        await until(lambda: bot.status(bought) == "filled")

        too_much = bot.place(side="sell", quantity="5.001", reduces=True)
        enough = bot.place(side="sell", quantity="5", reduces=True)
        twice = bot.place(side="sell", quantity="0.001", reduces=True)
        wrong = bot.place(side="buy", quantity="1", reduces=True)
        await until(lambda: bot.status(enough) == "open")

        assert bot.outcome(too_much) == ("ActionRefused", "it claims to reduce, but of BTC/USDT there is 5 to sell")
        assert bot.outcome(twice) == ("ActionRefused", "it claims to reduce, but of BTC/USDT there is 0 to sell")
        assert bot.outcome(wrong) == ("ActionRefused", "it claims to reduce, but of BTC/USDT there is -5 to buy")


# Ids


@simulated
async def test_an_id_that_was_used_is_not_sent_again() -> None:
    async with Bot(names=("one", "two")) as bot:
        first = await bot.open(by="one", client_order_id="mine")
        again = buy(client_order_id="mine")
        bot.do(again, by="two")
        await until(lambda: bot.closing(again))

        assert bot.outcome(again)[0] == "ActionFailed"
        assert [update.status for update in bot.events(OrderUpdate) if update.strategy == "two"] == ["failed"]
        assert bot.gateway.count("place") == 1
        assert bot.traders["one"].orders[first].status == "open"
        assert bot.traders["two"].orders == {}


class Forgetful(MemoryJournal):
    """Knows nothing of yesterday."""

    def record(self, orders: object, /) -> None:
        """Take anything."""


@simulated
async def test_an_id_that_the_intents_forgot_is_not_sent_again_while_the_order_is_known() -> None:
    async with Bot(names=("one", "two"), journal=Forgetful()) as bot:
        order = await bot.open(client_order_id="mine")
        bot.cancel(order)
        await until(lambda: bot.status(order) == "cancelled")
        again = buy(client_order_id="mine")
        bot.do(again, by="two")
        await until(lambda: bot.closing(again))

        assert bot.outcome(again)[0] == "ActionFailed"
        assert bot.gateway.count("place") == 1
