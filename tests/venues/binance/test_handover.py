"""Two connections that overlap tell the stream as one: whatever the lag of either, wherever the new one joins."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.market.events import Trade
from bowstring.venues.binance.handover import Handover
from bowstring.venues.binance.wire import Data


def message(stream: str, sequence: int, number: int = 0) -> Data:
    """The one of that number at its place."""
    event = Trade(
        venue="v", symbol=stream, price=Decimal(1), quantity=Decimal(1), side="buy", trade_id=f"{sequence}.{number}"
    )
    return Data(stream, event, sequence)


def stream_of(places: Sequence[tuple[str, int]]) -> list[Data]:
    """What the venue sends: messages of some streams, each so much further in its stream than the one before."""
    last: dict[str, tuple[int, int]] = {}
    sent: list[Data] = []
    for stream, step in places:
        sequence, number = last.get(stream, (10, -1))
        last[stream] = (sequence + step, 0 if step else number + 1)
        sent.append(message(stream, *last[stream]))
    return sent


class Overlap:
    """Two connections that bring the same messages: the old one from the first on, the new one from ``joined_at``."""

    def __init__(self, sent: Sequence[Data], *, joined_at: int) -> None:
        self.sent = sent
        self.accepted: list[Data] = []
        self.handover = Handover()
        self.caught_up_at: int | None = None  # how many messages the old one had brought
        self.new = self.first = joined_at
        self.old = 0

    def bring_by_old(self) -> None:
        data = self.sent[self.old]
        self.old += 1
        if self.handover.is_under_way:
            self.accepted.extend(self.handover.news(data, is_new=False))
        else:
            self.handover.last[data.stream] = data
            self.accepted.append(data)

    def bring_by_new(self) -> None:
        data = self.sent[self.new]
        self.new += 1
        self.accepted.extend(self.handover.news(data, is_new=True))

    def begin(self) -> None:
        self.handover.begin(self._caught_up)

    def close_old(self) -> None:
        """The old connection brings no more, and the new one all that is left."""
        self.accepted.extend(self.handover.old_closed())
        while self.new < len(self.sent):
            self.bring_by_new()
        self.handover.end()

    def _caught_up(self) -> None:
        assert self.caught_up_at is None
        self.caught_up_at = self.old - 1


def play(overlap: Overlap, data: st.DataObject, *, before: int) -> None:
    """With any lag of either: the new one may be ahead, or behind. ``before`` are brought by the old one alone."""
    for _ in range(before):
        overlap.bring_by_old()
    overlap.begin()
    turns = data.draw(st.lists(st.booleans(), max_size=2 * len(overlap.sent)), label="turns")
    after = data.draw(st.integers(0, 5), label="brought by the old one after it has caught up")
    for by_new in turns:
        if by_new and overlap.new < len(overlap.sent):
            overlap.bring_by_new()
        elif not by_new and overlap.old < len(overlap.sent):
            if overlap.caught_up_at is not None:
                after -= 1
                if after < 0:
                    break
            overlap.bring_by_old()
    if overlap.caught_up_at is None:  # so it is not closed before it has brought everything
        while overlap.old < len(overlap.sent):
            overlap.bring_by_old()
    overlap.close_old()


def moments(sent: Sequence[Data]) -> st.SearchStrategy[int]:
    return st.integers(0, len(sent))


NAMES = st.sampled_from(["a", "b", "c"])
NUMBERED = st.lists(st.tuples(NAMES, st.integers(1, 5)), max_size=25).map(stream_of)
TIMED = st.lists(st.tuples(NAMES, st.integers(0, 1)), max_size=25).map(stream_of)


def of(stream: str, messages: Sequence[Data]) -> list[Data]:
    return [one for one in messages if one.stream == stream]


@given(NUMBERED, st.data())
def test_numbered_messages_are_each_taken_once_and_in_order(sent: list[Data], data: st.DataObject) -> None:
    overlap = Overlap(sent, joined_at=data.draw(moments(sent), label="joined at"))
    play(overlap, data, before=data.draw(moments(sent), label="before"))

    for stream in "abc":
        assert of(stream, overlap.accepted) == of(stream, sent)
    assert len(overlap.accepted) + overlap.handover.repeated == overlap.old + len(sent) - overlap.first


@given(TIMED, st.data())
def test_messages_of_one_time_are_each_taken_once_and_in_order(sent: list[Data], data: st.DataObject) -> None:
    """The new connection brings nothing here that the old one had brought before it was asked for.

    Of that only the last message of each stream is known.
    """
    before, joined_at = sorted(data.draw(st.tuples(moments(sent), moments(sent)), label="before, joined at"))
    overlap = Overlap(sent, joined_at=joined_at)
    play(overlap, data, before=before)

    for stream in "abc":
        assert of(stream, overlap.accepted) == of(stream, sent)


@given(NUMBERED | TIMED, st.data())
def test_the_old_connection_has_caught_up_only_when_it_has_brought_all_from_before_the_new_one(
    sent: list[Data], data: st.DataObject
) -> None:
    overlap = Overlap(sent, joined_at=data.draw(moments(sent), label="joined at"))
    play(overlap, data, before=data.draw(moments(sent), label="before"))

    if overlap.caught_up_at is not None:
        assert overlap.caught_up_at >= overlap.first


def ids(messages: Sequence[Data]) -> list[tuple[str, int]]:
    return [(one.stream, one.sequence) for one in messages]


def test_what_the_new_connection_is_ahead_waits_for_what_is_before_it() -> None:
    told: list[str] = []
    handover = Handover()
    handover.begin(lambda: told.append("caught up"))

    assert [handover.news(message("a", place), is_new=True) for place in (3, 4, 5)] == [(), (), ()]
    assert ids(handover.news(message("a", 2), is_new=False)) == [("a", 2)]
    assert ids(handover.news(message("a", 3), is_new=False)) == [("a", 3)]
    assert told == []
    assert ids(handover.news(message("a", 4), is_new=False)) == [("a", 4), ("a", 5)]
    assert told == ["caught up"]
    assert ids(handover.news(message("a", 5), is_new=False)) == []
    assert ids(handover.news(message("a", 6), is_new=True)) == [("a", 6)]
    assert handover.repeated == 3


def test_a_stream_that_the_new_connection_has_not_brought_stays_with_the_old_one() -> None:
    told: list[str] = []
    handover = Handover()
    handover.begin(lambda: told.append("caught up"))

    handover.news(message("a", 1), is_new=True)
    assert ids(handover.news(message("b", 9), is_new=False)) == [("b", 9)]
    assert told == []
    handover.news(message("a", 2), is_new=False)
    assert ids(handover.news(message("b", 10), is_new=False)) == [("b", 10)]
    assert told == ["caught up"]


def test_what_is_held_when_the_old_connection_is_closed_is_published_then() -> None:
    handover = Handover()
    handover.last["a"] = message("a", 1)
    handover.begin(lambda: None)
    for place in (1, 2):
        handover.news(message("a", place), is_new=True)

    assert ids(handover.old_closed()) == [("a", 2)]
    assert ids(handover.news(message("b", 5), is_new=True)) == [("b", 5)]
    assert handover.last["a"] == message("a", 2)


def test_when_too_much_is_held_the_new_connection_counts_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bowstring.venues.binance.handover.MAX_HELD", 2)
    handover = Handover()
    handover.begin(lambda: None)
    for place in (1, 2, 3):
        handover.news(message("a", place), is_new=True)

    for place in (1, 2, 3):
        assert ids(handover.news(message("a", place), is_new=False)) == [("a", place)]
    assert ids(handover.news(message("a", 4), is_new=False)) == [("a", 4)]
    assert ids(handover.news(message("a", 4), is_new=True)) == []


def test_a_later_handover_begins_anew() -> None:
    told: list[str] = []
    handover = Handover()
    handover.begin(lambda: told.append("first"))
    handover.news(message("a", 5), is_new=True)
    handover.old_closed()
    handover.end()
    handover.begin(lambda: told.append("second"))

    assert ids(handover.news(message("a", 6), is_new=False)) == [("a", 6)]
    assert told == []
    assert ids(handover.news(message("a", 6), is_new=True)) == []
    assert ids(handover.news(message("a", 7), is_new=False)) == [("a", 7)]
    assert told == ["second"]
    assert handover.newest == 2
