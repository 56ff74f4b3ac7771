"""A journal in memory: for paper trading, for tests, and for whatever need not outlive the process."""

from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import reduce

from msgspec.structs import replace

from bowstring.core.clock import Clock
from bowstring.core.errors import NotSent
from bowstring.trading.journal.port import Cursor, News, Remembered
from bowstring.trading.messages import (
    Fill,
    GuardState,
    MismatchSettled,
    OrderUpdate,
    Position,
    ReconcileMismatch,
    RiskStateChanged,
)
from bowstring.trading.new_orders import NewOrder, new_id
from bowstring.trading.orders import EXACT, Order, intended

FINISHED_KEPT = 10_000
IDS_KEPT = 1_000_000
ZERO = Decimal(0)

Key = tuple[str, str]


class MemoryJournal:
    """Keeps live orders, the latest finished ones with their fills, and the ids of a million orders.

    With ``control_file``, a path, `bowstring control` reaches the bot by it, as if a journal were there.
    """

    def __init__(self, *, control_file: str = "", ids_kept: int = IDS_KEPT) -> None:
        self.control_file = control_file
        self.risk = RiskStateChanged(state="active")
        self._ids_kept = ids_kept
        self._ids: dict[Key, None] = {}
        self._live: dict[Key, Order] = {}
        self._finished: OrderedDict[Key, Order] = OrderedDict()
        self._fills: defaultdict[Key, dict[str, Decimal]] = defaultdict(dict)
        self._positions: dict[tuple[str, str, str], Position] = {}
        self._cursors: dict[str, int] = {}
        self._mismatches: dict[Key, str] = {}
        self._guards: dict[str, str] = {}
        self._fees: set[tuple[str, str, str]] = set()
        self._users = 0

    def open(self, clock: Clock) -> bool:
        """There is nothing to open."""
        self._users += 1
        return self._users == 1

    def close(self) -> None:
        """There is nothing to close."""
        self._users -= 1

    def record(self, orders: Sequence[NewOrder], /) -> Awaitable[None] | None:
        """Remember orders. Raises `NotSent` for one that was recorded before."""
        new: dict[Key, Order] = {}
        for action in orders:
            key = action.venue, new_id(action)
            if key in self._ids or key in new:
                raise NotSent(f"client order id {key[1]} was used before: an intent is sent at most once")
            new[key] = intended(action)
        self._ids.update(dict.fromkeys(new))
        self._live.update(new)
        while len(self._ids) > self._ids_kept:
            del self._ids[next(iter(self._ids))]
        return None

    def write(self, news: Sequence[News], /) -> None:
        """Remember what became of orders."""
        for one in news:
            self._write(one)

    def recall(self, venue: str) -> Remembered:
        """What is remembered of the account at a venue."""
        fills = {key: self._fills.get(key, {}) for key in (*self._live, *self._finished) if key[0] == venue}
        return Remembered(
            live=[order for key, order in self._live.items() if key[0] == venue],
            finished=[order for key, order in self._finished.items() if key[0] == venue],
            trades=[(name, trade_id) for (_venue, name), trades in fills.items() for trade_id in trades],
            filled={name: _sum(trades.values()) for (_venue, name), trades in fills.items()},
            positions=[_bare(position) for position in self._positions.values() if position.venue == venue],
            cursor_ns=self._cursors.get(venue, 0),
            mismatches={symbol: reason for (where, symbol), reason in self._mismatches.items() if where == venue},
            fees=sorted((symbol, currency) for where, symbol, currency in self._fees if where == venue),
        )

    def strays(self, venues: Collection[str]) -> Sequence[Order]:
        """Live orders at other venues than these."""
        return [order for order in self._live.values() if order.venue not in venues]

    def guard_states(self) -> Mapping[str, str]:
        """What guards asked to be kept."""
        return self._guards

    def _write(self, one: News) -> None:
        if isinstance(one, OrderUpdate):
            self._keep(Order.told_by(one))
        elif isinstance(one, Fill):
            self._book(one)
        elif isinstance(one, Position):
            self._positions[one.strategy, one.venue, one.symbol] = one
        elif isinstance(one, Cursor):
            self._cursors[one.venue] = one.time_ns
        elif isinstance(one, ReconcileMismatch):
            self._mismatches[one.venue, one.symbol] = one.reason
        elif isinstance(one, MismatchSettled):
            self._mismatches.pop((one.venue, one.symbol), None)
        elif isinstance(one, RiskStateChanged):
            self.risk = one
        elif isinstance(one, GuardState):
            self._guards[one.guard] = one.state

    def _book(self, fill: Fill) -> None:
        key = fill.venue, fill.client_order_id
        if key in self._live or key in self._finished:
            self._fills[key].setdefault(fill.trade_id, fill.quantity)
            self._fees.add((fill.venue, fill.symbol, fill.fee_currency))

    def _keep(self, order: Order) -> None:
        key = order.venue, order.client_order_id
        if key not in self._live and key not in self._finished:
            return  # its intent is not on record: it cannot have been sent
        if not order.is_final:
            self._live[key] = order
            self._finished.pop(key, None)
            return
        self._live.pop(key, None)
        self._finished[key] = order
        if len(self._finished) > FINISHED_KEPT:
            forgotten, _order = self._finished.popitem(last=False)
            self._fills.pop(forgotten, None)


def _bare(position: Position) -> Position:
    return replace(position, seq=0, cause=0, received_ns=0, depth=0)


def _sum(quantities: Iterable[Decimal]) -> Decimal:
    return reduce(EXACT.add, quantities, ZERO)
