import asyncio
import gc
from collections.abc import Awaitable, Callable
from itertools import islice, pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.core.clock import Clock
from bowstring.core.components import Emit
from bowstring.core.errors import ConfigError, PublishError
from bowstring.core.messages import CollectorDown, Event
from bowstring.core.supervision import Emitter, keep_running, pauses, supervise
from bowstring.testing.simulation import EPOCH_NS, simulate, simulated_clock
from tests.core.bots import Bot, Do, Tick, Witness, queue_of
from tests.core.lifecycle import Feed, forever, left_over, now_s

Attempt = Callable[[Emit], Awaitable[None]]


# --- pauses ----------------------------------------------------------------------------------------------------------


@given(st.integers())
def test_pauses_double_up_to_30_s_and_are_cut_by_half_at_most(seed: int) -> None:
    clock = Clock()
    clock.random = Random(seed)

    first_s = list(islice(pauses(clock), 40))

    longest_s = [min(0.2 * 2**n, 30.0) for n in range(40)]
    assert all(longest / 2 <= pause <= longest for pause, longest in zip(first_s, longest_s, strict=True))
    assert len(set(first_s)) == 40


async def fail() -> None:
    raise OSError("no route")


async def failures(work: Callable[[], Awaitable[None]], *, until_s: float) -> list[tuple[float, str, float]]:
    """Return when some work was told to be down, why, and when it was to be tried again."""
    told: list[tuple[float, str, float]] = []

    def down(reason: str, retry_in_s: float) -> None:
        told.append((now_s(), reason, now_s() + retry_in_s))

    running = asyncio.ensure_future(keep_running(work, clock=simulated_clock(), down=down))
    await asyncio.sleep(until_s)
    running.cancel()
    await asyncio.wait({running})
    return told


def test_a_new_attempt_is_made_when_the_pause_is_over() -> None:
    told = simulate(failures(fail, until_s=600))

    assert len(told) > 20
    assert {reason for _, reason, _ in told} == {"no route"}
    assert all(after[0] == pytest.approx(before[2]) for before, after in pairwise(told))


def test_the_pauses_begin_anew_once_it_ran_for_ten_seconds() -> None:
    durations_s = iter([*[0.0] * 8, 10.0, *[0.0] * 8, 10.1, *[0.0] * 1000])

    async def work() -> None:
        await asyncio.sleep(next(durations_s))
        raise OSError("no route")

    told = simulate(failures(work, until_s=600))

    pauses_s = [retry_s - at_s for at_s, _, retry_s in told]
    assert [n for n, pause_s in enumerate(pauses_s) if pause_s <= 0.2] == [0, 17]
    assert min(pauses_s[8:17]) > 10


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("no price"), "no price"),
        (TimeoutError(), "TimeoutError()"),
        (ExceptionGroup("two", [ExceptionGroup("one", [ValueError("no price")]), OSError("late")]), "no price"),
        (asyncio.CancelledError(), "it was cancelled from within"),
        (None, "it ended, which only a finite one may"),
    ],
)
def test_the_reason_tells_what_went_wrong(error: BaseException | None, reason: str) -> None:
    async def work() -> None:
        if error is not None:
            raise error

    assert simulate(failures(work, until_s=0.01))[0][1] == reason


@pytest.mark.parametrize("answer", [None, OSError("it broke while it cleaned up")])
def test_work_that_makes_something_else_of_its_cancellation_is_not_tried_again(answer: OSError | None) -> None:
    async def work() -> None:
        try:
            await forever()
        except asyncio.CancelledError:
            if answer is not None:
                raise answer from None

    assert simulate(failures(work, until_s=100)) == []


# --- collectors ------------------------------------------------------------------------------------------------------


def supervised(
    *attempts: Attempt, until_s: float = 60.0, finite: bool = False, stall_after_s: float | None = None
) -> list[Event]:
    """Supervise a collector in simulated time and return what is published; the last attempt is made again and again.

    Nothing may be left of it once it is cancelled.
    """
    left = list(attempts)

    async def attempt(emit: Emit) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(emit)

    async def main() -> list[Event]:
        witness = Witness()
        queue = queue_of(witness, clock=simulated_clock())
        feed = Feed(attempt, finite=finite, stall_after_s=stall_after_s)
        supervising = asyncio.ensure_future(supervise(feed, queue=queue, clock=simulated_clock()))
        await asyncio.wait({supervising}, timeout=until_s)
        if not supervising.cancel():
            supervising.result()
        await asyncio.wait({supervising})
        assert left_over() == []
        return witness.seen

    return simulate(main())


def at_s(event: Event) -> float:
    return (event.received_ns - EPOCH_NS) / 1e9


def downs(events: list[Event]) -> list[CollectorDown]:
    return [event for event in events if isinstance(event, CollectorDown)]


def told(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


async def tick_and_fail(emit: Emit) -> None:
    emit(Tick())
    emit(Tick())
    raise OSError("no route")


async def tick_and_end(emit: Emit) -> None:
    emit(Tick())


async def tick_and_cancel_itself(emit: Emit) -> None:
    emit(Tick())
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await forever()


async def tick_and_stall(emit: Emit) -> None:
    emit(Tick())
    await forever()


async def tick_each_second(emit: Emit) -> None:
    while True:
        emit(Tick())
        await asyncio.sleep(1)


@pytest.mark.parametrize(
    ("attempt", "reason"),
    [
        (tick_and_fail, "no route"),
        (tick_and_end, "it ended, which only a finite one may"),
        (tick_and_cancel_itself, "it was cancelled from within"),
        (tick_and_stall, "it stalled: nothing for 3.0 s"),
    ],
)
def test_a_collector_that_fails_is_told_and_started_again(attempt: Attempt, reason: str) -> None:
    events = supervised(attempt, tick_each_second, stall_after_s=3.0)

    ticks = told(events).index("CollectorDown")
    assert told(events)[: ticks + 3] == ["CollectorUp", *["Tick"] * (ticks - 1), "CollectorDown", "CollectorUp", "Tick"]
    down, up = events[ticks : ticks + 2]
    assert isinstance(down, CollectorDown)
    assert (down.collector, down.reason) == ("feed", reason)
    assert at_s(up) == pytest.approx(at_s(down) + down.retry_in_s)


def test_a_collector_is_up_only_when_it_delivers() -> None:
    async def fail_before_anything(emit: Emit) -> None:
        raise OSError("no route")

    events = supervised(fail_before_anything, fail_before_anything, tick_and_stall)

    assert told(events) == ["CollectorDown", "CollectorDown", "CollectorUp", "Tick"]


@given(st.lists(st.integers(1, 39), max_size=3))
def test_a_stall_is_found_within_a_quarter_of_its_time(gaps: list[int]) -> None:
    async def tick_and_stall(emit: Emit) -> None:
        emit(Tick())
        for gap in gaps:
            await asyncio.sleep(gap / 10)
            emit(Tick())
        await forever()

    down = downs(supervised(tick_and_stall, stall_after_s=4.0))[0]

    assert 4.0 <= at_s(down) - sum(gaps) / 10 <= 5.0 + 1e-6


def test_a_collector_that_speaks_often_enough_is_no_stall() -> None:
    assert downs(supervised(tick_each_second, stall_after_s=1.5)) == []


def test_a_stalled_collector_is_told_at_once_and_started_again_when_it_has_ended() -> None:
    running: list[str] = []

    async def end_late(emit: Emit) -> None:
        running.append("one")
        try:
            await forever()
        finally:
            await asyncio.sleep(20)
            running.remove("one")
            raise OSError("it broke while it cleaned up")

    async def note(emit: Emit) -> None:
        emit(Tick())
        running.append("another")
        gc.collect()  # what the other raised last would be told by now, if nobody had looked at it
        assert running == ["another"]
        await forever()

    events = supervised(end_late, note, stall_after_s=4.0, until_s=27)

    assert told(events) == ["CollectorDown", "CollectorUp", "Tick"]
    assert [at_s(event) for event in events] == [4.0, 24.0, 24.0]


def test_a_stalled_collector_that_cleans_up_when_the_engine_stops_is_not_cancelled_again() -> None:
    cleaned_up: list[float] = []

    async def end_late(emit: Emit) -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(20)
            cleaned_up.append(now_s())

    supervised(end_late, stall_after_s=4.0, until_s=10)

    assert cleaned_up == [24.0]


def test_a_finite_collector_ends_once() -> None:
    assert told(supervised(tick_and_end, finite=True)) == ["CollectorUp", "Tick"]


def test_a_finite_collector_that_fails_is_started_again() -> None:
    events = supervised(tick_and_fail, tick_and_end, finite=True)

    assert told(events) == ["CollectorUp", "Tick", "Tick", "CollectorDown", "CollectorUp", "Tick"]


@pytest.mark.parametrize("grouped", [False, True])
def test_a_mistake_of_the_user_is_raised_and_not_tried_again(grouped: bool) -> None:
    mistake = ConfigError("binance lists no BTC/USTD; did you mean BTC/USDT?")

    async def fail_for_good(emit: Emit) -> None:
        raise ExceptionGroup("in a TaskGroup", [mistake]) if grouped else mistake

    with pytest.raises(ConfigError) as caught:
        supervised(fail_for_good)

    assert caught.value is mistake
    assert "raised by the collector feed" in mistake.__notes__


def test_what_a_collector_may_not_publish_fails_it() -> None:
    async def publish_twice(emit: Emit) -> None:
        tick = Tick()
        emit(tick)
        emit(tick)

    down = downs(supervised(publish_twice, forever))[0]

    assert down.reason == "Tick 2 is published a second time: make a new one"


@pytest.mark.parametrize("wrong", ["x", [Tick()], Tick, Do()])
def test_a_collector_that_emits_what_is_no_event_is_told_what_to_emit(wrong: Any) -> None:
    async def emit_wrong(emit: Emit) -> None:
        emit(wrong)

    down = downs(supervised(emit_wrong, forever))[0]

    assert down.reason == f"emit({wrong!r}): that is no Event; emit events, one at a time"


async def test_so_is_an_executor() -> None:
    emit = Emitter(queue_of(Bot()))

    with pytest.raises(PublishError, match=r"^emit\('x'\): that is no Event; emit events, one at a time$"):
        emit("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # that is the test
