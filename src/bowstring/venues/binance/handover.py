"""From one connection to the next without a gap and without a duplicate. Pure."""

import math
from collections.abc import Callable, Sequence

from bowstring.venues.binance.wire import Data

MAX_HELD = 20_000  # messages of the new connection: 2 s of 1,000 symbols with 10 changes a second


class Handover:
    """Puts the messages of two overlapping connections together, by their place in their stream.

    Both bring every message of the overlap, each in order, and either may be behind. A stream is taken from the old
    connection, and what the new one brings of it is held, until the old one brings something from after that: then
    nothing is missing in between. From there on it is taken from the new one, but for what the old one has brought.
    Where messages share a place, as those that are placed by their time may, they are told apart by what they say.

    ``last`` has the last message of each stream; whoever has one connection only notes it there himself.
    ``on_caught_up`` is called when the first stream has gone over. A connection keeps its order, so the old one has by
    then brought all from before the new one, and may be closed.
    """

    def __init__(self) -> None:
        self.last: dict[str, Data] = {}
        self.newest = 0  # the number of the newest connection
        self.repeated = 0
        self.is_under_way = False
        self._on_caught_up: Callable[[], None] | None = None
        self._by_old: dict[str, list[Data]] = {}  # the last, and others at its place, by stream
        self._first: dict[str, int] = {}  # the place where the new connection began, by stream
        self._held: dict[str, list[Data]] = {}
        self._held_count = 0
        self._gone_over: set[str] = set()
        self._is_old_closed = False

    def begin(self, on_caught_up: Callable[[], None]) -> None:
        """There is a new connection beside the old one."""
        self.newest += 1
        self.is_under_way = True
        self._on_caught_up = on_caught_up
        self._by_old = {stream: [data] for stream, data in self.last.items()}
        self._gone_over.clear()
        self._is_old_closed = False
        self._hold_nothing()

    def news(self, data: Data, *, is_new: bool) -> Sequence[Data]:
        """What is to be published, in this order, when one of the connections brings a message."""
        stream = data.stream
        if is_new:
            if stream in self._gone_over or self._is_old_closed:
                return self._fresh([data])
            self._hold(data)
            return ()
        if stream in self._gone_over:
            self.repeated += 1
            return ()
        self.last[stream] = data
        same_place = self._by_old.get(stream)
        if same_place is None or same_place[0].sequence != data.sequence:
            self._by_old[stream] = [data]
        else:
            same_place.append(data)
        if data.sequence <= self._first.get(stream, math.inf):
            return (data,)
        return (data, *self._go_over(stream))

    def old_closed(self) -> Sequence[Data]:
        """The old connection brings no more; what is to be published of what was held."""
        self._is_old_closed = True
        held = [data for messages in self._held.values() for data in messages]
        self._hold_nothing()
        return self._fresh(held)

    def end(self) -> None:
        """The new connection has brought all that the old one has."""
        self.is_under_way = False
        self._by_old.clear()
        self._hold_nothing()

    def _go_over(self, stream: str) -> Sequence[Data]:
        self._gone_over.add(stream)
        if self._on_caught_up is not None:
            self._on_caught_up()
            self._on_caught_up = None
        held = self._held.pop(stream)
        self._held_count -= len(held)
        return self._fresh(held)

    def _fresh(self, messages: Sequence[Data]) -> Sequence[Data]:
        """Those that the old connection has not brought."""
        fresh = [data for data in messages if not self._was_brought_by_old(data)]
        self.repeated += len(messages) - len(fresh)
        self.last.update((data.stream, data) for data in fresh)
        return fresh

    def _was_brought_by_old(self, data: Data) -> bool:
        brought = self._by_old.get(data.stream)
        if brought is None or data.sequence > brought[0].sequence:
            return False
        return data.sequence < brought[0].sequence or data in brought

    def _hold(self, data: Data) -> None:
        if self._held_count >= MAX_HELD:
            self._hold_nothing()  # as if the new connection had begun here
        self._first.setdefault(data.stream, data.sequence)
        self._held.setdefault(data.stream, []).append(data)
        self._held_count += 1

    def _hold_nothing(self) -> None:
        self._first.clear()
        self._held.clear()
        self._held_count = 0
