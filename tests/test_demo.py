"""The demo, as a user starts it."""

import re
import subprocess
import sys
from decimal import Decimal

import pytest

from bowstring.demo import Bidder
from bowstring.testing import position, quote, react
from bowstring.trading.messages import PlaceOrder


@pytest.fixture(scope="module")
def printed() -> str:
    command = [sys.executable, "-m", "bowstring", "demo", "--seconds", "3"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_it_shows_a_line_a_second_then_a_summary(printed: str) -> None:
    before, after = printed.split("summary")

    assert len(re.findall(r"events  .*BTC/USDT [0-9.]+/[0-9.]+", before)) >= 2
    assert re.search(r"[0-9]+ Quote", after)
    assert re.search(r"strategy Bidder +[0-9]+", after)
    assert re.search(r" [1-9][0-9]* actions carried out\n +[1-9][0-9]* orders\n", after)


def test_both_strategies_trade_and_nothing_is_lost(printed: str) -> None:
    fills = {name: int(count) for name, count in re.findall(r"  (Bidder|Maker): (\d+) fills, profit", printed)}
    lost = [
        line.split()[-1] for line in printed.splitlines() if line.startswith(("  strategy", "  executor", "  guard"))
    ]

    assert fills.keys() == {"Bidder", "Maker"}
    assert min(fills.values()) > 0
    assert set(lost) == {"0"}


def test_the_bidder_bids_at_the_touch_and_stops_at_its_limit() -> None:
    bidder = Bidder("BTC/USDT", size=Decimal(1), max_position=Decimal(2))
    touch = quote("BTC/USDT", bid=99, ask=101)

    assert [order.price for order in react(bidder, touch, expect=PlaceOrder)] == [Decimal(99)]
    assert react(bidder, position("BTC/USDT", 2), touch) == []
