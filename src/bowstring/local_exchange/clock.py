"""The exchange's time."""

from collections.abc import Callable
from time import time_ns


def machine_us() -> int:
    """The machine's time."""
    return time_ns() // 1000


class Clock:
    """Gives the time in us since the epoch: that of the machine, unless it is set to another, at which it stands.

    ``skew_us`` is added to either.
    """

    skew_us = 0

    def __init__(self, now_us: Callable[[], int] = machine_us) -> None:
        self._now_us = now_us
        self._set_us: int | None = None

    def __call__(self) -> int:
        """The time."""
        return self.skew_us + (self._now_us() if self._set_us is None else self._set_us)

    def set(self, time_us: int) -> None:
        """Let it stand at this time."""
        self._set_us = time_us

    def release(self) -> None:
        """Let it run with the machine's again."""
        self._set_us = None
