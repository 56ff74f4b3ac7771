"""Timers as messages: ask with `WakeMe`, be told with `Woke`."""

import asyncio

from bowstring.core.components import Emit, Executor, on
from bowstring.core.errors import Refused
from bowstring.core.messages import Action, Addressed

MAX_TIMERS = 10_000


class WakeMe(Action, frozen=True):
    """Ask for a `Woke` with this key in ``after_s`` seconds. A timer of yours with the same key is set anew."""

    after_s: float
    key: str = ""


class Woke(Addressed, frozen=True, kw_only=True):
    """The time of a `WakeMe` has come."""

    key: str


class Timers(Executor):
    """Sets the timers of all strategies; every engine has one."""

    name = "timers"

    def __init__(self) -> None:
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._stopped = False

    async def start(self, emit: Emit) -> None:
        """Keep the way to publish."""
        self._emit = emit

    async def stop(self) -> None:
        """Forget all timers, and take no more."""
        self._stopped = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    @on(WakeMe)
    def set(self, ask: WakeMe) -> None:
        """Set a timer. Raises ValueError for a negative time, OverflowError when there are too many."""
        if self._stopped:
            raise Refused("the engine has stopped")
        if not 0 <= ask.after_s < float("inf"):
            raise ValueError(f"after_s is {ask.after_s}: wait 0 seconds or more")
        timer = self._timers.pop((ask.strategy, ask.key), None)
        if timer is not None:
            timer.cancel()
        if len(self._timers) >= MAX_TIMERS:
            raise OverflowError(f"{MAX_TIMERS} timers are set already")
        loop = asyncio.get_running_loop()
        self._timers[ask.strategy, ask.key] = loop.call_later(ask.after_s, self._wake, ask.strategy, ask.key)

    def _wake(self, strategy: str, key: str) -> None:
        del self._timers[strategy, key]
        self._emit(Woke(strategy=strategy, key=key))
