"""The messages of Binance's market data streams, as bytes. Pure: no I/O.

Amounts are `int` in units of 1e-8, times in us; ``unit`` is what the client wants times in: `MILLISECOND` or
`MICROSECOND`. The order of the fields is Binance's.
"""

from collections.abc import Iterable

from msgspec import Struct

from bowstring.local_exchange.matching.book import Book
from bowstring.local_exchange.matching.candles import DAY, Candle, end
from bowstring.local_exchange.matching.market import Aggregate
from bowstring.local_exchange.matching.orders import Trade
from bowstring.local_exchange.matching.rules import UNIT, number

MICROSECOND, MILLISECOND = 1, 1000  # in us

Level = tuple[int, int]


class Statistics(Struct, frozen=True, kw_only=True):
    """What was traded in a window of time, which begins at ``open_us``. ``before``: the last price before it."""

    symbol: str
    candle: Candle
    open_us: int
    before: int
    last_quantity: int
    bid: Level
    ask: Level

    @property
    def mean(self) -> int:
        """The mean price, weighted by quantity."""
        return self.candle.quote * UNIT // self.candle.base if self.candle.base else 0

    @property
    def change(self) -> str:
        """The change of the price, and that in percent."""
        change = self.candle.close - self.candle.open
        percent = round(change * 100_000 / self.candle.open) if self.candle.open else 0
        return f'"p":"{number(change)}","P":"{_percent(percent)}"'


def trade(trade: Trade, *, event_us: int, unit: int) -> bytes:
    """One trade."""
    return (
        f'{{"e":"trade","E":{event_us // unit},"s":"{trade.symbol}","t":{trade.id},"p":"{number(trade.price)}",'
        f'"q":"{number(trade.quantity)}","T":{trade.time_us // unit},"m":{_bool(trade.is_buyer_maker)},"M":true}}'
    ).encode()


def aggregate(symbol: str, total: Aggregate, *, event_us: int, unit: int) -> bytes:
    """What one taker traded at one price."""
    return (
        f'{{"e":"aggTrade","E":{event_us // unit},"s":"{symbol}","a":{total.id},"p":"{number(total.price)}",'
        f'"q":"{number(total.quantity)}","f":{total.first_id},"l":{total.last_id},"T":{total.time_us // unit},'
        f'"m":{_bool(total.is_buyer_maker)},"M":true}}'
    ).encode()


def book_ticker(symbol: str, update_id: int, *, bid: Level, ask: Level) -> bytes:
    """The best prices; without an event type or time, which clients tell it by."""
    return (
        f'{{"u":{update_id},"s":"{symbol}","b":"{number(bid[0])}","B":"{number(bid[1])}",'
        f'"a":"{number(ask[0])}","A":"{number(ask[1])}"}}'
    ).encode()


def depth_update(
    symbol: str, changes: Iterable[tuple[bool, int, int]], *, first_id: int, last_id: int, event_us: int, unit: int
) -> bytes:
    """The levels, as (is a bid, price, quantity), that the updates ``first_id`` to ``last_id`` have changed."""
    bids, asks = list[Level](), list[Level]()
    for is_bid, price, quantity in changes:
        (bids if is_bid else asks).append((price, quantity))
    bids.sort(reverse=True)
    asks.sort()
    return (
        f'{{"e":"depthUpdate","E":{event_us // unit},"s":"{symbol}","U":{first_id},"u":{last_id},'
        f'"b":{_levels(bids)},"a":{_levels(asks)}}}'
    ).encode()


def partial_depth(book: Book, *, levels: int) -> bytes:
    """The best levels; without an event type, a time or a symbol."""
    bids, asks = (_levels(book.depth(levels, is_bid=is_bid)) for is_bid in (True, False))
    return f'{{"lastUpdateId":{book.update_id},"bids":{bids},"asks":{asks}}}'.encode()


def kline(
    symbol: str, interval: str, candle: Candle, *, offset_us: int, is_closed: bool, event_us: int, unit: int
) -> bytes:
    """A candle; ``offset_us`` as it was made."""
    close_us = end(candle.open_us, interval, offset_us=offset_us) + 999
    first_id, last_id = _ids(candle)
    return (
        f'{{"e":"kline","E":{event_us // unit},"s":"{symbol}","k":{{"t":{candle.open_us // unit},'
        f'"T":{close_us // unit},"s":"{symbol}","i":"{interval}","f":{first_id},"L":{last_id},'
        f'"o":"{number(candle.open)}","c":"{number(candle.close)}","h":"{number(candle.high)}",'
        f'"l":"{number(candle.low)}","v":"{number(candle.base)}","n":{candle.count},"x":{_bool(is_closed)},'
        f'"q":"{number(candle.quote)}","V":"{number(candle.taker_base)}","Q":"{number(candle.taker_quote)}",'
        f'"B":"0"}}}}'
    ).encode()


def mini_ticker(day: Statistics, *, event_us: int, unit: int) -> bytes:
    """The last 24 hours, in short."""
    candle = day.candle
    return (
        f'{{"e":"24hrMiniTicker","E":{event_us // unit},"s":"{day.symbol}","c":"{number(candle.close)}",'
        f'"o":"{number(candle.open)}","h":"{number(candle.high)}","l":"{number(candle.low)}",'
        f'"v":"{number(candle.base)}","q":"{number(candle.quote)}"}}'
    ).encode()


def ticker(day: Statistics, *, event_us: int, unit: int) -> bytes:
    """The last 24 hours."""
    candle = day.candle
    return (
        f'{{"e":"24hrTicker","E":{event_us // unit},"s":"{day.symbol}",{day.change},"w":"{number(day.mean)}",'
        f'"x":"{number(day.before)}","c":"{number(candle.close)}","Q":"{number(day.last_quantity)}",'
        f'"b":"{number(day.bid[0])}","B":"{number(day.bid[1])}","a":"{number(day.ask[0])}",'
        f'"A":"{number(day.ask[1])}","o":"{number(candle.open)}","h":"{number(candle.high)}",'
        f'"l":"{number(candle.low)}",{_volumes(day, open_us=event_us - DAY, event_us=event_us, unit=unit)}}}'
    ).encode()


def window_ticker(window: Statistics, *, size: str, event_us: int, unit: int) -> bytes:
    """A rolling window of ``size``: 1h, 4h or 1d."""
    candle = window.candle
    return (
        f'{{"e":"{size}Ticker","E":{event_us // unit},"s":"{window.symbol}",{window.change},'
        f'"o":"{number(candle.open)}","h":"{number(candle.high)}","l":"{number(candle.low)}",'
        f'"c":"{number(candle.close)}","w":"{number(window.mean)}",'
        f"{_volumes(window, open_us=window.open_us, event_us=event_us, unit=unit)}}}"
    ).encode()


def average_price(symbol: str, price: int, *, traded_us: int, event_us: int, unit: int) -> bytes:
    """The mean price of the last five minutes. ``traded_us``: the time of the last trade."""
    return (
        f'{{"e":"avgPrice","E":{event_us // unit},"s":"{symbol}","i":"5m","w":"{number(price)}",'
        f'"T":{traded_us // unit}}}'
    ).encode()


def server_shutdown(*, event_us: int, unit: int) -> bytes:
    """The server is about to go."""
    return f'{{"e":"serverShutdown","E":{event_us // unit}}}'.encode()


def array(payloads: Iterable[bytes]) -> bytes:
    """The tickers of several symbols."""
    return b"[%b]" % b",".join(payloads)


def _volumes(window: Statistics, *, open_us: int, event_us: int, unit: int) -> str:
    candle = window.candle
    first_id, last_id = _ids(candle)
    return (
        f'"v":"{number(candle.base)}","q":"{number(candle.quote)}","O":{open_us // unit},'
        f'"C":{event_us // unit},"F":{first_id},"L":{last_id},"n":{candle.count}'
    )


def _ids(candle: Candle) -> tuple[int, int]:
    """The first and the last trade; -1 where there is none."""
    return (candle.first_id, candle.last_id) if candle.count else (-1, -1)


def _levels(levels: Iterable[Level]) -> str:
    return "[" + ",".join(f'["{number(price)}","{number(quantity)}"]' for price, quantity in levels) + "]"


def _percent(thousandths: int) -> str:
    whole, rest = divmod(abs(thousandths), 1000)
    return f"{'-' if thousandths < 0 else ''}{whole}.{rest:03}"


def _bool(value: bool) -> str:
    return "true" if value else "false"
