"""A system clock that is off, and that steps: as Python tells it, in the process of one bot."""

import sys
import time
from collections.abc import Sequence
from unittest.mock import patch


class Skew:
    """By how many ``seconds`` the system's clock is ahead of the true time; it steps when that is changed."""

    seconds = 0.0

    def install(self) -> None:
        """Have Python tell that time from now on."""
        true_s, true_ns = time.time, time.time_ns
        patch.object(time, "time", lambda: true_s() + self.seconds).start()
        patch.object(time, "time_ns", lambda: true_ns() + round(self.seconds * 1e9)).start()


SKEW = Skew()


def wrapper(seconds: float) -> Sequence[str]:
    """What the command line of a bot begins with, which is to live at another time."""
    return (sys.executable, "-m", "faults.skewed", f"{seconds}")
