"""What was traded in the last hours, of one symbol and of all that have changed."""

from msgspec import convert

from bowstring.local_exchange.matching.candles import DAY, HOUR, MINUTE
from tests.local_exchange.streams.stage import MS, SECOND, Message, Stage

ALL = "!miniTicker@arr"


def symbols(messages: list[Message]) -> list[list[object]]:
    return [[one["s"] for one in convert(message.data, list[dict[str, object]])] for message in messages]


def quoted(*names: str) -> Stage:
    stage = Stage(*names)
    for name in names:
        stage.quote("BUY", 64_000, 1000, symbol=name)
        stage.quote("SELL", 65_000, 1000, symbol=name)
    return stage


def test_the_array_has_those_that_have_changed() -> None:
    stage = quoted("BTCUSDT", "ETHUSDT")
    client = stage.join(ALL)
    stage.pass_time(2 * SECOND)
    stage.take("BUY", symbol="ETHUSDT")
    stage.pass_time(3 * SECOND)

    assert symbols(client.take()) == [["BTCUSDT", "ETHUSDT"], ["ETHUSDT"]]


def test_arrays_of_windows_are_told_too() -> None:
    stage = quoted("BTCUSDT", "ETHUSDT")
    client = stage.join(*(f"!ticker_{size}@arr" for size in ("1h", "4h", "1d")), "!ticker@arr")
    stage.pass_time(SECOND)

    assert client.counts() == {f"!ticker_{size}@arr": 1 for size in ("1h", "4h", "1d")}


def test_a_ticker_of_one_symbol_comes_every_second() -> None:
    stage = quoted("BTCUSDT")
    client = stage.join("btcusdt@miniTicker", "btcusdt@ticker", "btcusdt@ticker_1h")
    stage.pass_time(3 * SECOND)

    assert set(client.counts().values()) == {3}


def test_a_window_forgets_what_is_too_old_and_remembers_the_price_before_it() -> None:
    stage = quoted("BTCUSDT")
    client = stage.join("btcusdt@ticker", "btcusdt@ticker_1h", "btcusdt@ticker_4h")
    stage.take("BUY")
    stage.now_us += 2 * HOUR
    stage.take("SELL", 3)
    stage.now_us += DAY - HOUR
    stage.pass_time(SECOND)
    told = {message.stream.partition("@")[2]: message.fields for message in client.take()}

    assert (told["ticker"]["n"], told["ticker"]["x"], told["ticker"]["o"]) == (1, "65000.00000000", "64000.00000000")
    assert [told[f"ticker_{size}"]["n"] for size in ("1h", "4h")] == [0, 0]
    assert told["ticker_1h"]["c"] == "64000.00000000"


def test_a_change_is_told_in_price_and_percent() -> None:
    stage = quoted("BTCUSDT")
    client = stage.join("btcusdt@ticker")
    stage.take("BUY")
    stage.take("SELL")
    stage.pass_time(SECOND)
    told = client.take()[0].fields

    assert (told["p"], told["P"], told["w"]) == ("-1000.00000000", "-1.538", "64500.00000000")


def test_windows_are_those_that_all_candles_of_minutes_make() -> None:
    stage = quoted("BTCUSDT")
    for number in range(200):
        stage.now_us += 7 * MINUTE + 13 * SECOND
        stage.take("BUY" if number % 3 else "SELL", 1 + number % 5)
    candles, now_us = stage.market.candles, stage.now_us

    for length_us in (HOUR, 4 * HOUR, DAY):
        since_us = (now_us - length_us) // MINUTE * MINUTE
        minutes = [one for one in candles.of("1m") if one.open_us >= since_us]
        window = candles.window(since_us)
        assert window is not None
        assert (window.first_id, window.last_id) == (minutes[0].first_id, minutes[-1].last_id)
        assert window.base == sum(one.base for one in minutes)
        assert window.quote == sum(one.quote for one in minutes)
        assert window.count == sum(one.count for one in minutes)
        assert (window.high, window.low) == (max(one.high for one in minutes), min(one.low for one in minutes))


def test_the_mean_price_is_told_with_the_time_of_the_last_trade() -> None:
    stage = quoted("BTCUSDT")
    client = stage.join("btcusdt@avgPrice")
    stage.pass_time(SECOND)
    assert client.take() == []
    traded_us = stage.now_us
    stage.take("BUY")
    stage.take("SELL", 3)
    stage.pass_time(900 * MS)
    stage.pass_time(100 * MS)
    told = client.take()[0].fields

    assert (told["i"], told["w"], told["T"]) == ("5m", "64250.00000000", traded_us // 1000)
