"""Runs rows, and mutants by the rows that have to find them; prints what came of each when it is known.

In the short form rows run beside each other, as they mostly wait, but for those that measure times.
"""

import shutil
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from msgspec import Struct

from faults.figures import Outcome
from faults.parts import Mutant
from faults.row import Bench, Form, Row
from faults.table import enter

AT_ONCE = 4
TABLE = "table.md"


class Job(Struct, frozen=True):
    """What is run beside others. ``work`` returns whether it came out as it should, and what is to be printed."""

    name: str
    is_timed: bool
    work: Callable[[], tuple[bool, str]]


class Runner(Struct, frozen=True, kw_only=True):
    """How rows are run: see `Bench`. What the long form measures is entered in a `TABLE` in the folder."""

    folder: Path
    form: Form
    seed: int
    workers: int

    def broken(self, rows: Iterable[Row]) -> Iterator[str]:
        """Run rows; yields the ids of those that do not hold."""
        jobs = [Job(row.id, row.is_timed, partial(self._run_row, row)) for row in rows]
        return _run(jobs, at_once=AT_ONCE if self.form == "short" else 1)

    def uncaught(self, mutants: Mapping[str, Mutant], rows: Mapping[str, Row]) -> Iterator[str]:
        """Run the rows of mutants, each in its short form; yields those that have not found their mutant."""
        jobs = [
            Job(f"{name} by {row}", rows[row].is_timed, partial(self._run_mutant, name, mutant, rows[row]))
            for name, mutant in mutants.items()
            for row in mutant.rows
            if row in rows
        ]
        return _run(jobs, at_once=AT_ONCE)

    def _run_row(self, row: Row) -> tuple[bool, str]:
        bench = Bench(folder=self.folder / row.id, form=self.form, seed=self.seed, workers=self.workers)
        outcome, seconds = _outcome(row, bench)
        if self.form == "short" and row.is_timed and outcome.is_only_slow:
            print(f"\n{row.id} again, as a busy machine may do that:", *outcome.lines(), sep="\n    ", flush=True)
            outcome, seconds = _outcome(row, bench)
        if self.form == "long":
            enter(self.folder / TABLE, row, outcome, seconds=seconds)
        lines = [f"\n{row.id}  {row.fault}", f"how: {row.how}", f"promised: {row.promise}", *outcome.lines()]
        if outcome.is_good:
            shutil.rmtree(bench.folder, ignore_errors=True)
        else:
            lines.append(f"kept in {bench.folder}")
        lines.append(f"{'holds' if outcome.is_good else 'BROKEN'}, {seconds:.1f} s")
        return outcome.is_good, "\n    ".join(lines)

    def _run_mutant(self, name: str, mutant: Mutant, row: Row) -> tuple[bool, str]:
        folder = self.folder / f"{name}-{row.id}"
        bench = Bench(folder=folder, form="short", seed=self.seed, workers=self.workers, mutant=name)
        outcome, seconds = _outcome(row, bench)
        shutil.rmtree(bench.folder, ignore_errors=True)
        lines = [f"\n{name} breaks: {mutant.breaks}", *outcome.lines()]
        is_found = mutant.is_found(outcome)
        lines.append(f"{'found' if is_found else f'NOT FOUND, {mutant.shows!r},'} by {row.id}, {seconds:.1f} s")
        return is_found, "\n    ".join(lines)


def _run(jobs: Sequence[Job], *, at_once: int) -> Iterator[str]:
    """Those that measure times one by one, after the others; yields the names of those that came out otherwise."""
    timed = [job for job in jobs if job.is_timed]
    others = [job for job in jobs if not job.is_timed]
    with ThreadPoolExecutor(at_once) as pool:
        yield from _printed(others, pool.map(_call, others))
    yield from _printed(timed, map(_call, timed))


def _call(job: Job) -> tuple[bool, str]:
    return job.work()


def _printed(jobs: Sequence[Job], told: Iterable[tuple[bool, str]]) -> Iterator[str]:
    for job, (is_good, text) in zip(jobs, told, strict=True):
        print(text, flush=True)
        if not is_good:
            yield job.name


def _outcome(row: Row, bench: Bench) -> tuple[Outcome, float]:
    began = time.monotonic()
    try:
        outcome = row.run(bench)
    except Exception as error:  # noqa: BLE001  # whatever a row did not foresee: the others are run, and this is told
        traceback.print_exc()
        outcome = Outcome(failure=repr(error))
    return outcome, time.monotonic() - began
