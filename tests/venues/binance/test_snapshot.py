from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.core.errors import BadMessage
from bowstring.market.book_sync import Snapshot
from bowstring.venues.binance.snapshot import parse_snapshot
from tests.venues.binance.facts import DEPTH
from tests.venues.binance.fuzz import CANNOT_BE, can_be, other_bytes, other_values
from tests.venues.binance.test_payloads import levels

SPOT = DEPTH.encode()
FUTURES = b'{"lastUpdateId":160,"E":1589436922972,"T":1589436922959,' + SPOT.partition(b",")[2]
BIDS, ASKS = levels(("99.50", "10"), ("99.40", "3")), levels(("100.50", "100"), ("100.60", "1"))


def test_a_snapshot_of_spot_has_no_time() -> None:
    assert parse_snapshot(SPOT, limit=100) == Snapshot(update_id=160, bids=BIDS, asks=ASKS, is_whole=True)


def test_a_snapshot_of_futures_has_the_time_of_its_last_change() -> None:
    expected = Snapshot(update_id=160, bids=BIDS, asks=ASKS, is_whole=True, time_ns=1589436922959_000_000)

    assert parse_snapshot(FUTURES, limit=100) == expected


def test_a_side_as_long_as_the_limit_may_go_on() -> None:
    assert parse_snapshot(SPOT, limit=3).is_whole
    assert not parse_snapshot(SPOT, limit=2).is_whole


def test_a_book_may_be_empty() -> None:
    empty = parse_snapshot(b'{"lastUpdateId":1,"bids":[],"asks":[]}', limit=100)

    assert empty == Snapshot(update_id=1, bids=[], asks=[], is_whole=True)


@pytest.mark.parametrize("value", [*CANNOT_BE, "-1"])
@pytest.mark.parametrize("place", ["99.50", "10", "100.60", "1"])
def test_a_number_that_cannot_be_is_refused(place: str, value: str) -> None:
    body = SPOT.replace(f'"{place}"'.encode(), f'"{value}"'.encode())

    assert body != SPOT
    with pytest.raises(BadMessage):
        parse_snapshot(body, limit=100)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "malformed snapshot"),
        (b"{}", "missing required field `lastUpdateId`"),
        (SPOT.replace(b"160", b"-160"), "Expected `int` >= 0"),
        (SPOT.replace(b'"99.50"', b'"0.00"'), "price of a level 0.00 is not positive"),
        (SPOT.replace(b'"10"', b'"10",[]'), "Expected `array` of length 2"),
    ],
)
def test_what_is_no_book_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(BadMessage, match=reason):
        parse_snapshot(body, limit=100)


def never_absurd(body: bytes) -> None:
    try:
        snapshot = parse_snapshot(body, limit=100)
    except BadMessage:
        return
    for price, quantity in (*snapshot.bids, *snapshot.asks):
        assert price > 0
        assert can_be(price)
        assert can_be(quantity)
    assert snapshot.update_id >= 0 <= snapshot.time_ns


@given(st.sampled_from([SPOT, FUTURES]), st.data())
def test_bodies_with_other_bytes_are_read_or_refused(body: bytes, data: st.DataObject) -> None:
    never_absurd(data.draw(other_bytes(body)))


@given(st.sampled_from([SPOT, FUTURES]), st.data())
def test_bodies_with_other_values_are_read_or_refused(body: bytes, data: st.DataObject) -> None:
    never_absurd(data.draw(other_values(body)))


def test_levels_keep_every_digit_that_was_sent() -> None:
    snapshot = parse_snapshot(SPOT.replace(b"99.50", b"99.1234567890123456789012345678901234567"), limit=100)

    assert snapshot.bids[0][0] == Decimal("99.1234567890123456789012345678901234567")


def test_one_of_a_size_that_snapshots_are_cut_off_at_is_not_taken_for_a_whole_book() -> None:
    levels = ",".join(f'["{price}","1"]' for price in range(100, 0, -1))
    snapshot = parse_snapshot(b'{"lastUpdateId":1,"bids":[%b],"asks":[]}' % levels.encode(), limit=1000)

    assert len(snapshot.bids) == 100
    assert not snapshot.is_whole
