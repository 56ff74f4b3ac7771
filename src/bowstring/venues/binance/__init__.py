"""Binance Spot and USDⓈ-M futures. Start at `Binance` or `BinanceFutures`."""

from bowstring.core.errors import MissingExtra

try:
    from bowstring.venues.binance.venue import Binance, BinanceFutures
except ModuleNotFoundError as missing:
    raise MissingExtra(missing, user="binance", extra="binance") from None

__all__ = ["Binance", "BinanceFutures"]
