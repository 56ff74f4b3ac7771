"""The candles of one symbol, as streams: what has changed every two seconds, and each closing one at once."""

from collections.abc import Iterator

from bowstring.local_exchange.matching.candles import HOUR, INTERVALS, SECOND, Candle, Candles, begin
from bowstring.local_exchange.streams import payloads
from bowstring.local_exchange.streams.hub import Publisher

_OFFSETS = {"": 0, "@+08:00": 8 * HOUR}
_MADE_UP_FOR = 60  # candles that closed while nobody looked


class _Stream:
    """One interval, in one time zone."""

    def __init__(self, symbol: str, interval: str, zone: str) -> None:
        self.name = f"{symbol.lower()}@kline_{interval}{zone}"
        self.interval = interval
        self._symbol = symbol
        length = INTERVALS[interval]
        is_same = length > 0 and _OFFSETS[zone] % length == 0  # begins and ends as it does in UTC
        self._offset_us = 0 if is_same else _OFFSETS[zone]
        self._told: Candle | None = None

    def update(self, candles: Candles, publisher: Publisher, *, now_us: int) -> None:
        """Tell the current candle, if there is one and it has changed."""
        candle = candles.at(self._begin(now_us), self.interval, offset_us=self._offset_us)
        if candle is not None and candle.count and candle != self._told:
            self._told = candle
            self._publish(candle, publisher, is_closed=False, now_us=now_us)

    def close(self, candles: Candles, publisher: Publisher, *, since_us: int, now_us: int) -> None:
        """Tell the candles that have ended since ``since_us``, also those without a trade."""
        for open_us in self._ended(since_us, now_us):
            candle = candles.at(open_us, self.interval, offset_us=self._offset_us)
            if candle is not None:
                self._publish(candle, publisher, is_closed=True, now_us=now_us)

    def _ended(self, since_us: int, now_us: int) -> Iterator[int]:
        """When those that have ended began, oldest first."""
        ended, open_us, first_us = list[int](), self._begin(now_us), self._begin(since_us)
        while open_us > first_us and len(ended) < _MADE_UP_FOR:
            open_us = self._begin(open_us - 1)
            ended.append(open_us)
        return reversed(ended)

    def _begin(self, time_us: int) -> int:
        return begin(time_us, self.interval, offset_us=self._offset_us)

    def _publish(self, candle: Candle, publisher: Publisher, *, is_closed: bool, now_us: int) -> None:
        def build(unit: int) -> bytes:
            return payloads.kline(
                self._symbol,
                self.interval,
                candle,
                offset_us=self._offset_us,
                is_closed=is_closed,
                event_us=now_us,
                unit=unit,
            )

        publisher.publish(self.name, build)


class KlineStreams:
    """All intervals, in UTC and eight hours east of it."""

    def __init__(self, symbol: str, candles: Candles, *, now_us: int) -> None:
        self._candles, self._closed_us = candles, now_us
        self._streams = [_Stream(symbol, interval, zone) for zone in _OFFSETS for interval in INTERVALS]

    def publish(self, publisher: Publisher, *, now_us: int, is_second: bool, is_two_seconds: bool) -> None:
        """To be called often: a candle is told to be closed as soon as this is called after its end."""
        if now_us // SECOND > self._closed_us // SECOND:
            for stream in self._wanted(publisher):
                stream.close(self._candles, publisher, since_us=self._closed_us, now_us=now_us)
            self._closed_us = now_us
        if is_second:
            for stream in self._wanted(publisher):
                if is_two_seconds or stream.interval == "1s":
                    stream.update(self._candles, publisher, now_us=now_us)

    def _wanted(self, publisher: Publisher) -> Iterator[_Stream]:
        return (stream for stream in self._streams if publisher.wants(stream.name))
