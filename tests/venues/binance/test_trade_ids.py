"""A hole in the ids of trades is a loss, and is told of."""

import pytest

from bowstring.core.clock import Clock
from bowstring.venues.binance.markets import FUTURES, SPOT
from bowstring.venues.binance.trade_ids import LOG_EVERY_S, TradeCounts, TradeIds

BTC, ETH = "btcusdt@trade", "ethusdt@trade"


class At(Clock):
    """A clock that stands."""

    def __init__(self) -> None:
        super().__init__()
        self.at_s = 1000.0
        self.monotonic_ns = lambda: int(self.at_s * 1e9)


def ids(clock: Clock) -> TradeIds:
    return TradeIds("feed", symbols={BTC: "BTC/USDT", ETH: "ETH/USDT"}, clock=clock)


def take(trade_ids: TradeIds, stream: str, *numbers: int) -> None:
    for number in numbers:
        trade_ids.take(stream, number)


def test_each_hole_is_counted_with_what_is_missing_in_it() -> None:
    trade_ids = ids(At())
    take(trade_ids, BTC, 5, 6, 8, 9, 20)
    take(trade_ids, ETH, 100, 101)

    assert trade_ids.counts == {"BTC/USDT": TradeCounts(holes=2, missing=11), "ETH/USDT": TradeCounts()}


def test_ids_that_begin_anew_are_no_hole() -> None:
    trade_ids = ids(At())
    take(trade_ids, BTC, 500, 500, 1, 2, 4)

    assert trade_ids.counts["BTC/USDT"] == TradeCounts(holes=1, missing=1)


def test_streams_whose_ids_have_holes_are_not_looked_at() -> None:
    trade_ids = ids(At())
    take(trade_ids, "solusdt@trade", 1, 9)

    assert trade_ids.counts == {"BTC/USDT": TradeCounts(), "ETH/USDT": TradeCounts()}


def test_those_of_single_trades_of_futures_have_holes() -> None:
    assert set(SPOT.consecutive) == {"trade", "aggTrade"}
    assert FUTURES.consecutive == ("aggTrade",)


def test_holes_are_logged_once_a_minute_and_in_between_counted(caplog: pytest.LogCaptureFixture) -> None:
    clock = At()
    trade_ids = ids(clock)
    take(trade_ids, BTC, 1, 4)
    take(trade_ids, ETH, 1, 3)
    clock.at_s += LOG_EVERY_S - 1
    take(trade_ids, BTC, 6)
    clock.at_s += 1
    take(trade_ids, ETH, 9)
    clock.at_s += LOG_EVERY_S
    take(trade_ids, BTC, 8)

    assert caplog.messages == [
        "feed: 2 trades of BTC/USDT between 1 and 4 never came",
        "feed: 5 trades of ETH/USDT between 3 and 9 never came; 2 holes before were counted only",
        "feed: 1 trades of BTC/USDT between 6 and 8 never came",
    ]
