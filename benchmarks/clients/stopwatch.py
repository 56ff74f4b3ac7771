"""Times of one order after the other in `benchmarks.signed_orders`, from the tick that caused it to its answer."""

import json
import time
from collections import defaultdict
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from benchmarks.figures import Sample, percentile

P = ParamSpec("P")
R = TypeVar("R")

ENDS, PARTS = ("written", "answered"), ("signing", "encoding", "socket")
PERCENTILES = (("p50", 0.5), ("p99", 0.99))

now_ns = time.perf_counter_ns


class Stopwatch:
    """``awaits`` while an order has no answer: the next one goes out after that. ``frame_ns`` is when a frame came."""

    def __init__(self) -> None:
        self.awaits = False
        self.frame_ns = 0
        self._tick_ns = 0
        self._parts: dict[str, int] = {}
        self._samples: defaultdict[str, list[int]] = defaultdict(list)

    def begin(self) -> None:
        """An order is decided upon, because of the latest frame."""
        self.awaits = True
        self._tick_ns = self.frame_ns
        self._parts = {}

    def timed(self, part: str, function: Callable[P, R]) -> Callable[P, R]:
        """The same function, which now counts for a part of the order's way."""

        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            began_ns = now_ns()
            try:
                return function(*args, **kwargs)
            finally:
                self._parts[part] = self._parts.get(part, 0) + now_ns() - began_ns

        return run

    def written(self) -> None:
        """The order's bytes have been given to the kernel."""
        if self.awaits and "written" not in self._parts:
            self._parts["written"] = now_ns() - self._tick_ns

    def answered(self, at_ns: int = 0) -> None:
        """The answer to the order has come, by default now."""
        if self.awaits:
            self._parts["answered"] = (at_ns or now_ns()) - self._tick_ns
            for part, took_ns in self._parts.items():
                self._samples[part].append(took_ns)
            self.awaits = False

    def sample(self) -> Sample:
        """Percentiles of the whole way and medians of its parts, in microseconds. The first tenth is warming up."""
        warm = {part: times[len(times) // 10 :] for part, times in self._samples.items()}
        inner = [warm[part] for part in ("signing", "socket") if part in warm]
        if "encoding" in warm:  # it was timed from outside, with these in it
            warm["encoding"] = [whole - sum(parts) for whole, *parts in zip(warm["encoding"], *inner, strict=True)]
        sample = {f"{end} {name}": percentile(warm[end], part) / 1000 for end in ENDS for name, part in PERCENTILES}
        for part in PARTS:
            sample[part] = percentile(warm.get(part, [0]), 0.5) / 1000
        return {"orders": float(len(warm["answered"])), **sample}

    def print(self) -> None:
        """For the benchmark, which reads it."""
        print(json.dumps(self.sample()), flush=True)
