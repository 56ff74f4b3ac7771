"""The dead-man switch of the local exchange, and a bot that can no longer look after its orders: all real processes."""

import signal
import time
from pathlib import Path

import pytest

from tests.integration.processes import exchanging
from tests.integration.trading.resting import FOREIGN, bot_at, place_foreign, resting
from tests.integration.trading.resting_bot import Options

SWITCH_S = 3.0
LATEST_S = SWITCH_S + 1.0  # on a machine with more to do


def wait(seconds: float) -> None:
    """The exchange's countdown is in real time, and in a process of its own."""
    time.sleep(seconds)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_when_the_bot_is_killed_or_stopped_the_exchange_cancels_all_orders(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Those of others on the account too."""
    options = Options(dead_man_s=SWITCH_S)
    with resting(tmp_path, options, "--cancel-after") as (exchange, bot, own):
        place_foreign(exchange)
        wait(1.5 * SWITCH_S)
        alive = exchange.open_orders()
        gone_s = bot.signal(number)
        wait(LATEST_S)

        assert alive == sorted([*own, *FOREIGN])
        cancelled_s = exchange.cancels("countdown")
        assert sorted(cancelled_s) == alive
        assert exchange.open_orders() == []
        after_s = [at_s - gone_s for at_s in cancelled_s.values()]
        assert SWITCH_S / 3 < min(after_s) <= max(after_s) < LATEST_S
        assert exchange.cancels(None) == {}
        assert exchange.audit().findings == []


def test_a_bot_that_was_stopped_learns_of_it_and_goes_on(tmp_path: Path) -> None:
    options = Options(count=2, dead_man_s=SWITCH_S, again=True)
    with resting(tmp_path, options, "--cancel-after") as (exchange, bot, own):
        bot.signal(signal.SIGSTOP)
        wait(LATEST_S)
        before = set(exchange.orders())
        bot.signal(signal.SIGCONT)
        bot.hear("cancelled ")
        refused = bot.hear("refused ")
        again = bot.hear("open ").split()[1]

        assert set(own) <= set(exchange.cancels("countdown"))
        assert "dead-man switch was not renewed in time" in refused or "private stream is down" in refused
        assert again not in before
        bot.signal(signal.SIGTERM)
        assert bot.end()[0] == 0
        assert exchange.open_orders() == []
        assert exchange.audit().findings == []


def test_a_strategy_that_blocks_the_loop_renews_nothing(tmp_path: Path) -> None:
    options = Options(dead_man_s=SWITCH_S, blocks=1.5 * SWITCH_S)
    with resting(tmp_path, options, "--cancel-after") as (exchange, bot, own):
        blocked_s = time.time()
        bot.hear("awake")
        cancelled_s = exchange.cancels("countdown")
        bot.signal(signal.SIGTERM)

        assert sorted(cancelled_s) == sorted(own)
        assert max(cancelled_s.values()) - blocked_s < LATEST_S
        assert bot.end()[0] == 0
        assert sorted(line.split()[1] for line in bot.said if line.startswith("cancelled ")) == sorted(own)


def test_without_it_orders_outlive_the_bot(tmp_path: Path) -> None:
    with resting(tmp_path, Options(), "--cancel-after") as (exchange, bot, own):
        bot.signal(signal.SIGKILL)
        wait(LATEST_S)

        assert exchange.open_orders() == sorted(own)


@pytest.mark.parametrize(("on_stop", "left"), [("cancel", 0), ("leave", 5)])
def test_a_bot_that_is_told_to_stop_disarms_it(tmp_path: Path, on_stop: str, left: int) -> None:
    options = Options(dead_man_s=SWITCH_S, on_stop="leave" if on_stop == "leave" else "cancel")
    with resting(tmp_path, options, "--cancel-after") as (exchange, bot, own):
        place_foreign(exchange)
        bot.signal(signal.SIGTERM)
        code, _ = bot.end()
        wait(LATEST_S)

        assert (code, bot.errors) == (0, "")
        assert exchange.open_orders() == sorted([*own[:left], *FOREIGN])
        assert exchange.cancels("countdown") == {}


def test_what_is_left_in_doubt_at_a_stop_is_named_and_its_switch_too(tmp_path: Path) -> None:
    """The exchange is silent while the bot stops, and then goes on: its countdown has ended meanwhile."""
    options = Options(dead_man_s=SWITCH_S)
    with resting(tmp_path, options, "--cancel-after") as (exchange, bot, own):
        exchange.process.send_signal(signal.SIGSTOP)
        bot.signal(signal.SIGTERM)
        code, took_s = bot.end()
        exchange.process.send_signal(signal.SIGCONT)
        wait(0.5)

        last = bot.errors.splitlines()[-1]
        assert (code, took_s < 10) == (3, True)
        assert [name for name in own if name not in last] == []
        assert last.endswith("its dead-man switch is armed: it is to cancel all orders of the account in 3 s")
        assert exchange.open_orders() == []


def test_at_an_exchange_without_it_the_bot_does_not_start(tmp_path: Path) -> None:
    with exchanging(tmp_path) as exchange, bot_at(exchange, Options(dead_man_s=SWITCH_S)) as bot:
        code, _ = bot.end()

        assert (code, bot.said) == (2, [])
        assert bot.errors.startswith("CRITICAL bowstring.core.run ")
        assert "This operation is not supported: start the exchange with --cancel-after." in bot.errors
        assert "it was asked for a dead-man switch: dead_man_s" in bot.errors
        assert exchange.orders() == {}
