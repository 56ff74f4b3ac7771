"""One line to Binance: the streams that share a connection, and the connections that follow one another on it.

The venue ends every connection after 24 hours. Before that a new one is made, and the old one is closed when nothing
can be missing, or after a while in which some stream was silent: see `handover`. A little over 300 lines: what one
connection is, and what becomes of the books when it breaks, has to be seen together.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import cast

from bowstring.core.clock import Clock
from bowstring.core.components import Emit
from bowstring.core.errors import BadMessage, Disconnected
from bowstring.core.supervision import cause_of
from bowstring.market.book_sync import Counts, Diff, Snapshot
from bowstring.market.events import BadData, MarketEvent, StreamStale, Trade
from bowstring.market.instrument import Instrument
from bowstring.net.recorder import Recorder
from bowstring.net.websocket import WebSocket, connect
from bowstring.venues.binance.books import Books
from bowstring.venues.binance.handover import Handover
from bowstring.venues.binance.payloads import DIFFS, Frame
from bowstring.venues.binance.silence import SilenceWatch
from bowstring.venues.binance.trade_ids import TradeIds
from bowstring.venues.binance.wire import (
    LIST_SUBSCRIPTIONS,
    Data,
    Empty,
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
ROTATE_AFTER_S = 23 * 3600.0  # the venue ends a connection after 24 h
ROTATE_AGAIN_S = 60.0  # when the new connection could not be made
OVERLAP_S = 30.0  # so long at most two connections are kept: streams that say nothing do not go over before
MAX_KINDS = 64  # of ignored frames that are counted one by one

Receive = Callable[[Frame], None]

log = logging.getLogger(__name__)


class Line:
    """Publishes what some streams bring, at one URL. It may be run again when a run has ended."""

    def __init__(
        self,
        name: str,
        *,
        venue: str,
        url: str,
        streams: Sequence[Stream],
        stale_after_s: Mapping[str, float],
        fetch: Callable[[Instrument], Awaitable[Snapshot]],
        ignored: Counter[str],
        empty: Counter[str],
        trade_ids: TradeIds,
        clock: Clock,
        strict: bool,
        recorder: Recorder | None,
    ) -> None:
        self.name = name
        self.repeated = 0
        self._venue = venue
        self._url = url
        self._streams = {stream.name: stream for stream in streams}
        self._stale_after_s = stale_after_s
        self._fetch = fetch
        self._ignored = ignored
        self._empty = empty
        self._trade_ids = trade_ids
        self._clock = clock
        self._parser = Parser(streams, is_strict=strict)
        self._recorder = recorder
        self._recorded: dict[WebSocket, int] = {}  # what the recorder calls the open connections
        self._books: Books | None = None
        self._rotate_after_s = ROTATE_AFTER_S
        self._rotation: asyncio.Timeout | None = None  # while it is waited for

    async def run(self, emit: Emit, *, on_up: Callable[[], None] = lambda: None) -> None:
        """Connect, and stay so until the venue or the network ends it. Raises `Disconnected` then."""
        try:
            async with asyncio.TaskGroup() as tasks:
                with closing(self._silence_watch(emit)) as watch:
                    await self._run(emit, watch, on_up, tasks)
        except BaseExceptionGroup as errors:
            raise cause_of(errors) from None

    def book_counts(self) -> dict[str, Counts]:
        """What has happened to each book in this run, by symbol."""
        return {} if self._books is None else self._books.counts()

    async def _run(self, emit: Emit, watch: SilenceWatch, on_up: Callable[[], None], tasks: asyncio.TaskGroup) -> None:
        depths = {name: s.instrument for name, s in self._streams.items() if s.kind in DIFFS}
        self._books = Books(depths, fetch=self._fetch, emit=emit, clock=self._clock, tasks=tasks)
        handover = Handover(self._streams)
        self._rotate_after_s = ROTATE_AFTER_S
        publish = _publisher(emit, watch, self._books, self._trade_ids)
        receiver = partial(self._receiver, emit, publish, self._books)
        websocket = await self._connect(receiver(handover))
        on_up()
        self._books.begin()
        try:
            while True:
                await self._wait_for_rotation(websocket)
                websocket = await self._replace(websocket, receiver, publish, handover)
        except Disconnected as error:
            self._books.lose_all(str(error))
            raise
        finally:
            self._books.close()
            self.repeated += handover.repeated
            await self._close(websocket)

    async def _connect(self, receive: Callable[[Frame], None]) -> WebSocket:
        connection = 0 if self._recorder is None else self._recorder.opened(self._url)
        try:
            websocket = await connect(
                self._url,
                on_message=receive if self._recorder is None else _recorded(self._recorder, connection, receive),
                name=self.name,
                idle_after_s=IDLE_AFTER_S,
                probe=lambda websocket: websocket.send(LIST_SUBSCRIPTIONS),
                probe_timeout_s=ANSWER_TIMEOUT_S,
            )
        except BaseException:
            self._note_closed(connection)
            raise
        self._recorded[websocket] = connection
        return websocket

    async def _close(self, websocket: WebSocket) -> None:
        try:
            await websocket.close()
        finally:
            self._note_closed(self._recorded.pop(websocket, 0))

    def _note_closed(self, connection: int) -> None:
        if self._recorder is not None:
            self._recorder.closed(connection)

    async def _wait_for_rotation(self, websocket: WebSocket) -> None:
        """Wait until it is time for a new connection. Raises `Disconnected` when this one ends before."""
        try:
            async with asyncio.timeout(self._rotate_after_s) as self._rotation:
                await websocket.closed()
        except TimeoutError:
            return
        finally:
            self._rotation = None
        raise Disconnected(f"{self.name}: closed from here")

    async def _replace(
        self,
        old: WebSocket,
        receiver: Callable[[Handover], Receive],
        publish: Callable[[Data], None],
        handover: Handover,
    ) -> WebSocket:
        """A new connection, with the old one closed when that has nothing more to bring, or after `OVERLAP_S`.

        When there is none, the old one. Raises `Disconnected` as soon as one of the two ends before that: something may
        be missing.
        """
        caught_up = asyncio.Event()
        handover.begin(caught_up.set)
        self._rotate_after_s = ROTATE_AFTER_S
        new: WebSocket | None = None
        try:
            async with _watched(old):
                new = await self._connect_again(receiver(handover))
                if new is None:
                    return old
                async with _watched(new):
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(OVERLAP_S):
                            await caught_up.wait()
            async with _watched(new):
                for data in handover.old_closed():
                    publish(data)
                await self._close(old)  # which hears nothing more
        except BaseException as error:  # noqa: BLE001  # raised again, out of its group
            if new is not None:
                new.abort("given up")  # nobody waits 5 s, while books can be read, for its answer
                await self._close(new)
            raise cause_of(error) from None
        log.info("%s: went over to a new connection", self.name)
        return new

    async def _connect_again(self, receive: Receive) -> WebSocket | None:
        """A new connection beside the old one; None if there is none: then it is time for another attempt soon."""
        try:
            return await self._connect(receive)
        except Disconnected as error:
            log.warning("%s: no new connection before the old one ends, %s", self.name, error)
            self._rotate_after_s = ROTATE_AGAIN_S
            return None

    def _receiver(self, emit: Emit, publish: Callable[[Data], None], books: Books, handover: Handover) -> Receive:
        """What takes the frames of the newest connection."""
        number = handover.newest
        parse, last, pending = self._parser.parse, handover.last, handover.pending

        def receive(frame: Frame) -> None:
            try:
                parsed = parse(frame)
            except BadMessage as error:
                books.distrust(stream_of(frame), f"a message could not be read: {error}")
                emit(self._bad_data(frame, error))
                return
            if not isinstance(parsed, Data):
                self._note(parsed)
            elif number == handover.newest and parsed.stream not in pending:  # as `news` would have it, at less cost
                last[parsed.stream] = parsed
                publish(parsed)
            else:
                for data in handover.news(parsed, is_new=number == handover.newest):
                    publish(data)

        return receive

    def _silence_watch(self, emit: Emit) -> SilenceWatch:
        budgets_s = {
            name: self._stale_after_s[stream.kind]
            for name, stream in self._streams.items()
            if stream.kind in self._stale_after_s
        }

        def tell(stream: str, silent_s: float) -> None:
            symbol = self._streams[stream].instrument.symbol
            emit(StreamStale(venue=self._venue, stream=stream, symbol=symbol, silent_s=silent_s))

        return SilenceWatch(budgets_s, on_silence=tell)

    def _bad_data(self, frame: Frame, error: BadMessage) -> BadData:
        return BadData(
            venue=self._venue,
            stream=stream_of(frame) or self.name,
            reason=str(error),
            excerpt=text_of(frame[:200]),
        )

    def _note(self, parsed: Empty | Reply | ServerShutdown | Ignored) -> None:
        """Take note of what is no data."""
        if isinstance(parsed, Empty):
            self._empty[parsed.stream] += 1
        elif isinstance(parsed, Ignored):
            kind = parsed.kind if parsed.kind in self._ignored or len(self._ignored) < MAX_KINDS else "others"
            self._ignored[kind] += 1
            if self._ignored[kind] == 1:
                log.warning("%s: ignoring frames of %r: not subscribed or not known", self.name, kind)
        elif isinstance(parsed, ServerShutdown):
            log.warning("%s: the venue announced that it will close this connection", self.name)
            self._rotate_after_s = 0.0
            if self._rotation is not None and not self._rotation.expired():
                self._rotation.reschedule(asyncio.get_running_loop().time())
        elif parsed.error:
            log.warning("%s: the venue refused a request: %s", self.name, parsed.error)


def _publisher(emit: Emit, watch: SilenceWatch, books: Books, trade_ids: TradeIds) -> Callable[[Data], None]:
    """What publishes data."""
    heard, time = watch.heard, watch.time

    def publish(data: Data) -> None:
        event = data.event
        heard[data.stream] = time()
        if type(event) is Diff:  # isinstance takes four times as long to say no
            books.take(data.stream, event)
            return
        if type(event) is Trade:
            trade_ids.take(data.stream, data.sequence)
        emit(cast("MarketEvent", event))

    return publish


@contextlib.asynccontextmanager
async def _watched(websocket: WebSocket) -> AsyncGenerator[None, None]:
    """Cancels the block when the connection ends before it, and raises `Disconnected`, in a group."""
    async with asyncio.TaskGroup() as tasks:
        ended = tasks.create_task(websocket.closed())
        yield
        ended.cancel()


def _recorded(recorder: Recorder, connection: int, receive: Callable[[Frame], None]) -> Callable[[Frame], None]:
    def record(frame: Frame) -> None:
        recorder.received(connection, frame)
        receive(frame)

    return record
