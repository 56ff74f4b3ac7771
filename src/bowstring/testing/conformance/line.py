"""An opened gateway and its private stream, as far as the suite opens, breaks and closes them."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count

from bowstring.market.instrument import Instrument
from bowstring.testing.conformance.promise import PromiseBroken, promise
from bowstring.testing.conformance.venue import VenueUnderTest
from bowstring.trading.gateway import Report


class Line:
    """Connects the suite with the venue. ``reports`` are in the order in which they came."""

    def __init__(self, venue: VenueUnderTest, *, deadline_s: float) -> None:
        self.venue = venue
        self.gateway = venue.gateway
        self.deadline_s = deadline_s
        self.instruments: Sequence[Instrument] = ()
        self.reports: list[Report] = []
        self._heard = asyncio.Event()
        self._stream: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the gateway."""
        async with asyncio.timeout(self.deadline_s):
            self.instruments = await self.gateway.open()
        promise(
            any(one.symbol == self.venue.symbol for one in self.instruments),
            f"open returns what can be traded, {self.venue.symbol} among it",
            seen=[one.symbol for one in self.instruments][:20],
        )

    async def listen(self, on_ready: Callable[[], object] = lambda: None) -> None:
        """Begin to stream, and return when it is ready; ``on_ready`` is called in that call stack."""
        ready = asyncio.Event()
        calls = count(1)

        def is_ready() -> None:
            promise(next(calls) == 1, "stream calls ready once", seen="a second call")
            ready.set()
            on_ready()

        self._stream = asyncio.ensure_future(self.gateway.stream(self._receive, is_ready))
        waiting = asyncio.ensure_future(ready.wait())
        await asyncio.wait({self._stream, waiting}, timeout=self.deadline_s, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        promise(ready.is_set(), "stream calls ready once it is subscribed", seen=self._stream)

    async def stream_ends(self) -> None:
        """Wait until it does by itself, in whatever way."""
        if self._stream is not None:
            await asyncio.wait({self._stream}, timeout=self.deadline_s)
            promise(self._stream.done(), "stream returns or raises when its connection ends", seen="it goes on")
            await asyncio.gather(self._stream, return_exceptions=True)  # looked at, whatever it is
            self._stream = None

    async def cancel_stream(self) -> None:
        """As the engine does when it stops."""
        if self._stream is not None:
            self._stream.cancel()
            await self.stream_ends()

    async def close(self) -> None:
        """Cancel the stream and close the gateway."""
        await self.cancel_stream()
        async with asyncio.timeout(self.deadline_s):
            await self.gateway.close()

    async def until(self, holds: Callable[[], bool], what: str, *, seen: Callable[[], object]) -> None:
        """Wait until the reports are as they should be."""
        try:
            async with asyncio.timeout(self.deadline_s):
                while not holds():
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            ended = " (it has ended)" if self._stream is None or self._stream.done() else ""
            raise PromiseBroken(f"{what}, within {self.deadline_s} s{ended}\n  seen: {seen()}") from None

    def _receive(self, report: Report) -> None:
        self.reports.append(report)
        self._heard.set()
