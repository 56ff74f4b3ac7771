"""Time, ids, randomness and threads: the one place that core and trading get them from.

Replace the `Clock` of an engine and the whole bot runs on virtual time with seeded ids; a lint rule bans
the raw functions everywhere else in core and trading. Timers are the event loop's.
"""

import threading
import time
from collections.abc import Callable
from random import Random
from typing import ClassVar

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_EPOCH_NS = time.time_ns() - time.monotonic_ns()


class Clock:
    """The real clock.

    ``now_ns()`` is nanoseconds since the epoch: ``epoch_ns``, read from the system's wall clock once in a process, plus
    ``monotonic_ns()``. So it never steps, the difference of two readings is a duration, and all real clocks agree.
    """

    has_threads: ClassVar[bool] = True
    monotonic_ns: Callable[[], int]
    epoch_ns: int
    random: Random

    def __init__(self) -> None:
        self.monotonic_ns = time.monotonic_ns
        self.epoch_ns = _EPOCH_NS
        self.random = Random()

    def now_ns(self) -> int:
        """The time in nanoseconds since the epoch."""
        return self.epoch_ns + self.monotonic_ns()

    def cpu_ns(self) -> int:
        """The CPU time that this process has used so far, in nanoseconds: it stands still while the process does."""
        return time.process_time_ns()

    def thread_id(self) -> int:
        """What the interpreter calls the thread that asks."""
        return threading.get_ident()

    def new_prefix(self) -> str:
        """A prefix for ids that no other run of any bot has: the time in ms and 31 random bits, then a hyphen."""
        return _base36(self.now_ns() // 1_000_000, 8) + _base36(self.random.getrandbits(31), 6) + "-"

    def start_thread(self, target: Callable[[], None], *, name: str) -> threading.Thread:
        """Start a daemon thread named ``bowstring-{name}``; the caller owns it and joins it."""
        thread = threading.Thread(target=target, name=f"bowstring-{name}", daemon=True)
        thread.start()
        return thread


def _base36(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 36)
        digits = _ALPHABET[digit] + digits
    return digits
