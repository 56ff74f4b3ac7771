import re
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw, msgpack

from bowstring.core.codec import decode, encode
from bowstring.core.errors import BadMessage, PublishError, WiringError
from bowstring.core.messages import Action, CollectorUp, Event, Message
from bowstring.market.events import MarketEvent, Quote
from bowstring.trading.messages import PlaceOrder, TimeInForce


class Beacon(Event, frozen=True, kw_only=True):
    """A user's own event, with whatever a user may put in."""

    strength: float = 0.0
    tags: frozenset[str] = frozenset()
    levels: tuple[tuple[Decimal, Decimal], ...] = ()
    note: object = None


class Renamed(Event, frozen=True, tag="beacon.v2"):
    """An event that goes by another name than its class's."""


NUMBERS = st.integers(0, 2**63 - 1)
ENVELOPES = {"seq": NUMBERS, "cause": NUMBERS, "received_ns": NUMBERS, "depth": NUMBERS}
TEXT = st.text(max_size=5)
MONEY = st.decimals(allow_nan=False, allow_infinity=False)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(
        Quote,
        venue=TEXT,
        symbol=TEXT,
        bid=MONEY,
        bid_quantity=MONEY,
        ask=MONEY,
        ask_quantity=MONEY,
        time_ns=NUMBERS,
        **ENVELOPES,
    ),
    st.builds(
        PlaceOrder,
        symbol=TEXT,
        venue=TEXT,
        client_order_id=TEXT,
        side=st.sampled_from(["buy", "sell"]),
        quantity=MONEY,
        price=MONEY,
        time_in_force=st.sampled_from(get_args(TimeInForce)),
        post_only=st.booleans(),
        valid_for_s=st.floats(0, 1e9),
        strategy=TEXT,
        **ENVELOPES,
    ),
    st.builds(
        Beacon,
        strength=st.floats(allow_nan=False),
        tags=st.frozensets(TEXT, max_size=1),
        levels=st.lists(st.tuples(MONEY, MONEY), max_size=3).map(tuple),
        note=st.none() | st.booleans() | TEXT | st.lists(st.integers(-(2**63), 2**63), max_size=3),
        **ENVELOPES,
    ),
    st.builds(Renamed, **ENVELOPES),
)


@given(MESSAGES)
def test_a_message_comes_back_as_it_was_with_its_envelope(message: Message) -> None:
    kind = Event if isinstance(message, Event) else Action

    again = decode(encode(message), kind)

    assert type(again) is type(message)
    assert repr(again) == repr(message)  # to the last zero of each Decimal


def test_a_part_of_other_bytes_is_decoded_in_place() -> None:
    part = msgpack.decode(msgpack.encode([Renamed()]), type=list[Raw])[0]

    assert decode(part, Event) == Renamed()


def test_only_the_classes_asked_for_are_found() -> None:
    up = encode(CollectorUp(collector="feed"))

    assert decode(up, CollectorUp) == CollectorUp(collector="feed")
    with pytest.raises(BadMessage, match="no MarketEvent goes by 'CollectorUp' here: import the module"):
        decode(up, MarketEvent)
    with pytest.raises(BadMessage, match="no Action goes by 'CollectorUp'"):
        decode(up, Action)


def test_two_classes_of_one_name_are_an_error_that_names_both() -> None:
    class Twin(Action, frozen=True):
        pass

    def other() -> type[Action]:
        class Twin(Action, frozen=True):
            pass

        return Twin

    twins: list[type[Action]] = [Twin, other()]
    names = [f"{__name__}.{cls.__qualname__}" for cls in twins]
    with pytest.raises(WiringError, match=re.escape(" and ".join(sorted(names)) + " both go by 'Twin'")):
        decode(encode(Twin()), Action)


@pytest.mark.parametrize("value", [object(), 2**64, 1j, "\ud800"])
def test_what_has_no_form_in_bytes_is_refused_with_the_name_of_the_message(value: object) -> None:
    with pytest.raises(PublishError, match=r"^Beacon cannot be encoded: "):
        encode(Beacon(note=value))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "^Event: Input data was truncated"),
        (b"\x80", "^no Event goes by None"),
        (b"\x82\xa1x" + b"\x91" * 100_000, "^Event: maximum recursion depth exceeded"),
        (
            msgpack.encode({"event_type": "Quote", "venue": 1}),
            r"^Event Quote: Expected `str`, got `int` - at `\$.venue`",
        ),
        (encode(Renamed())[:-1], "^Event: Input data was truncated"),
    ],
)
def test_bytes_that_are_no_message_are_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(BadMessage, match=reason):
        decode(data, Event)


@given(MESSAGES, st.data())
def test_damaged_bytes_give_a_message_or_a_typed_error(message: Message, data: st.DataObject) -> None:
    damaged = bytearray(encode(message))
    for at in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=5)):
        damaged[at] = data.draw(st.integers(0, 255))

    try:
        again = decode(bytes(damaged), Message)
    except BadMessage:
        return
    assert isinstance(again, Message)
