"""The replay of books finds what a book must not survive, by itself."""

import json
from decimal import Decimal
from pathlib import Path

from faults.book_replay import Diff, Replay, Snapshot, digest, replayed

SNAPSHOT = Snapshot(10, [("99", "1")], [("101", "1")])


def diff(first: int, last: int, *, bid: str = "99", quantity: str = "2") -> Diff:
    return Diff("BTCUSDT", first, last, [(bid, quantity)], [])


def begun() -> Replay:
    replay = Replay()
    replay.take(1, diff(9, 11))
    replay.take_snapshot(2, SNAPSHOT)
    return replay


def test_a_book_follows_its_snapshot_and_what_waited_for_it() -> None:
    (state,) = begun().states

    assert (state.time_ns, state.update_id) == (2, 11)
    assert state.digest == digest([(Decimal(99), Decimal(2))], [(Decimal(101), Decimal(1))])


def test_two_books_differ_in_what_tells_them_apart() -> None:
    book = [(Decimal(99), Decimal(2))], [(Decimal(101), Decimal(1))]

    assert digest(*book) == digest([(Decimal("99.00"), Decimal("2.0"))], book[1])
    assert len({digest(*book), digest(book[1], book[0]), digest([(Decimal(99), Decimal(3))], book[1])}) == 3


def test_a_gap_loses_it_at_the_message_that_shows_it() -> None:
    replay = begun()
    replay.take(3, diff(13, 14))

    assert [(fault.time_ns, fault.reason) for fault in replay.faults] == [(3, "gap")]
    assert [state.digest is None for state in (replay.at(2), replay.at(3), replay.at(9)) if state] == [
        False,
        True,
        True,
    ]


def test_so_does_a_bid_at_the_ask() -> None:
    replay = begun()
    replay.take(3, diff(12, 12, bid="101"))

    assert [fault.reason for fault in replay.faults] == ["crossed"]


def test_a_snapshot_that_is_older_than_what_waits_is_of_no_use() -> None:
    replay = begun()
    replay.take(3, diff(13, 14))
    replay.take_snapshot(4, SNAPSHOT)
    replay.take_snapshot(5, Snapshot(13, SNAPSHOT.bids, SNAPSHOT.asks))

    assert replay.stale == 1
    assert [(state.time_ns, state.update_id) for state in replay.states[1:]] == [(3, 11), (5, 14)]


def test_a_message_that_the_book_is_past_changes_nothing() -> None:
    replay = begun()
    replay.take(3, diff(10, 11, quantity="7"))

    assert len(replay.states) == 1


def test_a_recording_is_read_by_symbol(tmp_path: Path) -> None:
    update = {"e": "depthUpdate", "s": "BTCUSDT", "U": 9, "u": 11, "b": [["99", "2"]], "a": []}
    lines = [
        {"time_ns": 1, "connection": 1, "url": "ws://host/stream"},
        {"time_ns": 2, "connection": 1, "frame": json.dumps({"stream": "btcusdt@depth@100ms", "data": update})},
        {"time_ns": 3, "get": "http://host/api/v3/exchangeInfo", "body": "{}", "lasting": True},
        {
            "time_ns": 4,
            "get": "http://host/api/v3/depth?symbol=BTCUSDT&limit=1000",
            "body": json.dumps({"lastUpdateId": 10, "bids": [["99", "1"]], "asks": [["101", "1"]]}),
        },
    ]
    (tmp_path / "recording-000001.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    replays = replayed(tmp_path)
    assert list(replays) == ["BTCUSDT"]
    assert replays["BTCUSDT"].states == begun_at(4).states


def begun_at(time_ns: int) -> Replay:
    replay = Replay()
    replay.take(2, diff(9, 11))
    replay.take_snapshot(time_ns, SNAPSHOT)
    return replay
