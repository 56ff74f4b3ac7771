"""Binance Spot. Start at `Binance`."""

from bowstring.venues.binance.venue import Binance

__all__ = ["Binance"]
