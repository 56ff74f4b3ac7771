"""One symbol of the exchange."""

from collections import deque

from bowstring.local_exchange.matching.book import Book
from bowstring.local_exchange.matching.candles import Candles
from bowstring.local_exchange.matching.orders import Order, Trade
from bowstring.local_exchange.matching.rules import Rules

TRADES_KEPT = 10_000


class Market:
    """Its rules, its book, the stops that wait, and what was traded. ``last_price`` 0: nothing yet."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.book = Book()
        self.stops: dict[int, Order] = {}
        self.trades: deque[Trade] = deque(maxlen=TRADES_KEPT)
        self.candles = Candles()
        self.last_price = 0
        self.next_trade_id = 1

    def add(self, trade: Trade) -> None:
        """Count a trade."""
        self.next_trade_id += 1
        self.last_price = trade.price
        self.trades.append(trade)
        self.candles.add(trade)

    def mean_price(self, now_us: int) -> int:
        """What filters compare a price with: the mean of the last minutes, else the last price; 0: there is none."""
        return self.candles.mean_price(now_us) or self.last_price
