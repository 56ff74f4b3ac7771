"""Group commit: a thread that commits all that waits for it in one transaction, and so with one sync of the disk."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue

from msgspec import Struct

from bowstring.core.clock import Clock
from bowstring.core.errors import NotRecorded, NotSent
from bowstring.trading.journal.database import Database
from bowstring.trading.journal.port import News
from bowstring.trading.journal.scribe import Scribe
from bowstring.trading.new_orders import NewOrder

MAX_WAITING = 100_000  # calls; a disk that is so far behind has failed
MAX_TOGETHER = 1_000

Transact = Callable[[Callable[[], None]], None]


class GroupCommit:
    """The journal's thread. All calls are carried out in their order; `record` tells when its orders are safe.

    ``transact`` does some work in one transaction; ``on_failure`` is called, in the thread, with what it raised, and
    returns what is raised of all that comes later, which is not carried out any more.
    """

    def __init__(
        self,
        database: Database,
        scribe: Scribe,
        *,
        transact: Transact,
        clock: Clock,
        on_failure: Callable[[BaseException], NotRecorded],
    ) -> None:
        self._database = database
        self._scribe = scribe
        self._transact = transact
        self._on_failure = on_failure
        self._failure: NotRecorded | None = None
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = clock.start_thread(self._run, name="journal")

    def record(self, orders: Sequence[NewOrder]) -> "asyncio.Future[None]":
        """Have orders put on record; the future is done when they are, and has the error if they are not."""
        recorded = asyncio.get_running_loop().create_future()
        self._put(_Job(partial(self._scribe.record, orders), recorded=recorded))
        return recorded

    def write(self, news: Sequence[News]) -> None:
        """Have news put on record."""
        self._put(_Job(partial(self._scribe.write, news)))

    def flush(self) -> None:
        """Wait, in the caller's stack, until all that was given before is carried out."""
        done: SimpleQueue[None] = SimpleQueue()
        self._put(_Job(lambda: None, done=done))
        done.get()

    def stop(self) -> None:
        """Carry out what waits, then end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _put(self, job: "_Job") -> None:
        if self._jobs.qsize() >= MAX_WAITING:
            raise NotRecorded(f"{MAX_WAITING} calls wait for the disk")
        if not self._thread.is_alive():
            raise NotRecorded("its thread has ended")
        self._jobs.put(job)

    def _run(self) -> None:
        is_over = False
        while not is_over:
            jobs = self._next()
            is_over = None in jobs
            self._carry_out([job for job in jobs if job is not None])

    def _next(self) -> "list[_Job | None]":
        """Wait for something to do, then take all that is there."""
        jobs = [self._jobs.get()]
        with suppress(Empty):
            while len(jobs) < MAX_TOGETHER:
                jobs.append(self._jobs.get_nowait())
        return jobs

    def _carry_out(self, jobs: "Sequence[_Job]") -> None:
        try:
            if self._failure is None:
                self._transact(lambda: self._do(jobs))
        except BaseException as error:  # noqa: BLE001  # whatever it is: those who wait must be told
            self._failure = self._on_failure(error)
        for job in jobs:
            job.answer(self._failure)

    def _do(self, jobs: "Sequence[_Job]") -> None:
        for job in jobs:
            try:
                self._database.save(job.work)
            except NotSent as refused:
                job.refused = refused


class _Job(Struct):
    """Some work, and who waits for it: ``recorded`` in the event loop, ``done`` in another thread."""

    work: Callable[[], None]
    recorded: "asyncio.Future[None] | None" = None
    done: SimpleQueue[None] | None = None
    refused: NotSent | None = None

    def answer(self, failure: BaseException | None) -> None:
        """Tell who waits."""
        if self.done is not None:
            self.done.put(None)
        if self.recorded is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self.recorded.get_loop().call_soon_threadsafe(_settle, self.recorded, failure or self.refused)


def _settle(recorded: "asyncio.Future[None]", error: BaseException | None) -> None:
    if recorded.done():
        return
    if error is None:
        recorded.set_result(None)
    else:
        recorded.set_exception(error)
