from decimal import Decimal, InvalidOperation, localcontext

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bowstring.core.errors import BadMessage
from bowstring.market.events import Quote, Trade
from bowstring.venues.binance.payloads import Frame
from bowstring.venues.binance.wire import (
    Data,
    Empty,
    Ignored,
    Parsed,
    Parser,
    Reply,
    ServerShutdown,
    Stream,
    parse_error,
    stream_of,
)
from tests.venues.binance.facts import (
    AGG_TRADE,
    AGG_TRADE_FRAME,
    BTC,
    ETH,
    TICKER,
    TICKER_FRAME,
    TRADE,
    TRADE_FRAME,
    combined,
)

STREAMS = [Stream(kind, BTC) for kind in ("bookTicker", "trade", "aggTrade")] + [Stream("bookTicker", ETH)]
PARSER = Parser(STREAMS)
STRICT = Parser(STREAMS, is_strict=True)

QUOTE = Data(
    "btcusdt@bookTicker",
    Quote(
        venue="binance",
        symbol="BTC/USDT",
        bid=Decimal("99.50000000"),
        bid_quantity=Decimal("2.00000000"),
        ask=Decimal("100.50000000"),
        ask_quantity=Decimal(0),
    ),
    1,
)


def trade(stream: str, side: str, trade_id: str) -> Data:
    event = Trade(
        venue="binance",
        symbol="BTC/USDT",
        price=Decimal("100.10"),
        quantity=Decimal("0.5"),
        side="buy" if side == "buy" else "sell",
        trade_id=trade_id,
        time_ns=1672515782136_000_000,
    )
    return Data(stream, event, int(trade_id))


@pytest.mark.parametrize("parser", [PARSER, STRICT], ids=["lenient", "strict"])
@pytest.mark.parametrize(
    ("frame", "parsed"),
    [
        (TICKER_FRAME, QUOTE),
        (TICKER_FRAME.decode(), QUOTE),
        (b' { "data" : ' + TICKER.encode() + b', "stream" : "btcusdt@bookTicker" } ', QUOTE),
        (TRADE_FRAME, trade("btcusdt@trade", "sell", "12345")),
        (AGG_TRADE_FRAME, trade("btcusdt@aggTrade", "buy", "777")),
    ],
)
def test_a_frame_becomes_an_event_with_its_place_in_the_stream(parser: Parser, frame: Frame, parsed: Parsed) -> None:
    assert parser.parse(frame) == parsed


def test_numbers_keep_every_digit_that_was_sent() -> None:
    frame = TICKER_FRAME.replace(b"99.50000000", b"99.1234567890123456789012345678901234567")

    parsed = PARSER.parse(frame)

    assert isinstance(parsed, Data)
    assert isinstance(parsed.event, Quote)
    assert str(parsed.event.bid) == "99.1234567890123456789012345678901234567"


@pytest.mark.parametrize(
    ("frame", "reply"),
    [
        ('{"result":null,"id":1}', Reply("")),
        ('{"result":["btcusdt@trade"],"id":"a1"}', Reply("")),
        ('{"result":true,"id":null}', Reply("")),
        ('{"error":{"code":2,"msg":"Invalid request"},"id":1}', Reply("2 Invalid request")),
        ('{"code":0,"msg":"Unknown property","id":1}', Reply("0 Unknown property")),
        ('{"code":3,"msg":"Invalid JSON: expected value"}', Reply("3 Invalid JSON: expected value")),
        ('{"e":"serverShutdown","E":1770123456789}', ServerShutdown()),
        ('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}', ServerShutdown()),
    ],
)
def test_control_messages_are_recognised(frame: str, reply: Parsed) -> None:
    assert PARSER.parse(frame.encode()) == reply


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (combined("btcusdt@depth@100ms", "{}"), "depth@100ms"),
        (combined("btcusdt@kline_1m", '{"e":"kline"}'), "kline_1m"),
        (combined("ethusdt@trade", TRADE), "trade"),
        (combined("!miniTicker@arr", "[]"), "arr"),
        (combined("mystery", "1"), "mystery"),
        (TRADE.encode(), "trade"),
        (AGG_TRADE.encode(), "aggTrade"),
        (TICKER.encode(), "unknown"),
        (b'{"e":"kline","s":"BTCUSDT"}', "kline"),
        (b"{}", "unknown"),
        (combined("btcusdt@" + "x" * 1000, "{}"), "x" * 40),
    ],
)
def test_what_was_not_subscribed_or_is_raw_or_unknown_is_told_by_its_kind(frame: bytes, kind: str) -> None:
    assert PARSER.parse(frame) == Ignored(kind)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"b":"99.50000000"', '"b":"NaN"', "bid NaN is negative or absurd"),
        ('"b":"99.50000000"', '"b":"sNaN"', "bid sNaN is negative or absurd"),
        ('"a":"100.50000000"', '"a":"Infinity"', "ask Infinity is negative or absurd"),
        ('"a":"100.50000000"', '"a":"-Infinity"', "ask -Infinity is negative or absurd"),
        ('"b":"99.50000000"', '"b":"-1"', "bid -1 is negative or absurd"),
        ('"b":"99.50000000"', '"b":"0.00000000"', "bid 0.00000000 is not positive"),
        ('"a":"100.50000000","A":"0.00000000"', '"a":"0","A":"1"', "ask 0 is not positive"),
        ('"b":"99.50000000","B":"2.00000000"', '"b":"NaN","B":"0"', "bid NaN is negative or absurd"),
        ('"A":"0.00000000"', '"A":"-0.1"', "ask quantity -0.1 is negative or absurd"),
        ('"B":"2.00000000"', '"B":"1E+400"', "bid quantity 1E+400 is negative or absurd"),
        ('"B":"2.00000000"', '"B":"1E-400"', "bid quantity 1E-400 is negative or absurd"),
        ('"B":"2.00000000"', '"B":"0E-400"', "bid quantity 0E-400 is negative or absurd"),
        ('"B":"2.00000000"', f'"B":"1.{"0" * 40}"', f"bid quantity 1.{'0' * 40} is negative or absurd"),
        ('"B":"2.00000000"', '"B":"1e99999999999999999999"', "malformed: Invalid decimal string"),
        ('"B":"2.00000000"', '"B":"two"', "malformed: Invalid decimal string"),
        ('"B":"2.00000000"', '"B":null', "malformed: Expected `decimal`, got `null`"),
        ('"B":"2.00000000"', '"X":"2.00000000"', "malformed: Object missing required field `B`"),
        ('"a":"100.50000000"', '"a":"99.50000000"', "bid 99.50000000 is not below ask 99.50000000"),
        ('"a":"100.50000000"', '"a":"99.4"', "bid 99.50000000 is not below ask 99.4"),
        ('"s":"BTCUSDT"', '"s":"ETHUSDT"', "symbol 'ETHUSDT' in a stream of BTCUSDT"),
    ],
)
def test_a_bad_quote_is_refused_with_the_field_and_the_value(old: str, new: str, reason: str) -> None:
    assert old in TICKER
    with pytest.raises(BadMessage) as refused:
        PARSER.parse(combined("btcusdt@bookTicker", TICKER.replace(old, new)))
    assert str(refused.value).startswith(reason)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"p":"100.10"', '"p":"0"', "price 0 is not positive"),
        ('"q":"0.5"', '"q":"0.0"', "quantity 0.0 is not positive"),
        ('"q":"0.5"', '"q":"-0.5"', "quantity -0.5 is negative or absurd"),
        ('"T":1672515782136', '"T":1672515782136000', "malformed: Expected `int` <= 99999999999999 - at `$.T`"),
        ('"T":1672515782136', '"T":-1', "malformed: Expected `int` >= 0"),
        ('"t":12345', '"t":"x"', "malformed: Expected `int`, got `str`"),
        ('"m":true,', "", "malformed: Object missing required field `m`"),
    ],
)
def test_a_bad_trade_is_refused_with_the_field_and_the_value(old: str, new: str, reason: str) -> None:
    assert old in TRADE
    with pytest.raises(BadMessage) as refused:
        PARSER.parse(combined("btcusdt@trade", TRADE.replace(old, new)))
    assert str(refused.value).startswith(reason)


def test_not_a_number_is_refused_where_nothing_is_trapped() -> None:
    with localcontext() as context:
        context.traps[InvalidOperation] = False
        with pytest.raises(BadMessage, match="bid NaN"):
            PARSER.parse(TICKER_FRAME.replace(b"99.50000000", b"NaN"))


@pytest.mark.parametrize(
    "frame",
    [
        TICKER_FRAME.replace(b'"u":1', b'"u":1,"new":0'),
        TICKER_FRAME.replace(b'{"stream"', b'{"new":0,"stream"'),
        TRADE_FRAME.replace(b'"M":true', b'"M":true,"new":0'),
        AGG_TRADE_FRAME.replace(b'"M":true', b'"M":true,"new":0'),
    ],
)
def test_an_unknown_field_is_refused_only_when_strict(frame: bytes) -> None:
    assert isinstance(PARSER.parse(frame), Data)
    with pytest.raises(BadMessage, match="unknown field `new`"):
        STRICT.parse(frame)


def refuses(parser: Parser, frame: Frame) -> bool:
    """Whether the frame is refused as it should be; any other exception fails the test."""
    try:
        parser.parse(frame)
    except BadMessage:
        return True
    return False


FRAMES = [
    TICKER_FRAME, TRADE_FRAME, AGG_TRADE_FRAME, TICKER.encode(), TRADE.encode(), b'{"result":null,"id":1}',
    b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}',
]  # fmt: skip


@given(st.binary(max_size=200) | st.text(max_size=100))
@example("\ud800")
@example(b"")
@example(b'{"x":' + b"[" * 100_000)
@example(b'{"stream":"\xff"}')
@example(b'{"stream":"\\ud800"}')
@example(b'[{"stream":"btcusdt@bookTicker"}]')
def test_arbitrary_frames_are_parsed_or_refused(frame: Frame) -> None:
    refuses(PARSER, frame)
    refuses(STRICT, frame)


@given(st.sampled_from(FRAMES), st.data())
def test_mutated_frames_are_parsed_or_refused(frame: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(frame)), label="start")
    end = data.draw(st.integers(start, min(len(frame), start + 20)), label="end")
    tokens = st.sampled_from([b'"', b"{}", b"[", b"null", b"-", b"1e9", b"NaN", b"\\u0000", b'"stream":', b"\xf0\x9f"])
    mutated = frame[:start] + data.draw(st.binary(max_size=8) | tokens, label="new") + frame[end:]

    refuses(PARSER, mutated)
    refuses(STRICT, mutated)


numbers = st.one_of(
    st.decimals(allow_nan=True, allow_infinity=True).map(str),
    st.decimals(min_value=0, max_value=1000, places=8).map(str),
    st.text("0123456789.eE+-_ Infnaity", max_size=12),
)


@given(numbers, numbers, numbers, numbers)
@example("0", "0.0", "1", "2")
@example("1", "2", "0E-8", "0")
def test_a_quote_is_published_exactly_or_not_at_all(bid: str, bid_size: str, ask: str, ask_size: str) -> None:
    frame = combined(
        "btcusdt@bookTicker", f'{{"u":1,"s":"BTCUSDT","b":"{bid}","B":"{bid_size}","a":"{ask}","A":"{ask_size}"}}'
    )
    if refuses(PARSER, frame):
        return

    parsed = PARSER.parse(frame)

    empty = [not Decimal(price) and not Decimal(size) for price, size in ((bid, bid_size), (ask, ask_size))]
    assert isinstance(parsed, Empty) is any(empty)
    if isinstance(parsed, Empty):
        return
    assert isinstance(parsed, Data)
    assert isinstance(parsed.event, Quote)
    quote = parsed.event
    assert [quote.bid, quote.bid_quantity, quote.ask, quote.ask_quantity] == [
        Decimal(number) for number in (bid, bid_size, ask, ask_size)
    ]
    assert 0 < quote.bid < quote.ask < Decimal("Infinity")
    assert all(0 <= quantity < Decimal("Infinity") for quantity in (quote.bid_quantity, quote.ask_quantity))


@pytest.mark.parametrize(
    ("frame", "stream"),
    [
        (TICKER_FRAME, "btcusdt@bookTicker"),
        (TICKER_FRAME[:40], "btcusdt@bookTicker"),
        (TICKER.encode(), ""),
        (b"\xff", ""),
        (b'{"stream":"' + b"x" * 101 + b'"}', ""),
    ],
)
def test_the_stream_of_a_broken_frame_is_told_where_it_can_be(frame: bytes, stream: str) -> None:
    assert stream_of(frame) == stream


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"code":-1121,"msg":"Invalid symbol."}', (-1121, "Invalid symbol.")),
        (b"<html>Forbidden</html>", (0, "<html>Forbidden</html>")),
        (b"{}", (0, "")),
    ],
)
def test_a_refusal_is_read_from_its_body(body: bytes, error: tuple[int, str]) -> None:
    assert parse_error(body) == error
