"""Positions, as a guard knows them."""

from decimal import Decimal

from bowstring.core.components import Guard, on
from bowstring.trading.messages import Fill, Position
from bowstring.trading.orders import EXACT
from bowstring.trading.symbols import position_change

ZERO = Decimal(0)


class PositionGuard(Guard):
    """A guard that knows positions in base units: each strategy's, and ``net_positions`` by venue and symbol."""

    def __init__(self) -> None:
        super().__init__()
        self.positions: dict[tuple[str, str, str], Decimal] = {}
        self.net_positions: dict[tuple[str, str], Decimal] = {}

    @on(Fill)
    def move_position(self, fill: Fill) -> None:
        """Reckon with what was filled at once: its `Position` comes next, but actions may be judged before."""
        before = self.positions.get((fill.strategy, fill.venue, fill.symbol), ZERO)
        self._set(fill.strategy, fill.venue, fill.symbol, EXACT.add(before, position_change(fill)))

    @on(Position)
    def take_position(self, position: Position) -> None:
        """Note the absolute position of one strategy at one venue."""
        self._set(position.strategy, position.venue, position.symbol, position.quantity)

    def _set(self, strategy: str, venue: str, symbol: str, quantity: Decimal) -> None:
        before = self.positions.get((strategy, venue, symbol), ZERO)
        self.positions[strategy, venue, symbol] = quantity
        change = EXACT.subtract(quantity, before)
        self.net_positions[venue, symbol] = EXACT.add(self.net_positions.get((venue, symbol), ZERO), change)
