"""The parameters of one request: text, as it was sent, read as what it should be, or refused with Binance's words."""

import re
from collections.abc import Collection, Mapping
from typing import TypeVar

from msgspec import DecodeError
from msgspec.json import decode

from bowstring.local_exchange.api.refusals import illegal, invalid, missing
from bowstring.local_exchange.matching.orders import Refused

DECIMALS = 8
_MICROSECONDS = 10**14  # a time from there on is in us; in ms that would be the year 5138
_INTEGER = "^[0-9]{1,20}$"
_AMOUNT = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_SYMBOL = "^[A-Z0-9-_.]{1,20}$"
_SYMBOLS = r"""^\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\]$"""
_CLIENT_ORDER_ID = "^[a-zA-Z0-9-_]{1,36}$"
_LEGAL_INTEGER = re.compile(r"[0-9]{1,20}")
_LEGAL_AMOUNT = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,20}))?")
_LEGAL_SYMBOL = re.compile(r"(?:(?![a-z])[\w.-]){1,20}")  # newer symbols have letters beyond ASCII
_LEGAL_CLIENT_ORDER_ID = re.compile(r"[a-zA-Z0-9_-]{1,36}")
_WITH_ANY = {"signature", "apiKey", "returnRateLimits"}
_TIME_UNITS = {"MILLISECOND": 1000, "millisecond": 1000, "MICROSECOND": 1, "microsecond": 1}
_BOOLEANS = {"true": True, "false": False}

Choice = TypeVar("Choice", bound=str)


class Parameters:
    """Methods raise `Refused`. What is optional gives None, or the default, if it was not sent; empty is not unsent."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def optional(self, name: str) -> str | None:
        """The text of a parameter."""
        text = self.values.get(name)
        if text == "":
            raise Refused(-1105, f"Parameter '{name}' was empty.")
        return text

    def text(self, name: str) -> str:
        """The text of a mandatory parameter."""
        text = self.values.get(name)
        if not text:
            raise missing(name)
        return text

    def symbol(self, name: str = "symbol") -> str:
        """A mandatory symbol."""
        text = self.text(name)
        if not _LEGAL_SYMBOL.fullmatch(text):
            raise illegal(name, _SYMBOL)
        return text

    def symbols(self) -> list[str] | None:
        """The JSON array of symbols, none of them twice."""
        text = self.optional("symbols")
        if text is None:
            return None
        try:
            symbols = decode(text, type=list[str])
        except DecodeError:
            raise illegal("symbols", _SYMBOLS) from None
        if not symbols or not all(_LEGAL_SYMBOL.fullmatch(symbol) for symbol in symbols):
            raise illegal("symbols", _SYMBOLS)
        if len(set(symbols)) < len(symbols):
            raise Refused(-1151, "Symbol is present multiple times in the list.")
        return symbols

    def client_order_id(self, name: str) -> str | None:
        """A client order id."""
        text = self.optional(name)
        if text is not None and not _LEGAL_CLIENT_ORDER_ID.fullmatch(text):
            raise illegal(name, _CLIENT_ORDER_ID)
        return text

    def amount(self, name: str) -> int | None:
        """A price or a quantity, in units of 1e-8."""
        text = self.optional(name)
        if text is None:
            return None
        parts = _LEGAL_AMOUNT.fullmatch(text)
        if parts is None:
            raise illegal(name, _AMOUNT)
        decimals = (parts[2] or "").rstrip("0")
        if len(decimals) > DECIMALS:
            raise Refused(-1111, f"Parameter '{name}' has too much precision.")
        return int(parts[1] + decimals.ljust(DECIMALS, "0"))

    def integer(self, name: str) -> int | None:
        """A whole number, not negative."""
        text = self.optional(name)
        if text is None:
            return None
        if not _LEGAL_INTEGER.fullmatch(text):
            raise illegal(name, _INTEGER)
        return int(text)

    def limit(self, *, default: int = 500, most: int = 1000) -> int:
        """How many are wanted at most; what is more than possible is as much as possible."""
        limit = self.integer("limit")
        if limit == 0:
            raise invalid("limit")
        return min(limit or default, most)

    def time_us(self, name: str, *, is_end: bool = False) -> int | None:
        """A time that was sent in ms or us. The end of a range in ms is the last us of that ms."""
        time = self.integer(name)
        if time is None or time >= _MICROSECONDS:
            return time
        return time * 1000 + (999 if is_end else 0)

    def choice(self, name: str, choices: Mapping[str, Choice], refusal: Refused | None = None) -> Choice | None:
        """One of a few words; anything else is the ``refusal``."""
        text = self.optional(name)
        if text is None:
            return None
        choice = choices.get(text)
        if choice is None:
            raise refusal or invalid(name)
        return choice

    def boolean(self, name: str, *, default: bool = False) -> bool:
        """True or false."""
        text = self.optional(name)
        if text is None:
            return default
        value = _BOOLEANS.get(text.lower())
        if value is None:
            raise invalid(name)
        return value


def time_unit(name: str) -> int:
    """The us in a unit of time. Raises `Refused`."""
    if name not in _TIME_UNITS:
        raise Refused(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
    return _TIME_UNITS[name]


def check_names(values: Mapping[str, str], *, known: Collection[str]) -> None:
    """Raise `Refused` if there are parameters that nobody reads."""
    sent = values.keys() - _WITH_ANY
    read = sent & set(known)
    if len(read) == len(sent):
        return
    if not known:
        raise Refused(-1101, f"Too many parameters; expected '0' and received '{len(sent)}'.")
    raise Refused(
        -1104, f"Not all sent parameters were read; read '{len(read)}' parameter(s) but was sent '{len(sent)}'."
    )
