"""Tests of what every message has."""

import msgspec
import pytest

from bowstring.core.messages import ActionClosed, ActionRefused
from tests.core.bots import Do, Level, Print, Risk, Tick


def test_a_message_is_unpublished_until_the_queue_stamps_it() -> None:
    assert (Tick().seq, Tick().cause, Tick().received_ns, Tick().depth) == (0, 0, 0, 0)


def test_a_message_cannot_be_changed_by_who_gets_it() -> None:
    with pytest.raises(AttributeError):
        Tick().n = 1  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]  # that is the test


def test_messages_say_their_type_when_encoded() -> None:
    assert msgspec.json.decode(msgspec.json.encode(Tick()))["event_type"] == "Tick"
    assert msgspec.json.decode(msgspec.json.encode(Do()))["action_type"] == "Do"


@pytest.mark.parametrize("message", [Tick(n=1), Print(n=2), Level(symbol="a")])
def test_events_come_back_from_their_encoding_as_they_were(message: Tick | Print | Level) -> None:
    assert msgspec.json.decode(msgspec.json.encode(message), type=Tick | Print | Level) == message


def test_an_event_is_lossless_unless_its_type_says_otherwise() -> None:
    assert [event.delivery for event in (Tick(), Level(), Print())] == ["lossless", "latest", "recent"]


def test_an_event_replaces_those_of_its_own_type_unless_its_type_says_otherwise() -> None:
    assert Tick(n=1).conflation_key() == Tick(n=2).conflation_key() != Print().conflation_key()


def test_an_action_adds_no_risk_and_has_nothing_to_tell_when_refused_unless_its_type_says_otherwise() -> None:
    refused: ActionClosed = ActionRefused(strategy="bot", action=1, action_type="Do", by="judge")

    assert not Do().adds_risk
    assert Risk().adds_risk
    assert list(Do().closed_unexecuted(refused)) == []
