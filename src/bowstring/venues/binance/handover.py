"""From one connection to the next without a gap and without a duplicate. Pure."""

from collections.abc import Callable, Iterable, Sequence

from bowstring.venues.binance.wire import Data

MAX_HELD = 20_000  # messages of the new connection: 2 s of 1,000 symbols with 10 changes a second


class Handover:
    """Puts the messages of connections that follow one another together, by their place in their stream.

    While two are open, both bring every message, each in order, and either may be behind. A stream is taken from the
    old one, and what the new one brings of it is held, until the old one has brought what the new one began with, or
    something from after that: then nothing is missing in between. From there on the stream is taken from the new one,
    but for what was published before; that is remembered until the new one has brought something from after it,
    however long it lags. Where messages share a place, as those that are placed by their time may, they are told apart
    by what they say; of what was published before the handover, by the last one only.

    ``on_caught_up`` is called when every stream has gone over of which something was brought by either, now or before:
    the old connection may be closed then. Closed before that, it takes with it what the new one has missed.

    ``last`` has the last message of each stream. ``pending`` has the streams of which something is held or remembered:
    what the newest connection brings of any other may be noted in ``last`` and published without asking for `news`.
    """

    def __init__(self, streams: Iterable[str]) -> None:
        self.last: dict[str, Data] = {}
        self.pending: dict[str, _Passage] = {}
        self.newest = 0  # the number of the newest connection
        self.repeated = 0
        self._streams = tuple(streams)
        self._on_caught_up: Callable[[], object] = lambda: None
        self._waiting: set[str] = set()  # the streams that are to go over before the old connection is closed
        self._held_count = 0

    def begin(self, on_caught_up: Callable[[], object]) -> None:
        """There will be a new connection beside the old one. If there is none after all, the old one stays."""
        self.newest += 1
        self._on_caught_up = on_caught_up
        self._waiting = set(self.last)
        self._held_count = 0
        self.pending.update((stream, _Passage(self._published(stream))) for stream in self._streams)

    def news(self, data: Data, *, is_new: bool) -> Sequence[Data]:
        """What is to be published, in this order, when one of the connections brings a message."""
        stream = data.stream
        passage = self.pending.get(stream)
        if passage is not None and not passage.is_over:
            return self._before_going_over(passage, data, is_new=is_new)
        if not is_new:
            self.repeated += 1
            return ()
        if passage is not None:
            return self._from_new(stream, passage, [data])
        self.last[stream] = data
        return (data,)

    def old_closed(self) -> Sequence[Data]:
        """The old connection brings no more; what is to be published of what was held."""
        going_over = [(stream, passage) for stream, passage in self.pending.items() if not passage.is_over]
        return [data for stream, passage in going_over for data in self._go_over(stream, passage)]

    def _published(self, stream: str) -> list[Data]:
        """What was published last: more than one message if a connection has yet to pass their place."""
        if stream in self.pending:
            return self.pending[stream].published
        return [self.last[stream]] if stream in self.last else []

    def _before_going_over(self, passage: "_Passage", data: Data, *, is_new: bool) -> Sequence[Data]:
        stream = data.stream
        self._waiting.add(stream)
        news: list[Data] = []
        if is_new:
            self._hold(passage, data)
        else:
            news += self._fresh(passage, [data])
        if passage.has_met():
            news += self._go_over(stream, passage)
        return news

    def _go_over(self, stream: str, passage: "_Passage") -> Sequence[Data]:
        passage.is_over = True
        held, passage.held = passage.held, []
        self._held_count -= len(held)
        self._waiting.discard(stream)
        if not self._waiting:
            self._on_caught_up()
        return self._from_new(stream, passage, held)

    def _from_new(self, stream: str, passage: "_Passage", messages: Sequence[Data]) -> Sequence[Data]:
        """What is to be published of a stream that has gone over."""
        place = passage.place
        fresh = self._fresh(passage, messages)
        if passage.place > place:  # the new connection has passed what was published before
            del self.pending[stream]
        return fresh

    def _fresh(self, passage: "_Passage", messages: Sequence[Data]) -> list[Data]:
        """Those that have not been published; they are now."""
        fresh = [data for data in messages if passage.publish(data)]
        self.repeated += len(messages) - len(fresh)
        self.last.update((data.stream, data) for data in fresh)
        return fresh

    def _hold(self, passage: "_Passage", data: Data) -> None:
        if self._held_count >= MAX_HELD:  # as if the new connection had begun here
            for one in self.pending.values():
                one.held.clear()
            self._held_count = 0
        passage.held.append(data)
        self._held_count += 1


class _Passage:
    """Of one stream, from the old connection to the new one: what was published last, and what is held."""

    def __init__(self, published: list[Data]) -> None:
        self.published = published  # the last message, and others at its place
        self.held: list[Data] = []
        self.is_over = False

    @property
    def place(self) -> int:
        """Of what was published last; below all places if there is nothing."""
        return self.published[0].sequence if self.published else -1

    def has_met(self) -> bool:
        """Whether the old connection has brought all from before what is held of the new one."""
        return bool(self.held) and (self.held[0].sequence < self.place or self.held[0] in self.published)

    def publish(self, data: Data) -> bool:
        """Note that it is published. False: it was before."""
        if data.sequence > self.place:
            self.published = [data]
        elif data.sequence == self.place and data not in self.published:
            self.published.append(data)
        else:
            return False
        return True
