"""An unknown order stays unknown until the venue shows it, or until it is proven that it never came."""

import asyncio

import pytest

from bowstring.testing.simulation import simulated_clock
from bowstring.trading.messages import Fill, Position, ReconcileMismatch
from tests.trading.bot import Bot, now_s, simulated, until
from tests.trading.scripted import Reply, ScriptedGateway, not_sent, rejected, reset, silence

ABSENT = "proved absent: the venue can no longer accept it, and shows neither the order nor a fill"


async def in_doubt(bot: Bot, reply: Reply) -> str:
    """An order that is unknown since now."""
    bot.gateway.then("place", reply)
    order = bot.place()
    await until(lambda: bot.status(order) == "unknown")
    return order


@simulated
async def test_the_stream_shows_it() -> None:
    async with Bot() as bot:
        bot.gateway.script = lambda method: reset() if method in {"query", "fills_since"} else None
        order = await in_doubt(bot, reset(arrives_s=1.0))
        await until(lambda: bot.statuses(order) == ["unknown", "open"])


@simulated
async def test_a_query_shows_it() -> None:
    async with Bot() as bot:
        bot.gateway.delays_s = tuple
        order = await in_doubt(bot, reset(arrives_s=1.0))
        await until(lambda: bot.statuses(order) == ["unknown", "open"])


@simulated
async def test_a_fill_shows_it() -> None:
    async with Bot() as bot:
        order = await in_doubt(bot, reset(arrives_s=0.01))
        bot.gateway.delays_s = tuple
        bot.gateway.hides_orders = True
        await until(lambda: order in bot.ledger.orders)
        bot.ledger.fill(order, "5")
        await until(lambda: bot.statuses(order) == ["unknown", "filled"])

        (fill,) = bot.events(Fill)
        assert fill.recovered


@simulated
async def test_proof_of_absence_takes_the_venues_window_and_its_lag() -> None:
    async with Bot(ScriptedGateway(validity_s=4.0, query_lag_s=2.0)) as bot:
        order = await in_doubt(bot, reset())
        began_s = now_s()
        await until(lambda: bot.status(order) == "failed")

        assert 6.0 < now_s() - began_s < 15.0
        assert [(update.status, update.reason) for update in bot.updates(order)] == [
            ("unknown", "reset"),
            ("failed", ABSENT),
        ]


@simulated
async def test_it_is_the_venues_clock_that_counts() -> None:
    async with Bot(ScriptedGateway(validity_s=4.0, query_lag_s=2.0)) as bot:
        order = await in_doubt(bot, reset())
        await asyncio.sleep(1)
        stopped_ns = bot.gateway.stop_clock()
        await asyncio.sleep(600)
        assert bot.status(order) == "unknown"

        bot.gateway.stopped_ns = stopped_ns + 10_000_000_000
        await until(lambda: bot.status(order) == "failed")


@pytest.mark.parametrize(("late_ns", "status"), [(0, "unknown"), (1, "failed")])
@simulated
async def test_the_window_is_over_after_its_last_nanosecond(late_ns: int, status: str) -> None:
    async with Bot(ScriptedGateway(validity_s=4.0, query_lag_s=2.0)) as bot:
        stopped_ns = bot.gateway.stop_clock()
        order = await in_doubt(bot, reset())
        await asyncio.sleep(1)
        bot.gateway.stopped_ns = stopped_ns + 6_000_000_000 + late_ns
        await asyncio.sleep(100)

        assert bot.status(order) == status
        bot.gateway.stopped_ns = None


@pytest.mark.parametrize("skew_s", [-100_000.0, 100_000.0])
@simulated
async def test_a_venue_with_another_time_is_believed_in_its_own(skew_s: float) -> None:
    async with Bot() as bot:
        bot.gateway.skew_s = skew_s
        absent = await in_doubt(bot, reset())
        present = await in_doubt(bot, reset(arrives_s=0.2))
        await until(lambda: bot.status(present) == "open")
        await until(lambda: bot.status(absent) == "failed")


@simulated
async def test_not_found_before_that_proves_nothing() -> None:
    async with Bot(ScriptedGateway(validity_s=60.0, query_lag_s=0.0)) as bot:
        bot.gateway.delays_s = tuple
        order = await in_doubt(bot, reset(arrives_s=55.0))
        await until(lambda: bot.gateway.count("query", order) >= 6)
        assert bot.statuses(order) == ["unknown"]

        await until(lambda: bot.statuses(order) == ["unknown", "open"], within_s=200)


@simulated
async def test_a_query_that_lags_behind_proves_nothing() -> None:
    async with Bot(ScriptedGateway(validity_s=1.0, query_lag_s=20.0)) as bot:
        bot.gateway.delays_s = tuple
        bot.gateway.lag_s = 20.0
        order = await in_doubt(bot, reset(arrives_s=0.9))
        await until(lambda: bot.status(order) != "unknown")

        assert bot.statuses(order) == ["unknown", "open"]


@pytest.mark.parametrize("method", ["time_ns", "query", "fills_since"])
@pytest.mark.parametrize("reply", [reset(), rejected(), not_sent(), silence()])
@simulated
async def test_a_question_without_an_answer_proves_nothing(method: str, reply: Reply) -> None:
    async with Bot() as bot:
        bot.gateway.script = lambda asked: reply if asked == method else None
        order = await in_doubt(bot, reset())
        await asyncio.sleep(120)
        assert bot.statuses(order) == ["unknown"]

        bot.gateway.heal()
        await until(lambda: bot.statuses(order) == ["unknown", "failed"], within_s=600)  # a list has ever more time


@pytest.mark.parametrize(("method", "expected"), [("time_ns", 0), ("query", 1), ("fills_since", 1)])
@simulated
async def test_that_the_venue_does_not_tell_of_an_order_is_a_mismatch(method: str, expected: int) -> None:
    async with Bot(reconcile_every_s=1000) as bot:
        bot.gateway.script = lambda asked: rejected() if asked == method else None
        order = await in_doubt(bot, reset())
        await asyncio.sleep(120)
        bot.gateway.heal()
        await until(lambda: bot.statuses(order) == ["unknown", "failed"])

        assert [mismatch.reason for mismatch in bot.events(ReconcileMismatch)] == [
            f"{order} is unknown, and the venue does not tell of it: no"
        ] * expected


@simulated
async def test_a_fill_alone_keeps_absence_from_being_proved() -> None:
    async with Bot() as bot:
        bot.gateway.delays_s = tuple
        bot.gateway.hides_orders = True
        order = await in_doubt(bot, reset(arrives_s=0.05))
        await asyncio.sleep(0.1)
        bot.ledger.fill(order, "1")
        await until(lambda: bot.status(order) != "unknown")

        assert bot.statuses(order) == ["unknown", "open"]
        assert [position.quantity for position in bot.events(Position)] == [1]
        bot.gateway.hides_orders = False


@simulated
async def test_a_request_that_was_never_sent_is_given_up_before_absence_is_concluded() -> None:
    async with Bot(ScriptedGateway(is_async=True, validity_s=2.0, query_lag_s=1.0)) as bot:
        bot.gateway.queue_s = 1000.0
        order = bot.place()
        await until(lambda: bot.status(order) == "failed", within_s=100)

        await asyncio.sleep(1000)
        assert bot.ledger.accepted == []


@pytest.mark.parametrize("queue_s", [5.5, 6.5, 7.5, 8.5, 9.5])
@simulated
async def test_the_window_begins_when_the_request_can_no_longer_be_sent(queue_s: float) -> None:
    async with Bot(ScriptedGateway(is_async=True, validity_s=1.0, query_lag_s=2.0)) as bot:
        bot.gateway.delays_s = tuple
        bot.gateway.lag_s = 2.0
        bot.gateway.queue_s = queue_s  # unanswered after 5 s, and only then made
        bot.gateway.then("place", reset(arrives_s=0.9, at_once=True))
        order = bot.place()
        await until(lambda: bot.status(order) == "unknown")
        bot.gateway.queue_s = 0.0
        await until(lambda: bot.status(order) != "unknown")

        assert bot.status(order) == ("open" if bot.ledger.accepted else "failed")


@simulated
async def test_what_is_shown_while_the_question_is_asked_is_not_denied_by_the_answer() -> None:
    async with Bot(ScriptedGateway(validity_s=1.0, query_lag_s=1.0)) as bot:
        bot.gateway.lag_s = 1000.0
        bot.gateway.delays_s = lambda: (3.5,)
        bot.gateway.script = lambda method: Reply(answers_s=3.0) if method == "fills_since" else None
        order = await in_doubt(bot, reset(arrives_s=0.1))
        await asyncio.sleep(0.2)
        bot.ledger.fill(order, "1")
        await asyncio.sleep(10)

        assert bot.statuses(order)[:2] == ["unknown", "open"]
        assert bot.events(ReconcileMismatch) == []
        bot.gateway.heal()


@simulated
async def test_the_questions_become_rarer() -> None:
    async with Bot(ScriptedGateway(validity_s=600.0)) as bot:
        await in_doubt(bot, reset(at_once=True))
        await asyncio.sleep(590)

        assert 10 < bot.gateway.count("query") < 60
        assert bot.events(ReconcileMismatch) == []


@simulated
async def test_a_rejection_after_the_proof_is_no_news() -> None:
    async with Bot(ScriptedGateway(validity_s=1.0, query_lag_s=0.0)) as bot:
        order = await in_doubt(bot, rejected(30.0))
        await asyncio.sleep(40)

        assert bot.statuses(order) == ["unknown", "failed"]


@simulated
async def test_many_unknown_orders_are_told_apart() -> None:
    async with Bot(ScriptedGateway(validity_s=4.0, query_lag_s=2.0)) as bot:
        bot.gateway.delays_s = tuple
        replies = [reset(arrives_s=0.1 * n if n % 2 else None) for n in range(20)]
        bot.gateway.then("place", *replies)
        orders = [bot.place() for _ in replies]
        await until(lambda: all(bot.status(order) in {"open", "failed"} for order in orders))

        assert [bot.status(order) for order in orders] == ["failed", "open"] * 10


@simulated
async def test_absence_is_proved_as_soon_as_it_can_be() -> None:
    async with Bot(ScriptedGateway(validity_s=14.0, query_lag_s=1.0)) as bot:
        order = await in_doubt(bot, reset())
        began_s = now_s()
        await until(lambda: bot.status(order) == "failed")

        assert 15.0 < now_s() - began_s < 15.2


@simulated
async def test_fills_are_not_asked_for_before_they_can_prove_something() -> None:
    async with Bot(ScriptedGateway(validity_s=14.0, query_lag_s=1.0), reconcile_every_s=1000) as bot:
        order = await in_doubt(bot, reset())
        await until(lambda: bot.status(order) == "failed")

        assert bot.gateway.count("query") > 3
        assert bot.gateway.count("fills_since") == 1


@simulated
async def test_and_for_those_since_a_minute_before_the_order_was_sent() -> None:
    async with Bot(ScriptedGateway(validity_s=14.0, query_lag_s=1.0), reconcile_every_s=1000) as bot:
        sent_ns = simulated_clock().now_ns()
        order = await in_doubt(bot, silence())
        await until(lambda: bot.status(order) == "failed")

        assert sent_ns - 61_000_000_000 < bot.gateway.since_ns <= sent_ns - 60_000_000_000


@simulated
async def test_a_step_of_the_venues_clock_proves_nothing() -> None:
    async with Bot(ScriptedGateway(validity_s=14.0, query_lag_s=1.0)) as bot:
        bot.gateway.delays_s = tuple
        order = await in_doubt(bot, reset(arrives_s=10.0))
        await until(lambda: bot.gateway.count("query", order) >= 2)
        bot.gateway.skew_s += 3600
        await until(lambda: bot.status(order) != "unknown")

        assert bot.statuses(order) == ["unknown", "open"]
