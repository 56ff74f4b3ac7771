"""What was traded in each interval of time, and in the last 24 hours. Times in us, amounts in units of 1e-8."""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, islice

from msgspec import Struct
from msgspec.structs import replace

from bowstring.local_exchange.matching.orders import Trade
from bowstring.local_exchange.matching.rules import UNIT

SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
_WEEK_BEGINS = 4 * DAY  # the epoch was a Thursday, weeks begin on Monday

INTERVALS = {
    "1s": SECOND, "1m": MINUTE, "3m": 3 * MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "30m": 30 * MINUTE,
    "1h": HOUR, "2h": 2 * HOUR, "4h": 4 * HOUR, "6h": 6 * HOUR, "8h": 8 * HOUR, "12h": 12 * HOUR,
    "1d": DAY, "3d": 3 * DAY, "1w": 7 * DAY, "1M": 0,
}  # fmt: skip
"""The length of each, in us; months differ."""

KEPT = 1500  # candles of each interval; a day has 1,440 minutes
MEAN_MINUTES = 5


class Candle(Struct):
    """The trades of one interval, ``first_id`` to ``last_id``. ``taker_base``: what takers bought of ``base``."""

    open_us: int
    open: int
    high: int
    low: int
    close: int
    base: int
    quote: int
    count: int
    taker_base: int
    taker_quote: int
    first_id: int
    last_id: int

    def include(self, later: "Candle") -> None:
        """Take in what was traded after it."""
        self.high, self.low = max(self.high, later.high), min(self.low, later.low)
        self.close, self.last_id = later.close, later.last_id
        self.base += later.base
        self.quote += later.quote
        self.count += later.count
        self.taker_base += later.taker_base
        self.taker_quote += later.taker_quote


class Candles:
    """All intervals of one symbol: trades make seconds, and seconds that are over make everything else."""

    def __init__(self) -> None:
        self._second: Candle | None = None
        self._kept: dict[str, deque[Candle]] = {interval: deque(maxlen=KEPT) for interval in INTERVALS}

    def add(self, trade: Trade) -> None:
        """Count a trade; they come in the order of their times."""
        second, open_us = self._second, trade.time_us - trade.time_us % SECOND
        if second is not None and second.open_us != open_us:
            self._fold(second)
            second = None
        one = _candle(trade, open_us)
        if second is None:
            self._second = one
        else:
            second.include(one)

    def of(self, interval: str, *, offset_us: int = 0) -> list[Candle]:
        """The candles of an interval, oldest first; the last one may be unfinished.

        ``offset_us``, whole minutes, moves their beginnings to those of a time zone so far east of UTC.
        """
        if offset_us % (INTERVALS[interval] or DAY):
            shorter = next(one for one in ("1h", "30m", "15m", "1m") if offset_us % INTERVALS[one] == 0)
            return merged(self.of(shorter), interval, offset_us=offset_us)
        return merged([*self._kept[interval], *([self._second] if self._second else [])], interval)

    def at(self, open_us: int, interval: str, *, offset_us: int = 0) -> Candle | None:
        """The candle that began then: the current one, or the one before it.

        Where nothing was traded it is flat, at the last price before; None before the first trade.
        """
        candles = self.of(interval, offset_us=offset_us) if offset_us else self._latest(interval)
        earlier = [candle for candle in candles if candle.open_us <= open_us]
        if not earlier or earlier[-1].open_us == open_us:
            return earlier[-1] if earlier else None
        return quiet(open_us, price=earlier[-1].close, last_id=earlier[-1].last_id)

    def day(self, now_us: int) -> Candle | None:
        """The last 24 hours as one candle, from the beginning of a minute; None if nothing was traded."""
        return self.window(begin(now_us - DAY, "1m"))

    def window(self, since_us: int) -> Candle | None:
        """What was traded since the beginning of a minute, as one candle; None if nothing was.

        From the beginning of its hour, if that is longer ago than minutes are kept.
        """
        return _sum(self._since(since_us))

    def close_before(self, since_us: int) -> int | None:
        """The last price before the beginning of a minute; None if there is none, or it is forgotten."""
        index = _index(self._kept["1m"], since_us)
        return self._kept["1m"][index - 1].close if index else None

    def mean_price(self, now_us: int) -> int:
        """The mean price of the last minutes, weighted by quantity; 0 if nothing was traded in them."""
        since_us = now_us - MEAN_MINUTES * MINUTE
        base = quote = 0  # a loop, as it is run for each order
        for candle in chain(islice(reversed(self._kept["1m"]), MEAN_MINUTES), [self._second] if self._second else []):
            if candle.open_us > since_us:
                base += candle.base
                quote += candle.quote
        return quote * UNIT // base if base else 0

    def _latest(self, interval: str) -> list[Candle]:
        latest = [*islice(reversed(self._kept[interval]), 3)][::-1]
        return merged([*latest, *([self._second] if self._second else [])], interval)

    def _since(self, since_us: int) -> Iterator[Candle]:
        """By minutes up to the full hour, then by hours."""
        minutes, hours = self._kept["1m"], self._kept["1h"]
        is_forgotten = len(minutes) == KEPT and minutes[0].open_us > since_us
        hour_us = (since_us if is_forgotten else since_us + HOUR - 1) // HOUR * HOUR
        for minute in islice(minutes, _index(minutes, since_us), None):
            if minute.open_us >= hour_us:
                break
            yield minute
        yield from islice(hours, _index(hours, hour_us), None)
        if self._second is not None and self._second.open_us >= since_us:
            yield self._second

    def _fold(self, second: Candle) -> None:
        for interval, kept in self._kept.items():
            open_us = begin(second.open_us, interval)
            if kept and kept[-1].open_us == open_us:
                kept[-1].include(second)
            else:
                kept.append(replace(second, open_us=open_us))


def merged(candles: Iterable[Candle], interval: str, *, offset_us: int = 0) -> list[Candle]:
    """Longer candles out of shorter ones."""
    longer: list[Candle] = []
    for candle in candles:
        open_us = begin(candle.open_us, interval, offset_us=offset_us)
        if longer and longer[-1].open_us == open_us:
            longer[-1].include(candle)
        else:
            longer.append(replace(candle, open_us=open_us))
    return longer


def without_gaps(candles: Iterable[Candle], interval: str, *, now_us: int, offset_us: int = 0) -> list[Candle]:
    """The candles, with flat ones where nothing was traded, up to the interval that it is now; the last `KEPT`."""
    filled: deque[Candle] = deque(maxlen=KEPT)
    for candle in candles:
        if filled:
            filled.extend(_flat(filled[-1], candle.open_us, interval, offset_us=offset_us))
        filled.append(candle)
    if filled:
        filled.extend(_flat(filled[-1], now_us + 1, interval, offset_us=offset_us))
    return list(filled)


def begin(time_us: int, interval: str, *, offset_us: int = 0) -> int:
    """When the interval that has this time in it began."""
    local = time_us + offset_us
    if interval == "1M":
        day = datetime.fromtimestamp(local // SECOND, UTC).replace(day=1, hour=0, minute=0, second=0)
        return int(day.timestamp()) * SECOND - offset_us
    shift = _WEEK_BEGINS if interval == "1w" else 0
    return local - (local - shift) % INTERVALS[interval] - offset_us


def end(open_us: int, interval: str, *, offset_us: int = 0) -> int:
    """The last ms of the interval that began then, in us."""
    if interval == "1M":
        day = datetime.fromtimestamp((open_us + offset_us) // SECOND, UTC) + timedelta(days=32)
        return begin(int(day.timestamp()) * SECOND - offset_us, interval, offset_us=offset_us) - 1000
    return open_us + INTERVALS[interval] - 1000


def quiet(open_us: int, *, price: int, last_id: int) -> Candle:
    """An interval in which nothing is traded, after the trade ``last_id``."""
    return Candle(open_us, price, price, price, price, 0, 0, 0, 0, 0, last_id + 1, last_id)


def _candle(trade: Trade, open_us: int) -> Candle:
    bought = not trade.is_buyer_maker
    return Candle(
        open_us=open_us,
        open=trade.price,
        high=trade.price,
        low=trade.price,
        close=trade.price,
        base=trade.quantity,
        quote=trade.quote,
        count=1,
        taker_base=trade.quantity if bought else 0,
        taker_quote=trade.quote if bought else 0,
        first_id=trade.id,
        last_id=trade.id,
    )


def _index(candles: deque[Candle], since_us: int) -> int:
    """Which is the first that began at that time or later."""
    return bisect_left(candles, since_us, key=lambda candle: candle.open_us)


def _flat(last: Candle, until_us: int, interval: str, *, offset_us: int) -> Iterator[Candle]:
    """Candles after the ``last`` one that begin before then and in which nothing is traded."""
    open_us = end(last.open_us, interval, offset_us=offset_us) + 1000
    skipped_us = until_us - (KEPT + 1) * INTERVALS[interval]
    if INTERVALS[interval] and skipped_us > open_us:
        open_us = begin(skipped_us, interval, offset_us=offset_us)
    while open_us < until_us:
        yield quiet(open_us, price=last.close, last_id=last.last_id)
        open_us = end(open_us, interval, offset_us=offset_us) + 1000


def _sum(candles: Iterable[Candle]) -> Candle | None:
    total: Candle | None = None
    for candle in candles:
        if total is None:
            total = replace(candle)
        else:
            total.include(candle)
    return total
