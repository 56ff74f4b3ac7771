import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.core import timers
from bowstring.core.components import Emit, Strategy, on
from bowstring.core.messages import Action, ActionDone, ActionFailed
from bowstring.core.timers import WakeMe, Woke
from tests.core.bots import Bot, Do, Doer, Tick, Witness
from tests.core.lifecycle import Feed, forever, live, now_s, stop_after

Ask = tuple[int, str, int]
"""When a strategy asks, in ms, for which key, and in how many ms it wants to be woken."""


class Sleeper(Strategy):
    """At its n-th tick it asks for what the test says, and notes when it wakes."""

    def __init__(self, asks: Sequence[Action], *, name: str = "sleeper") -> None:
        self.name = name
        self.woken: list[tuple[float, str]] = []
        self._asks = asks

    @on(Tick)
    def ask(self, tick: Tick) -> Action:
        return self._asks[tick.n]

    @on(Woke)
    def wake(self, woke: Woke) -> None:
        self.woken.append((round(now_s(), 3), woke.key))


def ticks(*at_ms: int) -> Feed:
    """Return a collector that ticks at these times, then no more."""

    async def tick(emit: Emit) -> None:
        for n, ms in enumerate(at_ms):
            await asyncio.sleep(ms / 1000 - now_s())
            emit(Tick(n=n))
        await forever()

    return Feed(tick)


def expected(asks: Sequence[Ask]) -> Iterator[tuple[float, str]]:
    """Tell which of the asks are answered: those that no other for the same key came before."""
    for n, (at_ms, key, after_ms) in enumerate(asks):
        renewed = [later_ms for later_ms, other, _ in asks[n + 1 :] if other == key]
        if not renewed or renewed[0] > at_ms + after_ms:
            yield (at_ms + after_ms) / 1000, key


def at_times(asks: list[tuple[int, str, int]]) -> list[Ask]:
    """Make times of gaps: even ones, and durations odd, so that nobody is woken while they ask."""
    return [(2 * sum(gap for gap, _, _ in asks[: n + 1]), key, 2 * ms + 1) for n, (_, key, ms) in enumerate(asks)]


@given(st.lists(st.tuples(st.integers(1, 50), st.sampled_from("ab"), st.integers(0, 100)), max_size=12).map(at_times))
def test_a_strategy_is_woken_when_it_asked_to_be_and_one_timer_a_key_is_set(asks: list[Ask]) -> None:
    sleeper = Sleeper([WakeMe(after_s=after_ms / 1000, key=key) for _, key, after_ms in asks])

    live(ticks(*(at_ms for at_ms, _, _ in asks)), sleeper, course=stop_after(10))

    assert sorted(sleeper.woken) == sorted(expected(asks))


def test_only_who_asked_is_woken() -> None:
    sleepers = [Sleeper([WakeMe(after_s=after_s, key="k")], name=f"{after_s}") for after_s in (1, 2)]

    live(ticks(0), *sleepers, course=stop_after(10))

    assert [sleeper.woken for sleeper in sleepers] == [[(1, "k")], [(2, "k")]]


def test_who_asks_for_no_time_is_woken_next() -> None:
    sleeper = Sleeper([WakeMe(after_s=0)])

    live(ticks(2000), sleeper, course=stop_after(3))

    assert sleeper.woken == [(2, "")]


def test_a_wake_is_news_from_outside_and_no_link_of_a_chain() -> None:
    class Metronome(Sleeper):
        @on(Woke)
        def again(self, woke: Woke) -> WakeMe:
            assert woke.depth == 0
            return WakeMe(after_s=1)

    metronome = Metronome([WakeMe(after_s=1)])
    live(ticks(0), metronome, course=stop_after(1000.5))

    assert len(metronome.woken) == 1000


class Client(Bot):
    """Keeps how its actions ended."""

    def __init__(self, react: Callable[[Tick], Any]) -> None:
        super().__init__(react)
        self.closings: list[str] = []

    @on(ActionDone)
    def note_done(self, done: ActionDone) -> None:
        self.closings.append("done")

    @on(ActionFailed)
    def note_failure(self, failed: ActionFailed) -> None:
        self.closings.append(failed.reason)


@pytest.mark.parametrize("after_s", [-1, float("inf"), float("nan")])
def test_a_time_that_cannot_come_is_refused_with_what_to_do(after_s: float) -> None:
    client = Client(lambda _tick: WakeMe(after_s=after_s))

    live(ticks(0), client, course=stop_after(1))

    assert client.closings == [f"after_s is {after_s}: wait 0 seconds or more"]


def test_timers_are_bounded_and_a_set_one_can_be_set_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "MAX_TIMERS", 2)
    client = Client(lambda _tick: [WakeMe(after_s=60, key=key) for key in "abcb"])

    live(ticks(0), client, course=stop_after(1))

    assert client.closings == ["done", "done", "2 timers are set already", "done"]


def test_what_is_set_when_the_engine_stops_is_forgotten() -> None:
    sleeper = Sleeper([WakeMe(after_s=5)])

    assert live(ticks(0), sleeper, course=stop_after(4)) == 4

    assert sleeper.woken == []


def test_no_timer_is_set_once_the_engine_has_stopped() -> None:
    class Retrying(Bot):
        @on(ActionFailed)
        def retry(self, failed: ActionFailed) -> WakeMe:
            return WakeMe(after_s=5)

    witness = Witness()
    live(ticks(0), Retrying(lambda _tick: Do()), Doer(forever), witness, course=stop_after(4))

    assert witness.closings == [
        ("ActionFailed", "doer", "CancelledError()"),
        ("ActionRefused", "timers", "the engine has stopped"),
    ]
