"""What the parsers beside `benchmarks.decode` share: the frames of a file, and passes over them that are timed.

Standard library only: the scripts run in environments of their own.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypedDict

from benchmarks.figures import TESTED, pin


class Input(TypedDict):
    """``frames`` are texts of a combined stream; ``snapshots`` the books to begin with, by the venue's symbol."""

    frames: list[str]
    snapshots: dict[str, str]


Pass = Callable[[Input], Awaitable[int]]
"""One pass over all frames: returns the ns that it took, without what is set up before."""


def report(make: Callable[[Input], Pass]) -> None:
    """Make passes over the file and for the seconds that the command line names, and print the fastest a frame."""
    given: Input = json.loads(Path(sys.argv[1]).read_text())
    pin(TESTED)
    print(json.dumps({"ns": asyncio.run(_fastest(make, given, float(sys.argv[2]))) / len(given["frames"])}))


def moved_on(given: Input, updates: Mapping[str, int]) -> None:
    """Fail unless each book is at the last update that its stream told of, or at its snapshot if that is newer."""
    last = {name: json.loads(body)["lastUpdateId"] for name, body in given["snapshots"].items()}
    for frame in given["frames"] if last else ():
        data = json.loads(frame)["data"]
        last[data["s"]] = max(last[data["s"]], data["u"])
    assert all(updates[name] == update for name, update in last.items()), (updates, last)


async def _fastest(make: Callable[[Input], Pass], given: Input, seconds: float) -> int:
    run_pass = make(given)
    passes: list[int] = []
    gc.collect()
    gc.freeze()
    end = time.monotonic() + seconds
    while time.monotonic() < end or not passes:
        passes.append(await run_pass(given))
    return min(passes)
