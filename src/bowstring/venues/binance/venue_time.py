"""The venue's clock, for requests that carry its time: measured at the start, now and then, and when it seems wrong."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from bowstring.core.errors import BowstringError
from bowstring.net.clock_offset import ClockOffset

REMEASURE_S = 300.0  # two clocks that part by 100 ppm: 30 ms

log = logging.getLogger(__name__)


class VenueTime:
    """The venue's time, as ``read_ns``, a request for it, tells."""

    def __init__(self, read_ns: Callable[[], Awaitable[int]], *, name: str) -> None:
        self._offset = ClockOffset(read_ns)
        self.now_ms = self._offset.now_ms
        self._name = name
        self._measurements = 0
        self._measuring = asyncio.Lock()
        self._is_doubted = asyncio.Event()

    async def measure(self) -> None:
        """Measure anew, once for all who ask meanwhile. Raises what ``read_ns`` raises."""
        known = self._measurements
        async with self._measuring:
            if self._measurements <= known:
                await self._offset.measure()
                self._measurements += 1

    def doubt(self) -> None:
        """A request was refused for its time: have it measured anew, by whoever runs `keep`."""
        self._is_doubted.set()

    async def keep(self) -> None:
        """Measure anew from time to time, and at once when it is doubted, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REMEASURE_S):
                    await self._is_doubted.wait()
            try:
                await self.measure()
            except BowstringError as error:
                log.warning("%s: the venue's clock could not be read, %s", self._name, error)
            self._is_doubted.clear()
