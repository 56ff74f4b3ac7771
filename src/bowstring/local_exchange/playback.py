"""The pace of a recording: which frame is due when, for any number of readers, without sockets.

Two ways to play, behind the same names. `Paced` is like a real exchange: one clock for all, started by the first
reader; who comes later misses what was before, and who falls behind by more than `BACKLOG` frames is told so and gets
no more. `FullSpeed` is for tests and measurements: each reader gets every frame from the first one on, as fast as it
reads.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Protocol

from bowstring.local_exchange.recording import RecordedFrame, Recording

BACKLOG = 10_000  # frames: 30 s of a busy connection, about 4 MB
_FRAMES_IN_A_ROW = 64  # then other tasks have their turn


class TooSlow(Exception):
    """A reader fell behind the playback by more than `BACKLOG` frames."""


class Playback(Protocol):
    """A recording that is being played."""

    async def run(self) -> None:
        """Play to the end of the recording; must be running while anyone reads."""
        ...

    def frames(self) -> AsyncGenerator[RecordedFrame, None]:
        """The frames from now on. Ends with the recording."""
        ...

    def now_ns(self) -> int:
        """The time in the recording: its first frame's until the first reader comes."""
        ...


class Paced:
    """Plays at ``speed`` times the recorded pace on one clock for all; ``loop`` starts anew at the end.

    ``now`` and ``sleep``, in seconds, are the running event loop's.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        speed: float,
        loop: bool = False,
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._recording, self._speed, self._loop = recording, speed, loop
        self._now, self._sleep = now or asyncio.get_running_loop().time, sleep
        self._started, self._ended, self._news = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._recent: deque[RecordedFrame] = deque(maxlen=BACKLOG)
        self._published = 0
        self._lap: tuple[float, int] | None = None  # when it began on the loop's clock, and on the recording's

    async def run(self) -> None:
        await self._started.wait()
        await self._play()
        while self._loop:
            await self._play()
        self._ended.set()
        self._tell()

    async def _play(self) -> None:
        self._lap = None
        for frame in self._recording.frames():
            began, began_ns = self._lap = self._lap or (self._now(), frame.time_ns)
            due = began + (frame.time_ns - began_ns) / 1e9 / self._speed
            await self._sleep(max(0.0, due - self._now()))
            self._recent.append(frame)
            self._published += 1
            self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news.clear()

    async def frames(self) -> AsyncGenerator[RecordedFrame, None]:
        self._started.set()
        read = self._published
        while True:
            while behind := self._published - read:
                if behind > len(self._recent):
                    raise TooSlow(f"{behind} frames behind")
                read += 1
                yield self._recent[-behind]
            if self._ended.is_set():
                return
            await self._news.wait()

    def now_ns(self) -> int:
        if self._lap is None:
            return _first_ns(self._recording)
        began, began_ns = self._lap
        return began_ns + int((self._now() - began) * self._speed * 1e9)


class FullSpeed:
    """Plays all frames to each reader from the start; its time is that of the furthest frame read."""

    def __init__(self, recording: Recording, *, loop: bool = False) -> None:
        self._recording, self._loop = recording, loop
        self._ended = asyncio.Event()
        self._furthest_ns: int | None = None

    async def run(self) -> None:
        await self._ended.wait()

    async def frames(self) -> AsyncGenerator[RecordedFrame, None]:
        while True:
            for number, frame in enumerate(self._recording.frames()):
                if number % _FRAMES_IN_A_ROW == 0:
                    await asyncio.sleep(0)
                self._furthest_ns = max(self._furthest_ns or 0, frame.time_ns)
                yield frame
            if not self._loop:
                self._ended.set()
                return

    def now_ns(self) -> int:
        return self._furthest_ns or _first_ns(self._recording)


def _first_ns(recording: Recording) -> int:
    return next(recording.frames()).time_ns
