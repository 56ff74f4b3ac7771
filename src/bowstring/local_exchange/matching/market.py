"""One symbol of the exchange."""

from collections import deque

from msgspec import Struct

from bowstring.local_exchange.matching.accounts import Order
from bowstring.local_exchange.matching.book import Book
from bowstring.local_exchange.matching.candles import Candles
from bowstring.local_exchange.matching.orders import Trade
from bowstring.local_exchange.matching.rules import Rules

TRADES_KEPT = 10_000


class Aggregate(Struct, eq=False, kw_only=True):
    """What one taker traded at one price: the trades ``first_id`` to ``last_id``."""

    id: int
    price: int
    quantity: int
    first_id: int
    last_id: int
    time_us: int
    is_buyer_maker: bool
    taker_order_id: int


class Market:
    """Its rules, its book, the stops that wait, and what was traded. ``last_price`` 0: nothing yet."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.book = Book()
        self.stops: dict[int, Order] = {}
        self.trades: deque[Trade] = deque(maxlen=TRADES_KEPT)
        self.aggregates: deque[Aggregate] = deque(maxlen=TRADES_KEPT)
        self.candles = Candles()
        self.last_price = 0
        self.next_trade_id = 1
        self._next_aggregate_id = 1

    def add(self, trade: Trade) -> None:
        """Count a trade."""
        self.next_trade_id += 1
        self.last_price = trade.price
        self.trades.append(trade)
        self.candles.add(trade)
        last = self.aggregates[-1] if self.aggregates else None
        if last is not None and (last.taker_order_id, last.price) == (trade.taker_order_id, trade.price):
            last.quantity += trade.quantity
            last.last_id = trade.id
        else:
            self._begin_aggregate(trade)

    def mean_price(self, now_us: int) -> int:
        """What filters compare a price with: the mean of the last minutes, else the last price; 0: there is none."""
        return self.candles.mean_price(now_us) or self.last_price

    def _begin_aggregate(self, trade: Trade) -> None:
        self.aggregates.append(
            Aggregate(
                id=self._next_aggregate_id,
                price=trade.price,
                quantity=trade.quantity,
                first_id=trade.id,
                last_id=trade.id,
                time_us=trade.time_us,
                is_buyer_maker=trade.is_buyer_maker,
                taker_order_id=trade.taker_order_id,
            )
        )
        self._next_aggregate_id += 1
