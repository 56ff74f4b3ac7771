"""A believable Binance feed out of a seed: quotes, trades and aggregate trades of several symbols, without end.

Each symbol has a mid price on a random walk whose volatility clusters, a spread of one tick or some, displayed sizes
that are refilled, and takers that hit the touch: a trade prints at the current best price, takes no more than is
displayed there, and the next quote shows what is left, or the next level when nothing is. Traffic comes in bursts.
As a feed of USDⓈ-M futures it also has mark prices, once a second of each symbol, and now and then a forced order.

The same seed gives the same bytes, but for the times, which begin at ``start_ns``.
"""

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import takewhile
from random import Random
from time import time_ns

from msgspec import Struct, structs

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.recording import RecordedFrame, Recording
from bowstring.market.instrument import Instrument

START_NS = 1_700_000_000_000_000_000
_UNIT = 10**8  # Binance sends 8 decimals: prices and quantities are ints of 1e-8 in here
_FORCED = 0.1  # of the takers, in futures
_MARK_NS = 10**9
_TRADES = 0.25  # of a symbol's changes; the rest are quotes
_BURST, _CALM = 0.1, 1.6  # how far apart frames come, against the mean: 40 % come in bursts


class Market(Struct, frozen=True, kw_only=True):
    """An instrument, the price it starts at, and the quantity usually displayed at its touch."""

    instrument: Instrument
    price: Decimal
    display: Decimal


def _market(base: str, quote: str, *, price: str, tick: str, lot: str, display: str, least: str) -> Market:
    instrument = Instrument(
        venue="binance",
        symbol=f"{base}/{quote}",
        venue_symbol=base + quote,
        base=base,
        quote=quote,
        tick_size=Decimal(tick),
        lot_size=Decimal(lot),
        min_notional=Decimal(least),
    )
    return Market(instrument=instrument, price=Decimal(price), display=Decimal(display))


MARKETS = {
    market.instrument.venue_symbol: market
    for market in (
        _market("BTC", "USDT", price="65000", tick="0.01", lot="0.00001", display="0.8", least="5"),
        _market("ETH", "USDT", price="3400", tick="0.01", lot="0.0001", display="9", least="5"),
        _market("BNB", "USDT", price="590", tick="0.1", lot="0.001", display="12", least="5"),
        _market("SOL", "USDT", price="150", tick="0.01", lot="0.001", display="60", least="5"),
        _market("XRP", "USDT", price="0.52", tick="0.0001", lot="1", display="21000", least="5"),
        _market("DOGE", "USDT", price="0.12", tick="0.00001", lot="1", display="54000", least="1"),
        _market("ETH", "BTC", price="0.0523", tick="0.00001", lot="0.001", display="11", least="0.0001"),
    )
}


def generate(
    symbols: Sequence[str],
    *,
    seed: int,
    rate_hz: float,
    seconds: float | None = None,
    start_ns: int = START_NS,
    futures: bool = False,
) -> Iterator[RecordedFrame]:
    """Frames at ``rate_hz`` on average over all ``symbols`` (keys of `MARKETS`), lazily; endless without ``seconds``.

    Raises `ConfigError` for a symbol that has no market here, and for a rate that is no positive number.
    """
    if not 0 < rate_hz < math.inf:
        raise ConfigError(f"rate {rate_hz} is no positive number of frames a second")
    random = Random(seed)
    kind = _FuturesBook if futures else _Book
    books = [kind(_known(symbol), random=random) for symbol in dict.fromkeys(symbols)]
    frames = _frames(books, random=random, rate_hz=rate_hz, start_ns=start_ns)
    if seconds is None:
        return frames
    end_ns = start_ns + int(seconds * 1e9)
    return takewhile(lambda frame: frame.time_ns < end_ns, frames)


def live(symbols: Sequence[str], *, seed: int, rate_hz: float, futures: bool = False) -> Recording:
    """An endless feed whose times are those of now when a pass over it begins. Raises as `generate` does."""
    generate(symbols, seed=seed, rate_hz=rate_hz)  # what is wrong is told now, not when somebody subscribes
    listed = [_known(symbol).instrument for symbol in dict.fromkeys(symbols)]
    return Recording(
        frames=lambda: generate(symbols, seed=seed, rate_hz=rate_hz, start_ns=time_ns(), futures=futures),
        instruments=tuple(
            structs.replace(one, symbol=f"{one.symbol}:{one.quote}") if futures else one for one in listed
        ),
        futures=futures,
    )


def _known(symbol: str) -> Market:
    if symbol not in MARKETS:
        raise ConfigError(f"no market is known for {symbol!r}; those are {', '.join(MARKETS)}")
    return MARKETS[symbol]


def _frames(books: Sequence["_Book"], *, random: Random, rate_hz: float, start_ns: int) -> Iterator[RecordedFrame]:
    time, bursting = start_ns, False
    for book in books:
        yield book.quote(time)
    while True:
        book = random.choice(books)
        frames = book.trade(time) if random.random() < _TRADES else book.move(time)
        yield from frames
        bursting ^= random.random() < (0.03 if bursting else 0.02)
        mean_s = len(frames) * (_BURST if bursting else _CALM) / rate_hz
        time += 1 + int(random.expovariate(1 / mean_s) * 1e9)


class _Book:
    """The touch of one symbol: prices in ticks, sizes in lots."""

    def __init__(self, market: Market, *, random: Random) -> None:
        instrument = market.instrument
        self._symbol, self._stream = instrument.venue_symbol, instrument.venue_symbol.lower()
        self._tick, self._lot = int(instrument.tick_size * _UNIT), int(instrument.lot_size * _UNIT)
        self._random = random
        self._display = float(market.display / instrument.lot_size)
        self._home = self._mid = float(market.price / instrument.tick_size)
        self._heat = 0.0
        self._update_id, self._trade_id, self._aggregate_id = (random.randrange(10**8, 10**9) for _ in range(3))
        self._bid = self._ask = self._bid_size = self._ask_size = 0
        self._settle()

    def move(self, time: int) -> list[RecordedFrame]:
        """Makers change their minds: about half of the changes move the price, the others only the size."""
        if self._random.random() < 0.5:
            self._heat = 0.98 * self._heat + self._random.gauss(0, 0.2)
            step = max(0.3, self._mid * 1e-5) * 2.0**self._heat
            self._mid += self._random.gauss(0, step) + 1e-6 * (self._home - self._mid)
            self._settle()
        elif self._random.random() < 0.5:
            self._bid_size = self._size()
        else:
            self._ask_size = self._size()
        return [self.quote(time)]

    def trade(self, time: int) -> list[RecordedFrame]:
        """A taker hits the touch, the thinner side more often; returns its trades, their sum, and the new quote."""
        sells = self._random.random() * (self._bid_size + self._ask_size) < self._ask_size
        price, displayed = (self._bid, self._bid_size) if sells else (self._ask, self._ask_size)
        lots = min(displayed, 1 + self._size() // 4)
        prints = self._print(time, price=price, lots=lots, sells=sells)
        self._take(lots, sells=sells)
        return [*prints, self.quote(time)]

    def quote(self, time: int) -> RecordedFrame:
        self._update_id += self._random.randrange(1, 6)
        bid = f'"b":"{_number(self._bid * self._tick)}","B":"{_number(self._bid_size * self._lot)}"'
        ask = f'"a":"{_number(self._ask * self._tick)}","A":"{_number(self._ask_size * self._lot)}"'
        payload = f'{{"u":{self._update_id},"s":"{self._symbol}",{bid},{ask}}}'
        return self._frame(time, "bookTicker", payload)

    def _settle(self) -> None:
        """Place the touch around the mid: one tick wide, sometimes more, with new sizes."""
        spread = 1 + int(self._random.expovariate(1.5))
        self._bid = max(1, round(self._mid - spread / 2))
        self._ask = self._bid + spread
        self._bid_size, self._ask_size = self._size(), self._size()

    def _take(self, lots: int, *, sells: bool) -> None:
        """Take from the displayed size; where nothing is left, the next level becomes the touch."""
        gap = 1 + int(self._random.expovariate(1.0))
        if sells:
            self._bid_size -= lots
            if not self._bid_size:
                self._bid, self._bid_size = max(1, self._bid - gap), self._size()
        else:
            self._ask_size -= lots
            if not self._ask_size:
                self._ask, self._ask_size = self._ask + gap, self._size()
        self._mid = (self._bid + self._ask) / 2

    def _size(self) -> int:
        return 1 + int(self._display * self._random.lognormvariate(-0.5, 1.0))

    def _split(self, lots: int) -> list[int]:
        """One taker meets one to three makers."""
        fills: list[int] = []
        while lots and len(fills) < 2 and self._random.random() < 0.3:
            fills.append(self._random.randint(1, lots))
            lots -= fills[-1]
        return [*fills, lots] if lots else fills

    def _print(self, time: int, *, price: int, lots: int, sells: bool) -> list[RecordedFrame]:
        ms, cost = time // 1_000_000, f'"p":"{_number(price * self._tick)}"'
        head = f'"E":{ms},"s":"{self._symbol}"'
        tail = f'"T":{ms},"m":{"true" if sells else "false"},"M":true'
        first, frames = self._trade_id + 1, list[RecordedFrame]()
        for fill in self._split(lots):
            self._trade_id += 1
            deal = f'"t":{self._trade_id},{cost},"q":"{_number(fill * self._lot)}"'
            frames.append(self._frame(time, "trade", f'{{"e":"trade",{head},{deal},{tail}}}'))
        self._aggregate_id += 1
        deal = f'"a":{self._aggregate_id},{cost},"q":"{_number(lots * self._lot)}","f":{first},"l":{self._trade_id}'
        return [*frames, self._frame(time, "aggTrade", f'{{"e":"aggTrade",{head},{deal},{tail}}}')]

    def _frame(self, time: int, kind: str, payload: str) -> RecordedFrame:
        stream = f"{self._stream}@{kind}"
        combined = f'{{"stream":"{stream}","data":{payload}}}'
        return RecordedFrame(time_ns=time, stream=stream, combined=combined.encode(), payload=payload.encode())


class _FuturesBook(_Book):
    """One perpetual: besides, mark prices and forced orders. A mark price is near the mid, funding near 0.01 %."""

    _marked_ns = 0

    def move(self, time: int) -> list[RecordedFrame]:
        frames = super().move(time)
        if time - self._marked_ns >= _MARK_NS:
            self._marked_ns = time
            frames.append(self._mark(time))
        return frames

    def trade(self, time: int) -> list[RecordedFrame]:
        side, price = ("SELL", self._bid) if self._random.random() < 0.5 else ("BUY", self._ask)
        frames = super().trade(time)
        if self._random.random() < _FORCED:
            frames.append(self._force(time, side=side, price=price, lots=self._size()))
        return frames

    def _mark(self, time: int) -> RecordedFrame:
        ms = time // 1_000_000
        price = _number(round(self._mid) * self._tick)
        head = f'"e":"markPriceUpdate","E":{ms},"s":"{self._symbol}"'
        rate = f'"r":"0.{self._random.randrange(5000, 15000):08}","T":{(ms // 28_800_000 + 1) * 28_800_000}'
        return self._frame(time, "markPrice@1s", f'{{{head},"p":"{price}","i":"{price}","P":"{price}",{rate}}}')

    def _force(self, time: int, *, side: str, price: int, lots: int) -> RecordedFrame:
        ms = time // 1_000_000
        at, filled = _number(price * self._tick), _number(lots * self._lot)
        order = (
            f'"s":"{self._symbol}","S":"{side}","o":"LIMIT","f":"IOC","q":"{filled}","p":"{at}","ap":"{at}",'
            f'"X":"FILLED","l":"{filled}","z":"{filled}","T":{ms}'
        )
        return self._frame(time, "forceOrder", f'{{"e":"forceOrder","E":{ms},"o":{{{order}}}}}')


def _number(units: int) -> str:
    return f"{units // _UNIT}.{units % _UNIT:08}"
