"""I6: no order was accepted that breaks a limit, or could have come to."""

from collections.abc import Iterator
from decimal import Decimal

from simulation.checks.evidence import ZERO, Evidence, Key, base_fee
from simulation.exchange import SYMBOLS
from simulation.ledger import Accepted, Ended, Traded


def check_limits(evidence: Evidence) -> Iterator[str]:
    """Of each order when it was accepted, by what the ledger says of all others at that moment."""
    book = OpenOrders()
    for entry in evidence.ledger:
        if isinstance(entry, Accepted) and entry.by == "bot":
            yield from _breaches(evidence, book, entry)
            book.accept(entry)
        elif isinstance(entry, Traded | Ended):
            book.advance(entry)


class OpenOrders:
    """The bot's open orders, with what is left of each, and the positions, by symbol, at all venues together."""

    def __init__(self) -> None:
        self.left: dict[Key, tuple[Accepted, Decimal]] = {}
        self.positions: dict[str, Decimal] = dict.fromkeys(SYMBOLS, ZERO)

    def accept(self, entry: Accepted) -> None:
        """An order is accepted."""
        self.left[entry.venue, entry.name] = entry, entry.quantity

    def advance(self, entry: Traded | Ended) -> None:
        """Some order filled or ended."""
        order, left = self.left.pop((entry.venue, entry.name), (None, ZERO))
        if order is None or isinstance(entry, Ended):
            return
        signed = entry.quantity if order.side == "buy" else -entry.quantity
        self.positions[order.symbol] += signed - base_fee(entry)
        if left > entry.quantity:
            self.left[entry.venue, entry.name] = order, left - entry.quantity

    def reach(self, symbol: str, side: str) -> Decimal:
        """How far the position can come by orders of a side, in their direction."""
        to_come = sum(
            (left for order, left in self.left.values() if (order.symbol, order.side) == (symbol, side)), ZERO
        )
        return to_come + (self.positions[symbol] if side == "buy" else -self.positions[symbol])


def _breaches(evidence: Evidence, book: OpenOrders, entry: Accepted) -> Iterator[str]:
    limits = evidence.character
    if entry.price * entry.quantity > limits.max_notional:
        yield f"I6: {entry} is above the limit of notional"
    if book.reach(entry.symbol, entry.side) + entry.quantity > limits.max_position:
        yield f"I6: {entry} could bring the position beyond its limit"
    if len(book.left) >= limits.max_open:
        yield f"I6: {entry} is one open order too many"
    if not limits.may_cross and any(_crosses(entry, other) for other, _left in book.left.values()):
        yield f"I6: {entry} crosses an own order"


def _crosses(entry: Accepted, other: Accepted) -> bool:
    if (entry.venue, entry.symbol) != (other.venue, other.symbol) or entry.side == other.side:
        return False
    return entry.price >= other.price if entry.side == "buy" else entry.price <= other.price
