"""A book is readable only where snapshot and changes fit together, whatever is lost, doubled, late or wrong."""

from collections.abc import Callable

import pytest

from bowstring.market.book import OrderBook
from bowstring.market.book_sync import MAX_WAITING, BookSync, Counts, Diff, Snapshot
from tests.market.test_book import Levels, levels


def synced(*, at: int = 10, checksum: Callable[[OrderBook], int] | None = None) -> BookSync:
    sync = BookSync(OrderBook(venue="binance", symbol="BTC/USDT"), checksum=checksum)
    assert sync.take_snapshot(snapshot(at))
    return sync


def snapshot(update_id: int, bids: Levels | None = None) -> Snapshot:
    return Snapshot(update_id=update_id, bids=bids or levels(("99", "1")), asks=levels(("101", "1")))


def spot(first: int, last: int, bids: Levels | None = None, *, checksum: int | None = None) -> Diff:
    return Diff(first=first, last=last, bids=bids or [], asks=[], checksum=checksum)


def futures(first: int, last: int, *, previous: int) -> Diff:
    return Diff(first=first, last=last, previous=previous, bids=[], asks=[])


# Following a chain


@pytest.mark.parametrize(
    ("diff", "outcome"),
    [
        (spot(11, 12), "changed"),
        (spot(9, 11), "changed"),
        (spot(9, 10), "ignored"),
        (spot(12, 13), "lost"),
        (futures(20, 30, previous=10), "changed"),
        (futures(5, 15, previous=4), "changed"),
        (futures(20, 30, previous=8), "changed"),  # ids have holes: nothing of this book happened between 8 and 20
        (futures(5, 10, previous=4), "ignored"),
        (futures(20, 30, previous=11), "lost"),
    ],
)
def test_a_change_follows_where_nothing_can_be_missing_before_it(diff: Diff, outcome: str) -> None:
    sync = synced(at=10)

    assert sync.take(diff) == outcome
    assert sync.book.is_valid is (outcome != "lost")
    assert sync.book.update_id == (diff.last if outcome == "changed" else 10)


def test_a_gap_is_named_and_counted() -> None:
    sync = synced(at=10)
    sync.take(spot(13, 14))

    assert sync.problem == "a gap: after update 10 came 13 to 14"
    assert sync.counts == Counts(snapshots=1, gaps=1)
    assert sync.book.bid is None


def test_changes_that_come_twice_are_passed_over_but_a_stream_that_went_back_loses_the_book() -> None:
    sync = synced(at=10)
    outcomes = [sync.take(spot(number, number)) for number in (11, 11, 12, 11, 11, 13, 1, 2)]

    assert outcomes == ["changed", "ignored", "changed", "ignored", "ignored", "changed", "ignored", "lost"]
    assert sync.problem == "its stream went back: after update 13 came 1 and 2"
    assert sync.counts == Counts(snapshots=1, changes=3, ignored=4, gaps=1)
    assert sync.take_snapshot(snapshot(1))
    assert sync.book.update_id == 2


def test_a_stream_that_is_behind_its_snapshot_has_not_gone_back() -> None:
    sync = synced(at=10)

    assert [sync.take(spot(number, number)) for number in (3, 4, 5, 10, 11)] == ["ignored"] * 4 + ["changed"]


# Snapshots


def test_changes_wait_for_the_first_snapshot_and_those_after_it_are_applied() -> None:
    sync = BookSync(OrderBook(venue="binance", symbol="BTC/USDT"))
    for number in range(1, 6):
        assert sync.take(spot(number, number, levels((str(90 + number), "1")))) == "waiting"

    assert sync.take_snapshot(snapshot(3))
    assert [level.price for level in sync.book.bids() or ()] == [99, 95, 94]
    assert sync.counts == Counts(snapshots=1, changes=2, ignored=3)
    assert (sync.book.update_id, sync.problem) == (5, "")


def test_it_tells_whether_a_change_waits() -> None:
    sync = BookSync(OrderBook(venue="binance", symbol="BTC/USDT"))
    told = [sync.has_waiting]
    sync.take(spot(4, 4))
    told.append(sync.has_waiting)
    sync.take_snapshot(snapshot(3))
    told.append(sync.has_waiting)
    sync.take(spot(9, 9))
    told.append(sync.has_waiting)

    assert told == [False, True, False, True]


def test_a_snapshot_from_before_the_first_change_is_stale_and_the_changes_wait_on() -> None:
    sync = BookSync(OrderBook(venue="binance", symbol="BTC/USDT"))
    sync.take(spot(10, 12))

    assert not sync.take_snapshot(snapshot(8))
    assert not sync.book.is_valid
    assert sync.problem == "its snapshot of update 8 is older than 10"
    assert sync.take_snapshot(snapshot(9))
    assert sync.book.update_id == 12
    assert sync.counts == Counts(snapshots=1, stale_snapshots=1, changes=1)


def test_a_gap_among_the_changes_that_waited_asks_for_another_snapshot() -> None:
    sync = BookSync(OrderBook(venue="binance", symbol="BTC/USDT"))
    for diff in (spot(1, 2), spot(5, 6), spot(7, 8)):
        sync.take(diff)

    assert not sync.take_snapshot(snapshot(1))
    assert not sync.book.is_valid
    assert sync.take_snapshot(snapshot(5))
    assert sync.book.update_id == 8


def test_after_a_loss_the_old_levels_are_gone() -> None:
    sync = synced()
    sync.take(spot(20, 21))

    assert sync.take_snapshot(snapshot(20, levels(("50", "1"))))
    assert sync.book.bids() == levels(("50", "1"))


def test_what_was_missed_while_disconnected_cannot_be_bridged_by_what_waited_before() -> None:
    sync = BookSync(OrderBook(venue="binance", symbol="BTC/USDT"))
    sync.take(spot(1, 2))
    sync.lose("disconnected")

    assert sync.problem == "disconnected"
    assert sync.take_snapshot(snapshot(1))
    assert sync.book.update_id == 1


def test_no_more_changes_wait_than_there_is_room_for() -> None:
    sync = BookSync(OrderBook(venue="binance", symbol="BTC/USDT"))
    for number in range(1, MAX_WAITING + 2):
        sync.take(spot(number, number))

    assert not sync.take_snapshot(snapshot(0))
    assert sync.take_snapshot(snapshot(1))
    assert sync.book.update_id == MAX_WAITING + 1


# What no true book shows


def test_a_crossed_book_is_lost() -> None:
    sync = synced()

    assert sync.take(spot(11, 11, levels(("101", "1")))) == "lost"
    assert sync.book.bid is None
    assert sync.problem == "it is crossed after update 11"
    assert sync.counts.crossed == 1


def test_so_is_a_crossed_snapshot() -> None:
    sync = BookSync(OrderBook(venue="binance", symbol="BTC/USDT"))

    assert not sync.take_snapshot(snapshot(1, levels(("101", "1"))))
    assert not sync.book.is_valid


def test_a_book_with_another_checksum_than_the_venues_is_lost() -> None:
    sync = synced(checksum=lambda book: len(book.bids() or ()))

    assert sync.take(spot(11, 11, levels(("98", "1")), checksum=2)) == "changed"
    assert sync.take(spot(12, 12)) == "changed"
    assert sync.take(spot(13, 13, checksum=3)) == "lost"
    assert sync.problem == "its checksum is not 3 after update 13"
    assert sync.counts.checksums == 1


def test_a_book_whose_snapshot_is_used_up_is_lost() -> None:
    sync = BookSync(OrderBook(venue="binance", symbol="BTC/USDT"))
    sync.take_snapshot(Snapshot(update_id=10, bids=levels(("99", "1")), asks=levels(("101", "1"))))
    assert sync.take(spot(11, 11, levels(("90", "5")))) == "changed"

    assert sync.take(spot(12, 12, levels(("99", "0")))) == "lost"
    assert sync.book.bid is None
    assert sync.problem == "its snapshot is used up at update 12: the touch is beyond its levels"
    assert sync.counts.exhausted == 1
