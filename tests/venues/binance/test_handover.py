"""Connections that overlap tell the stream as one: whatever the lag of any, wherever the next one joins."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.market.events import Trade
from bowstring.venues.binance.handover import Handover
from bowstring.venues.binance.wire import Data

STREAMS = ("a", "b", "c")


def message(stream: str, sequence: int, number: int = 0) -> Data:
    """The one of that number at its place."""
    event = Trade(
        venue="v", symbol=stream, price=Decimal(1), quantity=Decimal(1), side="buy", trade_id=f"{sequence}.{number}"
    )
    return Data(stream, event, sequence)


def stream_of(name: str, steps: Sequence[int]) -> list[Data]:
    """What the venue sends of a stream: messages that are each so much further in it than the one before."""
    sequence, number = 10, -1
    sent: list[Data] = []
    for step in steps:
        sequence, number = sequence + step, 0 if step else number + 1
        sent.append(message(name, sequence, number))
    return sent


class Connection:
    """Brings each stream from where it joined on, in order; what it brings of another has nothing to do with that."""

    def __init__(self, joined: Mapping[str, int], *, number: int = 0) -> None:
        self.joined = joined
        self.number = number
        self.at = dict(joined)


class World:
    """A venue, and connections to it that follow one another."""

    def __init__(self, sent: Mapping[str, Sequence[Data]], *, is_prompt: bool) -> None:
        self.sent = sent
        self.is_prompt = is_prompt  # whether the old connection is closed as soon as it has caught up
        self.published: dict[str, list[int]] = {stream: [] for stream in sent}  # their numbers in ``sent``
        self.brought = 0
        self.lost = 0
        self.handover = Handover(sent)
        self.old = Connection(dict.fromkeys(sent, 0))
        self.new: Connection | None = None
        self.heard: set[str] | None = None  # the streams that had spoken when the old connection had caught up

    def begin(self, ahead: Sequence[int]) -> None:
        """The new connection joins each stream so far ahead of the old one."""
        joined = {stream: self.old.at[stream] + one for stream, one in zip(self.sent, ahead, strict=True)}
        joined = {stream: max(0, min(at, len(self.sent[stream]))) for stream, at in joined.items()}
        self.heard = None
        self.handover.begin(self._caught_up)
        self.new = Connection(joined, number=self.handover.newest)

    def bring(self, stream: str, *, by_new: bool) -> None:
        connection = self.new if by_new else self.old
        if connection is None or connection.at[stream] == len(self.sent[stream]):
            return
        data = self.sent[stream][connection.at[stream]]
        connection.at[stream] += 1
        self.brought += 1
        is_new = connection.number == self.handover.newest
        if is_new and stream not in self.handover.pending:  # as `news` would have it
            self.handover.last[stream] = data
            self._publish([data])
        else:
            self._publish(self.handover.news(data, is_new=is_new))
        if self.is_prompt and self.heard is not None:
            self.close_old()

    def close_old(self) -> None:
        """As when it has caught up, or at the limit."""
        if self.new is None:
            return
        for stream, published in self.published.items():
            missed = {*range(self.old.at[stream], self.new.joined[stream])} - {*published}
            assert not missed or self.heard is None or stream not in self.heard
            self.lost += len(missed)
        self._publish(self.handover.old_closed())
        self.old, self.new = self.new, None

    def _publish(self, messages: Sequence[Data]) -> None:
        for one in messages:
            self.published[one.stream].append(self.sent[one.stream].index(one))

    def _caught_up(self) -> None:
        assert self.new is not None
        if self.heard is None:
            self.heard = {
                stream
                for stream, published in self.published.items()
                if published or self.new.at[stream] > self.new.joined[stream]
            }


class Change(NamedTuple):
    """Of the connection: first the old one brings some messages, then both, each named by its stream."""

    alone: list[str]
    ahead: list[int]  # in each stream
    fails: bool  # whether there is no new one after all
    together: list[tuple[str, bool]]  # and whether the new one brings it


def changes(*, least_ahead: int) -> st.SearchStrategy[list[Change]]:
    names = st.sampled_from(STREAMS)
    ahead = st.lists(st.integers(least_ahead, 3), min_size=len(STREAMS), max_size=len(STREAMS))
    fails = st.sampled_from([False, False, False, True])
    together = st.lists(st.tuples(names, st.booleans()), max_size=25)
    return st.lists(st.builds(Change, st.lists(names, max_size=8), ahead, fails, together), min_size=1, max_size=3)


def play(world: World, changes: Sequence[Change]) -> None:
    for change in changes:
        for stream in change.alone:
            world.bring(stream, by_new=False)
        world.begin(change.ahead)
        if change.fails:
            world.new = None
        for stream, by_new in change.together:
            world.bring(stream, by_new=by_new)
        world.close_old()
    for stream, sent in world.sent.items():
        for _ in sent:
            world.bring(stream, by_new=False)


def check(world: World) -> None:
    """Each message is published once and in order; missing is at most what no connection brought."""
    missing = 0
    for stream, published in world.published.items():
        assert all(before < after for before, after in pairwise(published))
        missing += len(world.sent[stream]) - len(published)
    assert missing <= world.lost
    assert sum(map(len, world.published.values())) + world.handover.repeated == world.brought


def venue(steps: st.SearchStrategy[int]) -> st.SearchStrategy[dict[str, list[Data]]]:
    lists = st.lists(steps, max_size=12)
    return st.fixed_dictionaries({name: lists.map(partial(stream_of, name)) for name in STREAMS})


@given(venue(st.integers(1, 5)), changes(least_ahead=-4), st.booleans())
def test_numbered_messages_are_each_published_once_and_in_order(
    sent: dict[str, list[Data]], changes: list[Change], is_prompt: bool
) -> None:
    world = World(sent, is_prompt=is_prompt)
    play(world, changes)

    check(world)


@given(venue(st.integers(0, 1)), changes(least_ahead=0), st.booleans())
def test_messages_of_one_time_are_each_published_once_and_in_order(
    sent: dict[str, list[Data]], changes: list[Change], is_prompt: bool
) -> None:
    """The new connection brings nothing here that the old one had brought before it was asked for.

    Of that only the last message of each stream is known.
    """
    world = World(sent, is_prompt=is_prompt)
    play(world, changes)

    check(world)


# One by one


class Two:
    """A handover that is under way, by what each connection brings."""

    def __init__(self, **published: int) -> None:
        self.told: list[str] = []
        self.handover = Handover(STREAMS)
        for stream, place in published.items():
            self.handover.news(message(stream, place), is_new=True)
        self.begin()

    def begin(self) -> None:
        self.told.clear()
        self.handover.begin(lambda: self.told.append("caught up"))

    def old(self, stream: str, *places: int) -> list[tuple[str, int]]:
        return self._bring(stream, places, is_new=False)

    def new(self, stream: str, *places: int) -> list[tuple[str, int]]:
        return self._bring(stream, places, is_new=True)

    def close(self) -> list[tuple[str, int]]:
        return ids(self.handover.old_closed())

    def _bring(self, stream: str, places: Sequence[int], *, is_new: bool) -> list[tuple[str, int]]:
        return [one for place in places for one in ids(self.handover.news(message(stream, place), is_new=is_new))]


def ids(messages: Sequence[Data]) -> list[tuple[str, int]]:
    return [(one.stream, one.sequence) for one in messages]


def test_what_the_new_connection_is_ahead_waits_for_what_is_before_it() -> None:
    two = Two()

    assert two.new("a", 3, 4, 5) == []
    assert two.old("a", 2) == [("a", 2)]
    assert two.told == []
    assert two.old("a", 3) == [("a", 3), ("a", 4), ("a", 5)]
    assert two.told == ["caught up"]
    assert two.old("a", 4, 5) == []
    assert two.new("a", 6) == [("a", 6)]
    assert two.handover.repeated == 3


def test_a_new_connection_that_is_behind_is_known_to_have_joined_in_time_by_its_first_message() -> None:
    two = Two(a=5)

    assert two.new("a", 4) == []
    assert two.told == ["caught up"]
    assert two.new("a", 5, 6) == [("a", 6)]


def test_the_old_connection_stays_until_every_stream_that_has_spoken_has_gone_over() -> None:
    two = Two(a=1, b=1)
    told: list[list[str]] = []
    for bring, stream, place in [
        (two.new, "a", 1),
        (two.new, "c", 7),  # never heard of before
        (two.new, "b", 3),
        (two.old, "b", 2),
        (two.old, "b", 3),
        (two.old, "c", 7),
    ]:
        bring(stream, place)
        told.append(two.told.copy())

    assert told == [[], [], [], [], [], ["caught up"]]


def test_what_is_silent_from_the_beginning_is_not_waited_for() -> None:
    two = Two(a=1)
    two.new("a", 1)

    assert two.told == ["caught up"]


def test_a_stream_that_the_new_connection_has_not_brought_stays_with_the_old_one() -> None:
    two = Two(b=8)
    two.new("a", 1)

    assert two.old("b", 9) == [("b", 9)]
    assert two.old("a", 1) == [("a", 1)]
    assert two.old("b", 10) == [("b", 10)]
    assert two.told == []


def test_what_is_held_when_the_old_connection_is_closed_is_published_then() -> None:
    two = Two(a=1)
    two.new("a", 3, 4)

    assert two.close() == [("a", 3), ("a", 4)]
    assert two.new("b", 5) == [("b", 5)]
    assert two.handover.last["a"] == message("a", 4)
    assert two.old("a", 2) == []


def test_what_the_old_connection_has_brought_is_known_until_the_new_one_is_past_it() -> None:
    two = Two(a=1)
    two.old("a", 8, 9)
    two.close()

    assert two.new("a", 6, 7, 8, 9) == []
    assert "a" in two.handover.pending
    assert two.new("a", 10) == [("a", 10)]
    assert "a" not in two.handover.pending
    assert two.handover.repeated == 4


def test_messages_of_one_time_are_told_apart_by_what_they_say() -> None:
    handover = Handover(STREAMS)
    first, second, third = (message("a", 5, number) for number in range(3))
    handover.begin(lambda: None)

    assert handover.news(third, is_new=True) == []
    assert handover.news(first, is_new=False) == [first]
    assert handover.news(second, is_new=False) == [second]
    handover.old_closed()
    handover.begin(lambda: None)  # before the one that is old now has passed their time
    for number, one in enumerate((first, second, third)):
        assert not handover.news(one, is_new=False), number
        assert not handover.news(one, is_new=True), number


def test_it_is_known_over_a_second_handover_too() -> None:
    two = Two(a=1)
    two.old("a", 9)
    two.close()
    two.new("a", 5)  # so much is it behind
    two.begin()

    assert two.old("a", 6, 7, 8, 9) == []
    assert two.new("a", 9) == []
    assert two.told == ["caught up"]
    assert two.new("a", 10) == [("a", 10)]


def test_without_a_new_connection_all_stays_with_the_old_one() -> None:
    two = Two(a=1)

    assert two.old("a", 2, 3) == [("a", 2), ("a", 3)]
    two.begin()
    assert two.old("a", 4) == [("a", 4)]
    assert two.new("a", 4, 5) == [("a", 5)]


def test_when_too_much_is_held_the_new_connection_counts_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bowstring.venues.binance.handover.MAX_HELD", 2)
    two = Two()
    two.new("a", 1, 2, 3, 4)

    assert two.old("a", 1, 2) == [("a", 1), ("a", 2)]
    assert two.told == []
    assert two.old("a", 3) == [("a", 3), ("a", 4)]
    assert two.told == ["caught up"]


def test_what_has_gone_over_makes_room_for_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bowstring.venues.binance.handover.MAX_HELD", 2)
    two = Two()
    two.new("a", 1)
    two.old("a", 1)
    two.new("b", 1, 2)

    assert two.old("b", 1) == [("b", 1), ("b", 2)]


def test_what_a_connection_brought_that_failed_takes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bowstring.venues.binance.handover.MAX_HELD", 2)
    two = Two()
    two.new("a", 1)
    two.begin()
    two.new("b", 1, 2)

    assert two.old("b", 1) == [("b", 1), ("b", 2)]


def test_a_later_handover_begins_anew() -> None:
    two = Two()
    two.new("a", 5)
    two.close()
    two.begin()

    assert two.old("a", 6) == [("a", 6)]
    assert two.told == []
    assert two.new("a", 6) == []
    assert two.told == ["caught up"]
    assert two.old("a", 7) == []
    assert two.new("a", 7) == [("a", 7)]
    assert two.handover.newest == 2
