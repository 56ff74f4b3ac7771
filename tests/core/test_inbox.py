"""Tests of the inbox: with its real bounds, and with small ones against a plain list."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import force_setattr

from bowstring.core import inbox as module
from bowstring.core.inbox import LOSSLESS_CAPACITY, MARKET_CAPACITY, Inbox
from bowstring.core.messages import Event, Lagged
from tests.core.bots import Level, Print, Tick

SMALL = 3


def numbered(event: Event, seq: int) -> Event:
    force_setattr(event, "seq", seq)
    return event


def taken(inbox: Inbox) -> Iterator[int]:
    while len(inbox):
        yield inbox.take()[0].seq


def test_events_come_out_in_their_order_whatever_their_class() -> None:
    inbox = Inbox()
    for seq, event in enumerate((Print(), Tick(), Level(), Tick(), Print()), start=1):
        inbox.put(numbered(event, seq), ())

    assert list(taken(inbox)) == [1, 2, 3, 4, 5]


def test_an_event_comes_out_with_the_handlers_that_it_is_for() -> None:
    inbox = Inbox()
    tick = numbered(Tick(), 1)
    inbox.put(tick, (print, repr))

    assert inbox.take() == (tick, (print, repr))


def test_nothing_comes_out_of_an_empty_inbox() -> None:
    with pytest.raises(IndexError):
        Inbox().take()


def test_the_latest_of_a_key_replaces_the_one_before_at_the_tail() -> None:
    inbox = Inbox()
    events = [Level(symbol="a"), Level(symbol="b"), Print(), Level(symbol="a")]
    for seq, event in enumerate(events, start=1):
        inbox.put(numbered(event, seq), ())

    assert list(taken(inbox)) == [2, 3, 4]
    assert (inbox.conflated, inbox.dropped) == (1, 0)


def test_a_key_that_is_a_number_is_not_taken_for_the_place_of_another_event() -> None:
    class Numbered(Level, frozen=True, kw_only=True):
        def conflation_key(self) -> int:
            return self.n

    inbox = Inbox()
    for seq, event in enumerate((Print(), Numbered(n=1), Numbered(n=4), Print()), start=1):
        inbox.put(numbered(event, seq), ())

    assert list(taken(inbox)) == [1, 2, 3, 4]
    assert inbox.conflated == 0


def test_a_full_inbox_takes_no_lossless_event_and_keeps_all_that_wait() -> None:
    inbox = Inbox()

    assert all(inbox.put(numbered(Tick(), seq), ()) for seq in range(LOSSLESS_CAPACITY))
    assert not inbox.put(numbered(Tick(), LOSSLESS_CAPACITY), ())
    assert list(taken(inbox)) == list(range(LOSSLESS_CAPACITY))
    assert inbox.dropped == 0


def test_market_data_leaves_the_room_of_lossless_events_alone() -> None:
    inbox = Inbox()
    for seq in range(MARKET_CAPACITY + 10):
        inbox.put(numbered(Print(), seq), ())

    assert inbox.put(numbered(Tick(), MARKET_CAPACITY + 10), ())
    assert len(inbox) == MARKET_CAPACITY + 1


def test_the_oldest_market_data_goes_and_is_told_once() -> None:
    inbox = Inbox()
    for seq in range(1, MARKET_CAPACITY + 4):
        inbox.put(numbered(Print(), seq), ())

    assert inbox.take_lag() == Lagged(count=3, first=1, last=3)
    assert inbox.take_lag() is None
    assert next(taken(inbox)) == 4
    assert inbox.dropped == 3


def test_replacing_an_event_in_a_full_inbox_drops_none() -> None:
    inbox = Inbox()
    for seq in range(1, MARKET_CAPACITY + 1):
        inbox.put(numbered(Level(symbol=str(seq)), seq), ())
    inbox.put(numbered(Level(symbol="5"), MARKET_CAPACITY + 1), ())

    assert (inbox.conflated, inbox.dropped, len(inbox)) == (1, 0, MARKET_CAPACITY)


class InboxMachine(RuleBasedStateMachine):
    """An inbox of three, against a list."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(module, "LOSSLESS_CAPACITY", SMALL)
        self.patch.setattr(module, "MARKET_CAPACITY", SMALL)
        self.inbox = Inbox()
        self.model: list[Event] = []
        self.lost: list[int] = []
        self.seq = self.conflated = self.dropped = 0

    @property
    def market(self) -> list[Event]:
        return [event for event in self.model if event.delivery != "lossless"]

    @rule(event=st.builds(Tick) | st.builds(Print) | st.builds(Level, symbol=st.sampled_from("ab")))
    def put(self, event: Event) -> None:
        self.seq += 1
        numbered(event, self.seq)
        has_room = event.delivery != "lossless" or len(self.model) - len(self.market) < SMALL

        assert self.inbox.put(event, ()) == has_room
        if has_room:
            self.make_room(event)
            self.model.append(event)

    def make_room(self, event: Event) -> None:
        same = [old for old in self.market if isinstance(event, Level) and old.conflation_key() == event.symbol]
        if same:
            self.conflated += 1
            self.model.remove(same[0])
        elif event.delivery != "lossless" and len(self.market) == SMALL:
            self.dropped += 1
            self.lost.append(self.market[0].seq)
            self.model.remove(self.market[0])

    @precondition(lambda self: self.model)
    @rule()
    def take(self) -> None:
        assert self.inbox.take()[0] is self.model.pop(0)

    @rule()
    def take_lag(self) -> None:
        expected = Lagged(count=len(self.lost), first=self.lost[0], last=self.lost[-1]) if self.lost else None
        self.lost = []

        assert self.inbox.take_lag() == expected

    @invariant()
    def counts_are_exact(self) -> None:
        assert len(self.inbox) == len(self.model)
        assert (self.inbox.conflated, self.inbox.dropped) == (self.conflated, self.dropped)

    def teardown(self) -> None:
        self.patch.undo()


TestInboxMachine = InboxMachine.TestCase
TestInboxMachine.settings = settings(stateful_step_count=30)
