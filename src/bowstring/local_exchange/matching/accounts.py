"""An account: what it has, its orders while they are open, and as much of its past as is remembered."""

from collections import deque
from collections.abc import Iterator, Mapping

from msgspec import Struct

from bowstring.local_exchange.matching.orders import OPEN, Fill, NewOrder, Status
from bowstring.local_exchange.matching.rules import UNIT

ORDERS_KEPT = 10_000  # of those that have ended, the last ones
FILLS_KEPT = 100_000


class Order(Struct, eq=False, kw_only=True):
    """One accepted order. Its ``quantity`` is ``executed``, ``prevented`` or ``left``, to trade while it is open.

    ``locked`` is what is set aside for it: quote currency of a buyer, base of a seller. ``rests``: it is in the book.
    ``working_us`` 0: it is a stop that waits.
    """

    id: int
    account: "Account"
    new: NewOrder
    is_buy: bool
    price: int
    quantity: int
    left: int
    rests: bool = False
    time_us: int
    update_us: int
    working_us: int = 0
    locked: int = 0
    executed: int = 0
    quote_executed: int = 0
    prevented: int = 0
    prevented_match_id: int | None = None
    status: Status = "NEW"
    expiry_reason: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it can still trade."""
        return self.status in OPEN


class Balance(Struct, eq=False):
    """In units of 1e-8."""

    free: int = 0
    locked: int = 0


class Account:
    """One customer. ``maker_fee`` and ``taker_fee`` are shares of what is received, in units of 1e-8.

    ``deposits`` is what it began with. A ``is_participant`` is part of the exchange's own flow: it has no history, and
    no limit of open orders.
    """

    def __init__(
        self,
        name: str,
        *,
        uid: int,
        balances: Mapping[str, int],
        maker_fee: int = UNIT // 1000,
        taker_fee: int = UNIT // 1000,
        is_participant: bool = False,
    ) -> None:
        self.name, self.uid = name, uid
        self.maker_fee, self.taker_fee = maker_fee, taker_fee
        self.is_participant = is_participant
        self.deposits = dict(balances)
        self.balances = {asset: Balance(amount) for asset, amount in balances.items()}
        self.touched: dict[str, None] = {}
        self.open: dict[int, Order] = {}
        self.updated_us = 0
        self._open_by_client_id: dict[tuple[str, str], Order] = {}
        self._ended: dict[int, Order] = {}
        self._ended_by_client_id: dict[tuple[str, str], Order] = {}
        self.fills: dict[str, deque[Fill]] = {}

    def balance(self, asset: str) -> Balance:
        """The balance of an asset, which is noted as touched."""
        self.touched[asset] = None
        balance = self.balances.get(asset)
        if balance is None:
            balance = self.balances[asset] = Balance()
        return balance

    def free(self, asset: str) -> int:
        """What can be spent."""
        balance = self.balances.get(asset)
        return balance.free if balance else 0

    def add(self, order: Order) -> None:
        """Take in an order that was accepted."""
        self.open[order.id] = order
        self._open_by_client_id[order.new.symbol, order.new.client_order_id] = order

    def end(self, order: Order) -> None:
        """Move an order to the past."""
        key = order.new.symbol, order.new.client_order_id
        del self.open[order.id], self._open_by_client_id[key]
        if self.is_participant:
            return
        self._ended[order.id] = order
        self._ended_by_client_id[key] = order
        if len(self._ended) > ORDERS_KEPT:
            oldest = self._ended.pop(next(iter(self._ended)))
            key = oldest.new.symbol, oldest.new.client_order_id
            if self._ended_by_client_id.get(key) is oldest:
                del self._ended_by_client_id[key]

    def keep(self, symbol: str, fill: Fill) -> None:
        """Remember a fill of its own."""
        if not self.is_participant:
            self.fills.setdefault(symbol, deque(maxlen=FILLS_KEPT)).append(fill)

    def find(self, symbol: str, *, order_id: int | None = None, client_order_id: str | None = None) -> Order | None:
        """The order by its id, or by its client order id: the open one, else the latest that ended."""
        if order_id is None:
            key = symbol, client_order_id or ""
            return self._open_by_client_id.get(key) or self._ended_by_client_id.get(key)
        order = self.open.get(order_id) or self._ended.get(order_id)
        return order if order is not None and order.new.symbol == symbol else None

    def open_by_client_id(self, symbol: str, client_order_id: str) -> Order | None:
        """The open order with that client order id."""
        return self._open_by_client_id.get((symbol, client_order_id))

    def orders(self, symbol: str) -> Iterator[Order]:
        """All orders of a symbol that are remembered, oldest first."""
        every = [order for order in (*self._ended.values(), *self.open.values()) if order.new.symbol == symbol]
        return iter(sorted(every, key=lambda order: order.id))
