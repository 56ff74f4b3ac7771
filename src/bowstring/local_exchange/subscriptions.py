"""What one websocket client has subscribed to, and the answers to its control messages. Pure: no I/O.

The rules are Binance's (web-socket-streams.md, "Live Subscribing/Unsubscribing to streams"); errors come nested in
``error`` beside the request's id, as the real servers send them.
"""

import re
from collections.abc import Callable, Iterable

from msgspec import DecodeError, ValidationError, convert
from msgspec.json import decode, encode

MAX_STREAMS = 1024
_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_STREAM = re.compile(r"!\w+|!?\w+(@[\w+:]+)+")  # !serverShutdown, !ticker_1h@arr, btcusdt@kline_1d@+08:00


class _Refusal(Exception):
    """What is wrong with a request, with Binance's code for it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Subscriptions:
    """The streams of one connection, and whether frames go out combined or raw.

    ``streams`` are those named in the address; what is no stream name there is ignored, as in ``/ws/0``. A listen key,
    which ``is_listen_key`` knows, is as good as one.
    """

    def __init__(
        self, streams: Iterable[str] = (), *, combined: bool, is_listen_key: Callable[[str], bool] | None = None
    ) -> None:
        self._is_listen_key = is_listen_key
        self.streams = {stream: None for stream in streams if self._is_stream(stream)}
        self.combined = combined

    def answer(self, text: str) -> bytes:
        """Carry out one control message and return the reply."""
        request_id: object = None
        try:
            request = _parse(text)
            request_id = _id(request)
            return encode({"result": self._carry_out(request, text=text), "id": request_id})
        except _Refusal as refusal:
            return encode({"error": {"code": refusal.code, "msg": str(refusal)}, "id": request_id})

    def _carry_out(self, request: dict[str, object], *, text: str) -> object:
        if "method" not in request:
            raise _Refusal(2, f"Invalid request: missing field `method` at line 1 column {len(text)}")
        match request["method"]:
            case "SUBSCRIBE":
                self._subscribe(self._named(request))
            case "UNSUBSCRIBE":
                self._unsubscribe(self._named(request))
            case "SET_PROPERTY":
                self._set(_property(request, parameters=2))
            case "GET_PROPERTY":
                _property(request, parameters=1)
                return self.combined
            case "LIST_SUBSCRIPTIONS":
                return list(self.streams)
            case unknown:
                expected = ", ".join(f"`{method}`" for method in _METHODS)
                where = f"at line 1 column {len(text)}"
                raise _Refusal(2, f"Invalid request: unknown variant `{unknown}`, expected one of {expected} {where}")
        return None

    def _is_stream(self, name: str) -> bool:
        if _STREAM.fullmatch(name):
            return True
        return self._is_listen_key is not None and self._is_listen_key(name)

    def _named(self, request: dict[str, object]) -> list[str]:
        names = _parameters(request)
        streams = [name for name in names if isinstance(name, str) and self._is_stream(name)]
        if not streams or len(streams) < len(names):
            raise _Refusal(2, "Invalid request: invalid stream")
        return streams

    def _subscribe(self, streams: list[str]) -> None:
        wanted = self.streams | dict.fromkeys(streams)
        if len(wanted) > MAX_STREAMS:
            raise _Refusal(4, "Too many subscriptions")
        self.streams = wanted

    def _unsubscribe(self, streams: list[str]) -> None:
        self.streams = {stream: None for stream in self.streams if stream not in streams}

    def _set(self, name_and_value: list[object]) -> None:
        value = name_and_value[-1]
        if not isinstance(value, bool):
            raise _Refusal(1, "Invalid value type: expected Boolean")
        self.combined = value


def _parse(text: str) -> dict[str, object]:
    try:
        return decode(text, type=dict[str, object])
    except ValidationError:
        raise _Refusal(2, "Invalid request: expected an object") from None
    except DecodeError as error:
        byte = re.search(r"\(byte (\d+)\)", str(error))
        column = int(byte[1]) + 1 if byte else len(text)
        raise _Refusal(3, f"Invalid JSON: expected value at line 1 column {column}") from None


def _id(request: dict[str, object]) -> object:
    match request.get("id", ""):  # without an id it is refused, as with an empty one
        case None:
            return None
        case int() as number if not isinstance(number, bool) and -(2**63) <= number < 2**63:
            return number
        case str() as text if 0 < len(text) <= 36:
            return text
        case _:
            raise _Refusal(2, "Invalid request: request ID must be an unsigned integer")


def _property(request: dict[str, object], *, parameters: int) -> list[object]:
    given = _parameters(request)
    if not given or not isinstance(given[0], str):
        raise _Refusal(2, "Invalid request: property name must be a string")
    if len(given) > parameters:
        raise _Refusal(2, "Invalid request: too many parameters")
    if given[0] != "combined":
        raise _Refusal(0, "Unknown property")
    return given


def _parameters(request: dict[str, object]) -> list[object]:
    try:
        return convert(request.get("params", []), list[object])
    except ValidationError:
        raise _Refusal(2, "Invalid request: params must be an array") from None
