from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from bowstring.venues.binance.silence import SilenceWatch


class ManualLoop:
    """A loop with one timer; time passes by `advance`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.runs = 0
        self._timer: tuple[float, Callable[[], object]] | None = None

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], object], /) -> "ManualLoop":
        self._timer = when, callback
        return self

    def cancel(self) -> None:
        self._timer = None

    def advance(self, to: float) -> None:
        while self._timer and self._timer[0] <= to:
            (self.now, callback), self._timer = self._timer, None
            self.runs += 1
            callback()
        self.now = to


class Watched:
    """Streams under watch, and what was told: (time, stream, silence)."""

    def __init__(self, **budgets_s: float) -> None:
        self.loop = ManualLoop()
        self.told: list[tuple[float, str, float]] = []
        self.watch = SilenceWatch(
            budgets_s,
            on_silence=lambda stream, silent_s: self.told.append((self.loop.now, stream, silent_s)),
            loop=self.loop,
        )

    def hear(self, stream: str, *, at: float) -> None:
        self.loop.advance(at)
        self.watch.heard[stream] = self.watch.time()


def test_tells_of_a_silence_once_when_the_budget_is_used_up() -> None:
    watched = Watched(quotes=30)

    watched.loop.advance(29)
    assert watched.told == []
    watched.loop.advance(1000)
    assert watched.told == [(30, "quotes", 30)]


def test_data_starts_the_budget_anew_and_ends_a_silence() -> None:
    watched = Watched(quotes=30)

    watched.hear("quotes", at=20)
    watched.hear("quotes", at=85)
    watched.loop.advance(1000)

    assert watched.told == [(50, "quotes", 30), (115, "quotes", 30)]


def test_each_stream_has_its_own_budget() -> None:
    watched = Watched(fast=1, slow=10)

    for second in range(1, 12):
        watched.hear("slow", at=second)
    watched.loop.advance(30)

    assert watched.told == [(1, "fast", 1), (21, "slow", 10)]


def test_says_nothing_after_close() -> None:
    watched = Watched(quotes=30)

    watched.watch.close()
    watched.loop.advance(1000)

    assert watched.told == []


def test_without_budgets_there_is_no_timer() -> None:
    watched = Watched()

    watched.loop.advance(1000)
    watched.watch.close()

    assert watched.loop.runs == 0


def test_a_busy_stream_costs_one_timer_run_a_budget() -> None:
    watched = Watched(quotes=30)

    for second in range(3000):
        watched.hear("quotes", at=second)

    assert watched.loop.runs <= 3000 / 30 + 4


@given(st.lists(st.integers(1, 100), max_size=30))
def test_every_gap_of_a_budget_or_more_is_told_exactly_once_and_on_time(gaps: list[int]) -> None:
    watched = Watched(quotes=30)
    heard = [0]
    for gap in gaps:
        heard.append(heard[-1] + gap)
        watched.hear("quotes", at=heard[-1])
    watched.loop.advance(heard[-1] + 30)

    silences = [time + 30 for time, gap in zip(heard, [*gaps, 30], strict=True) if gap >= 30]
    assert [time for time, _, _ in watched.told] == silences
