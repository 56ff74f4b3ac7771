"""Binance's market data as a collector: any mix of kinds and symbols, over as many connections as that takes."""

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, groupby
from urllib.parse import quote

from bowstring.core.components import Collector, Emit
from bowstring.core.errors import ConfigError
from bowstring.core.messages import CollectorDown, CollectorUp
from bowstring.core.supervision import cause_of, keep_running
from bowstring.market.book_sync import Counts
from bowstring.market.instrument import Instrument
from bowstring.net.recorder import Recorder
from bowstring.venues.binance.line import Line
from bowstring.venues.binance.listing import Listing
from bowstring.venues.binance.markets import Market
from bowstring.venues.binance.snapshots import Snapshots
from bowstring.venues.binance.trade_ids import TradeCounts, TradeIds
from bowstring.venues.binance.wire import Stream

MAX_STREAMS = 1024  # the venue's limit for one connection
MAX_URL = 8000  # characters; unicorn-binance-websocket-api measured that the venue takes 8,004

log = logging.getLogger(__name__)


class BinanceStream(Collector):
    """Publishes what the subscribed streams bring.

    ``subscriptions`` gives unified symbols by kind of stream (`payloads.KINDS`); ``stale_after_s`` says for which
    kinds, and after how many seconds without data, a stream's silence is told by `StreamStale`. ``ignored`` counts by
    kind the frames that were not subscribed or are not known, ``empty`` by stream those that said that there is nothing
    to tell: a quote without a bid or without an ask, a day without a trade. ``snapshots`` fetches those of books.

    With one connection, its run ends by raising when that does. With several, each is supervised by itself, and told
    of by its own name: when one breaks, the others go on.
    """

    def __init__(
        self,
        venue: str,
        *,
        market: Market,
        ws_url: str,
        listing: Listing,
        subscriptions: Mapping[str, Sequence[str]],
        stale_after_s: Mapping[str, float],
        snapshots: Snapshots,
        max_streams: int = MAX_STREAMS,
        strict: bool = False,
        recorder: Recorder | None = None,
    ) -> None:
        self.ignored = Counter[str]()
        self.empty = Counter[str]()
        self._venue = venue
        self._market = market
        self._url = ws_url.rstrip("/")
        self._listing = listing
        self._subscriptions = {
            kind: tuple(dict.fromkeys(symbols)) for kind, symbols in subscriptions.items() if symbols
        }
        self._stale_after_s = stale_after_s
        self._snapshots = snapshots
        self._max_streams = max_streams
        self._strict = strict
        self._recorder = recorder
        self._new_file = asyncio.Event()
        if recorder is not None:
            recorder.on_new_file(self._new_file.set)
        self._lines: list[Line] = []
        self._trade_ids: TradeIds | None = None
        self.name = _name(venue, self._subscriptions)
        self.symbols = frozenset(chain.from_iterable(self._subscriptions.values()))
        for symbols in self._subscriptions.values():
            listing.want(symbols)
        self._check()

    async def run(self, emit: Emit) -> None:
        """Raises `Disconnected`, and what `Listing.instruments` raises."""
        streams = [
            Stream(kind, instrument)
            for kind, symbols in self._subscriptions.items()
            for instrument in await self._listing.instruments(symbols)
        ]
        self._trade_ids = self._trade_ids or self._watch_trades(streams)
        self._lines = [self._line(url, group, self._trade_ids) for url, group in self._groups(streams)]
        books = [stream.instrument for stream in streams if stream.kind == "depth@100ms"]
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._record(books))
                await self._run_lines(emit)
        except BaseExceptionGroup as errors:
            raise cause_of(errors) from None
        finally:
            await self._snapshots.close()

    async def _record(self, books: Sequence[Instrument]) -> None:
        """Have the snapshots of these books in each file of the recording, if there is one."""
        self._new_file.clear()  # all are fetched now anyway
        while await self._new_file.wait():
            self._new_file.clear()
            await self._snapshots.record(books)

    async def _run_lines(self, emit: Emit) -> None:
        if len(self._lines) == 1:
            await self._lines[0].run(emit)
            return
        async with asyncio.TaskGroup() as tasks:
            for number, line in enumerate(self._lines, 1):
                line.name = f"{self.name} {number}/{len(self._lines)}"
                tasks.create_task(self._keep(line, emit))

    def book_counts(self) -> dict[str, Counts]:
        """What has happened to each book since the last start, by symbol: gaps, stale snapshots and the like."""
        return {symbol: counts for line in self._lines for symbol, counts in line.book_counts().items()}

    def trade_counts(self) -> dict[str, TradeCounts]:
        """How many trades never came, by symbol, over all starts: the ids of those that came have holes.

        Each is a loss, of Spot's trades and aggregates as of futures' aggregates. The trades of futures that Binance
        does not send, those of the insurance fund and of ADL, are in no aggregate and leave no hole.
        """
        return {} if self._trade_ids is None else dict(self._trade_ids.counts)

    @property
    def repeated(self) -> int:
        """How many messages two connections have brought, while one took over from the other."""
        return sum(line.repeated for line in self._lines)

    async def _keep(self, line: Line, emit: Emit) -> None:
        """Keep one of several connections running."""

        async def run() -> None:
            await line.run(emit, on_up=lambda: emit(CollectorUp(collector=line.name)))

        def down(reason: str, retry_in_s: float) -> None:
            log.warning("%s: down, %s; again in %.1f s", line.name, reason, retry_in_s)
            emit(CollectorDown(collector=line.name, reason=reason, retry_in_s=retry_in_s))

        await keep_running(run, clock=self.clock, down=down, fatal=(ConfigError,))

    def _watch_trades(self, streams: Sequence[Stream]) -> TradeIds:
        symbols = {one.name: one.instrument.symbol for one in streams if one.kind in self._market.consecutive}
        return TradeIds(self.name, symbols=symbols, clock=self.clock)

    def _line(self, url: str, streams: Sequence[Stream], trade_ids: TradeIds) -> Line:
        return Line(
            self.name,
            venue=self._venue,
            url=url,
            streams=streams,
            stale_after_s=self._stale_after_s,
            fetch=self._snapshots.fetch,
            ignored=self.ignored,
            empty=self.empty,
            trade_ids=trade_ids,
            clock=self.clock,
            strict=self._strict,
            recorder=self._recorder,
        )

    def _groups(self, streams: Sequence[Stream]) -> Iterator[tuple[str, list[Stream]]]:
        """What each connection carries, with its URL."""

        def route(stream: Stream) -> str:
            return self._market.route(stream.kind)

        for path, routed in groupby(sorted(streams, key=route), key=route):
            base = f"{self._url}{path}/stream?streams="
            group: list[Stream] = []
            url = base
            for stream in routed:
                name = quote(stream.name, safe="@")
                if group and (len(group) >= self._max_streams or len(url) + len(name) >= MAX_URL):
                    yield url, group
                    group, url = [], base
                url += f"/{name}" if group else name
                group.append(stream)
            yield url, group

    def _check(self) -> None:
        if not self._subscriptions:
            raise ConfigError(f"{self._venue}: a collector needs at least one symbol")
        if not 0 < self._max_streams <= MAX_STREAMS:
            raise ConfigError(f"{self._venue}: {self._max_streams} streams on a connection: give 1 to {MAX_STREAMS}")
        for kind, budget_s in self._stale_after_s.items():
            if not 0 < budget_s < math.inf:
                raise ConfigError(f"{self._venue}: {kind} stale after {budget_s} s: give seconds above 0, or None")


def _name(venue: str, subscriptions: Mapping[str, Sequence[str]]) -> str:
    name = " ".join([venue, *(f"{kind}:{','.join(symbols)}" for kind, symbols in subscriptions.items())])
    return name if len(name) <= 100 else f"{name[:90]}... {sum(map(len, subscriptions.values()))} streams"
