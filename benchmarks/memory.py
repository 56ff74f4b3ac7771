"""What a process holds over time, and whether it grows; Linux only.

The slope of the resident set is a least squares fit. A sample resembles the one before it, so for the confidence
interval they count as fewer: n (1 - r) / (1 + r), where r is the correlation of neighbouring residuals.
"""

import asyncio
import math
import os
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import correlation, linear_regression

COLUMNS = ("seconds", "MiB", "files", "tasks")


class Memory:
    """Samples of this process, in arrays of their full size from the start: growing lists would show in the slope."""

    def __init__(self, capacity: int) -> None:
        self._columns = [array("d", bytes(8 * capacity)) for _ in COLUMNS]
        self._capacity = capacity
        self._taken = 0

    async def watch(self, running: "asyncio.Future[None]", *, every_s: float) -> None:
        """Take samples while something runs."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while self._taken < self._capacity and not (await asyncio.wait({running}, timeout=every_s))[0]:
            for column, value in zip(self._columns, _sample(loop.time() - began), strict=True):
                column[self._taken] = value
            self._taken += 1

    def lines(self) -> Iterator[str]:
        """Tell what became of it, without the first tenth, the warming up."""
        seconds, rss, files, tasks = (column[self._taken // 10 : self._taken] for column in self._columns)
        per_s, margin = slope(seconds, rss)
        low, high = (per_s - margin) * 3600, (per_s + margin) * 3600
        yield f"rss: {rss[0]:.1f} MiB after the warming up, {rss[-1]:.1f} MiB at the end"
        yield f"rss slope: {per_s * 3600:+.2f} MiB/h, 95 % confidence interval {low:+.2f} to {high:+.2f}"
        yield f"open files: {min(files):.0f} to {max(files):.0f}"
        yield f"tasks: {min(tasks):.0f} to {max(tasks):.0f}"


def _sample(seconds: float) -> tuple[float, ...]:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    rss = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return seconds, rss, len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())


def slope(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float]:
    """The least squares slope, and how far the ends of its 95 % confidence interval are from it."""
    fit = linear_regression(xs, ys)
    residuals = [y - fit.intercept - fit.slope * x for x, y in zip(xs, ys, strict=True)]
    squares = sum(residual**2 for residual in residuals)
    if squares < 1e-12:
        return fit.slope, 0.0
    alike = max(0.0, correlation(residuals[:-1], residuals[1:]))
    count = len(xs) * (1 - alike) / (1 + alike)
    if count <= 2:
        return fit.slope, math.inf
    centre = sum(xs) / len(xs)
    return fit.slope, 1.96 * math.sqrt(squares / (count - 2) / sum((x - centre) ** 2 for x in xs))
