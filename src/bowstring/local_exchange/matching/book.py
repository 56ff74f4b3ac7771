"""The resting orders of one symbol, in price-time priority."""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator

from msgspec import Struct

from bowstring.local_exchange.matching.accounts import Order


class Level(Struct, eq=False):
    """The orders at one price, oldest first, and what is left of them together."""

    orders: OrderedDict[int, Order]
    quantity: int = 0


class BookSide:
    """Bids or asks. ``levels`` are by price; the best price is found, and taken off, at the end of a sorted list."""

    def __init__(self, *, is_bids: bool) -> None:
        self.levels: dict[int, Level] = {}
        self._sign = 1 if is_bids else -1
        self._keys: list[int] = []  # of an ask the negated price, so that the best is the greatest on both sides

    @property
    def best(self) -> int | None:
        """The best price."""
        return self._sign * self._keys[-1] if self._keys else None

    def prices(self) -> Iterator[int]:
        """All prices, best first. The side must not change meanwhile."""
        return (self._sign * key for key in reversed(self._keys))

    def crosses(self, price: int) -> bool:
        """Whether an order of the other side at that price would trade."""
        return bool(self._keys) and self._keys[-1] >= self._sign * price

    def first(self) -> Order | None:
        """The order that trades next."""
        if not self._keys:
            return None
        return next(iter(self.levels[self._sign * self._keys[-1]].orders.values()))

    def add(self, order: Order) -> None:
        """Put an order behind all others of its price."""
        level = self.levels.get(order.price)
        if level is None:
            level = self.levels[order.price] = Level(OrderedDict())
            insort(self._keys, self._sign * order.price)
        level.orders[order.id] = order
        level.quantity += order.left
        order.rests = True

    def reduce(self, order: Order, quantity: int) -> None:
        """Take ``quantity`` of a resting order away, and the order too if nothing is left of it."""
        self.levels[order.price].quantity -= quantity
        order.left -= quantity
        if not order.left:
            self.remove(order)

    def remove(self, order: Order) -> None:
        """Take a resting order away, whatever is left of it."""
        level = self.levels[order.price]
        level.quantity -= order.left
        order.rests = False
        del level.orders[order.id]
        if not level.orders:
            del self.levels[order.price]
            del self._keys[bisect_left(self._keys, self._sign * order.price)]


class Book:
    """Both sides. ``update_id`` counts the changes of levels, and ``changed`` has those nobody has taken yet."""

    def __init__(self) -> None:
        self.bids, self.asks = BookSide(is_bids=True), BookSide(is_bids=False)
        self.update_id = 1
        self._changed: dict[tuple[bool, int], None] = {}

    def side(self, *, is_buy: bool) -> BookSide:
        """Where a buyer's, or a seller's, orders rest."""
        return self.bids if is_buy else self.asks

    def add(self, order: Order) -> None:
        """Let what is left of an order rest."""
        self.side(is_buy=order.is_buy).add(order)
        self._touch(order)

    def reduce(self, order: Order, quantity: int) -> None:
        """Take ``quantity`` of a resting order away."""
        self.side(is_buy=order.is_buy).reduce(order, quantity)
        self._touch(order)

    def remove(self, order: Order) -> None:
        """Take a resting order away; ``left`` stays as it is."""
        self.side(is_buy=order.is_buy).remove(order)
        self._touch(order)

    def take_changes(self) -> list[tuple[bool, int, int]]:
        """Each level that changed since the last call, as (is a bid, price, its quantity now: 0 if it is gone)."""
        changed, self._changed = self._changed, {}
        return [(is_bid, price, self.quantity(price, is_bid=is_bid)) for is_bid, price in changed]

    def quantity(self, price: int, *, is_bid: bool) -> int:
        """What rests at a price."""
        level = self.side(is_buy=is_bid).levels.get(price)
        return level.quantity if level else 0

    def depth(self, levels: int, *, is_bid: bool) -> list[tuple[int, int]]:
        """The best levels as (price, quantity), best first."""
        side = self.side(is_buy=is_bid)
        return [(price, side.levels[price].quantity) for price, _ in zip(side.prices(), range(levels), strict=False)]

    def _touch(self, order: Order) -> None:
        self.update_id += 1
        self._changed[order.is_buy, order.price] = None
