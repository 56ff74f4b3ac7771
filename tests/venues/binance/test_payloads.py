"""What each kind of stream tells, in the documented forms of both markets; and that nothing absurd is ever told."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.core.errors import BadMessage
from bowstring.market.book_sync import Diff
from bowstring.market.events import Candle, DailyStats, Depth, Liquidation, MarkPrice, Quote, Trade
from bowstring.market.instrument import Instrument
from bowstring.venues.binance.payloads import KINDS, number
from bowstring.venues.binance.wire import Data, Empty, Parser, Stream
from tests.venues.binance.facts import BTC, BTC_PERP, FUTURES_PAYLOADS, MINI_TICKER, SPOT_PAYLOADS, combined
from tests.venues.binance.fuzz import CANNOT_BE, can_be, other_bytes, other_values

MS = 1_000_000
FORMS = [(BTC, kind, payload) for kind, payload in SPOT_PAYLOADS.items()] + [
    (BTC_PERP, kind, payload) for kind, payload in FUTURES_PAYLOADS.items()
]
IDS = [f"{one.venue} {kind}" for one, kind, _ in FORMS]
PARSERS = {
    (one, is_strict): Parser([Stream(kind, one) for kind in KINDS], is_strict=is_strict)
    for one in (BTC, BTC_PERP)
    for is_strict in (False, True)
}


def D(text: str) -> Decimal:  # noqa: N802  # as Decimal, where there are many
    return Decimal(text)


def levels(*pairs: tuple[str, str]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(quantity)) for price, quantity in pairs]


def told(instrument: Instrument, kind: str, payload: str, *, is_strict: bool = True) -> Data:
    parsed = PARSERS[instrument, is_strict].parse(combined(f"btcusdt@{kind}", payload))
    assert isinstance(parsed, Data)
    return parsed


def refusal(instrument: Instrument, kind: str, payload: str) -> str:
    """Why both parsers refuse it."""
    reasons: list[str] = []
    for is_strict in (False, True):
        with pytest.raises(BadMessage) as refused:
            told(instrument, kind, payload, is_strict=is_strict)
        reasons.append(str(refused.value))
    assert reasons[0] == reasons[1]
    return reasons[0]


SPOT: dict[str, Any] = {"venue": "binance", "symbol": "BTC/USDT"}
PERP: dict[str, Any] = {"venue": "binance_futures", "symbol": "BTC/USDT:USDT"}
CANDLE: dict[str, Any] = {
    "interval": "1m", "start_ns": 1672515780000 * MS, "end_ns": 1672515839999 * MS, "open": D("100.10"),
    "high": D("100.30"), "low": D("99.90"), "close": D("100.20"), "volume": D("1000"), "quote_volume": D("100050"),
    "trades": 101, "is_closed": False, "time_ns": 1672515782136 * MS,
}  # fmt: skip
DAY: dict[str, Any] = {
    "open": D("98.10"), "high": D("101.00"), "low": D("97.00"), "close": D("100.25"), "volume": D("10000"),
    "quote_volume": D("1000000"), "time_ns": 1672515782136 * MS,
}  # fmt: skip
PARTIAL: dict[str, Any] = {
    "bids": tuple(levels(("99.50", "10"), ("99.40", "3"))), "asks": tuple(levels(("100.50", "100"), ("100.60", "1"))),
}  # fmt: skip
MARK = MarkPrice(
    **PERP, price=D("11794.15"), index_price=D("11784.62659091"), funding_rate=D("-0.00038167"),
    next_funding_ns=1562306400000 * MS, time_ns=1562305380000 * MS,
)  # fmt: skip
TOLD = [
    (Quote(**SPOT, bid=D("99.5"), bid_quantity=D("2"), ask=D("100.5"), ask_quantity=D("0")), 1),
    (
        Trade(
            **SPOT, price=D("100.10"), quantity=D("0.5"), side="sell", trade_id="12345", time_ns=1672515782136 * MS
        ),
        12345,
    ),
    (Trade(**SPOT, price=D("100.10"), quantity=D("0.5"), side="buy", trade_id="777", time_ns=1672515782136 * MS), 777),
    *[
        (
            Diff(
                first=157, last=160, bids=levels(("99.50", "10"), ("99.40", "0")), asks=levels(("100.50", "100")),
                time_ns=1672515782136 * MS,
            ),
            160,
        )
    ] * 2,
    *[(Depth(**SPOT, **PARTIAL, update_id=160), 160)] * 2,
    (Candle(**SPOT, **CANDLE), 1672515782136),
    (DailyStats(**SPOT, **DAY), 1672515782136),
    (
        Quote(
            **PERP, bid=D("99.5"), bid_quantity=D("31.21"), ask=D("100.5"), ask_quantity=D("40.66"),
            time_ns=1568014460891 * MS,
        ),
        400900217,
    ),
    (
        Trade(**PERP, price=D("100.1"), quantity=D("100"), side="sell", trade_id="5933014", time_ns=123456785 * MS),
        5933014,
    ),
    (
        Diff(
            first=157, last=160, previous=149, bids=levels(("99.5", "10")), asks=levels(("100.5", "100")),
            time_ns=123456788 * MS,
        ),
        160,
    ),
    (Depth(**PERP, **PARTIAL, update_id=390497878, time_ns=1571889248276 * MS), 390497878),
    (Candle(**PERP, **CANDLE), 1672515782136),
    (DailyStats(**PERP, **DAY), 1672515782136),
    *[(MARK, 1562305380000)] * 2,
    (
        Liquidation(**PERP, side="sell", price=D("9911"), quantity=D("0.013"), time_ns=1568014460891 * MS),
        1568014460893,
    ),
]  # fmt: skip


@pytest.mark.parametrize("is_strict", [False, True], ids=["lenient", "strict"])
@pytest.mark.parametrize(("form", "expected"), list(zip(FORMS, TOLD, strict=True)), ids=IDS)
def test_a_documented_payload_is_told_with_its_place(
    form: tuple[Instrument, str, str], expected: tuple[object, int], *, is_strict: bool
) -> None:
    data = told(*form, is_strict=is_strict)

    assert (data.event, data.sequence) == expected
    assert data.stream == f"btcusdt@{form[1]}"


@pytest.mark.parametrize(("instrument", "kind", "payload"), FORMS, ids=IDS)
def test_an_undocumented_field_is_refused_only_when_strict(instrument: Instrument, kind: str, payload: str) -> None:
    for opening in range(payload.count("{")):
        parts = payload.split("{")
        changed = "{".join(parts[: opening + 1]) + '{"new":0,' + "{".join(parts[opening + 1 :])
        told(instrument, kind, changed, is_strict=False)
        with pytest.raises(BadMessage, match="unknown field `new`"):
            told(instrument, kind, changed)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("kline_")])
def test_a_candle_is_read_from_the_stream_of_its_interval_only(kind: str) -> None:
    interval = kind.removeprefix("kline_")

    for one in (kind for kind in KINDS if kind.startswith("kline_")):
        payload = SPOT_PAYLOADS["kline_1m"].replace('"1m"', f'"{interval}"')
        if one == kind:
            assert isinstance(told(BTC, one, payload).event, Candle)
        else:
            assert refusal(BTC, one, payload).startswith(f"candle of '{interval}' from 1672515780000")


@pytest.mark.parametrize("speed", ["", "@100ms", "@250ms", "@500ms", "@1000ms"])
@pytest.mark.parametrize(("instrument", "payloads"), [(BTC, SPOT_PAYLOADS), (BTC_PERP, FUTURES_PAYLOADS)])
def test_depth_is_told_alike_at_each_speed(instrument: Instrument, payloads: dict[str, str], speed: str) -> None:
    assert isinstance(told(instrument, f"depth{speed}", payloads["depth@100ms"]).event, Diff)
    for size in (5, 10, 20):
        partial = payloads["depth5" if instrument is BTC else "depth10@100ms"]
        assert isinstance(told(instrument, f"depth{size}{speed}", partial).event, Depth)


def test_a_contract_that_is_delivered_has_no_funding_rate() -> None:
    event = told(BTC_PERP, "markPrice", FUTURES_PAYLOADS["markPrice"].replace('"-0.00038167"', '""')).event

    assert isinstance(event, MarkPrice)
    assert event.funding_rate is None


@pytest.mark.parametrize("index", ["", '"i":"0.00000000",', '"i":null,'])
def test_a_contract_without_an_index_has_no_index_price(index: str) -> None:
    event = told(BTC_PERP, "markPrice", FUTURES_PAYLOADS["markPrice"].replace('"i":"11784.62659091",', index)).event

    assert isinstance(event, MarkPrice)
    assert (event.price, event.index_price) == (D("11794.15"), None)


# What says that there is nothing to tell

NO_BID, NO_ASK = '"b":"0.00000000","B":"0.00000000"', '"a":"0.00000000","A":"0.00000000"'
BIDS, ASKS = '"b":"99.50000000","B":"2.00000000"', '"a":"100.50000000","A":"0.00000000"'
NO_TRADE = '"c":"0.00000000","o":"0.00000000","h":"0.00000000","l":"0.00000000","v":"0.00000000","q":"0.00000000"}'


@pytest.mark.parametrize(
    ("instrument", "kind", "payload"),
    [
        (BTC, "bookTicker", SPOT_PAYLOADS["bookTicker"].replace(BIDS, NO_BID)),
        (BTC, "bookTicker", SPOT_PAYLOADS["bookTicker"].replace(ASKS, NO_ASK)),
        (BTC, "bookTicker", SPOT_PAYLOADS["bookTicker"].replace(BIDS, NO_BID).replace(ASKS, NO_ASK)),
        (BTC_PERP, "bookTicker", FUTURES_PAYLOADS["bookTicker"].replace('"a":"100.5","A":"40.66"', '"a":"0","A":"0"')),
        (BTC, "miniTicker", re.sub('"c":.*', NO_TRADE, SPOT_PAYLOADS["miniTicker"])),
        (BTC_PERP, "miniTicker", re.sub('"c":.*', NO_TRADE, FUTURES_PAYLOADS["miniTicker"])),
    ],
)
def test_an_empty_side_is_no_quote_and_a_day_without_a_trade_has_no_statistics(
    instrument: Instrument, kind: str, payload: str
) -> None:
    assert payload.count('"0') >= 2
    for is_strict in (False, True):
        parsed = PARSERS[instrument, is_strict].parse(combined(f"btcusdt@{kind}", payload))
        assert parsed == Empty(f"btcusdt@{kind}")
    assert refusal(instrument, kind, payload.replace("BTCUSDT", "X")) == "symbol 'X' in a stream of BTCUSDT"


@pytest.mark.parametrize(
    ("kind", "payload", "reason"),
    [
        ("bookTicker", SPOT_PAYLOADS["bookTicker"].replace(BIDS, '"b":"0","B":"2"'), "bid 0 is not positive"),
        ("bookTicker", SPOT_PAYLOADS["bookTicker"].replace(ASKS, '"a":"0","A":"1"'), "ask 0 is not positive"),
        (
            "bookTicker",
            SPOT_PAYLOADS["bookTicker"].replace(BIDS, NO_BID).replace(ASKS, '"a":"NaN","A":"1"'),
            "ask NaN is negative or absurd",
        ),
        (
            "miniTicker",
            re.sub('"c":.*', NO_TRADE.replace('"v":"0', '"v":"1'), MINI_TICKER),
            "low 0.00000000 is not pos",
        ),
        ("miniTicker", re.sub('"c":.*', NO_TRADE.replace('"q":"0', '"q":"N'), MINI_TICKER), "malformed"),
    ],
)
def test_what_is_empty_in_part_cannot_be(kind: str, payload: str, reason: str) -> None:
    assert refusal(BTC, kind, payload).startswith(reason)


# What cannot be


def numbers_of(payload: str) -> Iterator[tuple[str, str]]:
    """Where the payload has a number in a string: what is before and what is after it."""
    parts = payload.split('"')
    for place, part in enumerate(parts):
        if place % 2 and part[:1] in set("-0123456789") and part != "1m":
            yield '"'.join(parts[:place]) + '"', '"' + '"'.join(parts[place + 1 :])


@pytest.mark.parametrize("value", CANNOT_BE)
@pytest.mark.parametrize(("instrument", "kind", "payload"), FORMS, ids=IDS)
def test_a_number_that_cannot_be_is_refused_wherever_it_is_used(
    instrument: Instrument, kind: str, payload: str, value: str
) -> None:
    refused = 0
    for before, after in numbers_of(payload):
        try:
            event = told(instrument, kind, before + value + after, is_strict=False).event
        except BadMessage:
            refused += 1
        else:
            assert event == told(instrument, kind, payload).event  # nobody uses this number
    assert refused >= 2


def sane(event: object) -> bool:
    """Whether every number of an event is one that can be."""
    if isinstance(event, Quote):
        return 0 < event.bid < event.ask and all(map(can_be, (event.bid_quantity, event.ask_quantity, event.ask)))
    if isinstance(event, Trade | Liquidation):
        return can_be(event.price) and can_be(event.quantity) and bool(event.price and event.quantity)
    if isinstance(event, Diff):
        return event.first <= event.last and all(
            can_be(price) and price and can_be(quantity) for price, quantity in (*event.bids, *event.asks)
        )
    if isinstance(event, Depth):
        prices = [price for price, _ in (*reversed(event.bids), *event.asks)]
        return prices == sorted(set(prices)) and all(
            can_be(price) and can_be(quantity) and price and quantity for price, quantity in (*event.bids, *event.asks)
        )
    if isinstance(event, Candle | DailyStats):
        ordered = 0 < event.low <= min(event.open, event.close) <= max(event.open, event.close) <= event.high
        return ordered and all(map(can_be, (event.high, event.volume, event.quote_volume)))
    assert isinstance(event, MarkPrice)
    index, rate = event.index_price, event.funding_rate
    return (
        can_be(event.price) and (index is None or (can_be(index) and index > 0)) and (rate is None or can_be(abs(rate)))
    )


BAD = [
    (BTC, "depth@100ms", '"u":160', '"u":156', "update 156 is not after 157"),
    (BTC, "depth@100ms", '"99.50"', '"0"', "price of a level 0 is not positive"),
    (BTC, "depth@100ms", '"10"', '"-10"', "quantity of a level -10 is negative or absurd"),
    (BTC, "depth@100ms", '"10"', '"10","1"', "malformed: Expected `array` of length 2"),
    (BTC, "depth@100ms", '"U":157', '"U":-1', "malformed: Expected `int` >= 0"),
    (BTC, "depth@100ms", '"U":157', '"U":1.5', "malformed: Expected `int`, got `float`"),
    (BTC_PERP, "depth@100ms", '"pu":149', '"pu":-2', "malformed: Expected `int` >= 0"),
    (BTC, "depth5", '"99.40"', '"99.50"', "levels of update 160 are crossed or not in their order"),
    (BTC, "depth5", '"100.50"', '"99.50"', "levels of update 160 are crossed or not in their order"),
    (BTC, "depth5", '"100.50"', '"100.70"', "levels of update 160 are crossed or not in their order"),
    (BTC, "depth5", '"3"', '"0.0"', "levels of update 160 are empty"),
    (BTC_PERP, "depth10@100ms", '"100.5"', '"99.4"', "levels of update 390497878 are crossed or not in their order"),
    (BTC, "kline_1m", '"h":"100.30"', '"h":"100.15"', "open 100.10 or close 100.20 is not within 99.90 to 100.15"),
    (BTC, "kline_1m", '"l":"99.90"', '"l":"100.11"', "open 100.10 or close 100.20 is not within 100.11 to 100.30"),
    (BTC, "kline_1m", '"l":"99.90"', '"l":"0"', "low 0 is not positive"),
    (BTC, "kline_1m", '"T":1672515839999', '"T":1672515780000', "candle of '1m' from 1672515780000 to 1672515780000"),
    (BTC, "kline_1m", '"k":{', '"k":[],"K":{', "malformed: "),
    (BTC, "miniTicker", '"c":"100.25"', '"c":"101.01"', "open 98.10 or close 101.01 is not within 97.00 to 101.00"),
    (BTC_PERP, "markPrice", '"p":"11794.15"', '"p":"0"', "mark price 0 is not positive"),
    (BTC_PERP, "markPrice", '"-0.00038167"', '"-Infinity"', "funding rate Infinity is negative or absurd"),
    (BTC_PERP, "markPrice", '"-0.00038167"', "null", "malformed: "),
    (BTC_PERP, "forceOrder", '"S":"SELL"', '"S":"BOTH"', "malformed: Invalid enum value 'BOTH'"),
    (BTC_PERP, "forceOrder", '"z":"0.013"', '"z":"0"', "filled quantity 0 is not positive"),
]


@pytest.mark.parametrize(("instrument", "kind", "old", "new", "reason"), BAD)
def test_what_cannot_be_is_refused_with_the_field_and_the_value(
    instrument: Instrument, kind: str, old: str, new: str, reason: str
) -> None:
    payload = (SPOT_PAYLOADS if instrument is BTC else FUTURES_PAYLOADS)[kind]

    assert old in payload
    with pytest.raises(BadMessage) as refused:
        told(instrument, kind, payload.replace(old, new, 1), is_strict=False)
    assert str(refused.value).startswith(reason)


@pytest.mark.parametrize(("instrument", "kind", "payload"), [form for form in FORMS if '"s"' in form[2]])
def test_the_symbol_of_another_stream_is_refused(instrument: Instrument, kind: str, payload: str) -> None:
    reason = refusal(instrument, kind, payload.replace("BTCUSDT", "ETHUSDT"))

    assert reason == "symbol 'ETHUSDT' in a stream of BTCUSDT"


@pytest.mark.parametrize("value", ["0", "1E-20", "9" * 21, "1.5", "0.00000000"])
def test_a_number_that_can_be_is_taken_as_it_is(value: str) -> None:
    assert number(Decimal(value), "price") is not None
    assert str(number(Decimal(value), "price")) == str(Decimal(value))


# Fuzzing


def never_absurd(instrument: Instrument, frame: bytes) -> None:
    """What is told, if anything is, can be; any exception but `BadMessage` fails the test."""
    for is_strict in (False, True):
        try:
            parsed = PARSERS[instrument, is_strict].parse(frame)
        except BadMessage:
            continue
        if isinstance(parsed, Data):
            assert sane(parsed.event)
            assert isinstance(parsed.sequence, int)
            assert parsed.sequence >= 0


FRAMES = st.sampled_from([(one, combined(f"btcusdt@{kind}", payload)) for one, kind, payload in FORMS])


@given(FRAMES, st.data())
def test_frames_with_other_bytes_are_told_sanely_or_refused(
    form: tuple[Instrument, bytes], data: st.DataObject
) -> None:
    instrument, frame = form
    never_absurd(instrument, data.draw(other_bytes(frame)))


@given(FRAMES, st.data())
def test_frames_with_other_values_are_told_sanely_or_refused(
    form: tuple[Instrument, bytes], data: st.DataObject
) -> None:
    instrument, frame = form
    never_absurd(instrument, data.draw(other_values(frame)))
