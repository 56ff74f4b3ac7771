"""Whether what a fault names is there."""

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.faults.kinds import Fault
from bowstring.local_exchange.matching.exchange import Exchange


def check_account(exchange: Exchange, name: str | None, *, of: Fault) -> None:
    """Raise `ConfigError` if there is no such account."""
    if name is not None and name not in exchange.accounts:
        there = ", ".join(one.name for one in exchange.accounts.values() if not one.is_participant)
        raise ConfigError(f"account of {type(of).__name__} is {name!r}: there are {there}")


def check_symbol(exchange: Exchange, symbol: str | None, *, of: Fault) -> None:
    """Raise `ConfigError` if there is no such symbol."""
    if symbol is not None and symbol not in exchange.markets:
        raise ConfigError(f"symbol of {type(of).__name__} is {symbol!r}: there are {', '.join(exchange.markets)}")
