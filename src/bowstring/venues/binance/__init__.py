"""Binance Spot. Start at `Binance`."""

from bowstring.core.errors import MissingExtra

try:
    from bowstring.venues.binance.venue import Binance
except ModuleNotFoundError as missing:
    raise MissingExtra(missing, user="binance", extra="binance") from None

__all__ = ["Binance"]
