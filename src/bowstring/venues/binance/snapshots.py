"""Fetching the snapshots of books, and recording what is fetched."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from bowstring.core.errors import BadMessage, ConfigError, Disconnected, NotSent, Rejected
from bowstring.market.book_sync import Snapshot
from bowstring.market.instrument import Instrument
from bowstring.net.budget import WeightBudget
from bowstring.net.exchange import Response
from bowstring.net.http import HttpClient, Query
from bowstring.net.recorder import Recorder
from bowstring.venues.binance.markets import Market
from bowstring.venues.binance.refusal import read_refusal
from bowstring.venues.binance.snapshot import parse_snapshot

AT_ONCE = 4
SPARE = 0.5  # of the weight of a minute: what `Snapshots.record` takes at most

log = logging.getLogger(__name__)


class Snapshots:
    """Fetches snapshots of ``levels`` a side, `AT_ONCE` at the same time, over kept connections."""

    def __init__(self, open_client: Callable[[], HttpClient] | None, *, market: Market, levels: int) -> None:
        self._open_client = open_client
        self._market = market
        self._limit = market.limit(levels)
        self._weight = market.weight(levels)
        self._apart_s = 60 * self._weight / (market.weight_limit * SPARE)
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._client: HttpClient | None = None

    async def fetch(self, instrument: Instrument) -> Snapshot:
        """The book as it is now. Raises `Disconnected`, `Rejected`, `NotSent` or `BadMessage`."""
        async with self._turn:
            if self._client is None:
                self._client = self._open()
            params = {"symbol": instrument.venue_symbol, "limit": str(self._limit)}
            response = await self._client.get(self._market.depth, params=params, weight=self._weight)
        return parse_snapshot(response.body, limit=self._limit)

    async def record(self, instruments: Iterable[Instrument]) -> None:
        """Fetch those of these books, one by one, for nobody but the recorder. One that cannot be had is logged."""
        for instrument in instruments:
            try:
                await self.fetch(instrument)
            except (Disconnected, Rejected, NotSent, BadMessage) as error:
                log.warning("%s: no snapshot for the recording, %s", instrument.symbol, error)
            await asyncio.sleep(self._apart_s)

    async def close(self) -> None:
        """Close the connections; what is fetched later opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _open(self) -> HttpClient:
        if self._open_client is None:
            raise ConfigError("books need snapshots: give a rest_url beside the instruments")
        return self._open_client()


class BinanceClient(HttpClient):
    """Reads Binance's refusals; what is got, a ``recorder`` keeps, if there is one."""

    def __init__(self, base_url: str, *, budget: WeightBudget, recorder: Recorder | None) -> None:
        super().__init__(base_url, budget=budget, parse_error=read_refusal)
        self._base_url = base_url
        self._recorder = recorder

    async def get(
        self, path: str = "", *, params: Query = "", headers: Mapping[str, str] | None = None, weight: int = 1
    ) -> Response:
        response = await super().get(path, params=params, headers=headers, weight=weight)
        if self._recorder is not None and not isinstance(params, str) and not callable(params):  # these may be secret
            query = "&".join(f"{name}={value}" for name, value in params.items())
            lasting = path.endswith("/exchangeInfo")
            self._recorder.replied(f"{self._base_url}{path}?{query}", response.body, lasting=lasting)
        return response
