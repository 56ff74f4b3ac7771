"""The dead-man switch: when the venue is told that this bot can look after orders, and what is done when it was not."""

import asyncio
from typing import cast

import pytest

from bowstring.core.errors import ConfigError, Rejected, StopIncomplete
from bowstring.testing.simulation import SimulatedLoop, simulated_clock
from bowstring.trading.executor import OrderExecutor, Policy
from tests.trading.bot import Bot, buy, simulated, until
from tests.trading.crash import Lives
from tests.trading.scripted import Reply, ScriptedGateway, not_sent, rejected, reset, silence

SWITCH_S = 9.0
LAPSED = (
    "no new risk at venue: "
    "its dead-man switch was not renewed in time, and all orders of the account may have been cancelled"
)


def gateway() -> ScriptedGateway:
    return ScriptedGateway(offers_cancel_after=True)


def guarded(
    venue: ScriptedGateway | None = None,
    *,
    seconds: float = SWITCH_S,
    on_stop: Policy = "cancel",
    every_s: float = 30.0,
) -> Bot:
    return Bot(venue or gateway(), dead_man_s=seconds, on_stop=on_stop, reconcile_every_s=every_s)


async def stopped_while_arming(bot: Bot, *, times: int) -> str:
    """Start it, and stop it once it has asked for its switch so many times; returns what the stop complained of."""
    running = asyncio.create_task(bot.engine.run())
    await until(lambda: bot.gateway.count("cancel_after") >= times)
    await asyncio.sleep(0.01)
    bot.engine.stop()
    try:
        await running
    except StopIncomplete as incomplete:
        return str(incomplete)
    return ""


def given_up(method: str) -> Reply | None:
    """Have a gateway give up what is asked of the switch."""
    return Reply(arrives_s=None, error=asyncio.CancelledError()) if method == "cancel_after" else None


def block(seconds: float) -> None:
    """Let time pass in which the loop does not run."""
    loop = cast("SimulatedLoop", asyncio.get_running_loop())
    loop.select(seconds)


def asked(bot: Bot) -> list[str]:
    """What the venue was asked for of its switch."""
    return [what for method, what in bot.gateway.calls if method == "cancel_after"]


def refusal(bot: Bot, **changes: bool) -> str:
    """Why a new order is refused at present; ``""`` if it is not."""
    order = buy(quantity="1", valid_for_s=3600)
    bot.do(order)
    return bot.outcome(order)[1]


# Armed


@simulated
async def test_it_is_armed_before_the_first_order_and_confirmed() -> None:
    venue = gateway()
    venue.then("cancel_after", Reply(answers_s=1.0))
    async with guarded(venue) as bot:
        await bot.open()

    methods = [method for method, _ in venue.calls]
    assert methods.index("cancel_after") < methods.index("stream") < methods.index("place")
    assert asked(bot)[0] == "9"


@simulated
async def test_a_bot_without_one_asks_for_nothing() -> None:
    async with Bot(gateway()) as bot:
        await asyncio.sleep(60)

    assert asked(bot) == []


@simulated
async def test_a_venue_that_refuses_it_keeps_the_bot_from_starting() -> None:
    venue = gateway()
    venue.then("cancel_after", rejected())

    with pytest.raises(Rejected) as refused:
        async with guarded(venue):
            pass

    assert "it was asked for a dead-man switch: dead_man_s" in refused.value.__notes__
    assert venue.calls[-1][0] == "close"
    assert venue.count("cancel_after") == 1


@simulated
async def test_no_order_is_sent_before_the_venue_has_confirmed_it(caplog: pytest.LogCaptureFixture) -> None:
    venue = gateway()
    venue.then("cancel_after", silence(arrives_s=0))

    async with guarded(venue) as bot:
        assert [what for method, what in venue.calls if method == "cancel_after"] == ["9", "9"]
        await bot.open()

    assert "venue did not confirm its dead-man switch within 5 s" in caplog.text


@pytest.mark.parametrize(
    "replies", [[reset(), Reply(answers_s=0.6)], [silence(arrives_s=0.2)]], ids=["failed", "on its way"]
)
@simulated
async def test_a_stop_while_it_is_armed_leaves_no_switch(replies: list[Reply]) -> None:
    venue = gateway()
    venue.then("cancel_after", *replies)
    bot = guarded(venue)
    left = await stopped_while_arming(bot, times=1)
    await asyncio.sleep(1)

    countdown = venue.ledger.countdown
    assert left or countdown is None or countdown.cancelled()


@pytest.mark.parametrize("seconds", [0.0, 0.9, -1.0, float("inf"), float("nan")])
def test_a_time_that_is_none_is_a_mistake(seconds: float) -> None:
    with pytest.raises(ConfigError, match=r"^dead_man_s is .*: give seconds, 1 or more, or None$"):
        OrderExecutor(gateway(), dead_man_s=seconds)


def test_a_venue_that_does_not_offer_it_is_a_mistake() -> None:
    with pytest.raises(
        ConfigError, match=r"^dead_man_s: venue does not cancel orders by itself; leave dead_man_s out$"
    ):
        OrderExecutor(ScriptedGateway(), dead_man_s=SWITCH_S)


# Renewed


@simulated
async def test_orders_live_as_long_as_the_bot_does() -> None:
    async with guarded() as bot:
        order = await bot.open()
        await asyncio.sleep(600)

        assert bot.status(order) == "open"
        assert bot.ledger.orders[order].status == "open"
        assert len(asked(bot)) == pytest.approx(600 / (SWITCH_S / 3), abs=2)


@simulated
async def test_orders_end_with_the_bot() -> None:
    lives = Lives(gateway())
    async with lives.life(dead_man_s=SWITCH_S) as bot:
        order = await bot.open()
        await asyncio.sleep(60)
        lives.kill(bot)
        await asyncio.sleep(SWITCH_S * 2 / 3 - 0.1)
        before = lives.ledger.orders[order].status
        await asyncio.sleep(SWITCH_S / 3 + 0.2)

    assert (before, lives.ledger.orders[order].status) == ("open", "cancelled")
    async with lives.life(dead_man_s=SWITCH_S) as bot:
        assert bot.status(order) == "cancelled"


@simulated
async def test_two_renewals_may_fail() -> None:
    async with guarded() as bot:
        order = await bot.open()
        for _ in range(50):
            bot.gateway.then("cancel_after", reset(), reset(after_s=2.0), Reply())
        await asyncio.sleep(50 * SWITCH_S / 3)

        assert bot.ledger.orders[order].status == "open"


@simulated
async def test_without_its_private_stream_it_is_not_renewed() -> None:
    async with guarded() as bot:
        order = await bot.open()
        bot.gateway.refuses_streams = True
        bot.gateway.disconnect()
        await asyncio.sleep(0)
        renewed = len(asked(bot))
        await asyncio.sleep(3 * SWITCH_S)
        unheard = len(asked(bot)) - renewed
        bot.gateway.refuses_streams = False
        await bot.until_up()

        assert unheard == 0
        assert bot.ledger.orders[order].status == "cancelled"
        assert bot.status(order) == "cancelled"
        await until(lambda: not refusal(bot), within_s=SWITCH_S)


@simulated
async def test_a_short_break_of_the_stream_costs_no_order() -> None:
    async with guarded() as bot:
        order = await bot.open()
        for _ in range(10):
            bot.gateway.disconnect()
            await bot.until_up()
            await asyncio.sleep(SWITCH_S)

        assert bot.ledger.orders[order].status == "open"


@simulated
async def test_it_is_not_renewed_when_the_venue_has_not_told_how_things_stand_for_three_periods() -> None:
    async with guarded(every_s=10.0) as bot:
        order = await bot.open()
        await asyncio.sleep(15)
        bot.gateway.script = lambda method: reset() if method == "open_orders" else None
        await asyncio.sleep(28 + SWITCH_S - 15)
        before = bot.ledger.orders[order].status
        await asyncio.sleep(15 + SWITCH_S)

        assert (before, bot.ledger.orders[order].status) == ("open", "cancelled")


@simulated
async def test_a_renewal_that_comes_late_is_left_out() -> None:
    """The loop was blocked: whoever is late cannot look after orders, and says so by its silence."""
    async with guarded() as bot:
        order = await bot.open()
        await asyncio.sleep(1)
        renewed = len(asked(bot))
        block(SWITCH_S / 3 + 1.0)
        await asyncio.sleep(0.5)
        late = len(asked(bot))
        await asyncio.sleep(SWITCH_S / 3)

        assert (late - renewed, len(asked(bot)) - renewed) == (0, 1)
        assert bot.ledger.orders[order].status == "open"


@simulated
async def test_a_bot_that_is_late_again_and_again_loses_its_orders() -> None:
    async with guarded() as bot:
        order = await bot.open()
        for _ in range(10):
            await asyncio.sleep(0.2)
            block(SWITCH_S / 2)

        assert bot.ledger.orders[order].status == "cancelled"


# Where it was not renewed


@simulated
async def test_without_a_confirmed_renewal_no_new_risk_is_taken() -> None:
    async with guarded() as bot:
        await bot.open(client_order_id="mine", quantity="2")
        bot.ledger.fill("mine", "1")
        bot.gateway.then("cancel_after", reset(), Reply())
        await asyncio.sleep(SWITCH_S / 3)
        why = refusal(bot)
        reducing = buy(side="sell", quantity="1", reduces=True)
        bot.do(reducing)
        bot.cancel("mine")
        await asyncio.sleep(SWITCH_S / 3)

        assert why == "no new risk at venue: its dead-man switch was not renewed: reset"
        assert bot.outcome(reducing)[0] == "ActionDone"
        assert bot.status("mine") == "cancelled"
        assert refusal(bot) == ""


@simulated
async def test_a_renewal_that_is_not_answered_is_none_and_another_follows_at_once() -> None:
    async with guarded() as bot:
        await asyncio.sleep(0.5)
        renewed = len(asked(bot))
        bot.gateway.then("cancel_after", silence(), Reply())
        await asyncio.sleep(2 * SWITCH_S / 3 - 0.6)
        before = refusal(bot)
        await asyncio.sleep(0.2)

        assert before == ""
        assert len(asked(bot)) - renewed == 2
        assert refusal(bot) == ""


@simulated
async def test_an_answer_that_comes_late_counts() -> None:
    async with guarded() as bot:
        bot.gateway.then("cancel_after", Reply(answers_s=SWITCH_S / 3 + 1), rejected(), rejected())
        await asyncio.sleep(SWITCH_S * 2 / 3 + 0.1)
        before = refusal(bot)
        await asyncio.sleep(1)

        assert before == "no new risk at venue: its dead-man switch was not renewed: no"
        assert refusal(bot) == ""


@simulated
async def test_an_answer_that_comes_late_takes_nothing_back() -> None:
    async with guarded() as bot:
        bot.gateway.then("cancel_after", Reply(answers_s=SWITCH_S / 3 + 1), Reply())
        await asyncio.sleep(SWITCH_S * 2 / 3 + 1.5)
        block(SWITCH_S / 2 - 1.0)

        assert refusal(bot) == ""


@simulated
async def test_renewals_that_are_never_answered_are_none() -> None:
    async with guarded() as bot:
        bot.gateway.then("cancel_after", silence(), silence())
        await asyncio.sleep(SWITCH_S * 2 / 3 + 0.1)

        assert refusal(bot) == "no new risk at venue: its dead-man switch was not renewed: no answer within 3.0 s"


@simulated
async def test_the_time_counts_from_when_it_was_asked_for() -> None:
    """The venue may have begun to count then, however long its answer took."""
    async with guarded() as bot:
        bot.gateway.then("cancel_after", Reply(answers_s=SWITCH_S / 3 - 0.5))
        await asyncio.sleep(SWITCH_S * 2 / 3 - 0.2)
        block(SWITCH_S * 2 / 3 - 0.5)

        assert refusal(bot) == LAPSED


@simulated
async def test_right_after_a_block_no_order_is_sent_that_nobody_would_cancel() -> None:
    """It is decided when the order is to leave, not by a timer that was blocked too."""
    async with guarded() as bot:
        sent = bot.gateway.count("place")
        block(SWITCH_S - 1.0)

        assert refusal(bot) == LAPSED
        assert bot.gateway.count("place") == sent


@simulated
async def test_when_the_venue_has_acted_it_is_asked_what_is_left() -> None:
    """Where the stream tells nothing, and long before the time for it."""
    async with guarded(every_s=300.0) as bot:
        order = await bot.open()
        await asyncio.sleep(SWITCH_S)
        bot.gateway.delays_s = list
        bot.gateway.script = lambda method: reset() if method == "cancel_after" else None
        await until(lambda: bot.ledger.orders[order].status == "cancelled")
        unknown = bot.status(order)
        await asyncio.sleep(SWITCH_S / 3 + bot.gateway.query_lag_s + 0.1)

        assert (unknown, bot.status(order)) == ("open", "cancelled")


@simulated
async def test_the_venue_is_asked_once_for_each_time_that_it_may_have_acted() -> None:
    async with guarded(every_s=3600.0) as bot:
        await asyncio.sleep(SWITCH_S)
        bot.gateway.script = lambda method: rejected() if method == "cancel_after" else None
        before = bot.gateway.count("open_orders")
        await asyncio.sleep(20 * SWITCH_S)
        unheard = bot.gateway.count("open_orders") - before
        bot.gateway.heal()
        await asyncio.sleep(20 * SWITCH_S)

        assert unheard == 1
        assert bot.gateway.count("open_orders") - before == 2


@simulated
async def test_no_new_risk_is_taken_before_it_is_known_what_the_venue_has_done() -> None:
    async with guarded(every_s=300.0) as bot:
        await asyncio.sleep(1)
        bot.gateway.script = lambda method: reset(after_s=0.5) if method == "open_orders" else None
        block(2 * SWITCH_S)
        await until(lambda: len(asked(bot)) == 2)
        await asyncio.sleep(5)
        before = refusal(bot)
        bot.gateway.heal()
        await asyncio.sleep(30)

        assert before == LAPSED
        assert refusal(bot) == ""


@simulated
async def test_nor_while_the_venue_may_not_show_it_yet() -> None:
    venue = ScriptedGateway(offers_cancel_after=True, query_lag_s=5.0)
    async with guarded(venue) as bot:
        await asyncio.sleep(1)
        block(2 * SWITCH_S)
        await until(lambda: len(asked(bot)) == 2)
        before = refusal(bot)
        await asyncio.sleep(5.1)

        assert before == LAPSED
        assert refusal(bot) == ""


# Stopped


@simulated
async def test_at_a_stop_it_is_disarmed_when_the_own_orders_have_ended() -> None:
    async with guarded() as bot:
        own = [await bot.open(), await bot.open()]
        bot.ledger.accept(buy(client_order_id="foreign"))
        bot.gateway.then("cancel", Reply(arrives_s=2.0, answers_s=2.0))
    await asyncio.sleep(2 * SWITCH_S)

    assert bot.left == ""
    assert [bot.ledger.orders[order].status for order in own] == ["cancelled", "cancelled"]
    assert bot.ledger.orders["foreign"].status == "open"
    methods = [method for method, _ in bot.gateway.calls]
    assert methods.index("cancel_after", methods.index("cancel")) > methods.index("cancel")
    assert bot.gateway.calls[-2:] == [("cancel_after", "0"), ("close", "")]


@simulated
async def test_at_a_stop_that_leaves_orders_in_doubt_it_stays_armed() -> None:
    async with guarded() as bot:
        order = await bot.open()
        bot.gateway.script = lambda method: silence() if method in {"cancel", "query"} else None
    before = bot.ledger.orders[order].status
    await asyncio.sleep(SWITCH_S)

    assert bot.left == (
        f"orders venue: orders that may be alive at venue: {order} (BTC/USDT, open); "
        "its dead-man switch is armed: it is to cancel all orders of the account in 9 s"
    )
    assert "0" not in asked(bot)
    assert (before, bot.ledger.orders[order].status) == ("open", "cancelled")


@simulated
async def test_orders_that_are_to_be_left_are_left_without_it() -> None:
    async with guarded(on_stop="leave") as bot:
        order = await bot.open()
    await asyncio.sleep(2 * SWITCH_S)

    assert bot.left == ""
    assert bot.ledger.orders[order].status == "open"
    assert asked(bot)[-1] == "0"


@simulated
async def test_so_are_those_of_which_one_is_in_doubt() -> None:
    async with guarded(on_stop="leave") as bot:
        order = await bot.open()
        bot.gateway.then("place", silence())
        bot.gateway.script = lambda method: silence() if method == "query" else None
        unknown = bot.place()
    await asyncio.sleep(2 * SWITCH_S)

    assert bot.left == f"orders venue: orders that may be alive at venue: {unknown} (BTC/USDT, unknown)"
    assert bot.ledger.orders[order].status == "open"
    assert asked(bot)[-1] == "0"


@simulated
@pytest.mark.parametrize("reply", [silence(), reset()])
async def test_that_it_could_not_be_disarmed_is_told(reply: Reply) -> None:
    async with guarded(on_stop="leave") as bot:
        await bot.open()
        bot.gateway.script = lambda method: reply if method == "cancel_after" else None

    assert bot.left == ("orders venue: its dead-man switch is armed: it is to cancel all orders of the account in 9 s")


@simulated
async def test_it_is_disarmed_behind_a_renewal_that_is_under_way() -> None:
    async with guarded() as bot:
        bot.ledger.accept(buy(client_order_id="foreign"))
        bot.gateway.then("cancel_after", Reply(arrives_s=0.7, answers_s=0.8))
        await until(lambda: len(asked(bot)) == 2)
    await asyncio.sleep(2 * SWITCH_S)

    assert bot.left == ""
    assert bot.ledger.orders["foreign"].status == "open"


@simulated
async def test_a_renewal_that_was_never_answered_does_not_keep_it_from_being_disarmed() -> None:
    async with guarded() as bot:
        bot.gateway.then("cancel_after", silence())
        await asyncio.sleep(2 * SWITCH_S)

    assert asked(bot)[-1] == "0"
    assert bot.left == ""


@simulated
async def test_how_long_a_renewal_may_go_unanswered_has_a_bound_too() -> None:
    async with guarded(seconds=60.0) as bot:
        bot.gateway.then("cancel_after", silence(), silence())
        await asyncio.sleep(20 + 5.1)

        assert refusal(bot) == "no new risk at venue: its dead-man switch was not renewed: no answer within 5.0 s"


@simulated
async def test_it_is_not_renewed_behind_that() -> None:
    async with guarded(seconds=1.0) as bot:
        bot.ledger.accept(buy(client_order_id="foreign"))
        await asyncio.sleep(10.01)
        bot.gateway.then("cancel_after", Reply(answers_s=0.9))
    await asyncio.sleep(10)

    assert bot.left == ""
    assert bot.ledger.orders["foreign"].status == "open"


@simulated
async def test_a_stop_takes_no_longer_with_it() -> None:
    async with guarded() as bot:
        await bot.open()
        bot.gateway.script = lambda _method: silence()
        began_ns = simulated_clock().monotonic_ns()
        await bot.stop()
        took_s = (simulated_clock().monotonic_ns() - began_ns) / 1e9

    assert took_s < 8.0


@simulated
async def test_that_it_is_not_renewed_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with guarded() as bot:
        bot.gateway.then("cancel_after", reset())
        await asyncio.sleep(SWITCH_S / 3 + 0.1)
        block(SWITCH_S / 2)
        await asyncio.sleep(0.1)

    told = [record.getMessage() for record in caplog.records if record.name == "bowstring.trading.dead_man"]
    assert told == [
        "venue: its dead-man switch was not renewed: reset",
        "venue: the dead-man switch is not renewed, the event loop was 3.9 s late",
    ]


@simulated
async def test_a_switch_that_may_be_armed_is_not_taken_for_disarmed() -> None:
    venue = ScriptedGateway(offers_cancel_after=True)
    venue.then("cancel_after", reset(arrives_s=0.0, after_s=0.01), *[not_sent()] * 50)
    bot = Bot(venue, dead_man_s=9.0)
    left = await stopped_while_arming(bot, times=2)

    countdown = venue.ledger.countdown  # at its end all orders of the account are cancelled, others' too
    assert left or countdown is None or countdown.cancelled()


@simulated
async def test_a_disarming_that_the_gateway_gave_up_does_not_keep_orders_from_being_named() -> None:
    gateway = ScriptedGateway(offers_cancel_after=True)
    async with Bot(gateway, dead_man_s=60, on_stop="leave") as bot:
        gateway.hides_orders = True
        gateway.then("place", silence())
        order = bot.place(valid_for_s=60)
        gateway.stop_clock()
        await until(lambda: bot.status(order) == "unknown")
        gateway.script = given_up
    assert order in bot.left, bot.left


@simulated
async def test_a_disarming_that_was_given_up_still_closes_all() -> None:
    gateway = ScriptedGateway(offers_cancel_after=True)
    async with Bot(gateway, dead_man_s=60) as bot:
        await asyncio.sleep(1)
        gateway.script = given_up
    assert gateway.count("close") == 1
    assert "its dead-man switch is armed" in bot.left
