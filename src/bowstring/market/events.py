"""What markets tell: quotes, trades, and whether the stream that tells them can be trusted.

Prices are in the quote currency per one base unit, quantities in base units, both exact `Decimal`.
``time_ns`` is the venue's own time of the event in nanoseconds since the epoch, 0 where the venue gives none.
"""

from collections.abc import Hashable
from decimal import Decimal
from typing import ClassVar, Literal

from bowstring.core.messages import Delivery, Event
from bowstring.market.book import Level, OrderBook


class MarketEvent(Event, frozen=True, kw_only=True):
    """Market data of one symbol: dropped, oldest first, for a subscriber that is behind.

    ``venue`` is the venue's name, ``symbol`` unified: ``BTC/USDT``, a perpetual ``BTC/USDT:USDT``.
    """

    delivery: ClassVar[Delivery] = "recent"

    venue: str
    symbol: str


class Quote(MarketEvent, frozen=True, kw_only=True):
    """The best bid and ask, with the quantity displayed at each. A newer quote replaces an older one.

    While a side of the book is empty there is no quote: the last one is old, and `StreamStale` says so in time.
    """

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


class BookChanged(MarketEvent, frozen=True, kw_only=True):
    """An order book changed, or became readable, or stopped being so: then ``book.is_valid`` is false.

    ``book`` is the live view, which is of now, not of when the event was published. So a newer event replaces an older
    one.
    """

    delivery: ClassVar[Delivery] = "latest"

    book: OrderBook

    def conflation_key(self) -> Hashable:
        """The venue and symbol."""
        return BookChanged, self.venue, self.symbol


class BookLost(Event, frozen=True, kw_only=True):
    """A book cannot be read until a new snapshot is in: its stream had a gap, or broke off, or told what cannot be."""

    venue: str
    symbol: str
    reason: str


class Depth(MarketEvent, frozen=True, kw_only=True):
    """The best levels of a book, best first, as one message of a partial depth stream shows them."""

    delivery: ClassVar[Delivery] = "latest"

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    update_id: int
    time_ns: int = 0

    def conflation_key(self) -> Hashable:
        """The venue and symbol."""
        return Depth, self.venue, self.symbol


class Candle(MarketEvent, frozen=True, kw_only=True):
    """A candlestick, which changes until ``is_closed``. A newer one of the same interval and start replaces it.

    ``interval`` is the venue's word: ``"1m"``, ``"4h"``. ``volume`` is in base units, ``quote_volume`` in quote
    currency; ``start_ns`` and ``end_ns`` are its first and its last moment.
    """

    delivery: ClassVar[Delivery] = "latest"

    interval: str
    start_ns: int
    end_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int
    is_closed: bool
    time_ns: int = 0

    def conflation_key(self) -> Hashable:
        """The venue, symbol, interval and start."""
        return Candle, self.venue, self.symbol, self.interval, self.start_ns


class DailyStats(MarketEvent, frozen=True, kw_only=True):
    """The last 24 hours of a symbol, as a mini-ticker stream tells them; not told of hours without a trade."""

    delivery: ClassVar[Delivery] = "latest"

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    time_ns: int = 0

    def conflation_key(self) -> Hashable:
        """The venue and symbol."""
        return DailyStats, self.venue, self.symbol


class MarkPrice(MarketEvent, frozen=True, kw_only=True):
    """The price a derivatives venue values positions at. A newer one replaces an older one.

    Of a perpetual, ``funding_rate`` is what longs pay to shorts at ``next_funding_ns``, as a share of the position's
    value; None where there is none. ``index_price`` is that of the underlying, None where the venue does not tell.
    """

    delivery: ClassVar[Delivery] = "latest"

    price: Decimal
    index_price: Decimal | None = None
    funding_rate: Decimal | None = None
    next_funding_ns: int = 0
    time_ns: int = 0

    def conflation_key(self) -> Hashable:
        """The venue and symbol."""
        return MarkPrice, self.venue, self.symbol


class Liquidation(MarketEvent, frozen=True, kw_only=True):
    """A forced trade of somebody's position. ``side`` is the forced order's.

    ``price`` is the average of what was filled, ``quantity`` how much was, in base units.
    """

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
