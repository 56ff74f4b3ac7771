"""The instruments of one venue: fetched once, and shared by its collectors and its executor."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches

from msgspec import json

from bowstring.core.errors import ConfigError, Disconnected, Rejected
from bowstring.market.instrument import Instrument
from bowstring.net.http import HttpClient
from bowstring.venues.binance.advice import REACH
from bowstring.venues.binance.exchange_info import ExchangeInfo, parse_exchange_info
from bowstring.venues.binance.markets import Market

BAD_SYMBOL = {"-1121", "-1100"}  # invalid symbol, illegal characters: one of them refuses the whole request
MAX_NAMED = 100  # symbols named in one request; its URL stays under 2,000 characters


class Listing:
    """What ``venue`` lists, as far as its users asked for.

    Each fetch has a client of its own, closed after it. Without ``open_client`` nothing is fetched: there are the
    ``given`` instruments. ``unreachable`` is what to do where nobody answers.
    """

    def __init__(
        self,
        venue: str,
        *,
        market: Market,
        open_client: Callable[[], HttpClient] | None = None,
        given: Iterable[Instrument] = (),
        unreachable: str = REACH,
    ) -> None:
        self._venue = venue
        self._market = market
        self._open_client = open_client
        self._unreachable = unreachable
        self._instruments = {instrument.symbol: instrument for instrument in given}
        self._halted: dict[str, str] = {}
        self._wanted: set[str] = set()
        self._fetching = asyncio.Lock()

    def want(self, symbols: Sequence[str]) -> None:
        """Announce symbols, so that the first fetch brings them too. Raises `ConfigError` for one that is none here."""
        for symbol in symbols:
            try:
                self._market.venue_symbol(symbol)
            except ConfigError as error:
                raise ConfigError(f"{self._venue}: {error}") from None
            self._wanted.add(symbol)

    async def instruments(self, symbols: Sequence[str]) -> Sequence[Instrument]:
        """The instruments of these symbols.

        Raises `ConfigError` for a symbol that cannot be traded; `Rejected`, `Disconnected`, `NotSent` or `BadMessage`
        if the venue does not tell.
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
            if self._open_client is not None and (missing or not self._instruments):
                async with self._open_client() as client:
                    await self._fetch(client, missing)

    async def _fetch(self, client: HttpClient, missing: Iterable[str]) -> None:
        if self._market.is_futures:
            return self._add(await self._read(client, {}))  # it lists everything, whatever is asked
        names = [self._market.venue_symbol(symbol) for symbol in sorted(missing)]
        if 0 < len(names) <= MAX_NAMED:
            try:
                return self._add(await self._read(client, {"symbols": json.encode(names).decode()}))
            except Rejected as rejection:
                if rejection.code not in BAD_SYMBOL:
                    raise
        return self._add(await self._read(client, {"showPermissionSets": "false"}))

    async def _read(self, client: HttpClient, params: dict[str, str]) -> ExchangeInfo:
        weight = self._market.exchange_info_weight
        try:
            answer = await client.get(self._market.exchange_info, params=params, weight=weight)
        except Disconnected as error:
            raise Disconnected(f"{error}; {self._unreachable}") from None
        return parse_exchange_info(answer.body, venue=self._venue)

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
