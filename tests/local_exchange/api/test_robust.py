"""Whatever is sent, the answer is a documented one: never an error of the server, never a dropped connection."""

from collections.abc import Coroutine
from typing import Any
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.json import decode, encode

from bowstring.local_exchange.api.conversation import Conversation
from bowstring.local_exchange.api.endpoints import BY_METHOD, ENDPOINTS, LEGACY
from bowstring.local_exchange.api.limits import UNLIMITED
from bowstring.local_exchange.api.rest import Received
from tests.local_exchange.api.floor import LIMIT_BUY, NOW_US, Floor, Json, key

DOCUMENTED = {
    *(-1013, -1015, -1020, -1021, -1022),
    *(-1100, -1101, -1102, -1104, -1105, -1106, -1111, -1115, -1116, -1117, -1120, -1121, -1122, -1125, -1127, -1128),
    *(-1130, -1131, -1134, -1135, -1139, -1145, -1151, -1194, -1220),
    *(-2010, -2011, -2013, -2014, -2015, -2021, -2022, -2035, -2036, -2039, -4056),
}
NAMES = sorted({name for one in (*ENDPOINTS, *LEGACY) for name in one.parameters or ()} | {"subscriptionId", "foo"})
TEXTS = st.one_of(
    st.sampled_from(["BTCUSDT", "ETHUSDT", "X", "1", "0", "0.01", "60000", "BUY", "SELL", "LIMIT", "MARKET", "GTC"]),
    st.sampled_from(["IOC", "FOK", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "true", "1m", "1M", "1d", "NONE", "DECREMENT"]),
    st.sampled_from(['["BTCUSDT"]', "ALLOW_FAILURE", "STOP_ON_FAILURE", "CANCEL_ONLY", "8", "59000", "62000", "FULL"]),
    st.integers(0, 10**20).map(str),
    st.decimals(0, 10**12, places=8).map(str),
    st.text(max_size=40),
)
JSON: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=5), some, max_size=3),
    max_leaves=5,
)
ORDER = {**LIMIT_BUY, "newClientOrderId": "fuzz"}


def floor() -> Floor:
    """A floor with prices, a book, and a stop."""
    one = Floor(UNLIMITED, legacy=True)
    one.trade()
    for price, side in (("59000", "BUY"), ("61000", "SELL")):
        for name in ("alice", "bob"):
            one.ask("order.place", name, **LIMIT_BUY | {"price": price, "side": side, "newClientOrderId": side})
    return one


class Collecting:
    """The line of a client that is served in memory."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, text: bytes) -> None:
        self.sent.append(text)

    def end(self, code: int, reason: str) -> None:
        raise AssertionError(reason)

    def abort(self) -> None:
        raise AssertionError


def spawn(task: Coroutine[None, None, None]) -> None:
    """There are no faults, so nothing is delayed."""
    raise AssertionError(task)


class Client:
    """Alice, logged on over the WebSocket API, and over REST."""

    def __init__(self) -> None:
        self.floor, self.line = floor(), Collecting()
        self.conversation = Conversation(self.line, service=self.floor.service, address="here", spawn=spawn)
        self.conversation.session.key = self.floor.keyring.key(key("alice", "Ed"), permission=None)

    def frame(self, data: str | bytes) -> Json:
        """The reply to a frame."""
        self.line.sent.clear()
        self.conversation.receive(data)
        (reply,) = [one for one in (decode(one, type=Json) for one in self.line.sent) if "event" not in one]
        return reply

    def request(self, method: str, target: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
        """The answer to a request."""
        received = Received(method=method, target=target, headers=headers, body=body, address="here", time_us=NOW_US)
        serving = self.floor.rest.answer(received)
        try:
            serving.send(None)
        except StopIteration as done:
            answer = done.value
            return answer.status, decode(answer.body) if answer.status != 404 else None
        raise AssertionError("it waits")


def is_documented(status: int, content: Json) -> bool:
    """Whether status and code of a refusal are."""
    return status in (400, 401, 409) and content["code"] in DOCUMENTED and bool(content["msg"])


@given(data=st.binary() | st.text() | JSON.map(encode))
def test_any_frame_is_answered(data: str | bytes) -> None:
    reply = Client().frame(data)

    assert reply["status"] == 200 or is_documented(reply["status"], reply["error"]), reply


@settings(max_examples=400)
@given(
    method=st.sampled_from(sorted(BY_METHOD)),
    order=st.sampled_from([{}, ORDER, {"symbol": "BTCUSDT"}, {"symbol": "BTCUSDT", "orderId": 3}]),
    params=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=5),
)
def test_any_parameters_of_any_method_are_answered(method: str, order: Json, params: Json) -> None:
    client = Client()
    timed = {"timestamp": NOW_US} if BY_METHOD[method].is_signed else {}
    request = {"id": 5, "method": method, "params": timed | order | params}
    reply = client.frame(encode(request))

    assert reply["id"] == 5
    assert reply["status"] == 200 or is_documented(reply["status"], reply["error"]), reply


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    path=st.sampled_from(sorted({one.rest[1] for one in (*ENDPOINTS, *LEGACY) if one.rest})),
    query=st.text("abcsymbol=&%+1 BTCUSDTé\udc80", max_size=60),
    body=st.binary(max_size=60),
    unit=st.sampled_from(["MILLISECOND", "x"]),
)
def test_any_bytes_over_rest_are_answered(method: str, path: str, query: str, body: bytes, unit: str) -> None:
    headers = {"X-MBX-APIKEY": key("alice", "Hmac"), "X-MBX-TIME-UNIT": unit}
    status, content = Client().request(method, f"{path}?{query}", body, **headers)

    assert status in (200, 404) or is_documented(status, content), content


@settings(max_examples=300)
@given(
    endpoint=st.sampled_from([one for one in ENDPOINTS if one.rest and not one.is_signed]),
    symbol=st.booleans(),
    params=st.dictionaries(st.sampled_from(NAMES), TEXTS, max_size=4),
)
def test_any_parameters_of_what_is_public_are_answered(endpoint: Any, symbol: bool, params: dict[str, str]) -> None:
    query = urlencode({**({"symbol": "BTCUSDT", "interval": "1h"} if symbol else {}), **params})
    method, path = endpoint.rest
    status, content = Client().request(method, f"{path}?{query}")

    assert status == 200 or is_documented(status, content), content
