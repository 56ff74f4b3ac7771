"""Frames come when they are due, to all or to each, and a reader that is behind is told so."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from bowstring.local_exchange import playback
from bowstring.local_exchange.playback import FullSpeed, Paced, Playback, TooSlow
from bowstring.local_exchange.recording import RecordedFrame
from tests.local_exchange.traffic import SECOND, START_NS, frame, recording

FRAMES = [frame(0, "a@trade", 1), frame(1.5, "a@trade", 2), frame(1.5, "b@trade", 3), frame(4, "a@trade", 4)]


class FakeClock:
    """Time that passes only in `sleep`, which lets every other task run first."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        self.time += seconds


def paced(frames: list[RecordedFrame], clock: FakeClock, *, speed: float = 1.0, loop: bool = False) -> Paced:
    return Paced(recording(frames), speed=speed, loop=loop, now=clock.now, sleep=clock.sleep)


async def collect(frames: AsyncIterator[RecordedFrame], *, count: int | None = None) -> list[RecordedFrame]:
    collected: list[RecordedFrame] = []
    async for each in frames:
        collected.append(each)
        if len(collected) == count:
            break
    return collected


@pytest.mark.parametrize(
    ("speed", "seconds"), [(1.0, [0, 1.5, 1.5, 4]), (2.0, [0, 0.75, 0.75, 2]), (0.5, [0, 3, 3, 8])]
)
async def test_frames_come_at_the_recorded_pace_times_the_speed(speed: float, seconds: list[float]) -> None:
    clock = FakeClock()
    played = paced(FRAMES, clock, speed=speed)
    running = asyncio.create_task(played.run())

    assert [clock.time - 100 async for _ in played.frames()] == seconds
    await running


async def test_time_stands_at_the_first_frame_until_the_first_reader_comes() -> None:
    clock = FakeClock()
    played = paced(FRAMES, clock)
    running = asyncio.create_task(played.run())
    await clock.sleep(60)

    assert played.now_ns() == START_NS
    assert await collect(played.frames()) == FRAMES
    assert played.now_ns() == START_NS + 4 * SECOND
    await running


async def test_time_goes_on_after_the_end() -> None:
    clock = FakeClock()
    played = paced(FRAMES, clock, speed=2.0)
    running = asyncio.create_task(played.run())
    await collect(played.frames())
    await running
    await clock.sleep(10)

    assert played.now_ns() == START_NS + 24 * SECOND


async def test_a_late_reader_misses_what_was_before() -> None:
    played = paced(FRAMES, FakeClock())
    running = asyncio.create_task(played.run())
    first = played.frames()
    await collect(first, count=2)

    assert await collect(played.frames()) == FRAMES[2:]
    await running


async def test_a_reader_that_comes_after_the_end_gets_nothing() -> None:
    played = paced(FRAMES, FakeClock())
    running = asyncio.create_task(played.run())
    await collect(played.frames())
    await running

    assert await collect(played.frames()) == []


async def test_a_reader_that_falls_behind_the_backlog_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playback, "BACKLOG", 3)
    played = paced([*FRAMES, *FRAMES], FakeClock())
    running = asyncio.create_task(played.run())
    reader = played.frames()
    await anext(reader)
    await running

    with pytest.raises(TooSlow, match="7 frames behind"):
        await anext(reader)


async def test_a_reader_within_the_backlog_misses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playback, "BACKLOG", 3)
    played = paced(FRAMES, FakeClock())
    running = asyncio.create_task(played.run())
    reader = played.frames()
    await anext(reader)
    await running

    assert await collect(reader) == FRAMES[1:]


async def test_a_loop_starts_anew_at_the_end() -> None:
    clock = FakeClock()
    played = paced(FRAMES, clock, loop=True)
    running = asyncio.create_task(played.run())

    assert await collect(played.frames(), count=9) == [*FRAMES, *FRAMES, FRAMES[0]]
    assert clock.time == 108
    running.cancel()


@pytest.mark.parametrize("make", [lambda: FullSpeed(recording(FRAMES)), lambda: paced(FRAMES, FakeClock())])
async def test_playing_is_over_at_the_end_of_the_recording(make: Callable[[], Playback]) -> None:
    played = make()
    running = asyncio.create_task(played.run())
    await asyncio.sleep(0)
    assert not running.done()

    await collect(played.frames())
    await asyncio.wait_for(running, timeout=5)


async def test_at_full_speed_each_reader_gets_every_frame() -> None:
    played = FullSpeed(recording(FRAMES))

    assert await collect(played.frames()) == FRAMES
    assert await collect(played.frames()) == FRAMES


async def test_at_full_speed_time_is_that_of_the_furthest_frame() -> None:
    played = FullSpeed(recording(FRAMES))
    assert played.now_ns() == START_NS

    await collect(played.frames(), count=2)
    await collect(played.frames(), count=1)
    assert played.now_ns() == START_NS + 1.5 * SECOND


async def test_at_full_speed_a_loop_never_ends() -> None:
    assert await collect(FullSpeed(recording(FRAMES), loop=True).frames(), count=9) == [*FRAMES, *FRAMES, FRAMES[0]]


async def test_at_full_speed_others_have_their_turn() -> None:
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(take_turns())
    await collect(FullSpeed(recording(FRAMES * 1000)).frames())
    assert turns > 10
    other.cancel()
