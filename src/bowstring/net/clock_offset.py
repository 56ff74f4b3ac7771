"""`ClockOffset`: a server's clock, measured, for requests that carry its time."""

from collections.abc import Awaitable, Callable

from bowstring.core.clock import Clock
from bowstring.core.errors import NotSent

SAMPLES = 5


class ClockOffset:
    """The difference between a server's clock and ours, as ``read_ns``, a request for its time, tells.

    A reading is taken for the time in the middle of its round trip, so it is wrong by at most half of that: of several,
    the one with the shortest round trip counts. ``uncertainty_ns`` is half of it.
    """

    def __init__(self, read_ns: Callable[[], Awaitable[int]], *, clock: Clock | None = None) -> None:
        self.uncertainty_ns = 0
        self._read_ns = read_ns
        self._clock = clock or Clock()
        self._offset_ns: int | None = None

    async def measure(self, *, samples: int = SAMPLES) -> None:
        """Measure anew: at the start, and when the server says that a time is wrong. Raises what ``read_ns`` raises."""
        trip_ns, self._offset_ns = min([await self._sample() for _ in range(samples)])
        self.uncertainty_ns = trip_ns // 2

    def now_ns(self) -> int:
        """The server's time, nanoseconds since the epoch. Raises `NotSent` if it was never measured."""
        if self._offset_ns is None:
            raise NotSent("the server's clock was not measured yet: await measure() first")
        return self._clock.now_ns() + self._offset_ns

    def now_ms(self) -> int:
        """The server's time in milliseconds since the epoch, for a request to be signed. Raises `NotSent` as well."""
        return self.now_ns() // 1_000_000

    async def _sample(self) -> tuple[int, int]:
        """The round trip of one reading, and the offset that it shows."""
        sent_ns = self._clock.now_ns()
        server_ns = await self._read_ns()
        trip_ns = self._clock.now_ns() - sent_ns
        return trip_ns, server_ns - sent_ns - trip_ns // 2
