"""F25: every limit of the guards, at the limit and a step beside it, and random orders judged by the venues' own books.

The books are `tests/trading/breaches/ledger.py`: they share no code with the guards. A guard with a mistake for each
rule has to be noticed by them.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from faults.figures import Note, Outcome, Zero
from faults.row import Bench, Row
from tests.trading.breaches import mutants
from tests.trading.breaches.run import Outcome as Day
from tests.trading.breaches.run import run as run_day

T = TypeVar("T")
A = TypeVar("A")

ROOT = Path(__file__).parents[1]
MUTANT_ORDERS, MUTANT_SEEDS = 2_500, 6  # more than any of them has needed so far
CARELESS = "PositionOnly"
NAMES = [*mutants.MUTANTS, CARELESS]


def run(bench: Bench) -> Outcome:
    parts, orders = bench.many(short=2, long=20), bench.many(short=5_000, long=50_000)
    days = _in_processes(partial(_day, orders), [bench.seed * 1_000 + part for part in range(parts)])
    noticed = _in_processes(_is_noticed, NAMES)
    unnoticed = [name for name, is_noticed in zip(NAMES, noticed, strict=True) if not is_noticed]
    cases, failed = _steps(bench)
    broken = [f"{rule}: {text}" for day in days for rule, text in day.first.items()]
    return Outcome(
        figures=[
            Zero("properties of a limit that do not hold", len(failed), cases),
            Note(
                f"{sum(day.orders for day in days):,} random orders, {sum(day.fills for day in days):,} fills,"
                f" {sum(day.restarts for day in days):,} restarts"
            ),
            Zero("breaches", sum(day.breaches.total() for day in days), sum(day.accepted for day in days)),
            Note(f"{len(NAMES) - len(unnoticed)} of {len(NAMES)} guards with a mistake are noticed by the ledger"),
        ],
        findings=[*failed, *broken, *(failure for day in days for failure in day.failures), *unnoticed],
    )


def _in_processes(work: Callable[[A], T], what: Sequence[A]) -> Sequence[T]:
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        return list(pool.map(work, what))


def _day(orders: int, seed: int) -> Day:
    return run_day(orders=orders, seed=seed)


def _is_noticed(name: str) -> bool:
    return any(_noticed(name, seed) for seed in range(MUTANT_SEEDS))


def _noticed(name: str, seed: int) -> bool:
    if name == CARELESS:
        return "reduces" in run_day(orders=MUTANT_ORDERS, seed=seed, blotters=mutants.careless).breaches
    guards = partial(mutants.with_mutant, name)
    return mutants.MUTANTS[name][0] in run_day(orders=MUTANT_ORDERS, seed=seed, guards=guards).breaches


def _steps(bench: Bench) -> tuple[int, Sequence[str]]:
    """The properties of the guards; how many cases were tried, and which of the tests failed."""
    folder = bench.room("pytest")
    profile = "thorough" if bench.form == "long" else "brief"
    environment = os.environ | {"HYPOTHESIS_PROFILE": profile, "TMPDIR": str(folder)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-show-statistics"]
    command += ["tests/trading/guards"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    (folder / "output.txt").write_text(ended.stdout + ended.stderr)
    cases = sum(int(count) for count in re.findall(r"(\d+) passing", ended.stdout))
    failed = re.findall(r"^FAILED (.*)$", ended.stdout, re.MULTILINE)
    if ended.returncode and not failed:
        failed = [f"pytest ended with {ended.returncode}"]
    return cases, failed


ROW = Row(
    id="F25",
    fault="every limit: one step below, at it, one above; and random orders, late answers, lost ones, restarts",
    how="property tests; two venues in memory whose own books check each order that they accept",
    promise="1,000,000 orders: 0 breaches on the ledger",
    run=run,
)
