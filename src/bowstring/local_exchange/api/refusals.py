"""What is answered when the answer is no: Binance's codes and texts, and the HTTP statuses that belong to them."""

from bowstring.local_exchange.matching.orders import Refused

_STATUSES = {-1000: 500, -1003: 429, -1007: 504, -1015: 429, -1034: 429, -2014: 401, -2015: 401, -2021: 409}


class Denied(Refused):
    """A refusal with a status of its own, with data, or with a time before which it is of no use to ask again."""

    def __init__(
        self, code: int, text: str, *, status: int | None = None, data: object = None, retry_us: int | None = None
    ) -> None:
        super().__init__(code, text)
        self.status = status if status is not None else _STATUSES.get(code, 400)
        self.data, self.retry_us = data, retry_us


def status(refused: Refused) -> int:
    """The HTTP status of a refusal."""
    return refused.status if isinstance(refused, Denied) else _STATUSES.get(refused.code, 400)


def missing(name: str) -> Refused:
    """A mandatory parameter is."""
    return Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def missing_both(one: str, other: str) -> Refused:
    """One of two parameters has to be sent."""
    return Refused(-1102, f"Param '{one}' or '{other}' must be sent, but both were empty/null!")


def illegal(name: str, legal: str) -> Refused:
    """A parameter has characters that it cannot have."""
    return Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def invalid(name: str) -> Refused:
    """A parameter has a value that it cannot have."""
    return Refused(-1130, f"Data sent for parameter '{name}' is not valid.")


def not_required(name: str) -> Refused:
    """A parameter does not go with the others."""
    return Refused(-1106, f"Parameter '{name}' sent when not required.")


def bad_combination() -> Refused:
    """Optional parameters do not go together."""
    return Refused(-1128, "Combination of optional parameters invalid.")


def unauthorized() -> Refused:
    """The key is unknown, has ended, or may not do this."""
    return Refused(-2015, "Invalid API-key, IP, or permissions for action.")
