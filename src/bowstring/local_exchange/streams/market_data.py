"""Everything public that the exchange tells: trades and best prices at once, the rest every so often."""

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import takewhile

from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.matching.market import Aggregate, Market
from bowstring.local_exchange.matching.orders import Trade
from bowstring.local_exchange.matching.record import Happened
from bowstring.local_exchange.streams import payloads
from bowstring.local_exchange.streams.depth import DepthStreams
from bowstring.local_exchange.streams.hub import Publisher
from bowstring.local_exchange.streams.klines import KlineStreams
from bowstring.local_exchange.streams.tickers import TickerStreams, best

TICK_S = 0.1
_SECOND = 10  # ticks


class MarketData:
    """Takes what has happened from the clerk, and publishes it; ``tick`` is to be called every 100 ms, as ``run`` does.

    ``now_us`` is the exchange's clock, and ``publisher`` may be exchanged. A snapshot of a book that is read at any
    time has an update id no less than those of all messages before: both come from the one counter of the book.
    """

    def __init__(self, exchange: Exchange, publisher: Publisher, *, now_us: Callable[[], int]) -> None:
        self.publisher, self._now_us = publisher, now_us
        self._symbols = {symbol: _Symbol(market, now_us=now_us()) for symbol, market in exchange.markets.items()}
        self._tickers = TickerStreams(exchange.markets.values())
        self._ticks = 0

    def take(self, happened: Happened) -> None:
        """Publish trades, and the best prices where they have changed."""
        trades: dict[str, list[Trade]] = {}
        for change in happened.changes:
            if isinstance(change, Trade):
                trades.setdefault(change.symbol, []).append(change)
            else:
                trades.setdefault(change.order.new.symbol, [])
        for symbol, traded in trades.items():
            self._symbols[symbol].take(traded, self.publisher, now_us=self._now_us())

    def tick(self) -> None:
        """Publish what is due."""
        self._ticks += 1
        now_us, is_second = self._now_us(), self._ticks % _SECOND == 0
        for symbol in self._symbols.values():
            symbol.depth.publish(self.publisher, event_us=now_us, is_second=is_second)
            symbol.klines.publish(
                self.publisher,
                now_us=now_us,
                is_second=is_second,
                is_two_seconds=self._ticks % (2 * _SECOND) == 0,
            )
        if is_second:
            self._tickers.publish(self.publisher, now_us=now_us)

    def announce_shutdown(self) -> None:
        """Tell everybody that the server is about to go."""
        self.publisher.broadcast("!serverShutdown", partial(_shutdown, self._now_us()))

    async def run(self) -> None:
        """Tick until cancelled; a tick that is late does not make the next one late."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            due_s = max(due_s + TICK_S, loop.time() - TICK_S)
            await asyncio.sleep(due_s - loop.time())
            self.tick()


class _Symbol:
    """The streams of one symbol."""

    def __init__(self, market: Market, *, now_us: int) -> None:
        self._market, self._name = market, market.rules.symbol
        lower = self._name.lower()
        self._trades, self._aggregates = f"{lower}@trade", f"{lower}@aggTrade"
        self._best_prices = f"{lower}@bookTicker"
        self._best = best(market, is_bid=True), best(market, is_bid=False)
        self.depth = DepthStreams(self._name, market.book)
        self.klines = KlineStreams(self._name, market.candles, now_us=now_us)

    def take(self, trades: list[Trade], publisher: Publisher, *, now_us: int) -> None:
        if trades and publisher.wants(self._trades):
            for trade in trades:
                publisher.publish(self._trades, partial(_trade, trade, now_us))
        if trades and publisher.wants(self._aggregates):
            for total in self._since(trades[0]):
                publisher.publish(self._aggregates, partial(_aggregate, self._name, total, now_us))
        if publisher.wants(self._best_prices):
            self._publish_best(publisher)

    def _since(self, first: Trade) -> list[Aggregate]:
        newest_first = takewhile(lambda total: total.first_id >= first.id, reversed(self._market.aggregates))
        return [*newest_first][::-1]

    def _publish_best(self, publisher: Publisher) -> None:
        bid, ask = best(self._market, is_bid=True), best(self._market, is_bid=False)
        if (bid, ask) != self._best:
            self._best = bid, ask
            payload = payloads.book_ticker(self._name, self._market.book.update_id, bid=bid, ask=ask)
            publisher.publish(self._best_prices, lambda _: payload)


def _shutdown(now_us: int, unit: int) -> bytes:
    return payloads.server_shutdown(event_us=now_us, unit=unit)


def _trade(trade: Trade, now_us: int, unit: int) -> bytes:
    return payloads.trade(trade, event_us=now_us, unit=unit)


def _aggregate(symbol: str, total: Aggregate, now_us: int, unit: int) -> bytes:
    return payloads.aggregate(symbol, total, event_us=now_us, unit=unit)
