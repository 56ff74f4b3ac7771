"""The journal in a file: what must be known after a crash is on record before an order can leave."""

import logging
import os
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, TypeVar, get_args

from msgspec.structs import replace

from bowstring.core.clock import Clock
from bowstring.core.errors import ConfigError, MissingExtra, NotRecorded, NotSent
from bowstring.trading.journal.file_lock import FileLock
from bowstring.trading.journal.port import News, Remembered
from bowstring.trading.journal.rows import Damaged, EpochRow, insert, sealed
from bowstring.trading.messages import GuardState, RiskStateChanged
from bowstring.trading.new_orders import NewOrder
from bowstring.trading.orders import Order

try:
    import apsw

    from bowstring.trading.journal import reading
    from bowstring.trading.journal.checkpoints import Checkpointer, Checkpoints, Inline
    from bowstring.trading.journal.database import Database, open_database, unusable
    from bowstring.trading.journal.group_commit import GroupCommit
    from bowstring.trading.journal.scribe import EVENTS_KEPT, Scribe
except ModuleNotFoundError as missing:
    raise MissingExtra(missing, user="a journal in a file", extra="journal") from None

Durability = Literal["process", "power"]

KEEP = 100_000
NOT_OPEN = "the journal is not open"
LEAST_KEPT = 1_000
SYNCHRONOUS: dict[str, int] = {"process": 1, "power": 2}  # NORMAL and FULL

T = TypeVar("T")

log = logging.getLogger(__name__)


class JournalFile:
    """Keeps the record of one bot in a SQLite file, from one run to the next.

    With ``durability="process"`` a call is on record when it returns, and outlives the end of the process, however it
    ends; what was put on record last may be lost when the machine loses power. With ``"power"`` it outlives that too:
    a thread commits, and an order waits until the disk has it. ``keep`` is how many orders that have ended stay on
    record. Live ones, positions and states always do.

    The file is open in one process at a time. Where storage fails, `NotRecorded` is raised from then on.
    ``threads=False`` is for simulations: checkpoints are made in the caller's stack then.
    """

    def __init__(
        self, path: str | Path, *, durability: Durability = "process", keep: int = KEEP, threads: bool = True
    ) -> None:
        if durability not in get_args(Durability):
            raise ConfigError(f'durability is {durability!r}: give "process" or "power"')
        if keep < LEAST_KEPT:
            raise ConfigError(f"keep is {keep}: give {LEAST_KEPT} at least, for reports that come late")
        if durability == "power" and not threads:
            raise ConfigError('durability="power" needs a thread: leave threads out')
        self.risk = RiskStateChanged(state="active")
        self._named = Path(path).absolute()
        self._path = self._named.resolve()  # SQLite's files, and the lock, are beside what links lead to
        self._durability: Durability = durability
        self._keep = keep
        self._threads = threads
        self._recalled: dict[str, Remembered] = {}
        self._lock = FileLock(Path(f"{self._path}.lock"))
        self._users = 0
        self._failure = NOT_OPEN
        self._group: GroupCommit | None = None

    @property
    def control_file(self) -> str:
        """The journal's own path, as it was given."""
        return str(self._named)

    def open(self, clock: Clock) -> bool:
        """Open the file, or make it, and begin a new epoch, unless that is done.

        Raises `ConfigError` where another process has it, and of a file that is no journal, or a damaged one: it stays
        as it is.
        """
        self._users += 1
        if self._users > 1:
            return False
        try:
            self._open(clock)
        except BaseException:
            self._users = 0
            self._lock.release()
            raise
        return True

    def close(self) -> None:
        """One user less; the last one ends the epoch. Never raises: a failure is logged."""
        self._users -= 1
        if self._users:
            return
        try:
            self._close()
        except (apsw.Error, NotRecorded) as error:
            log.error("journal %s: failed to close, %r", self._path, error)
        finally:
            self._lock.release()

    def record(self, orders: Sequence[NewOrder], /) -> Awaitable[None] | None:
        """Put orders on record; None: done. Raises `NotSent` for one that is there already, and `NotRecorded`."""
        self._check()
        if self._group is not None:
            return self._group.record(orders)
        try:
            self._transact(partial(self._scribe.record, orders))
        except NotSent:
            raise
        except (apsw.Error, NotRecorded) as error:
            raise self._fail(error) from error
        return None

    def write(self, news: Sequence[News], /) -> None:
        """Put on record what became of orders. Raises `NotRecorded`."""
        for one in news:
            if isinstance(one, RiskStateChanged):
                self.risk = one  # whatever becomes of the record
            elif isinstance(one, GuardState):
                self._guards[one.guard] = one.state
        self._check()
        try:
            if self._group is not None:
                self._group.write(news)
            else:
                self._transact(partial(self._scribe.write, news))
        except BaseException as error:
            raise self._fail(error) from error

    def recall(self, venue: str) -> Remembered:
        """What is on record of the account at a venue. Raises `ConfigError` where that is damaged."""
        recalled = self._recalled.pop(venue, None)
        return recalled or self._read(lambda: reading.recall(self._database, venue))

    def strays(self, venues: Collection[str]) -> Sequence[Order]:
        """Live orders on record at other venues than these. Raises `ConfigError` where that is damaged."""
        return self._read(lambda: reading.strays(self._database, venues))

    def guard_states(self) -> Mapping[str, str]:
        """What guards asked to be kept."""
        return self._guards

    def _open(self, clock: Clock) -> None:
        folder = self._path.parent
        if not folder.is_dir():
            raise ConfigError(f"journal {self._path}: there is no folder {folder}: make it")
        if self._path.is_dir():
            raise ConfigError(f"journal {self._path} is a folder: give the path of a file in it, as bot.journal")
        self._lock.acquire(f"journal {self._path}", now_ns=clock.now_ns())
        self._clock = clock
        self._database = database = open_database(self._path, synchronous=SYNCHRONOUS[self._durability])
        try:
            self.risk = self._read(lambda: reading.risk(database))
            self._guards = self._read(lambda: reading.guard_states(database))
            self._recalled = self._read(lambda: reading.recall_all(database))  # what is damaged is not written to
            self._scribe = self._read(self._begin_epoch)
            self._failure = ""
            self._start_threads()
        except BaseException:
            database.moves_log_at_close(False)  # what is refused stays as it is
            database.close()
            raise

    def _begin_epoch(self) -> Scribe:
        database, now_ns = self._database, self._clock.now_ns()
        database.epoch = database.number("SELECT ifnull(max(number), 0) FROM epochs")
        number = database.epoch + 1
        row = EpochRow(number, now_ns, 0, os.getpid(), os.uname().nodename, _version())

        def begin() -> None:
            database.run(insert(EpochRow), sealed(row))
            database.run("DELETE FROM epochs WHERE number <= ?", (number - EVENTS_KEPT,))

        database.transact(begin)
        database.epoch, self._begun = number, row
        return Scribe(database, clock=self._clock, keep=self._keep)

    def _start_threads(self) -> None:
        database, clock = self._database, self._clock
        self._checkpoints: Checkpoints = Inline(database)
        self._group = None
        if self._threads:
            helper = Database(self._path, synchronous=SYNCHRONOUS[self._durability])
            self._checkpoints = Checkpointer(database, helper, clock=clock, on_failure=self._fail)
        if self._durability == "power":
            self._group = GroupCommit(
                database, self._scribe, transact=self._transact, clock=clock, on_failure=self._fail
            )

    def _close(self) -> None:
        if self._group is not None:
            self._group.stop()
            self._group = None
        self._checkpoints.stop()
        failure, self._failure = self._failure, NOT_OPEN
        try:
            if not failure:
                ended = sealed(replace(self._begun, ended_ns=self._clock.now_ns()))
                self._database.transact(lambda: self._database.run(insert(EpochRow, or_else="OR REPLACE"), ended))
        finally:
            self._database.close()

    def _transact(self, work: Callable[[], None]) -> None:
        self._database.transact(work)
        self._checkpoints.after_commit()

    def _check(self) -> None:
        """That something can be put on record. What was recalled at the opening is not all there is then."""
        if self._failure:
            raise NotRecorded(self._failure)
        self._recalled.clear()

    def _fail(self, error: BaseException) -> NotRecorded:
        """Take no order any more. Called in any thread."""
        self._failure = self._failure or f"journal {self._path} failed, {error!r}: mend its storage, and start anew"
        return NotRecorded(self._failure)

    def _read(self, read: Callable[[], T]) -> T:
        if self._group is not None:
            self._group.flush()
        try:
            return read()
        except (apsw.Error, Damaged) as error:
            raise unusable(self._path, error) from error


def _version() -> str:
    try:
        return version("bowstring")
    except PackageNotFoundError:  # run from its source
        return ""
