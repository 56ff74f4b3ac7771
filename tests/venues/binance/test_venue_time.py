import asyncio

import pytest

from bowstring.core.errors import Disconnected
from bowstring.venues.binance import venue_time
from bowstring.venues.binance.venue_time import VenueTime


class Server:
    """``readings`` counts the requests for its time, which fail while it ``is_down`` and wait while it does not go."""

    def __init__(self) -> None:
        self.readings = 0
        self.is_down = False
        self.goes = asyncio.Event()
        self.goes.set()
        self._changed = asyncio.Event()

    async def read_ns(self) -> int:
        self.readings += 1
        self._changed.set()
        await self.goes.wait()
        if self.is_down:
            raise Disconnected("gone")
        return 1_700_000_000 * 10**9

    async def until(self, readings: int) -> None:
        async with asyncio.timeout(10):
            while self.readings < readings:
                self._changed.clear()
                await self._changed.wait()


async def test_it_is_measured_once_for_all_who_ask() -> None:
    server = Server()
    time = VenueTime(server.read_ns, name="test")
    server.goes.clear()
    asking = [asyncio.ensure_future(time.measure()) for _ in range(10)]
    await server.until(1)
    server.goes.set()
    await asyncio.gather(*asking)

    assert server.readings == 5  # the samples of one measurement
    assert abs(time.now_ms() - 1_700_000_000_000) < 10_000
    await time.measure()
    assert server.readings == 10


async def test_who_asks_in_vain_does_not_take_the_others_with_him() -> None:
    server = Server()
    time = VenueTime(server.read_ns, name="test")
    server.is_down = True
    with pytest.raises(Disconnected):
        await time.measure()
    server.is_down = False

    await time.measure()
    assert time.now_ms()


async def test_it_is_kept_right(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    server = Server()
    time = VenueTime(server.read_ns, name="test")
    keeping = asyncio.ensure_future(time.keep())
    await asyncio.sleep(0)
    assert server.readings == 0

    time.doubt()
    await server.until(5)
    server.is_down = True
    time.doubt()
    await server.until(6)
    monkeypatch.setattr(venue_time, "REMEASURE_S", 0.01)
    server.is_down = False
    time.doubt()
    await server.until(20)
    keeping.cancel()

    assert "test: the venue's clock could not be read, gone" in caplog.text
