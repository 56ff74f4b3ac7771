"""Money and sizes that a user gives: `Decimal`, so that they are what was written."""

from decimal import Decimal

from bowstring.core.errors import ConfigError


def checked_decimal(value: object, what: str) -> Decimal:
    """The value. Raises `ConfigError` with what to write if it is anything but a `Decimal`; ``what`` names it."""
    if not isinstance(value, Decimal):
        example = value if isinstance(value, int | float | str) else "0.5"
        raise ConfigError(f'{what} is {value!r}: give a Decimal made from a string, Decimal("{example}")')
    return value


def checked_limit(value: object, what: str) -> Decimal:
    """The value, which is 0 or more and finite. Raises `ConfigError` likewise."""
    limit = checked_decimal(value, what)
    if not limit.is_finite() or limit < 0:
        raise ConfigError(f"{what} is {limit}: give a number that is 0 or more")
    return limit
