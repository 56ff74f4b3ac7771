"""Each payload has the fields that Binance documents, in that order, and those of recorded frames."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.json import decode

from bowstring.local_exchange.matching.candles import DAY, HOUR, MINUTE
from bowstring.local_exchange.streams import payloads
from tests.local_exchange.streams.stage import SECOND, START_US, SYMBOL, Client, Stage, inner
from tests.local_exchange.traffic import json_lines

# Binance, web-socket-streams.md: the fields of each payload
DOCUMENTED = {
    "trade": "eEstpqTmM",
    "aggTrade": "eEsapqflTmM",
    "bookTicker": "usbBaA",
    "depth": "eEsUuba",
    "depth@100ms": "eEsUuba",
    "kline_1m": "eEsk",
    "kline_1d@+08:00": "eEsk",
    "miniTicker": "eEscohlvq",
    "ticker": "eEspPwxcQbBaAohlvqOCFLn",
    "ticker_1h": "eEspPohlcwvqOCFLn",
    "ticker_4h": "eEspPohlcwvqOCFLn",
    "ticker_1d": "eEspPohlcwvqOCFLn",
    "avgPrice": "eEsiwT",
}
CANDLE = "tTsifLochlvnxqVQB"
EVENTS = {
    "trade": "trade",
    "aggTrade": "aggTrade",
    "depth": "depthUpdate",
    "depth@100ms": "depthUpdate",
    "kline_1m": "kline",
    "kline_1d@+08:00": "kline",
    "miniTicker": "24hrMiniTicker",
    "ticker": "24hrTicker",
    "ticker_1h": "1hTicker",
    "ticker_4h": "4hTicker",
    "ticker_1d": "1dTicker",
    "avgPrice": "avgPrice",
}
TIMES = {"E", "T", "t", "O", "C"}


def traded(*, unit: int = payloads.MILLISECOND) -> Client:
    """One trade and all that follows, within two seconds, seen by one who wants everything."""
    stage = Stage()
    client = stage.join(*(f"btcusdt@{name}" for name in (*DOCUMENTED, "depth5", "depth20@100ms")), unit=unit)
    stage.quote("BUY", 64_000, 3)
    stage.quote("SELL", 65_000, 2)
    stage.take("BUY", 1)
    stage.pass_time(2 * SECOND)
    return client


def last(client: Client, name: str) -> Mapping[str, object]:
    return client.take(f"btcusdt@{name}")[-1].fields


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_payload_has_the_documented_fields_in_their_order(name: str) -> None:
    fields = last(traded(), name)

    assert "".join(fields) == DOCUMENTED[name]
    assert fields.get("e") == EVENTS.get(name)
    assert fields["s"] == SYMBOL


@pytest.mark.parametrize("name", ["kline_1m", "kline_1d@+08:00"])
def test_a_candle_has_the_documented_fields(name: str) -> None:
    assert "".join(inner(last(traded(), name)["k"])) == CANDLE


@pytest.mark.parametrize("name", ["depth5", "depth20@100ms"])
def test_partial_depth_has_no_event_type_and_no_symbol(name: str) -> None:
    assert last(traded(), name) == {
        "lastUpdateId": 4,
        "bids": [["64000.00000000", "0.00030000"]],
        "asks": [["65000.00000000", "0.00010000"]],
    }


def test_a_trade_is_told_in_full() -> None:
    assert last(traded(), "trade") == {
        "e": "trade",
        "E": START_US // 1000,
        "s": SYMBOL,
        "t": 1,
        "p": "65000.00000000",
        "q": "0.00010000",
        "T": START_US // 1000,
        "m": False,
        "M": True,
    }


def test_a_ticker_is_told_in_full() -> None:
    now_ms = (START_US + 2 * SECOND) // 1000

    assert last(traded(), "ticker") == {
        "e": "24hrTicker", "E": now_ms, "s": SYMBOL, "p": "0.00000000", "P": "0.000", "w": "65000.00000000",
        "x": "65000.00000000", "c": "65000.00000000", "Q": "0.00010000", "b": "64000.00000000", "B": "0.00030000",
        "a": "65000.00000000", "A": "0.00010000", "o": "65000.00000000", "h": "65000.00000000",
        "l": "65000.00000000", "v": "0.00010000", "q": "6.50000000", "O": now_ms - DAY // 1000, "C": now_ms,
        "F": 1, "L": 1, "n": 1,
    }  # fmt: skip


@pytest.mark.parametrize(("size", "length_us"), [("1h", HOUR), ("4h", 4 * HOUR), ("1d", DAY)])
def test_a_rolling_window_begins_with_a_minute_and_ends_now(size: str, length_us: int) -> None:
    fields = last(traded(), f"ticker_{size}")
    now_us = START_US + 2 * SECOND

    assert fields["C"] == now_us // 1000
    assert fields["O"] == (now_us - length_us) // MINUTE * MINUTE // 1000


def test_a_candle_ends_a_millisecond_before_the_next_begins() -> None:
    candle = inner(last(traded(), "kline_1m")["k"])
    begin_ms = START_US // MINUTE * MINUTE // 1000

    assert (candle["t"], candle["T"]) == (begin_ms, begin_ms + 59_999)


def test_in_microseconds_all_times_are_and_nothing_else_changes() -> None:
    in_ms, in_us = traded().take(), traded(unit=payloads.MICROSECOND).take()

    assert len(in_ms) == len(in_us)
    for one, other in zip(in_ms, in_us, strict=True):
        assert milliseconds(one.fields, scale=1) == milliseconds(other.fields, scale=1000)


def milliseconds(fields: Mapping[str, object], *, scale: int) -> dict[str, object]:
    """The fields with all times in ms."""
    told = dict(fields)
    if "k" in told:
        told["k"] = milliseconds(inner(told["k"]), scale=scale)
    is_trade = fields.get("e") == "trade"  # where t is the number of the trade
    times = {name for name in TIMES if isinstance(told.get(name), int)} - ({"t"} if is_trade else set())
    return told | {name: int(str(told[name])) // scale for name in times}


def test_a_candle_in_microseconds_ends_one_before_the_next_begins() -> None:
    candle = inner(last(traded(unit=payloads.MICROSECOND), "kline_1m")["k"])
    begin_us = START_US // MINUTE * MINUTE

    assert (candle["t"], candle["T"]) == (begin_us, begin_us + MINUTE - 1)


def test_shutdown_is_an_event_with_a_time() -> None:
    assert decode(payloads.server_shutdown(event_us=START_US, unit=1000)) == {
        "e": "serverShutdown",
        "E": START_US // 1000,
    }


@pytest.mark.recorded("BINANCE")
@pytest.mark.parametrize("name", ["aggTrade", "bookTicker", "depth@100ms", "kline_1m"])
def test_fields_and_their_types_are_those_of_recorded_frames(name: str) -> None:
    file = Path(os.environ["BOWSTRING_RECORDINGS"]) / "BINANCE.ws.1.0"
    recorded = [message["data"] for _, _, message in json_lines(file) if str(message["stream"]).endswith(f"@{name}")]

    assert recorded
    ours = shape(last(traded(), name))
    assert all(shape(one) == ours for one in recorded)


def shape(value: object) -> object:
    """Names in their order, and types."""
    if isinstance(value, dict):
        return [(key, shape(field)) for key, field in inner(value).items()]  # pyright: ignore[reportUnknownArgumentType]  # any object
    return type(value).__name__
