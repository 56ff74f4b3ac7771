"""Candles of every interval, held against a model that puts each trade into its interval by itself."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.local_exchange.matching.candles import DAY, HOUR, INTERVALS, MINUTE, SECOND, Candle, Candles, begin, end
from bowstring.local_exchange.matching.orders import Trade
from bowstring.local_exchange.matching.rules import UNIT

START = (
    int(datetime(2024, 2, 27, 22, 58, tzinfo=UTC).timestamp()) * SECOND
)  # a leap year's last day of February is near
ZONES = (0, 60, -60, 345, 330, 480, 840, -720, -210)  # minutes east of UTC, as Binance allows them


def trade(number: int, time_us: int, *, price: int = 100, quantity: int = 1, sold: bool = False) -> Trade:
    return Trade(
        symbol="BTCUSDT",
        id=number,
        price=price * UNIT,
        quantity=quantity * UNIT,
        quote=price * quantity * UNIT,
        time_us=time_us,
        is_buyer_maker=sold,
        taker_order_id=number,
    )


def naive_begin(time_us: int, interval: str, *, zone: int) -> int:
    """The beginning of an interval, by the calendar of a time zone."""
    place = timezone(timedelta(minutes=zone))
    now = datetime.fromtimestamp(time_us // SECOND, place)
    midnight = now.replace(hour=0, minute=0, second=0)
    count, unit = int(interval[:-1]), interval[-1]
    if unit == "s":
        begun = now
    elif unit == "m":
        begun = now.replace(minute=now.minute - now.minute % count, second=0)
    elif unit == "h":
        begun = now.replace(hour=now.hour - now.hour % count, minute=0, second=0)
    elif unit == "d":
        days = (midnight.replace(tzinfo=None) - datetime(1970, 1, 1)).days
        begun = midnight - timedelta(days=days % count)
    elif unit == "w":
        begun = midnight - timedelta(days=now.weekday())
    else:
        begun = midnight.replace(day=1)
    return int(begun.timestamp()) * SECOND


def naive(trades: Iterable[Trade], interval: str, *, zone: int) -> list[Candle]:
    groups: dict[int, list[Trade]] = {}
    for one in trades:
        groups.setdefault(naive_begin(one.time_us, interval, zone=zone), []).append(one)
    return [
        Candle(
            open_us=open_us,
            open=group[0].price,
            high=max(one.price for one in group),
            low=min(one.price for one in group),
            close=group[-1].price,
            base=sum(one.quantity for one in group),
            quote=sum(one.quote for one in group),
            count=len(group),
            taker_base=sum(one.quantity for one in group if not one.is_buyer_maker),
            taker_quote=sum(one.quote for one in group if not one.is_buyer_maker),
            first_id=group[0].id,
            last_id=group[-1].id,
        )
        for open_us, group in groups.items()
    ]


GAPS = st.one_of(st.integers(0, 3 * SECOND), st.integers(0, 90 * MINUTE), st.integers(0, 9 * DAY))
TRADES = st.lists(st.tuples(GAPS, st.integers(1, 9), st.integers(1, 9), st.booleans()), min_size=1, max_size=60)


@pytest.mark.parametrize("interval", INTERVALS)
@given(drawn=TRADES, zone=st.sampled_from(ZONES))
def test_candles_are_the_trades_of_their_intervals(
    interval: str, drawn: list[tuple[int, int, int, bool]], zone: int
) -> None:
    candles, trades, time_us = Candles(), list[Trade](), START
    for number, (gap, price, quantity, sold) in enumerate(drawn, start=1):
        time_us += gap
        trades.append(trade(number, time_us, price=price, quantity=quantity, sold=sold))
        candles.add(trades[-1])

    assert candles.of(interval, offset_us=zone * MINUTE) == naive(trades, interval, zone=zone)


@pytest.mark.parametrize("interval", INTERVALS)
@given(st.integers(0, 4_000_000_000), st.sampled_from(ZONES))
def test_an_interval_ends_a_millisecond_before_the_next_one_begins(interval: str, second: int, zone: int) -> None:
    open_us = begin(second * SECOND, interval, offset_us=zone * MINUTE)
    close_us = end(open_us, interval, offset_us=zone * MINUTE)

    assert open_us == naive_begin(second * SECOND, interval, zone=zone)
    assert open_us <= second * SECOND <= close_us + 999
    assert begin(close_us + 1000, interval, offset_us=zone * MINUTE) == close_us + 1000


def test_what_was_read_before_does_not_change_later() -> None:
    candles = Candles()
    candles.add(trade(1, START))
    before = candles.of("1h")

    candles.add(trade(2, START + SECOND, price=200))
    candles.add(trade(3, START + 2 * SECOND, price=300))

    assert [candle.close for candle in before] == [100 * UNIT]
    assert [(candle.close, candle.count) for candle in candles.of("1h")] == [(300 * UNIT, 3)]


def test_a_day_is_the_last_24_hours_to_the_minute() -> None:
    candles = Candles()
    for number, hours in enumerate((0, 1, 24), start=1):
        candles.add(trade(number, START + hours * HOUR, price=100 * number))

    day = candles.day(START + 24 * HOUR + MINUTE)

    assert day is not None
    assert (day.open, day.close, day.count, day.base) == (200 * UNIT, 300 * UNIT, 2, 2 * UNIT)
    assert candles.day(START + 72 * HOUR) is None
    assert candles.window(START + 23 * HOUR + MINUTE) == candles.of("1m")[-1]


def test_the_mean_price_is_weighted_and_of_the_last_minutes_only() -> None:
    candles = Candles()
    assert candles.mean_price(START) == 0
    candles.add(trade(1, START, price=100, quantity=3))
    candles.add(trade(2, START + MINUTE, price=200, quantity=1))

    assert candles.mean_price(START + MINUTE) == 125 * UNIT
    assert candles.mean_price(START + 5 * MINUTE) == 200 * UNIT
    assert candles.mean_price(START + 6 * MINUTE) == 0


def test_as_many_candles_are_kept_as_a_client_may_ask_for() -> None:
    candles = Candles()
    for number in range(1700):
        candles.add(trade(number, START + number * SECOND))

    assert len(candles.of("1s")) == 1501
    assert candles.of("1s")[-1].last_id == 1699
