import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from bowstring.core.clock import Clock
from bowstring.core.errors import Disconnected, NotSent
from bowstring.net.clock_offset import ClockOffset
from bowstring.net.http import HttpClient
from tests.net.http_server import HttpServer, Sleeper, answer, http_server

MS = 1_000_000


class Server:
    """Its clock is ``ahead_ns``; a request takes ``trips``, each a time there and a time back."""

    def __init__(self, clock: Sleeper, *, ahead_ns: int, trips: list[tuple[int, int]]) -> None:
        self.clock, self.ahead_ns, self.trips = clock, ahead_ns, iter(trips)

    async def read_ns(self) -> int:
        there, back = next(self.trips)
        self.clock.now += there
        told = self.clock.now + self.ahead_ns
        self.clock.now += back
        return told


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    async with http_server() as running:
        yield running


@given(
    st.integers(-(10**12), 10**12),
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=9),
)
def test_it_is_never_further_off_than_it_says(ahead_ns: int, trips: list[tuple[int, int]]) -> None:
    clock = Sleeper()
    offset = ClockOffset(Server(clock, ahead_ns=ahead_ns, trips=trips).read_ns, clock=clock)

    asyncio.run(offset.measure(samples=len(trips)))

    assert offset.uncertainty_ns == min(there + back for there, back in trips) // 2
    assert abs(offset.now_ns() - (clock.now + ahead_ns)) <= offset.uncertainty_ns + 1
    assert offset.now_ms() == offset.now_ns() // MS


async def test_it_is_measured_anew_on_demand() -> None:
    clock = Sleeper()
    server = Server(clock, ahead_ns=5 * MS, trips=[(0, 0)] * 10)
    offset = ClockOffset(server.read_ns, clock=clock)

    await offset.measure()
    assert offset.now_ns() == clock.now + 5 * MS
    server.ahead_ns = -3 * MS
    assert offset.now_ns() == clock.now + 5 * MS
    await offset.measure()
    assert offset.now_ns() == clock.now - 3 * MS


async def test_what_was_never_measured_has_no_time_so_that_nothing_is_signed_with_a_wrong_one() -> None:
    async def read_ns() -> int:
        raise Disconnected("gone")

    offset = ClockOffset(read_ns)

    with pytest.raises(Disconnected, match="gone"):
        await offset.measure()
    with pytest.raises(NotSent, match="the server's clock was not measured yet"):
        offset.now_ms()


async def test_it_reads_the_time_over_http(server: HttpServer) -> None:
    clock = Clock()
    server.always = answer(200, {"serverTime": clock.now_ns() // MS + 86_400_000})

    async with HttpClient(server.url) as http:

        async def read_ns() -> int:
            answered: dict[str, int] = json.decode((await http.get("/time")).body, type=dict[str, int])
            return answered["serverTime"] * MS

        offset = ClockOffset(read_ns, clock=clock)
        await offset.measure(samples=3)

    assert len(server.requests) == 3
    assert offset.now_ms() - clock.now_ns() // MS == pytest.approx(86_400_000, abs=20_000)
