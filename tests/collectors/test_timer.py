import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.collectors.timer import Elapsed, Every
from bowstring.core.components import Strategy, on
from bowstring.testing.simulation import SimulatedLoop
from tests.core.lifecycle import live, now_s, stop_after


class Watcher(Strategy):
    """Notes when it was told of which periods; its n-th handler blocks the loop for as long as the test says."""

    def __init__(self, *blocks_s: float) -> None:
        self.told: list[tuple[float, Elapsed]] = []
        self._blocks_s = iter(blocks_s)

    @on(Elapsed)
    def watch(self, elapsed: Elapsed) -> None:
        self.told.append((now_s(), elapsed))
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        loop.select(next(self._blocks_s, 0))


@pytest.mark.parametrize("seconds", [0.1, 1, 7.3])
def test_it_does_not_drift(seconds: float) -> None:
    watcher = Watcher()

    live(Every(seconds), watcher, course=stop_after(1000.5 * seconds))

    assert [at_s for at_s, _ in watcher.told] == pytest.approx([n * seconds for n in range(1, 1001)])
    assert {elapsed.missed for _, elapsed in watcher.told} == {0}


def test_it_reports_the_periods_that_it_missed() -> None:
    watcher = Watcher(0, 3.5)

    live(Every(1), watcher, course=stop_after(7.5))

    assert [(at_s, elapsed.missed) for at_s, elapsed in watcher.told] == [(1, 0), (2, 0), (5.5, 2), (6, 0), (7, 0)]


@given(st.lists(st.floats(0, 10)), st.floats(0.01, 5))
def test_every_period_is_told_or_counted_as_missed(blocks_s: list[float], seconds: float) -> None:
    watcher = Watcher(*blocks_s)

    live(Every(seconds), watcher, course=stop_after(sum(blocks_s) + 10 * seconds))

    periods = 0
    for at_s, elapsed in watcher.told:
        periods += 1 + elapsed.missed
        assert periods <= at_s / seconds + 1e-6
        assert at_s < (periods + 1) * seconds + 1e-6
    assert periods >= 9


def test_each_timer_has_its_key_and_its_name() -> None:
    timers = [Every(0.5, key="half"), Every(2)]
    watcher = Watcher()

    live(*timers, watcher, course=stop_after(2.2))

    assert [timer.name for timer in timers] == ["every 0.5 s (half)", "every 2 s"]
    assert sorted(elapsed.key for _, elapsed in watcher.told) == ["", "half", "half", "half", "half"]


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_a_period_that_is_none_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="a period is longer than 0 seconds"):
        Every(seconds)
