"""One seed, played: a world on virtual time, and what was wrong in it."""

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from unittest.mock import patch

from bowstring.testing.simulation import SimulatedLoop, simulate
from bowstring.trading.journal.database import expected_schema
from simulation.acts import Plot, Story
from simulation.process import Boundary
from simulation.trace import Trace, no_trace

FATE = Plot()
MEMORY = "/dev/shm"  # no disk is waited for where there is such a folder


class Outcome(NamedTuple):
    """What became of one world: what was wrong, which faults struck, how much there was of it, and its trace's hash.

    ``reached`` is how many boundaries each life had while it was in trouble.
    """

    seed: int
    violations: list[str]
    struck: Counter[str]
    counts: Counter[str]
    reached: list[Counter[Boundary]]
    digest: str


def play(
    seed: int, *, plot: Plot = FATE, show: Callable[[str], None] | None = None, is_traced: bool = False
) -> Outcome:
    """Simulate a seed's world. ``show`` is called with each line of its trace."""
    folder_of_all = MEMORY if Path(MEMORY).is_dir() else None
    with TemporaryDirectory(prefix="bowstring-simulation-", dir=folder_of_all) as name:
        folder = Path(name)
        with _apart(folder), _collected():
            return _play(seed, folder, plot, Trace(show=show) if show or is_traced else None)


def _play(seed: int, folder: Path, plot: Plot, trace: Trace | None) -> Outcome:
    stories: list[Story] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        if trace is not None:
            trace.now_ns = loop.clock.monotonic_ns
        stories.append(Story(seed, folder, loop=loop, trace=trace.note if trace else no_trace, plot=plot))
        await stories[0].run()

    errors = _simulate(main, seed)
    return _outcome(seed, stories[0], errors, trace.digest() if trace else "")


@contextmanager
def deferred() -> Generator[None]:
    """Begin all tasks in the next turn, as Python 3.11 does: then the traces of all Pythons are the same."""

    def start(work: Any) -> "asyncio.Future[object]":
        return asyncio.get_running_loop().create_task(work)

    with patch("bowstring.core.tasks._start", start):
        yield


def _simulate(main: Callable[[], Any], seed: int) -> list[str]:
    """What it raised, if it did."""
    try:
        simulate(main(), seed=seed)
    except BaseExceptionGroup as group:
        return [f"raised: {error!r}" for error in group.exceptions]
    except Exception as error:  # noqa: BLE001  # whatever ends it is a finding
        return [f"raised: {error!r}"]
    return []


def _outcome(seed: int, story: Story, errors: list[str], digest: str) -> Outcome:
    counts = Counter({f"{boundary} boundaries": n for boundary, n in story.supervisor.reached().items()})
    counts["lives"] = len(story.supervisor.lives)
    counts["orders accepted"] = len(story.world.accepted())
    counts["virtual seconds"] = int(story.world.loop.time())
    return Outcome(seed, [*story.violations, *errors], story.world.fate.struck, counts, story.reached, digest)


@contextmanager
def _collected() -> Generator[None]:
    """Collect garbage afterwards, and only what is new: at a random moment, it would be no part of the seed."""
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        gc.collect()
        gc.unfreeze()
        gc.enable()


@contextmanager
def _apart(folder: Path) -> Generator[None]:
    """Keep the locks of accounts apart from those of bots, and do not compute anew what is always the same."""
    with (
        patch("bowstring.trading.journal.account_lock._folders", lambda: [folder]),
        patch("bowstring.trading.journal.account_lock.AccountLock._bind"),  # its names are the machine's
        patch("bowstring.trading.journal.file._version", lambda: ""),
        patch("bowstring.trading.journal.database.expected_schema", _expected_schema),
    ):
        yield


_expected_schema = cache(expected_schema)
