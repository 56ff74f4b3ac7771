"""What outlives a process: the real journal, and how one process reaches it, which may fail, be slow, or end."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from pathlib import Path
from shutil import copyfile
from typing import NamedTuple, NoReturn, Protocol

from bowstring.core.clock import Clock
from bowstring.core.messages import Event
from bowstring.trading.gateway import OrderRef
from bowstring.trading.journal.commands import verify
from bowstring.trading.journal.file import JournalFile
from bowstring.trading.journal.memory import MemoryJournal
from bowstring.trading.journal.port import Journal, News, Remembered
from bowstring.trading.messages import Fill, OrderUpdate, PlaceOrder, Position, RiskStateChanged
from bowstring.trading.new_orders import NewOrder, new_id
from bowstring.trading.orders import Order
from simulation.fate import Fate
from simulation.process import Process


class Intent(NamedTuple):
    """An order that is on record, and since when."""

    order: NewOrder
    life: int


class Disk(Protocol):
    """Keeps the journal of one bot over the crashes of its processes."""

    def boot(self) -> Journal:
        """The journal for a new process, not open yet."""
        ...

    def crash(self) -> None:
        """The process that has the journal is dead: what it had open is given back, as it stands."""
        ...

    def look(self) -> AbstractContextManager[Journal]:
        """What is on record now that no process has the journal, open, as a new one would find it."""
        ...

    def for_rival(self) -> Journal:
        """The journal for another process while the first one has it."""
        ...

    def findings(self) -> Iterable[str]:
        """What is wrong with what is kept, now that no process has it."""
        ...


class Files:
    """Journals in files. What a crash leaves is what is in the files at that moment: they are copied away then."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._path = folder / "journal"
        self._journal = JournalFile(self._path, threads=False)
        self._dead: list[JournalFile] = []

    def boot(self) -> Journal:
        self._journal = JournalFile(self._path, threads=False)
        return self._journal

    def crash(self) -> None:
        self._dead.append(self._journal)
        left = self._folder / f"journal-{len(self._dead)}"
        for end in ("", "-wal"):
            if (there := Path(f"{self._path}{end}")).exists():
                copyfile(there, f"{left}{end}")
        self._path = left

    @contextmanager
    def look(self) -> Generator[Journal]:
        journal = self.boot()
        journal.open(self._clock)
        try:
            yield journal
        finally:
            journal.close()

    def for_rival(self) -> Journal:
        return JournalFile(self._path, threads=False)

    def findings(self) -> Iterable[str]:
        return verify(self._path)

    def close(self) -> None:
        """Close what dead processes left open."""
        for journal in self._dead:
            journal.close()


class Memory:
    """A journal in memory, the same for every process."""

    def __init__(self) -> None:
        self._journal = _Kept()

    def boot(self) -> Journal:
        return self._journal

    def crash(self) -> None:
        self._journal.forget_users()

    @contextmanager
    def look(self) -> Generator[Journal]:
        yield self._journal

    def for_rival(self) -> Journal:
        """One of its own: it is the account that is taken."""
        return MemoryJournal()

    def findings(self) -> Iterable[str]:
        return ()


class _Kept(MemoryJournal):
    def forget_users(self) -> None:
        self._users = 0


class Record:
    """What is on record, as seen from outside the journal: every transaction that was told to have succeeded.

    ``filled`` is since which life, and when, each fill is.
    """

    def __init__(self) -> None:
        self.intents: dict[tuple[str, str], Intent] = {}
        self.fills: list[Fill] = []
        self.filled: dict[tuple[str, str, str], tuple[int, int]] = {}
        self.updates: dict[tuple[str, str], OrderUpdate] = {}
        self.positions: dict[tuple[str, str, str], Decimal] = {}

    def lost(self, venue: str, remembered: Remembered) -> Iterator[str]:
        """What a new process does not find, although it was written before the last one ended."""
        orders = {order.client_order_id: order for order in (*remembered.live, *remembered.finished)}
        for (where, name), update in self.updates.items():
            order = orders.get(name)
            if where == venue and (order is None or (order.status, order.filled) != (update.status, update.filled)):
                yield f"lost: {name} was put on record as {update.status}, and is not on the disk as that"
        trades = set(remembered.trades)
        for fill in self.fills:
            if fill.venue == venue and (fill.client_order_id, fill.trade_id) not in trades:
                yield f"lost: fill {fill.trade_id} of {fill.client_order_id} was put on record, and is not on the disk"


class JournalOfProcess:
    """The journal as one process reaches it. It knows when the process dies in it, and may fail or be slow.

    ``lost`` is what a process did not find in it, although it is on record.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        record: Record,
        life: int,
        process: Process,
        fate: Fate,
        now_ns: Callable[[], int],
        trace: Callable[..., None],
    ) -> None:
        self.has_failed = False
        self.lost: list[str] = []
        self._risk: RiskStateChanged | None = None
        self.updates_at_birth = dict(record.updates)
        self._journal = journal
        self._record = record
        self._life = life
        self._process = process
        self._fate = fate
        self._trace = trace
        self._now_ns = now_ns

    def what_is_known(self, venue: str, order: PlaceOrder | OrderRef) -> tuple[bool, Decimal]:
        """Whether an order is on record, and the position of its strategy that is."""
        is_on_record = (venue, order.client_order_id) in self._record.intents
        strategy = order.strategy if isinstance(order, PlaceOrder) else ""
        return is_on_record, self._record.positions.get((strategy, venue, order.symbol), Decimal(0))

    def has_on_record(self, event: Event) -> bool:
        """Whether what is told has been put on record, or something later; or need not be."""
        if self.has_failed:
            return True
        match event:
            case Fill():
                return (event.venue, event.symbol, event.trade_id) in self._record.filled
            case OrderUpdate():
                return self._has_update(event)
            case RiskStateChanged():
                return self.risk.state == event.state
            case _:
                return True

    def _has_update(self, update: OrderUpdate) -> bool:
        """What became of an order that was never sent may come later on record, as its intent may."""
        key = update.venue, update.client_order_id
        known = self._record.updates.get(key)
        if known is None and not update.venue_order_id and update.status in ("refused", "failed", "expired"):
            return True
        if known is None or update.status in ("pending", "unknown"):
            return key in self._record.intents and not update.filled
        return known.filled >= update.filled and update.status in (known.status, "open")

    @property
    def risk(self) -> RiskStateChanged:
        return self._risk or self._journal.risk

    @property
    def control_file(self) -> str:
        return ""  # `bowstring control` is no part of the simulation

    def open(self, clock: Clock) -> bool:
        self._process.reach("journal")
        is_first = self._journal.open(clock)
        self._process.reach("journal")
        return is_first

    def close(self) -> None:
        if self._process.is_alive:
            self._process.reach("journal")
            self._journal.close()

    def record(self, orders: Sequence[NewOrder], /) -> Awaitable[None] | None:
        if not self._process.is_alive:
            return None
        self._process.reach("journal")
        if self.has_failed or self._fate.strikes("journal fails to record"):
            raise OSError("disk full")
        if self._fate.strikes("journal slow"):
            return asyncio.get_running_loop().create_task(self._record_later(orders))
        self._commit(orders)
        return None

    async def _record_later(self, orders: Sequence[NewOrder]) -> None:
        await asyncio.sleep(self._fate.random.choice([0.0, 0.01, 0.3, 3.0]))
        if self.has_failed or self._fate.strikes("journal fails to record"):
            raise OSError("disk full")
        self._commit(orders)

    def _commit(self, orders: Sequence[NewOrder]) -> None:
        if self._process.is_alive:
            self._journal.record(orders)
            for order in orders:
                self._record.intents[order.venue, new_id(order)] = Intent(order, self._life)
            self._trace("recorded", *(new_id(order) for order in orders))
            self._process.reach("journal")

    def write(self, news: Sequence[News], /) -> None:
        if not self._process.is_alive:
            return
        self._process.reach("journal")
        if self.has_failed or self._fate.strikes("journal fails to write"):
            self._fail(news)
        self._journal.write(news)
        for one in news:
            if isinstance(one, Fill):
                self._record.fills.append(one)
                key = one.venue, one.symbol, one.trade_id
                self._record.filled.setdefault(key, (self._life, self._now_ns()))
            elif isinstance(one, OrderUpdate):
                self._record.updates[one.venue, one.client_order_id] = one
            elif isinstance(one, Position):
                self._record.positions[one.strategy, one.venue, one.symbol] = one.quantity
        self._trace("written", *news)
        self._process.reach("journal")

    def _fail(self, news: Sequence[News]) -> NoReturn:
        """What every journal does whose storage fails: the state of risk holds all the same."""
        self.has_failed = True
        for one in news:
            if isinstance(one, RiskStateChanged):
                self._risk = one
        raise OSError("disk full")

    def recall(self, venue: str) -> Remembered:
        remembered = self._journal.recall(venue)
        self.lost += self._record.lost(venue, remembered)
        return remembered

    def strays(self, venues: Collection[str]) -> Sequence[Order]:
        return self._journal.strays(venues)

    def guard_states(self) -> Mapping[str, str]:
        return self._journal.guard_states()
