"""What a stop leaves behind: a bot with open orders is told to stop, and the ledger says what became of them.

All are real processes, and the signals are too.
"""

import signal
from pathlib import Path

import pytest

from tests.integration.trading.resting import FOREIGN, place_foreign, resting
from tests.integration.trading.resting_bot import Options

LEFT_BEHIND = 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_its_own_orders_are_cancelled_and_confirmed_and_nobody_elses(tmp_path: Path, number: signal.Signals) -> None:
    with resting(tmp_path, Options(count=5)) as (exchange, bot, own):
        place_foreign(exchange)
        before = exchange.open_orders()
        bot.signal(number)
        code, took_s = bot.end()

        assert before == sorted([*own, *FOREIGN])
        assert (code, bot.errors) == (0, "")
        assert took_s < 10
        assert exchange.open_orders() == FOREIGN
        assert sorted(exchange.cancels(None)) == sorted(own)
        assert sorted(line.split()[1] for line in bot.said if line.startswith("cancelled ")) == sorted(own)
        assert exchange.audit().findings == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_orders_that_the_exchange_no_longer_answers_for_are_named(tmp_path: Path, number: signal.Signals) -> None:
    """Whether it refuses connections, or takes them and is silent."""
    with resting(tmp_path, Options(count=5)) as (exchange, bot, own):
        place_foreign(exchange)
        exchange.process.send_signal(number)
        bot.signal(signal.SIGTERM)
        code, took_s = bot.end()

        assert code == LEFT_BEHIND
        assert took_s < 10
        last = bot.errors.splitlines()[-1]
        assert last.startswith("CRITICAL bowstring.core.run left behind: orders binance: orders that may be alive at ")
        assert [name for name in own if name not in last] == []
        assert [name for name in FOREIGN if name in bot.errors] == []
        assert exchange.open_orders() == sorted([*own, *FOREIGN])


def test_orders_that_are_to_be_left_are_left(tmp_path: Path) -> None:
    with resting(tmp_path, Options(count=5, on_stop="leave")) as (exchange, bot, own):
        place_foreign(exchange)
        bot.signal(signal.SIGTERM)
        code, _ = bot.end()

        assert (code, bot.errors) == (0, "")
        assert exchange.open_orders() == sorted([*own, *FOREIGN])
