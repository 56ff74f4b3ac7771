"""The changes of one book, as streams of two speeds."""

from collections.abc import Iterable
from functools import partial
from itertools import product

from bowstring.local_exchange.matching.book import Book
from bowstring.local_exchange.streams import payloads
from bowstring.local_exchange.streams.hub import Publisher

PARTIAL = (5, 10, 20)
FAST = ("@100ms",)
SLOW = ("", "@1000ms")  # the second is in no documentation, but in use, by basana and others


class _Diffs:
    """Changes at one speed: each message begins where the one before ended, whether or not it was sent."""

    def __init__(self, streams: Iterable[str], symbol: str, book: Book) -> None:
        self._streams, self._symbol, self._book = tuple(streams), symbol, book
        self._changed: dict[tuple[bool, int], None] = {}
        self._told_id = book.update_id

    def note(self, changed: Iterable[tuple[bool, int]]) -> None:
        """These levels have changed."""
        self._changed.update(dict.fromkeys(changed))

    def publish(self, publisher: Publisher, *, event_us: int) -> None:
        """Tell what those levels are now, which is at the book's last update."""
        if self._book.update_id == self._told_id:
            return
        for stream in self._streams:
            if publisher.wants(stream):
                publisher.publish(stream, partial(self._build, event_us))
        self._changed.clear()
        self._told_id = self._book.update_id

    def _build(self, event_us: int, unit: int) -> bytes:
        return payloads.depth_update(
            self._symbol,
            [(is_bid, price, self._book.quantity(price, is_bid=is_bid)) for is_bid, price in self._changed],
            first_id=self._told_id + 1,
            last_id=self._book.update_id,
            event_us=event_us,
            unit=unit,
        )


class DepthStreams:
    """``<symbol>@depth`` and ``<symbol>@depth5|10|20``, each every second and every 100 ms."""

    def __init__(self, symbol: str, book: Book) -> None:
        self._name, self._book = f"{symbol.lower()}@depth", book
        book.take_changes()  # of the time before
        self._fast = _Diffs([self._name + speed for speed in FAST], symbol, book)
        self._slow = _Diffs([self._name + speed for speed in SLOW], symbol, book)

    def publish(self, publisher: Publisher, *, event_us: int, is_second: bool) -> None:
        """To be called every 100 ms, and with ``is_second`` every tenth time."""
        changed = [(is_bid, price) for is_bid, price, _ in self._book.take_changes()]
        self._fast.note(changed)
        self._slow.note(changed)
        self._fast.publish(publisher, event_us=event_us)
        self._publish_best(publisher, speeds=FAST)
        if is_second:
            self._slow.publish(publisher, event_us=event_us)
            self._publish_best(publisher, speeds=SLOW)

    def _publish_best(self, publisher: Publisher, *, speeds: Iterable[str]) -> None:
        for levels, speed in product(PARTIAL, speeds):
            stream = f"{self._name}{levels}{speed}"
            if publisher.wants(stream):
                publisher.publish(stream, partial(_best, payloads.partial_depth(self._book, levels=levels)))


def _best(payload: bytes, _unit: int) -> bytes:
    return payload
