"""What waits for one subscriber that is behind: bounded, in order, every event accounted for."""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Any

from msgspec import Struct

from bowstring.core.messages import Event, Lagged, Message

LOSSLESS_CAPACITY = 1024  # artemis: 512 for all, and the oldest are lost
MARKET_CAPACITY = 1024

Call = Callable[[Message], Any]
Entry = tuple[Event, tuple[Call, ...]]
"""An event, and the handlers that it is still to be given to."""


class Inbox:
    """Events in the order of their ``seq``, which conflation keeps: the old one goes, the new one joins the tail.

    Lossless events and market data wait apart, so that neither can crowd out the other.
    """

    __slots__ = ("conflated", "dropped", "_lag", "_lossless", "_market")

    def __init__(self) -> None:
        self.conflated = 0
        self.dropped = 0
        self._lossless: deque[Entry] = deque()
        self._market: OrderedDict[Hashable, Entry] = OrderedDict()
        self._lag: Lag | None = None

    def __len__(self) -> int:
        return len(self._lossless) + len(self._market)

    def put(self, event: Event, calls: tuple[Call, ...]) -> bool:
        """Keep an event. False: it is lossless and there is no room for it."""
        if event.delivery == "lossless":
            if len(self._lossless) >= LOSSLESS_CAPACITY:
                return False
            self._lossless.append((event, calls))
            return True
        self._put_market(event, calls)
        return True

    def take(self) -> Entry:
        """The oldest event. Raises IndexError when there is none."""
        if not self._market:
            return self._lossless.popleft()
        oldest = next(iter(self._market.values()))
        if self._lossless and self._lossless[0][0].seq < oldest[0].seq:
            return self._lossless.popleft()
        self._market.popitem(last=False)
        return oldest

    def discard(self) -> int:
        """Let go of all events; returns how many there were."""
        count = len(self)
        self._lossless.clear()
        self._market.clear()
        self._lag = None
        return count

    def take_lag(self) -> Lagged | None:
        """What was dropped since the last call, to be told before anything newer is delivered."""
        lag, self._lag = self._lag, None
        return None if lag is None else Lagged(count=lag.count, first=lag.first, last=lag.last)

    def _put_market(self, event: Event, calls: tuple[Call, ...]) -> None:
        key: Hashable = event.seq
        if event.delivery == "latest":
            key = "latest", event.conflation_key()
            if self._market.pop(key, None):
                self.conflated += 1
        if len(self._market) >= MARKET_CAPACITY:
            self._drop(self._market.popitem(last=False)[1][0])
        self._market[key] = event, calls

    def _drop(self, event: Event) -> None:
        self.dropped += 1
        if self._lag is None:
            self._lag = Lag(first=event.seq)
        self._lag.count += 1
        self._lag.last = event.seq


class Lag(Struct):
    """A run of dropped events, being counted."""

    first: int
    last: int = 0
    count: int = 0
