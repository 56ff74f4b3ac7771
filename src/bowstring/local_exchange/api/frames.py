"""Frames of the WebSocket API: requests read from JSON, and the ids and parameters in them. Pure: no I/O."""

from collections.abc import Mapping
from contextlib import suppress

from msgspec import UNSET, DecodeError, Raw, Struct, UnsetType
from msgspec.json import Decoder, encode

from bowstring.local_exchange.api.call import Call
from bowstring.local_exchange.api.refusals import illegal
from bowstring.local_exchange.matching.orders import Refused

_LONGEST_ID = 36
_UNREADABLE = (DecodeError, UnicodeDecodeError, RecursionError)


class Asked(Struct):
    """What is known of a request by now, for its reply."""

    id: int | str | None = None
    call: Call | None = None
    shows_limits: bool = True


class Request(Struct):
    """One frame of a client."""

    method: str
    id: Raw = Raw(b"null")
    params: dict[str, object] | UnsetType | None = UNSET


class _Identified(Struct):
    """As much as is needed to tell what a reply is to."""

    id: Raw = Raw(b"null")


_DECODER, _IDENTIFIED = Decoder(Request, float_hook=str), Decoder(_Identified)
_ID = Decoder(int | str | None)


def read_request(asked: Asked, data: str | bytes) -> Request:
    """The request in a frame. ``asked`` gets its id, if it can be told. Raises `Refused`."""
    try:
        request = _DECODER.decode(data)
    except _UNREADABLE:
        with suppress(*_UNREADABLE):
            asked.id = _id(_IDENTIFIED.decode(data).id)
        raise Refused(-1135, "Invalid JSON Request") from None
    asked.id = _id(request.id)
    return request


def _id(raw: Raw) -> int | str | None:
    """The id to answer with: an integer of 64 bits, a short text, or null. Raises `Refused`."""
    with suppress(*_UNREADABLE):
        given: int | str | None = _ID.decode(raw)
        match given:
            case None:
                return None
            case int() if -(2**63) <= given < 2**63:
                return given
            case str() if len(given) <= _LONGEST_ID:
                return given
            case _:
                pass
    raise illegal("id", "^[a-zA-Z0-9-_]{1,36}$")


def texts(params: Mapping[str, object] | UnsetType | None) -> dict[str, str]:
    """Parameters as text; numbers and booleans as they stand in JSON, which is how they are signed."""
    return {name: _text(value) for name, value in params.items()} if isinstance(params, dict) else {}


def _text(value: object) -> str:
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case _:
            return encode(value).decode()
