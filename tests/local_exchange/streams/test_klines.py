"""Candles are told every two seconds when they change, and at once when they close."""

import pytest

from bowstring.local_exchange.matching.candles import DAY, HOUR, INTERVALS, MINUTE
from tests.local_exchange.streams.stage import MS, SECOND, START_US, Message, Stage, inner

ONE, MINUTES = "btcusdt@kline_1s", "btcusdt@kline_1m"


def quoted() -> Stage:
    stage = Stage()
    stage.quote("BUY", 64_000, 1000)
    stage.quote("SELL", 65_000, 1000)
    return stage


def candles(messages: list[Message], stream: str = MINUTES, *, closed: bool | None = None) -> list[dict[str, object]]:
    told = [inner(message.fields["k"]) for message in messages if message.stream == stream]
    return [candle for candle in told if closed in {None, candle["x"]}]


def until(stage: Stage, time_us: int) -> None:
    stage.pass_time(time_us - stage.now_us)


def next_minute(stage: Stage) -> int:
    return (stage.now_us // MINUTE + 1) * MINUTE


def test_a_candle_is_told_every_two_seconds_if_it_has_changed() -> None:
    stage = quoted()
    client = stage.join(MINUTES)
    stage.take("BUY")
    stage.pass_time(6 * SECOND)
    first = candles(client.take())
    stage.take("SELL", 2)
    stage.pass_time(2 * SECOND)
    (second,) = candles(client.take())

    assert [(one["n"], one["x"]) for one in first] == [(1, False)]
    assert {name: second[name] for name in "ohlcvqVQnfL"} == {
        "o": "65000.00000000",
        "h": "65000.00000000",
        "l": "64000.00000000",
        "c": "64000.00000000",
        "v": "0.00030000",
        "q": "19.30000000",
        "V": "0.00010000",
        "Q": "6.50000000",
        "n": 2,
        "f": 1,
        "L": 2,
    }


def test_a_candle_of_a_second_is_told_every_second() -> None:
    stage = quoted()
    client = stage.join(ONE, MINUTES)
    for _ in range(40):
        stage.take("BUY")
        stage.pass_time(100 * MS)
    told = client.take()

    assert len(candles(told, ONE, closed=False)) == 4
    assert len(candles(told, MINUTES, closed=False)) == 2


def test_a_candle_that_closes_is_told_within_100_ms_with_everything_in_it() -> None:
    stage = quoted()
    client = stage.join(MINUTES)
    stage.take("BUY")
    close_us = next_minute(stage)
    until(stage, close_us - 50 * MS)
    stage.take("SELL")
    before = client.take()
    stage.pass_time(100 * MS)
    (closing,) = client.take()
    (candle,) = candles([closing])

    assert candles(before, closed=True) == []
    assert (candle["x"], candle["n"], candle["T"]) == (True, 2, close_us // 1000 - 1)
    assert close_us <= int(str(closing.fields["E"])) * 1000 <= close_us + 100 * MS


def test_what_is_traded_after_the_end_is_in_the_next_candle() -> None:
    stage = quoted()
    client = stage.join(MINUTES)
    stage.take("BUY")
    close_us = next_minute(stage)
    until(stage, close_us - 10 * MS)
    stage.now_us = close_us
    stage.take("SELL")
    stage.pass_time(3 * SECOND)
    told = client.take()

    assert [one["n"] for one in candles(told, closed=True)] == [1]
    assert [(one["n"], one["t"]) for one in candles(told, closed=False)][-1] == (1, close_us // 1000)


def test_a_candle_without_a_trade_closes_flat_at_the_last_price() -> None:
    stage = quoted()
    stage.take("BUY")
    until(stage, next_minute(stage) + SECOND)
    client = stage.join(MINUTES)
    until(stage, next_minute(stage) + SECOND)
    (candle,) = candles(client.take())

    assert candle["x"] is True
    assert {candle[name] for name in "ohlc"} == {"65000.00000000"}
    assert (candle["v"], candle["n"], candle["f"], candle["L"]) == ("0.00000000", 0, -1, -1)


def test_before_the_first_trade_there_are_no_candles() -> None:
    stage = quoted()
    client = stage.join(ONE, MINUTES)
    stage.pass_time(90 * SECOND)

    assert client.take() == []


def test_each_second_closes_once_even_if_ticks_are_late() -> None:
    stage = quoted()
    stage.take("BUY")
    stage.pass_time(SECOND)
    client = stage.join(ONE)
    began_ms = stage.now_us // SECOND * 1000
    stage.now_us += 3 * SECOND
    stage.data.tick()
    stage.pass_time(SECOND)

    assert [one["t"] for one in candles(client.take(), ONE, closed=True)] == [began_ms + 1000 * n for n in range(4)]


@pytest.mark.parametrize("zone", ["", "@+08:00"])
@pytest.mark.parametrize("interval", INTERVALS)
def test_all_intervals_are_told_in_both_time_zones(interval: str, zone: str) -> None:
    stage = quoted()
    client = stage.join(f"btcusdt@kline_{interval}{zone}")
    stage.take("BUY")
    stage.pass_time(2 * SECOND)
    told = candles(client.take(), f"btcusdt@kline_{interval}{zone}")

    assert told[0]["i"] == interval
    assert int(str(told[0]["t"])) * 1000 <= START_US < int(str(told[0]["T"])) * 1000 + 1000


@pytest.mark.parametrize(("zone", "begins_us"), [("", 0), ("@+08:00", 16 * HOUR)])
def test_a_day_closes_at_midnight_there(zone: str, begins_us: int) -> None:
    stage = quoted()
    stage.take("BUY")
    stream = f"btcusdt@kline_1d{zone}"
    client = stage.join(stream)
    midnight_us = (stage.now_us // DAY + 1) * DAY + begins_us
    midnight_us -= DAY if midnight_us - stage.now_us > DAY else 0
    stage.now_us = midnight_us - 10 * MS
    stage.data.tick()
    stage.pass_time(100 * MS)
    (closed,) = candles(client.take(), stream, closed=True)

    assert closed["T"] == midnight_us // 1000 - 1
    assert closed["t"] == (midnight_us - DAY) // 1000
