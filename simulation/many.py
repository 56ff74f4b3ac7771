"""Many seeds, on all cores: what was wrong in which, and how often everything happened."""

import logging
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from msgspec import Struct

from simulation.play import Outcome, play

R = TypeVar("R")
J = TypeVar("J")

MANY = 100
CHUNK = 5
RULE_OF_THREE = 3  # where something happened in none of n cases, its rate is under 3/n at 95 %


class Totals(Struct):
    """What many seeds came to."""

    seeds: int = 0
    failed: list[Outcome] = []
    struck: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    took_s: float = 0.0
    cpu_s: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count one."""
        self.seeds += 1
        self.struck += outcome.struck
        self.counts += outcome.counts
        if outcome.violations:
            self.failed.append(outcome)

    def lines(self) -> Iterator[str]:
        """What to print of it."""
        yield from (f"  {fault:34} {self.struck[fault]:9,}" for fault in sorted(self.struck))
        yield ""
        yield ", ".join(f"{count:,} {what}" for what, count in sorted(self.counts.items()))
        rate = f"{self.seeds / self.took_s:.1f} a second; CPU {self.cpu_s:.1f} s"
        yield f"{self.seeds:,} seeds in {self.took_s:.1f} s, {rate}"
        violations = sum(len(outcome.violations) for outcome in self.failed)
        bound = f"; under {RULE_OF_THREE / self.seeds:.2g} a seed at 95 %" if not violations else ""
        yield f"{violations} violations{bound}"


def play_all(seeds: Iterable[int], *, processes: int, on_failure: Callable[[Outcome], None]) -> Totals:
    """Play seeds; ``on_failure`` is called with each outcome that has violations."""
    totals = Totals()
    began_s = time.monotonic()
    for outcome, cpu_s in spread(_play, list(seeds), processes=processes):
        totals.add(outcome)
        totals.cpu_s += cpu_s
        if outcome.violations:
            on_failure(outcome)
    totals.took_s = time.monotonic() - began_s
    return totals


def spread(work: Callable[[J], R], jobs: Sequence[J], *, processes: int) -> Iterator[R]:
    """Do work of which each piece stands alone, in so many processes; the results come in order."""
    if processes == 1:
        yield from map(work, jobs)
        return
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("fork")) as pool:
        yield from pool.map(work, jobs, chunksize=CHUNK if len(jobs) > MANY else 1)


@contextmanager
def quiet() -> Generator[None]:
    """Log nothing: a bot in trouble logs a lot."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def cores() -> int:
    """How many there are for this process."""
    return len(os.sched_getaffinity(0))


def _play(seed: int) -> tuple[Outcome, float]:
    began_s = time.process_time()
    outcome = play(seed)
    return outcome, time.process_time() - began_s
