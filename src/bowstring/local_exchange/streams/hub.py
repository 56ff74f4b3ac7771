"""Who has subscribed to what: each message is built once, for all who want it, and not at all for nobody."""

from collections.abc import Callable, Iterable
from typing import Protocol

from bowstring.local_exchange.frames import combined, text_frame
from bowstring.local_exchange.subscriptions import Subscriptions

Build = Callable[[int], bytes]
"""Makes a payload with times in a unit, given in us: `payloads.MILLISECOND` or `payloads.MICROSECOND`."""


class Receiver(Protocol):
    """One client. ``unit`` is that of the times in its messages."""

    subscriptions: Subscriptions
    unit: int

    def send(self, frame: bytes) -> None:
        """Send a websocket frame, now or soon; never waits, never raises."""
        ...


class Publisher(Protocol):
    """What market data and user data are published by; a fault may stand between it and the `Hub`."""

    def wants(self, stream: str) -> bool:
        """Whether anybody has subscribed to the stream."""
        ...

    def publish(self, stream: str, build: Build) -> None:
        """Send a message to all who have subscribed; ``build`` is called once for each form it goes out in."""
        ...

    def broadcast(self, stream: str, build: Build) -> None:
        """Send a message to everybody; nobody has to subscribe to it."""
        ...


class Hub:
    """All receivers by stream. The name of a stream is what clients call it; a listen key is one too."""

    def __init__(self) -> None:
        self._receivers: dict[str, dict[Receiver, None]] = {}
        self._streams: dict[Receiver, frozenset[str]] = {}

    def wants(self, stream: str) -> bool:
        return stream in self._receivers

    def publish(self, stream: str, build: Build) -> None:
        receivers = self._receivers.get(stream)
        if receivers:
            self._send(stream, build, receivers)

    def broadcast(self, stream: str, build: Build) -> None:
        self._send(stream, build, self._streams)

    def changed(self, receiver: Receiver) -> None:
        """Take note of its subscriptions, which are new or have changed."""
        before, now = self._streams.get(receiver, frozenset()), frozenset(receiver.subscriptions.streams)
        self._streams[receiver] = now
        for stream in before - now:
            self._forget(stream, receiver)
        for stream in now - before:
            self._receivers.setdefault(stream, {})[receiver] = None

    def left(self, receiver: Receiver) -> None:
        """Forget a client."""
        for stream in self._streams.pop(receiver, frozenset()):
            self._forget(stream, receiver)

    def _forget(self, stream: str, receiver: Receiver) -> None:
        del self._receivers[stream][receiver]
        if not self._receivers[stream]:
            del self._receivers[stream]

    @staticmethod
    def _send(stream: str, build: Build, receivers: Iterable[Receiver]) -> None:
        frames: dict[tuple[int, bool], bytes] = {}
        for receiver in receivers:
            form = receiver.unit, receiver.subscriptions.combined
            frame = frames.get(form)
            if frame is None:
                payload = build(receiver.unit)
                frame = frames[form] = text_frame(combined(stream, payload) if form[1] else payload)
            receiver.send(frame)
