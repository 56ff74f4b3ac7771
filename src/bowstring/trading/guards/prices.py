"""Reference prices: what a symbol is worth now, and whether that can be relied on."""

from decimal import Decimal

from msgspec import Struct

from bowstring.core.components import Guard, on
from bowstring.core.errors import ConfigError
from bowstring.core.messages import CollectorDown, LoopBlocked
from bowstring.core.watchdog import LONG_S
from bowstring.market.book import OrderBook
from bowstring.market.events import BookChanged, BookLost, Quote, StreamStale, Trade
from bowstring.trading.orders import EXACT

STALE_AFTER_S = 5.0
HALF = Decimal("0.5")

Market = tuple[str, str]
"""A venue, whatever the account there, and a symbol."""


class Price(Struct, frozen=True):
    """A reference price, or with ``value`` None why there is none."""

    value: Decimal | None
    flaw: str = ""


class PriceGuard(Guard):
    """A guard that knows the market: the middle of a quote or a book, or the price of the last trade.

    A price is fresh for `stale_after_s` from its receipt; no longer once `BookLost` or `StreamStale` is told of its
    symbol, or `CollectorDown`, which does not tell of which symbols, or `LoopBlocked` of a second or longer: what was
    read just before that may have waited as long. What comes after that is fresh again.
    """

    stale_after_s = STALE_AFTER_S

    def __init__(self) -> None:
        super().__init__()
        self._touches: dict[Market, Quote | BookChanged] = {}
        self._trades: dict[Market, Trade] = {}
        self._void: dict[Market, int] = {}
        self._all_void = -1  # what is numbered like this, or before, is not fresh

    def fresh_price(self, venue: str, symbol: str) -> Price:
        """The middle of what is quoted, else the last trade's price, if that is fresh."""
        where = market(venue, symbol)
        touch, trade = self._touches.get(where), self._trades.get(where)
        if touch is not None and self._is_fresh(touch, where):
            return _middle(touch)
        if trade is not None and self._is_fresh(trade, where):
            return Price(trade.price)
        latest = max((one.received_ns for one in (touch, trade) if one is not None), default=0)
        if not latest:
            return Price(None, f"no price of {symbol} at {venue} is known")
        age_s = (self.clock.now_ns() - latest) / 1e9
        since = "its stream failed or the event loop was blocked since"
        return Price(None, f"the price of {symbol} at {venue} is {age_s:.1f} s old, or {since}")

    def latest_price(self, venue: str, symbol: str) -> Price:
        """The same, however old it is."""
        where = market(venue, symbol)
        touch, trade = self._touches.get(where), self._trades.get(where)
        price = Price(None, f"no price of {symbol} at {venue} is known") if touch is None else _middle(touch)
        return Price(trade.price) if price.value is None and trade is not None else price

    @on(Quote)
    def take_quote(self, quote: Quote) -> None:
        """Note what is quoted."""
        self._touches[market(quote.venue, quote.symbol)] = quote

    @on(BookChanged)
    def take_book(self, changed: BookChanged) -> None:
        """Note the book, which is read when it is needed: it is invalid before anybody is told."""
        self._touches[market(changed.venue, changed.symbol)] = changed

    @on(Trade)
    def take_trade(self, trade: Trade) -> None:
        """Note the last trade."""
        self._trades[market(trade.venue, trade.symbol)] = trade

    @on(BookLost)
    def distrust_book(self, lost: BookLost) -> None:
        """Rely on nothing that was told of the symbol before."""
        self._void[market(lost.venue, lost.symbol)] = lost.seq

    @on(StreamStale)
    def distrust_silence(self, stale: StreamStale) -> None:
        """Rely on nothing that was told of the symbol before."""
        self._void[market(stale.venue, stale.symbol)] = stale.seq

    @on(CollectorDown)
    def distrust_all(self, down: CollectorDown) -> None:
        """Rely on nothing that was told before."""
        self._all_void = down.seq

    @on(LoopBlocked)
    def distrust_what_waited(self, blocked: LoopBlocked) -> None:
        """Rely on nothing that was told before, if that may have waited for long."""
        if blocked.blocked_s >= LONG_S:
            self._all_void = blocked.seq

    def _is_fresh(self, told: Quote | BookChanged | Trade, where: Market) -> bool:
        is_void = told.seq <= max(self._all_void, self._void.get(where, -1))
        return not is_void and self.clock.now_ns() - told.received_ns <= self.stale_after_s * 1e9


def checked_budget(stale_after_s: float, what: str) -> float:
    """The value. Raises `ConfigError` unless it is a time above 0 seconds; ``what`` names it."""
    if not 0 < stale_after_s < float("inf"):
        raise ConfigError(f"{what} is {stale_after_s}: give a time above 0 seconds")
    return stale_after_s


def market(venue: str, symbol: str) -> Market:
    """Where a symbol is traded: all accounts of a venue, ``binance`` and ``binance:hedge``, see the same prices."""
    return venue.partition(":")[0], symbol


def _middle(touch: Quote | BookChanged) -> Price:
    bid, ask = _best(touch.book) if isinstance(touch, BookChanged) else (touch.bid, touch.ask)
    if bid is None or ask is None:
        return Price(None, f"the book of {touch.symbol} at {touch.venue} is not valid, or has an empty side")
    if bid >= ask or bid <= 0:
        return Price(None, f"{touch.symbol} at {touch.venue} is crossed: bid {bid:f}, ask {ask:f}")
    return Price(EXACT.multiply(EXACT.add(bid, ask), HALF))


def _best(book: OrderBook) -> tuple[Decimal | None, Decimal | None]:
    bid, ask = book.bid, book.ask
    return bid and bid.price, ask and ask.price
