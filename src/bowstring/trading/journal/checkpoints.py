"""Checkpoints: the write-ahead log's pages are moved to the file, away from those who wait for a commit."""

from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

import apsw

from bowstring.core.clock import Clock
from bowstring.trading.journal.database import Database

SOFT_FRAMES = 4_000  # 4 MB: SQLite checkpoints as often by default
HARD_FRAMES = 64_000  # 64 MB: who writes on and on leaves no moment in which all is moved
TRIES = 10


class Checkpoints(Protocol):
    """Who moves the write-ahead log's pages."""

    def after_commit(self) -> None:
        """See whether it is time, after a commit, in the thread that made it. Raises what the storage raises."""
        ...

    def stop(self) -> None:
        """Let no thread live on."""
        ...


class Inline:
    """Checkpoints in the caller's stack: where there are no threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def after_commit(self) -> None:
        """Move all that is there when it is much."""
        if self._database.wal_frames >= SOFT_FRAMES:
            self._database.checkpoint()

    def stop(self) -> None:
        """There is no thread."""


class Checkpointer:
    """A thread with a connection of its own. ``on_failure`` is called in it when the storage fails.

    A log that grows past a bound is moved, and cut, by who writes: that one waits then. As long as another program
    reads in one transaction even that cannot be.
    """

    def __init__(
        self, database: Database, helper: Database, *, clock: Clock, on_failure: Callable[[Exception], object]
    ) -> None:
        self._database = database
        self._helper = helper
        self._on_failure = on_failure
        self._orders: SimpleQueue[bool] = SimpleQueue()
        self._is_asked = False
        self._bound = HARD_FRAMES
        self._thread = clock.start_thread(self._run, name="checkpoints")

    def after_commit(self) -> None:
        """Have the thread look when there is much; past the bound do it here."""
        frames = self._database.wal_frames
        if frames < SOFT_FRAMES:
            self._bound = HARD_FRAMES
        elif frames >= self._bound:
            self._bound = HARD_FRAMES if self._database.checkpoint(truncate=True) else frames + SOFT_FRAMES // 10
        elif not self._is_asked:
            self._is_asked = True
            self._orders.put(True)

    def stop(self) -> None:
        """End the thread and its connection."""
        self._orders.put(False)
        self._thread.join()
        self._helper.close()

    def _run(self) -> None:
        while self._orders.get():
            try:
                for _ in range(TRIES):
                    if self._helper.checkpoint():
                        break
            except apsw.Error as error:
                self._on_failure(error)
                return
            self._is_asked = False
