"""Intervals in which nothing was traded."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bowstring.local_exchange.matching.candles import (
    DAY,
    HOUR,
    INTERVALS,
    KEPT,
    SECOND,
    Candles,
    begin,
    end,
    without_gaps,
)
from bowstring.local_exchange.matching.orders import Trade
from bowstring.local_exchange.matching.rules import UNIT

START = 1_700_000_000 * SECOND
TIMES = st.lists(st.integers(0, 40 * DAY), min_size=1, max_size=8).map(sorted)


def traded(times_us: list[int]) -> Candles:
    """One coin at a time, at prices 1, 2, 3, ..."""
    candles = Candles()
    for number, time_us in enumerate(times_us, start=1):
        candles.add(
            Trade(
                symbol="BTCUSDT",
                id=number,
                price=number * UNIT,
                quantity=UNIT,
                quote=number * UNIT,
                time_us=START + time_us,
                is_buyer_maker=False,
                taker_order_id=number,
            )
        )
    return candles


@given(
    times=TIMES, interval=st.sampled_from(sorted(INTERVALS)), later=st.integers(0, 3 * DAY), zone=st.integers(-12, 14)
)
def test_candles_without_gaps_follow_one_another_up_to_now(
    times: list[int], interval: str, later: int, zone: int
) -> None:
    offset_us = zone * HOUR if interval not in ("1s", "1m", "3m", "5m", "15m", "30m") else 0
    now_us = START + times[-1] + later
    every = traded(times).of(interval, offset_us=offset_us)
    filled = without_gaps(every, interval, now_us=now_us, offset_us=offset_us)

    assert len(filled) <= KEPT
    assert filled[-1].open_us == begin(now_us, interval, offset_us=offset_us)
    for earlier, one in pairwise(filled):
        assert one.open_us == end(earlier.open_us, interval, offset_us=offset_us) + 1000
        if not one.count:
            assert (one.open, one.high, one.low, one.base) == (earlier.close, earlier.close, earlier.close, 0)
    oldest = filled[0].open_us
    assert [one for one in filled if one.count] == [one for one in every if one.open_us >= oldest]


def test_no_trades_are_no_candles() -> None:
    assert without_gaps([], "1m", now_us=START) == []
