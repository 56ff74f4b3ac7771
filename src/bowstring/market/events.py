"""What markets tell: quotes, trades, and whether the stream that tells them can be trusted.

Prices are in the quote currency per one base unit, quantities in base units, both exact `Decimal`.
``time_ns`` is the venue's own time of the event in nanoseconds since the epoch, 0 where the venue gives none.
"""

from collections.abc import Hashable
from decimal import Decimal
from typing import ClassVar, Literal

from bowstring.core.messages import Delivery, Event


class MarketEvent(Event, frozen=True, kw_only=True):
    """Market data of one symbol: dropped, oldest first, for a subscriber that is behind.

    ``venue`` is the venue's name, ``symbol`` unified: ``BTC/USDT``, a perpetual ``BTC/USDT:USDT``.
    """

    delivery: ClassVar[Delivery] = "recent"

    venue: str
    symbol: str


class Quote(MarketEvent, frozen=True, kw_only=True):
    """The best bid and ask, with the quantity displayed at each. A newer quote replaces an older one."""

    delivery: ClassVar[Delivery] = "latest"

    bid: Decimal
    bid_quantity: Decimal
    ask: Decimal
    ask_quantity: Decimal
    time_ns: int = 0

    def conflation_key(self) -> Hashable:
        """The venue and symbol."""
        return Quote, self.venue, self.symbol


class Trade(MarketEvent, frozen=True, kw_only=True):
    """A public trade. ``side`` is the taker's: ``"buy"`` lifted an ask."""

    price: Decimal
    quantity: Decimal
    side: Literal["buy", "sell"]
    trade_id: str
    time_ns: int = 0


class MarkPrice(MarketEvent, frozen=True, kw_only=True):
    """The price a derivatives venue values positions at. A newer one replaces an older one."""

    delivery: ClassVar[Delivery] = "latest"

    price: Decimal
    time_ns: int = 0

    def conflation_key(self) -> Hashable:
        """The venue and symbol."""
        return MarkPrice, self.venue, self.symbol


class Liquidation(MarketEvent, frozen=True, kw_only=True):
    """A forced trade of somebody's position. ``side`` is the forced order's."""

    side: Literal["buy", "sell"]
    price: Decimal
    quantity: Decimal
    time_ns: int = 0


class StreamStale(Event, frozen=True, kw_only=True):
    """A stream sent no data for ``silent_s`` seconds: what you know of the symbol may be old."""

    venue: str
    stream: str
    symbol: str
    silent_s: float


class BadData(Event, frozen=True, kw_only=True):
    """A frame could not be trusted and was thrown away; the stream lives on.

    ``excerpt`` holds the first 200 characters of the frame.
    """

    venue: str
    stream: str
    reason: str
    excerpt: str
