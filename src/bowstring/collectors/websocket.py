"""A collector for any websocket: `WebSocketCollector`. It needs the extra ``net``."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from bowstring.core.components import Collector, Emit
from bowstring.core.errors import BadMessage
from bowstring.core.messages import Event
from bowstring.market.events import BadData
from bowstring.net.handshake import Handshake
from bowstring.net.websocket import WebSocket, connect

Frame = str | bytes
"""A text message is a ``str``, a binary one ``bytes``."""


class WebSocketCollector(Collector):
    """Connects to ``url``, sends the ``subscribe`` messages, and publishes what ``parse`` makes of each frame.

    ``parse`` is called in the read callback. It returns an event, several, or None, and raises `BadMessage` for a frame
    that cannot be trusted: that is told by `BadData`, whose venue and stream are this collector's name, and counted in
    ``malformed``; the connection lives on. Anything else that it raises fails the collector.

    The end of the connection fails it too, and supervision connects again. After ``idle_after_s`` without a message a
    ping is sent, or ``probe`` is called to send a request; without an answer in ``probe_timeout_s`` the connection
    ends. ``stall_after_s``: without an event for so long the collector has failed. ``name`` is by default the URL
    without its query and long parts of its path. Raises `ConfigError` for a wrong URL.
    """

    def __init__(
        self,
        url: str,
        *,
        parse: Callable[[Frame], Iterable[Event] | Event | None],
        subscribe: Frame | Sequence[Frame] = (),
        headers: Mapping[str, str] | None = None,
        connect_timeout_s: float = 10.0,
        idle_after_s: float | None = 10.0,
        probe: Callable[[WebSocket], None] | None = None,
        probe_timeout_s: float = 5.0,
        stall_after_s: float | None = None,
        name: str = "",
    ) -> None:
        where = Handshake(url, timeout_s=connect_timeout_s, unacknowledged_s=probe_timeout_s).where
        self.name = name or where
        self.malformed = 0
        self.stall_after_s = stall_after_s
        self._url, self._headers = url, headers
        self._parse = parse
        self._subscribe = [subscribe] if isinstance(subscribe, str | bytes) else list(subscribe)
        self._connect_timeout_s = connect_timeout_s
        self._idle_after_s, self._probe, self._probe_timeout_s = idle_after_s, probe, probe_timeout_s

    async def run(self, emit: Emit) -> None:
        """Raises `Disconnected` at the end of the connection, and what ``parse`` raises."""
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        async with await connect(
            self._url,
            on_message=self._receiver(emit, failed),
            name=self.name,
            headers=self._headers,
            connect_timeout_s=self._connect_timeout_s,
            idle_after_s=self._idle_after_s,
            probe=self._probe,
            probe_timeout_s=self._probe_timeout_s,
        ) as websocket:
            for message in self._subscribe:
                websocket.send(message)
            ended = asyncio.ensure_future(websocket.closed())
            try:
                await asyncio.wait({ended, failed}, return_when=asyncio.FIRST_COMPLETED)
                (failed if failed.done() else ended).result()
            finally:
                ended.cancel()
                await asyncio.gather(ended, return_exceptions=True)

    def _receiver(self, emit: Emit, failed: "asyncio.Future[None]") -> Callable[[Frame], None]:
        parse = self._parse

        def receive(frame: Frame) -> None:
            if failed.done():
                return
            try:
                parsed = parse(frame)
                events = [parsed] if isinstance(parsed, Event) else list(parsed or ())
            except BadMessage as error:
                self.malformed += 1
                emit(self._bad_data(frame, error))
            except Exception as error:  # noqa: BLE001  # the user's parser; `run` raises it
                failed.set_exception(error)
            else:
                for event in events:
                    emit(event)

        return receive

    def _bad_data(self, frame: Frame, error: BadMessage) -> BadData:
        excerpt = frame[:200] if isinstance(frame, str) else frame[:200].decode(errors="replace")
        return BadData(venue=self.name, stream=self.name, reason=str(error), excerpt=excerpt)
