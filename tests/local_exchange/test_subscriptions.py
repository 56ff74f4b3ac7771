"""Control messages are answered in Binance's words."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert
from msgspec.json import encode

from bowstring.local_exchange.subscriptions import MAX_STREAMS, Subscriptions
from tests.local_exchange.traffic import json

METHODS = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"
NO_ID = "Invalid request: request ID must be an unsigned integer"
NO_NAME = "Invalid request: property name must be a string"
INVALID_STREAM = "Invalid request: invalid stream"


def ask(subscriptions: Subscriptions, method: str, params: Sequence[object] = ()) -> object:
    return json(subscriptions.answer(encode({"method": method, "params": params, "id": 7}).decode()))["result"]


def refusal(text: str) -> tuple[object, object, object]:
    """Code, message and id of the refusal that the text gets from a connection with one stream."""
    subscriptions = Subscriptions(["kept@trade"], combined=True)
    reply = json(subscriptions.answer(text))
    error = convert(reply["error"], dict[str, object])
    assert list(reply) == ["error", "id"]
    assert (list(subscriptions.streams), subscriptions.combined) == (["kept@trade"], True)
    return error["code"], error["msg"], reply["id"]


def test_a_subscription_is_answered_with_null_and_the_id() -> None:
    subscriptions = Subscriptions(combined=False)

    request = '{"method":"SUBSCRIBE","params":["btcusdt@aggTrade","btcusdt@depth"],"id":1}'
    assert subscriptions.answer(request) == b'{"result":null,"id":1}'
    assert list(subscriptions.streams) == ["btcusdt@aggTrade", "btcusdt@depth"]


def test_subscriptions_are_listed_in_their_order() -> None:
    subscriptions = Subscriptions(["b@trade"], combined=True)
    ask(subscriptions, "SUBSCRIBE", ["c@trade", "a@trade", "b@trade"])
    ask(subscriptions, "UNSUBSCRIBE", ["c@trade", "never@subscribed"])

    assert ask(subscriptions, "LIST_SUBSCRIPTIONS") == ["b@trade", "a@trade"]


def test_the_combined_property_is_set_and_read() -> None:
    subscriptions = Subscriptions(combined=False)

    assert ask(subscriptions, "GET_PROPERTY", ["combined"]) is False
    assert ask(subscriptions, "SET_PROPERTY", ["combined", True]) is None
    assert ask(subscriptions, "GET_PROPERTY", ["combined"]) is True
    assert subscriptions.combined


def test_only_stream_names_count_in_an_address() -> None:
    subscriptions = Subscriptions(["", "0", "btcusdt@trade", "!miniTicker@arr", "a listen key"], combined=False)

    assert list(subscriptions.streams) == ["btcusdt@trade", "!miniTicker@arr"]


@pytest.mark.parametrize("request_id", [0, -(2**63), 2**63 - 1, "1", "0123456789-0123456789-0123456789-012", None])
def test_ids_come_back_as_they_were(request_id: object) -> None:
    request = encode({"method": "LIST_SUBSCRIPTIONS", "id": request_id}).decode()

    assert json(Subscriptions(combined=True).answer(request)) == {"result": [], "id": request_id}


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ('"SET_PROPERTY","params":["loud",true]', 0, "Unknown property"),
        ('"GET_PROPERTY","params":["loud"]', 0, "Unknown property"),
        ('"SET_PROPERTY","params":["combined",1]', 1, "Invalid value type: expected Boolean"),
        ('"SET_PROPERTY","params":["combined"]', 1, "Invalid value type: expected Boolean"),
        ('"SET_PROPERTY","params":[true,true]', 2, NO_NAME),
        ('"GET_PROPERTY"', 2, NO_NAME),
        ('"GET_PROPERTY","params":["combined",true]', 2, "Invalid request: too many parameters"),
        ('"SUBSCRIBE","params":["btcusdt trade"]', 2, INVALID_STREAM),
        ('"SUBSCRIBE","params":["a@trade",1]', 2, INVALID_STREAM),
        ('"SUBSCRIBE","params":[]', 2, INVALID_STREAM),
        ('"SUBSCRIBE"', 2, INVALID_STREAM),
        ('"SUBSCRIBE","params":"a@trade"', 2, "Invalid request: params must be an array"),
        (
            '"SUBSCRIBES"',
            2,
            f"Invalid request: unknown variant `SUBSCRIBES`, expected one of {METHODS} at line 1 column 30",
        ),
    ],
)
def test_refusals_have_binances_codes_and_change_nothing(params: str, code: int, message: str) -> None:
    assert refusal(f'{{"method":{params},"id":3}}') == (code, message, 3)


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", 3, "Invalid JSON: expected value at line 1 column 0"),
        ("hello", 3, "Invalid JSON: expected value at line 1 column 1"),
        ('{"id":1,}', 3, "Invalid JSON: expected value at line 1 column 9"),
        ("[]", 2, "Invalid request: expected an object"),
        ('{"method":"LIST_SUBSCRIPTIONS"}', 2, NO_ID),
        ('{"method":"LIST_SUBSCRIPTIONS","id":true}', 2, NO_ID),
        ('{"method":"LIST_SUBSCRIPTIONS","id":1.5}', 2, NO_ID),
        ('{"method":"LIST_SUBSCRIPTIONS","id":9223372036854775808}', 2, NO_ID),
        (f'{{"method":"LIST_SUBSCRIPTIONS","id":"{"x" * 37}"}}', 2, NO_ID),
    ],
)
def test_what_has_no_valid_id_is_refused_with_none(text: str, code: int, message: str) -> None:
    assert refusal(text) == (code, message, None)


def test_a_request_without_a_method_is_refused() -> None:
    assert refusal('{"id":5}') == (2, "Invalid request: missing field `method` at line 1 column 8", 5)


def test_a_connection_carries_1024_streams_and_no_more() -> None:
    subscriptions = Subscriptions(combined=True)
    ask(subscriptions, "SUBSCRIBE", [f"s{number}@trade" for number in range(MAX_STREAMS)])

    reply = subscriptions.answer('{"method":"SUBSCRIBE","params":["one@more"],"id":1}')
    assert reply == b'{"error":{"code":4,"msg":"Too many subscriptions"},"id":1}'
    assert len(subscriptions.streams) == MAX_STREAMS


streams = st.lists(st.sampled_from(["a@trade", "b@trade", "c@depth@100ms", "!ticker@arr"]), min_size=1)


@given(st.lists(st.tuples(st.sampled_from(["SUBSCRIBE", "UNSUBSCRIBE"]), streams)))
def test_the_list_is_what_was_subscribed_and_not_unsubscribed(requests: list[tuple[str, list[str]]]) -> None:
    subscriptions, expected = Subscriptions(combined=True), set[str]()
    for method, names in requests:
        ask(subscriptions, method, names)
        expected = expected | set(names) if method == "SUBSCRIBE" else expected - set(names)

    assert set(subscriptions.streams) == expected


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
hostile_requests = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(METHODS.replace("`", "").split(", ")) | json_values,
        "params": st.lists(json_values) | json_values,
        "id": json_values,
    },
).map(lambda request: encode(request).decode())


@given(st.text() | hostile_requests)
def test_any_text_gets_one_result_or_one_error(text: str) -> None:
    reply = json(Subscriptions(combined=True).answer(text))

    assert list(reply) in (["result", "id"], ["error", "id"])
