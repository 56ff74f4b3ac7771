"""The instruments of one venue: fetched once, and shared by its collectors and its executor."""

import asyncio
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from msgspec import json

from bowstring.core.errors import ConfigError, Rejected
from bowstring.market.instrument import Instrument
from bowstring.venues.binance.client import RestClient
from bowstring.venues.binance.exchange_info import ExchangeInfo, parse_exchange_info

BAD_SYMBOL = {"-1121", "-1100"}  # invalid symbol, illegal characters: one of them refuses the whole request
MAX_NAMED = 100  # symbols named in one request; its URL stays under 2,000 characters


class Listing:
    """What ``venue`` lists, as far as its users asked for.

    Without a ``client`` nothing is fetched: there are the ``given`` instruments.
    """

    def __init__(self, venue: str, *, client: RestClient | None = None, given: Iterable[Instrument] = ()) -> None:
        self._venue = venue
        self._client = client
        self._instruments = {instrument.symbol: instrument for instrument in given}
        self._halted: dict[str, str] = {}
        self._wanted: set[str] = set()
        self._fetching = asyncio.Lock()

    def want(self, symbols: Sequence[str]) -> None:
        """Announce symbols, so that the first fetch brings them too. Raises `ConfigError` for no spot symbol."""
        for symbol in symbols:
            base, _, quote = symbol.partition("/")
            if not base or not quote or ":" in quote:
                raise ConfigError(f'{self._venue}: symbol {symbol!r} is no spot symbol such as "BTC/USDT"')
            self._wanted.add(symbol)

    async def instruments(self, symbols: Sequence[str]) -> Sequence[Instrument]:
        """The instruments of these symbols.

        Raises `ConfigError` for a symbol that cannot be traded; `Rejected`, `Disconnected` or `BadMessage` if the
        venue does not tell.
        """
        self.want(symbols)
        await self._complete()
        return [self._find(symbol) for symbol in symbols]

    async def wanted(self) -> Sequence[Instrument]:
        """The instruments of all symbols wanted so far; of all listed ones if there is none. Raises the same."""
        await self._complete()
        return [self._find(symbol) for symbol in sorted(self._wanted or self._instruments)]

    async def _complete(self) -> None:
        async with self._fetching:  # whoever waits here finds what the first one fetched
            missing = self._wanted - self._instruments.keys()
            if self._client is not None and (missing or not self._instruments):
                await self._fetch(self._client, missing)

    async def _fetch(self, client: RestClient, missing: Iterable[str]) -> None:
        names = [venue_symbol(symbol) for symbol in sorted(missing)]
        if 0 < len(names) <= MAX_NAMED:
            try:
                return self._add(await self._read(client, {"symbols": json.encode(names).decode()}))
            except Rejected as rejection:
                if rejection.code not in BAD_SYMBOL:
                    raise
        return self._add(await self._read(client, {"showPermissionSets": "false"}))

    async def _read(self, client: RestClient, params: dict[str, str]) -> ExchangeInfo:
        return parse_exchange_info(await client.get("/api/v3/exchangeInfo", params=params), venue=self._venue)

    def _add(self, info: ExchangeInfo) -> None:
        self._instruments |= info.instruments
        self._halted = info.halted

    def _find(self, symbol: str) -> Instrument:
        found = self._instruments.get(symbol)
        if found is not None:
            return found
        if symbol in self._halted:
            raise ConfigError(f"{self._venue}: {symbol} is not traded now: its status is {self._halted[symbol]}")
        near = get_close_matches(symbol.upper(), self._instruments, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ConfigError(f"{self._venue} lists no {symbol}{hint}")


def venue_symbol(symbol: str) -> str:
    """What the venue probably calls a unified symbol: good for asking, while the answer's assets tell what it is."""
    return symbol.replace("/", "")
