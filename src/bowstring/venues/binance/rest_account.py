"""Binance's REST interface to an account: signed requests, reads repeated, writes sent once."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from bowstring.core.errors import Rejected
from bowstring.net.http import HttpClient
from bowstring.venues.binance.refusal import SKEWED
from bowstring.venues.binance.signing import Params, Stamp, Window
from bowstring.venues.binance.venue_time import VenueTime

T = TypeVar("T")


class RestAccount:
    """Signed requests by one key."""

    def __init__(self, client: HttpClient, *, stamp: Stamp, time: VenueTime) -> None:
        self._client = client
        self._stamp, self._time = stamp, time
        self._headers = {"X-MBX-APIKEY": stamp.key}

    async def read(self, path: str, params: Params, *, weight: int) -> bytes:
        """An answer's body; asked for once more if the venue found the time wrong. Raises like `HttpClient.get`."""
        return await self.timely(partial(self._read, path, params, weight))

    async def write(
        self, method: str, path: str, params: Params, *, is_cancel: bool = False, window: Window | None = None
    ) -> bytes:
        """Send once, unless its ``window`` leaves no time. Raises like `HttpClient.send`."""
        try:
            response = await self._client.send(
                method, path, params=self._query(params, window), headers=self._headers, is_cancel=is_cancel
            )
        except Rejected as rejection:
            if rejection.code == SKEWED:
                self._time.doubt()
            raise
        return response.body

    async def timely(self, request: Callable[[], Awaitable[T]]) -> T:
        """Make a request; if it is refused for its time, which proves that it was not carried out, once more."""
        try:
            return await request()
        except Rejected as rejection:
            if rejection.code != SKEWED:
                raise
        await self._time.measure()
        return await request()

    async def _read(self, path: str, params: Params, weight: int) -> bytes:
        response = await self._client.get(path, params=self._query(params), headers=self._headers, weight=weight)
        return response.body

    def _query(self, params: Params, window: Window | None = None) -> Callable[[], str]:
        """The query, signed for each attempt."""
        return lambda: self._stamp.query(params, now_ms=self._time.now_ms(), window=window)
