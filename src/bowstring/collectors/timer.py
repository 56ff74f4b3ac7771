"""A collector that tells the time: `Every`."""

import asyncio

from bowstring.core.components import Collector, Emit
from bowstring.core.messages import Event


class Elapsed(Event, frozen=True, kw_only=True):
    """One more period of the timer named ``key`` is over; ``missed`` periods before it were told by no event."""

    key: str
    missed: int = 0


class Every(Collector):
    """Publishes `Elapsed` every ``seconds``, on a fixed grid: it does not drift, and skips what it is late for."""

    symbols = ()

    def __init__(self, seconds: float, *, key: str = "") -> None:
        if not 0 < seconds < float("inf"):
            raise ValueError(f"seconds is {seconds}: a period is longer than 0 seconds")
        self.name = f"every {seconds:g} s" + (f" ({key})" if key else "")
        self._seconds = seconds
        self._key = key

    async def run(self, emit: Emit) -> None:
        """Publish until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._seconds
        while True:
            await asyncio.sleep(due - loop.time())
            missed = max(0, int((loop.time() - due) / self._seconds))
            due += (1 + missed) * self._seconds
            emit(Elapsed(key=self._key, missed=missed))
