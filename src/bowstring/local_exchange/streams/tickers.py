"""What was traded in rolling windows, of one symbol and of all, once a second."""

from collections.abc import Iterable
from functools import partial
from typing import Protocol

from bowstring.local_exchange.matching.candles import DAY, HOUR, Candle, begin, quiet
from bowstring.local_exchange.matching.market import Market
from bowstring.local_exchange.streams import payloads
from bowstring.local_exchange.streams.hub import Publisher
from bowstring.local_exchange.streams.payloads import Level, Statistics

WINDOWS = {"1h": HOUR, "4h": 4 * HOUR, "1d": DAY}


class _Payload(Protocol):
    def __call__(self, window: Statistics, /, *, event_us: int, unit: int) -> bytes: ...


class _Kind:
    """One kind of ticker: its streams, and how its payload is made of how long a window."""

    def __init__(self, name: str, payload: _Payload, length_us: int, *, has_array: bool = True) -> None:
        self._name, self._payload, self._length_us, self._has_array = name, payload, length_us, has_array
        self._told: dict[str, Candle] = {}

    def publish(self, markets: Iterable[Market], publisher: Publisher, *, now_us: int) -> None:
        """Tell of each symbol, and, in the array, of those that have changed."""
        array = f"!{self._name}@arr"
        is_array_wanted = self._has_array and publisher.wants(array)
        changed: list[Statistics] = []
        for market in markets:
            stream = f"{market.rules.symbol.lower()}@{self._name}"
            if not is_array_wanted and not publisher.wants(stream):
                continue
            window = statistics(market, self._length_us, now_us=now_us)
            publisher.publish(stream, partial(self._build, window, now_us))
            if self._told.get(window.symbol) != window.candle:
                changed.append(window)
        if is_array_wanted and changed:
            self._told.update((window.symbol, window.candle) for window in changed)
            publisher.publish(array, partial(self._build_all, changed, now_us))

    def _build(self, window: Statistics, now_us: int, unit: int) -> bytes:
        return self._payload(window, event_us=now_us, unit=unit)

    def _build_all(self, windows: list[Statistics], now_us: int, unit: int) -> bytes:
        return payloads.array(self._build(window, now_us, unit) for window in windows)


class TickerStreams:
    """All of them, for all markets."""

    def __init__(self, markets: Iterable[Market]) -> None:
        self._markets = tuple(markets)
        self._kinds = [
            _Kind("miniTicker", payloads.mini_ticker, DAY),
            _Kind("ticker", payloads.ticker, DAY, has_array=False),  # Binance has retired its array
            *(_Kind(f"ticker_{size}", partial(payloads.window_ticker, size=size), WINDOWS[size]) for size in WINDOWS),
        ]

    def publish(self, publisher: Publisher, *, now_us: int) -> None:
        """To be called once a second."""
        for kind in self._kinds:
            kind.publish(self._markets, publisher, now_us=now_us)
        for market in self._markets:
            _publish_average(market, publisher, now_us=now_us)


def statistics(market: Market, length_us: int, *, now_us: int) -> Statistics:
    """The last ``length_us`` of a market; where nothing was traded, its last price."""
    last, candles = market.last_price, market.candles
    open_us = begin(now_us - length_us, "1m")
    candle = candles.window(open_us) or quiet(open_us, price=last, last_id=market.next_trade_id - 1)
    return Statistics(
        symbol=market.rules.symbol,
        candle=candle,
        open_us=open_us,
        before=candles.close_before(open_us) or candle.open,
        last_quantity=market.trades[-1].quantity if market.trades else 0,
        bid=best(market, is_bid=True),
        ask=best(market, is_bid=False),
    )


def best(market: Market, *, is_bid: bool) -> Level:
    """The best price and what rests there; zeros where nothing does."""
    side = market.book.side(is_buy=is_bid)
    price = side.best
    return (0, 0) if price is None else (price, side.levels[price].quantity)


def _publish_average(market: Market, publisher: Publisher, *, now_us: int) -> None:
    stream = f"{market.rules.symbol.lower()}@avgPrice"
    if publisher.wants(stream) and market.trades:
        mean, traded_us = market.mean_price(now_us), market.trades[-1].time_us
        publisher.publish(
            stream,
            lambda unit: payloads.average_price(
                market.rules.symbol, mean, traded_us=traded_us, event_us=now_us, unit=unit
            ),
        )
