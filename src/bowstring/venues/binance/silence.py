"""Watching for streams that fell silent."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol


class Timer(Protocol):
    """What `asyncio.TimerHandle` offers here."""

    def cancel(self) -> object:
        """Not to run."""
        ...


class Loop(Protocol):
    """What an event loop offers here."""

    def time(self) -> float:
        """Seconds, monotonic."""
        ...

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        """Run ``callback`` at that time."""
        ...


class SilenceWatch:
    """Calls ``on_silence(stream, silent_s)`` once for each time a stream says nothing for as long as its budget.

    ``budgets_s`` gives seconds by stream. Whoever hears a stream notes it: ``watch.heard[stream] = watch.time()``.
    One timer serves all streams; it runs when the next budget would end, at the earliest.
    """

    def __init__(
        self,
        budgets_s: Mapping[str, float],
        *,
        on_silence: Callable[[str, float], None],
        loop: Loop | None = None,
    ) -> None:
        self._loop: Loop = loop or asyncio.get_running_loop()
        self.time = self._loop.time
        self.heard = dict.fromkeys(budgets_s, self.time())
        self._budgets_s = budgets_s
        self._on_silence = on_silence
        self._told: dict[str, float] = {}  # what had been heard last when a stream's silence was told
        self._timer: Timer | None = None
        self._check()

    def close(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()

    def _check(self) -> None:
        now = self.time()
        due = [self._check_stream(stream, budget_s, now) for stream, budget_s in self._budgets_s.items()]
        if due:
            self._timer = self._loop.call_at(min(due), self._check)

    def _check_stream(self, stream: str, budget_s: float, now: float) -> float:
        """When to look again: a silent stream cannot use up its budget anew before that time has passed."""
        heard = self.heard[stream]
        if now - heard < budget_s:
            return heard + budget_s
        if self._told.get(stream) != heard:
            self._told[stream] = heard
            self._on_silence(stream, now - heard)
        return now + budget_s
