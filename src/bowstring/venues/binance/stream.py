"""Binance Spot's market data: one websocket of combined streams, any mix of kinds and symbols."""

import logging
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from urllib.parse import quote

from bowstring.core.components import Collector, Emit
from bowstring.core.errors import BadMessage, ConfigError
from bowstring.market.events import BadData, StreamStale
from bowstring.net.websocket import WebSocket, connect
from bowstring.venues.binance.listing import Listing, venue_symbol
from bowstring.venues.binance.silence import SilenceWatch
from bowstring.venues.binance.wire import (
    LIST_SUBSCRIPTIONS,
    Data,
    Frame,
    Ignored,
    Parser,
    Reply,
    ServerShutdown,
    Stream,
    stream_of,
    text_of,
)

IDLE_AFTER_S = 10.0  # without any message; then the venue is asked for its subscriptions
ANSWER_TIMEOUT_S = 5.0
MAX_STREAMS = 1024  # the venue's limit for one connection
MAX_URL = 8000  # characters; unicorn-binance-websocket-api measured that the venue takes 8,004
MAX_KINDS = 64  # of ignored frames that are counted one by one

log = logging.getLogger(__name__)


class BinanceStream(Collector):
    """Publishes what the subscribed streams bring; its run ends by raising when the connection does.

    ``subscriptions`` gives unified symbols by kind of stream (`wire.KINDS`); ``stale_after_s`` says for which kinds,
    and after how many seconds without data, a stream's silence is told by `StreamStale`. ``ignored`` counts by kind
    the frames that were not subscribed or are not known.
    """

    def __init__(
        self,
        venue: str,
        *,
        ws_url: str,
        listing: Listing,
        subscriptions: Mapping[str, Sequence[str]],
        stale_after_s: Mapping[str, float],
        strict: bool = False,
    ) -> None:
        self.ignored = Counter[str]()
        self._venue = venue
        self._url = f"{ws_url.rstrip('/')}/stream?streams="
        self._listing = listing
        self._subscriptions = {
            kind: tuple(dict.fromkeys(symbols)) for kind, symbols in subscriptions.items() if symbols
        }
        self._stale_after_s = stale_after_s
        self.name = _name(venue, self._subscriptions)
        self._strict = strict
        for symbols in self._subscriptions.values():
            listing.want(symbols)
        self._check_size()
        self._check_budgets()

    async def run(self, emit: Emit) -> None:
        """Raises `Disconnected`, and what `Listing.instruments` raises."""
        streams = [
            Stream(kind, instrument)
            for kind, symbols in self._subscriptions.items()
            for instrument in await self._listing.instruments(symbols)
        ]
        url = self._url + "/".join(quote(stream.name, safe="@") for stream in streams)
        with closing(self._silence_watch(streams, emit)) as watch:
            receive = self._receiver(Parser(streams, strict=self._strict), watch, emit)
            async with await connect(
                url,
                on_message=receive,
                name=self.name,
                idle_after_s=IDLE_AFTER_S,
                probe=_ask_for_subscriptions,
                probe_timeout_s=ANSWER_TIMEOUT_S,
            ) as websocket:
                await websocket.closed()

    def _receiver(self, parser: Parser, watch: SilenceWatch, emit: Emit) -> Callable[[Frame], None]:
        parse, heard, time = parser.parse, watch.heard, watch.time

        def receive(frame: Frame) -> None:
            try:
                parsed = parse(frame)
            except BadMessage as error:
                emit(self._bad_data(frame, error))
                return
            if isinstance(parsed, Data):
                heard[parsed.stream] = time()
                emit(parsed.event)
            else:
                self._note(parsed)

        return receive

    def _silence_watch(self, streams: Sequence[Stream], emit: Emit) -> SilenceWatch:
        symbols = {stream.name: stream.instrument.symbol for stream in streams}
        budgets_s = {
            stream.name: self._stale_after_s[stream.kind] for stream in streams if stream.kind in self._stale_after_s
        }

        def tell(stream: str, silent_s: float) -> None:
            emit(StreamStale(venue=self._venue, stream=stream, symbol=symbols[stream], silent_s=silent_s))

        return SilenceWatch(budgets_s, on_silence=tell)

    def _bad_data(self, frame: Frame, error: BadMessage) -> BadData:
        return BadData(
            venue=self._venue,
            stream=stream_of(frame) or self.name,
            reason=str(error),
            excerpt=text_of(frame[:200]),
        )

    def _note(self, parsed: Reply | ServerShutdown | Ignored) -> None:
        """Log what is no data; the venue's announced end will come as any other end does."""
        if isinstance(parsed, Ignored):
            kind = parsed.kind if parsed.kind in self.ignored or len(self.ignored) < MAX_KINDS else "others"
            self.ignored[kind] += 1
            if self.ignored[kind] == 1:
                log.warning("%s: ignoring frames of %r: not subscribed or not known", self.name, kind)
        elif isinstance(parsed, ServerShutdown):
            log.warning("%s: the venue announced that it will close this connection", self.name)
        elif parsed.error:
            log.warning("%s: the venue refused a request: %s", self.name, parsed.error)

    def _check_size(self) -> None:
        names = [f"{venue_symbol(one)}@{kind}" for kind, symbols in self._subscriptions.items() for one in symbols]
        if not names:
            raise ConfigError(f"{self._venue}: a collector needs at least one symbol")
        if len(names) > MAX_STREAMS or len(self._url) + len("/".join(names)) > MAX_URL:
            raise ConfigError(
                f"{self._venue}: {len(names)} streams exceed one connection, which takes {MAX_STREAMS} "
                f"and a URL of {MAX_URL} characters: split them over several collectors"
            )

    def _check_budgets(self) -> None:
        for kind, budget_s in self._stale_after_s.items():
            if not 0 < budget_s < math.inf:
                raise ConfigError(f"{self._venue}: {kind} stale after {budget_s} s: give seconds above 0, or None")


def _ask_for_subscriptions(websocket: WebSocket) -> None:
    websocket.send(LIST_SUBSCRIPTIONS)


def _name(venue: str, subscriptions: Mapping[str, Sequence[str]]) -> str:
    name = " ".join([venue, *(f"{kind}:{','.join(symbols)}" for kind, symbols in subscriptions.items())])
    return name if len(name) <= 100 else f"{name[:90]}... {sum(map(len, subscriptions.values()))} streams"
