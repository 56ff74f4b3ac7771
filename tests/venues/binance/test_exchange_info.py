import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.core.errors import BadMessage
from bowstring.market.instrument import Instrument
from bowstring.venues.binance.exchange_info import parse_exchange_info
from tests.venues.binance.fuzz import can_be, other_bytes, other_values

PRICE_FILTER = {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01000000"}
LOT_SIZE = {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001000"}
MARKET_LOT_SIZE = {"filterType": "MARKET_LOT_SIZE", "minQty": "0", "maxQty": "120.0", "stepSize": "0"}
NOTIONAL = {
    "filterType": "NOTIONAL", "minNotional": "5.0", "applyMinToMarket": True, "maxNotional": "9000000.0",
    "applyMaxToMarket": False, "avgPriceMins": 5,
}  # fmt: skip
MIN_NOTIONAL = {"filterType": "MIN_NOTIONAL", "minNotional": "10.0", "applyToMarket": True, "avgPriceMins": 5}
UNKNOWN = {"filterType": "OF_NEXT_YEAR", "limits": [1, {"deep": None}]}


def reply(*filters: object, status: str = "TRADING") -> bytes:
    symbol = {"symbol": "BTCUSDT", "status": status, "baseAsset": "BTC", "quoteAsset": "USDT", "filters": filters}
    return json.dumps({"timezone": "UTC", "symbols": [symbol]}).encode()


BTC = Instrument(
    venue="binance:hedge",
    symbol="BTC/USDT",
    venue_symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.01000000"),
    lot_size=Decimal("0.00001000"),
    min_price=Decimal("0.01"),
    max_price=Decimal("1000000.00"),
    min_quantity=Decimal("0.00001"),
    max_quantity=Decimal("9000.0"),
    min_notional=Decimal("5.0"),
    max_notional=Decimal("9000000.0"),
)


def test_filters_become_the_limits_of_an_instrument_and_unknown_ones_are_ignored() -> None:
    info = parse_exchange_info(reply(UNKNOWN, PRICE_FILTER, MARKET_LOT_SIZE, NOTIONAL, LOT_SIZE), venue="binance:hedge")

    assert info.instruments == {"BTC/USDT": BTC}
    assert info.halted == {}


def test_the_older_notional_filter_counts_where_the_newer_is_missing() -> None:
    older = parse_exchange_info(reply(MIN_NOTIONAL), venue="binance").instruments["BTC/USDT"]
    both = parse_exchange_info(reply(MIN_NOTIONAL, NOTIONAL), venue="binance").instruments["BTC/USDT"]

    assert [older.min_notional, older.max_notional] == [10, 0]
    assert [both.min_notional, both.max_notional] == [5, 9000000]


def test_without_filters_there_are_no_limits() -> None:
    bare = parse_exchange_info(reply(), venue="binance").instruments["BTC/USDT"]

    assert not any((bare.tick_size, bare.lot_size, bare.min_notional, bare.max_price))


def test_what_is_not_trading_is_no_instrument() -> None:
    info = parse_exchange_info(reply(PRICE_FILTER, status="BREAK"), venue="binance")

    assert info.instruments == {}
    assert info.halted == {"BTC/USDT": "BREAK"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "malformed exchangeInfo"),
        (b'{"symbols":[{"symbol":"BTCUSDT"}]}', "missing required field `status`"),
        (reply(PRICE_FILTER | {"tickSize": "NaN"}), "BTCUSDT tick_size NaN is negative or absurd"),
        (reply(LOT_SIZE | {"stepSize": "-1"}), "BTCUSDT lot_size -1 is negative or absurd"),
    ],
)
def test_a_bad_reply_is_refused_with_the_field_and_the_value(body: bytes, reason: str) -> None:
    with pytest.raises(BadMessage, match=reason):
        parse_exchange_info(body, venue="binance")


# USDⓈ-M futures

CONTRACT = {
    "symbol": "BTCUSDT", "pair": "BTCUSDT", "contractType": "PERPETUAL", "status": "TRADING", "baseAsset": "BTC",
    "quoteAsset": "USDT", "marginAsset": "USDT", "pricePrecision": 2,
    "filters": [PRICE_FILTER, LOT_SIZE, MARKET_LOT_SIZE, {"filterType": "MIN_NOTIONAL", "notional": "100"}],
}  # fmt: skip


def futures(**changes: object) -> bytes:
    return json.dumps({"symbols": [CONTRACT | changes]}).encode()


def test_a_perpetual_has_the_symbol_of_what_settles_it_and_its_own_least_notional() -> None:
    info = parse_exchange_info(futures(), venue="binance_futures")

    (perpetual,) = info.instruments.values()
    assert (perpetual.symbol, perpetual.venue_symbol, perpetual.venue) == (
        "BTC/USDT:USDT",
        "BTCUSDT",
        "binance_futures",
    )
    assert (perpetual.base, perpetual.quote) == ("BTC", "USDT")
    assert [perpetual.min_notional, perpetual.tick_size, perpetual.lot_size] == [
        100,
        Decimal("0.01"),
        Decimal("0.00001"),
    ]


@pytest.mark.parametrize(
    ("changes", "halted"),
    [
        ({"status": "SETTLING"}, {"BTC/USDT:USDT": "SETTLING"}),
        ({"symbol": "BTCUSDT_260626", "contractType": "CURRENT_QUARTER"}, {"BTCUSDT_260626": "TRADING"}),
        ({"contractType": "", "status": "PENDING_TRADING"}, {"BTC/USDT:USDT": "PENDING_TRADING"}),
    ],
)
def test_what_is_no_trading_perpetual_is_no_instrument(changes: dict[str, str], halted: dict[str, str]) -> None:
    info = parse_exchange_info(futures(**changes), venue="binance_futures")

    assert info.instruments == {}
    assert info.halted == halted


# Fuzzing


BODIES = [reply(PRICE_FILTER, LOT_SIZE, NOTIONAL), futures()]


def never_absurd(body: bytes) -> None:
    """Whatever it lists can be; any exception but `BadMessage` fails the test."""
    try:
        info = parse_exchange_info(body, venue="binance")
    except BadMessage:
        return
    for one in info.instruments.values():
        assert all(map(can_be, (one.tick_size, one.lot_size, one.min_price, one.max_price, one.min_quantity)))
        assert all(map(can_be, (one.max_quantity, one.min_notional, one.max_notional)))


@given(st.sampled_from(BODIES), st.data())
def test_replies_with_other_bytes_are_read_or_refused(body: bytes, data: st.DataObject) -> None:
    never_absurd(data.draw(other_bytes(body)))


@given(st.sampled_from(BODIES), st.data())
def test_replies_with_other_values_are_read_or_refused(body: bytes, data: st.DataObject) -> None:
    never_absurd(data.draw(other_values(body)))
