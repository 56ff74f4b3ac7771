"""`WeightBudget`: how much of a server's rate limit is left, for all clients that share one key. Pure: no I/O.

A server counts what arrives in each of its windows, which are aligned with the calendar (on Binance: a minute). Seen
from here a request arrives at an unknown moment between its sending and its answer, by a clock that may differ. So it
counts in **every window in which it may have arrived**, and no window can be overrun, whatever the delays
(docs/decisions/0013-a-request-counts-wherever-it-may-arrive.md).
"""

import math
import sys
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Literal, get_args

from bowstring.core.clock import Clock
from bowstring.core.errors import ConfigError, NotSent

Kind = Literal["read", "write", "cancel"]
KINDS = get_args(Kind)
BAN_S = 120.0  # a 418 that does not say for how long; Binance bans "from 2 minutes to 3 days"

LIMITED = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.IM_A_TEAPOT}
"""Statuses that mean: refused, and be silent for a while."""


class Charge:
    """One request that is under way, and the windows that it was counted in."""

    __slots__ = ("first", "last", "weight")

    def __init__(self, weight: int, *, first: int, last: int) -> None:
        self.weight = weight
        self.first, self.last = first, last


class WeightBudget:
    """Room for requests whose weights sum to ``limit`` in each window of ``window_s``; without a limit, only pauses.

    Cancels may use all of it, everything else leaves ``reserve`` for them. ``header`` names the response header that
    tells the weight used in the present window (Binance: ``X-MBX-USED-WEIGHT-1M``), by which the use of others is
    learned. The server's clock may be off by ``skew_s`` from ``now_ns`` (by default a `Clock`'s). For one event loop.
    Raises `ConfigError` where the numbers leave no room.
    """

    def __init__(
        self,
        limit: int = sys.maxsize,
        *,
        reserve: int = 0,
        window_s: float = 60.0,
        header: str = "",
        skew_s: float = 1.0,
        now_ns: Callable[[], int] | None = None,
    ) -> None:
        if not 0 <= reserve < limit:
            raise ConfigError(
                f"a budget of {limit} with a reserve of {reserve}: the reserve is from 0 to below the limit"
            )
        if not 0 <= skew_s < window_s / 2 < math.inf:
            raise ConfigError(f"windows of {window_s} s with a skew of {skew_s} s: the skew is below half a window")
        self.header = header
        self.limit, self._reserve = limit, reserve
        self._window_ns, self._skew_ns = round(window_s * 1e9), round(skew_s * 1e9)
        self._now_ns = now_ns or Clock().now_ns
        self._used: dict[int, int] = {}
        self._under_way: set[Charge] = set()
        self._present = (0, 0)  # the windows that the server may be in, as of the last look
        self._paused_until_ns: dict[Kind, int] = dict.fromkeys(KINDS, 0)

    def wait_s(self, weight: int, *, kind: Kind = "read") -> float:
        """Seconds until there may be room for the request, 0 if there is; ``inf`` if there never will be."""
        now_ns = self._advance()
        room = self.limit if kind == "cancel" else self.limit - self._reserve
        if weight > room:
            return math.inf
        free_ns = self._paused_until_ns[kind]
        for window in self._present:
            if self._used.get(window, 0) + weight > room:
                free_ns = max(free_ns, self._over_ns(window))
        return max(0, free_ns - now_ns) / 1e9

    def take(self, weight: int, *, kind: Kind = "read") -> Charge:
        """Count a request that is about to be sent; give it back to `settle`. Raises `NotSent` if there is no room."""
        wait_s = self.wait_s(weight, kind=kind)
        if wait_s > 0:
            raise NotSent(f"{self._why(weight, kind)}: nothing for {wait_s:.3f} s")
        first, last = self._present
        charge = Charge(weight, first=first, last=last)
        self._under_way.add(charge)
        for window in range(first, last + 1):
            self._used[window] = self._used.get(window, 0) + weight
        return charge

    def settle(self, charge: Charge, *, used: int | None = None, is_free: bool = False) -> None:
        """The request is over; ``used`` is what the server said that the present window has used.

        ``is_free``: the server counts no weight for it, as it turned out.
        """
        self._advance()
        self._under_way.discard(charge)
        if is_free:
            for window in range(charge.first, charge.last + 1):
                if window in self._used:
                    self._used[window] = max(0, self._used[window] - charge.weight)
        first, last = self._present
        if used is not None and charge.first == first == last:  # else it may speak of the window before
            others = sum(one.weight for one in self._under_way)  # which it may not have counted yet
            self._used[last] = max(self._used.get(last, 0), used + others)

    def pause(self, seconds: float | None, *, kinds: Sequence[Kind] = KINDS) -> None:
        """Send nothing of these kinds for so long; None: until the present window is over. Never shortens a pause."""
        now_ns = self._now_ns()
        until_ns = self._over_ns(self._windows(now_ns)[1]) if seconds is None else now_ns + math.ceil(seconds * 1e9)
        for kind in kinds:
            self._paused_until_ns[kind] = max(self._paused_until_ns[kind], until_ns)

    def obey(self, status: int, pause_s: float | None, *, writes_only: bool = False) -> None:
        """A server refused a request with one of the `LIMITED` statuses, and asked to wait for ``pause_s``, if it did.

        ``writes_only``: it limits new orders, and no cancel must wait for that.
        """
        if pause_s is None and status == HTTPStatus.IM_A_TEAPOT:
            pause_s = BAN_S
        self.pause(pause_s, kinds=("write",) if writes_only else KINDS)

    def _why(self, weight: int, kind: Kind) -> str:
        if self._paused_until_ns[kind] > self._now_ns():
            return "the server asked to wait"
        return f"weight {weight} exceeds what is left of {self.limit}"

    def _windows(self, now_ns: int) -> tuple[int, int]:
        """The windows that the server may be in: the first and the last, mostly the same."""
        return (now_ns - self._skew_ns) // self._window_ns, (now_ns + self._skew_ns) // self._window_ns

    def _over_ns(self, window: int) -> int:
        """When the server is past a window for certain."""
        return (window + 1) * self._window_ns + self._skew_ns

    def _advance(self) -> int:
        """Count what is under way in the windows that have begun, and forget those that are over."""
        now_ns = self._now_ns()
        present = self._windows(now_ns)
        if present != self._present:
            self._present = first, last = present
            for charge in self._under_way:
                for window in range(max(charge.last + 1, first), last + 1):
                    self._used[window] = self._used.get(window, 0) + charge.weight
                charge.last = max(charge.last, last)
            for window in [window for window in self._used if window < first]:
                del self._used[window]
        return now_ns


def count(text: str) -> int | None:
    """The number in a header; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 15 else None


def retry_after_s(value: str, *, now_ns: int) -> float | None:
    """Seconds to wait by a Retry-After header, which gives seconds or a date; None for anything else."""
    seconds = count(value.strip())
    if seconds is not None:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now_ns / 1e9)
    except (ValueError, OverflowError):
        return None
