"""Trades that never came, found by their ids."""

import logging
import math
from collections.abc import Mapping

from msgspec import Struct

from bowstring.core.clock import Clock

LOG_EVERY_S = 60.0  # as the failures in `net.frames`: a reconnect may leave a hole in each of hundreds of symbols

log = logging.getLogger(__name__)


class TradeCounts(Struct):
    """What is missing from a symbol's trades so far: so many ``holes`` in their ids, of ``missing`` trades in all."""

    holes: int = 0
    missing: int = 0


class TradeIds:
    """Counts the holes in the ids of one collector's trades, over all of its connections and runs.

    ``symbols`` has by stream those whose ids have no holes at the venue, so that a hole is a loss
    (`markets.Market.consecutive`); others are not looked at. What is missing shows when the next trade comes.
    """

    def __init__(self, name: str, *, symbols: Mapping[str, str], clock: Clock) -> None:
        self.counts = {symbol: TradeCounts() for symbol in symbols.values()}
        self._name = name
        self._symbols = symbols
        self._clock = clock
        self._last: dict[str, int] = {}
        self._logged_at_s = -math.inf
        self._unlogged = 0

    def take(self, stream: str, trade_id: int) -> None:
        """Take note of a trade that is published."""
        last = self._last.get(stream, trade_id)
        self._last[stream] = trade_id
        if trade_id > last + 1 and stream in self._symbols:
            self._count(self._symbols[stream], last, trade_id)

    def _count(self, symbol: str, last: int, trade_id: int) -> None:
        """Count a hole, and log it, or how many there were, once a minute."""
        counts, missing = self.counts[symbol], trade_id - last - 1
        counts.holes += 1
        counts.missing += missing
        now_s = self._clock.monotonic_ns() / 1e9
        if now_s - self._logged_at_s < LOG_EVERY_S:
            self._unlogged += 1
            return
        others = f"; {self._unlogged} holes before were counted only" if self._unlogged else ""
        log.warning(
            "%s: %d trades of %s between %d and %d never came%s", self._name, missing, symbol, last, trade_id, others
        )
        self._logged_at_s, self._unlogged = now_s, 0
