"""What Binance's errors say: no, or that it does not know itself. Pure: no I/O.

The body of an HTTP error and the ``error`` of the WebSocket API have the same form.
"""

from msgspec import Raw, Struct
from msgspec.json import Decoder

from bowstring.net.http import Refusal
from bowstring.venues.binance.payloads import Frame
from bowstring.venues.binance.wire import MALFORMED, parse_error

UNKNOWN = {-1000, -1001, -1006, -1007, -1008}
"""To -1006 and -1007 Binance's list adds "execution status unknown"; -1000 and -1001 are errors that it cannot name;
of -1008, overload, it does not say how far the request had come."""

SKEWED = "-1021"
"""The request's time is outside of its window, by the venue's clock. It was not carried out."""

KEY_REFUSED = {"-1002", "-1022", "-2014", "-2015"}
"""Not authorized, a wrong signature, a key of the wrong form, one that is not valid or not for this address."""

TOO_MANY_ORDERS = -1015
NO_SUCH_ORDER, ARCHIVED = "-2013", "-2026"
REPLACED_IN_PART, NOT_REPLACED = "-2021", "-2022"


class _Data(Struct, rename="camel"):
    """``retry_after`` and ``server_time`` are in ms since the epoch; the others are of a cancel-replace."""

    server_time: int = 0
    retry_after: int = 0
    cancel_result: str = ""
    cancel_response: Raw = Raw(b"null")
    new_order_result: str = ""
    new_order_response: Raw = Raw(b"null")


class _Error(Struct):
    data: _Data | None = None


_decode = Decoder(_Error).decode


def read_refusal(error: Frame | Raw) -> Refusal | None:
    """Binance's own "no"; None if this is none, such as the page of a firewall, or a code of `UNKNOWN`.

    Of a cancel-replace, it is a "no" to the new order: with `REPLACED_IN_PART` the old one was cancelled.
    """
    refusal = _read(error)
    if refusal is None or refusal.code not in (REPLACED_IN_PART, NOT_REPLACED):
        return refusal
    data = _data(error)
    if data.new_order_result == "NOT_ATTEMPTED":
        return _combined(NOT_REPLACED, refusal, _read(data.cancel_response))
    if data.new_order_result != "FAILURE":
        return None
    cause = _read(data.new_order_response)
    code = REPLACED_IN_PART if data.cancel_result == "SUCCESS" else NOT_REPLACED
    return cause and _combined(code, refusal, cause)


def read_pause_s(error: Frame | Raw) -> float | None:
    """For how long the WebSocket API asks for silence, in seconds; None if it does not say."""
    data = _data(error)
    if data.retry_after <= 0 or data.server_time <= 0:
        return None
    return max(0, data.retry_after - data.server_time) / 1000


def _read(error: Frame | Raw) -> Refusal | None:
    code, text = parse_error(error)
    if not code or code in UNKNOWN:
        return None
    return Refusal(str(code), text, orders_only=code == TOO_MANY_ORDERS)


def _combined(code: str, refusal: Refusal, cause: Refusal | None) -> Refusal:
    if cause is None:
        return Refusal(code, refusal.text)
    return Refusal(code, f"{refusal.text} {cause.text} ({cause.code})", orders_only=cause.orders_only)


def _data(error: Frame | Raw) -> _Data:
    try:
        return _decode(error).data or _Data()
    except MALFORMED:
        return _Data()
