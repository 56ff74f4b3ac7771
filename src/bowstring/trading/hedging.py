"""Hedge groups: symbols, at one or several venues, of which only the net position is at risk."""

from collections.abc import Iterable
from decimal import Decimal
from functools import reduce

from bowstring.core.errors import ConfigError, Refused
from bowstring.trading.blotter import Blotter
from bowstring.trading.messages import Side
from bowstring.trading.orders import EXACT

ZERO = Decimal(0)


class HedgeGroup:
    """Symbols whose positions offset each other, base unit by base unit, each as ``(venue, symbol)``.

    Give it to the executors of all these venues. An order of a member then reduces if it brings the *net* position of
    its strategy in all members closer to zero and not beyond, all live orders of the same side, in all members, taken
    as filled. So one that hedges may `PlaceOrder.reduces`, and one that takes a hedge away may not: with nothing at
    risk on balance no single order reduces.
    """

    def __init__(self, *members: tuple[str, str]) -> None:
        if len(set(members)) < 2:
            raise ConfigError(f"HedgeGroup{members}: give at least two, each as (venue, symbol)")
        self.members = tuple(dict.fromkeys(members))
        self._blotters: dict[str, Blotter] = {}

    def join(self, venue: str, blotter: Blotter) -> None:
        """For the executor of a venue: let the group know its orders and positions."""
        if venue not in {member for member, _symbol in self.members}:
            raise ConfigError(f"a hedge group without a symbol at {venue} was given to its executor: {self.members}")
        self._blotters[venue] = blotter

    def reducible(self, strategy: str, *, side: Side) -> Decimal:
        """By how much orders of this side can reduce. Raises `Refused` while it is not known of every member."""
        if missing := [venue for venue, _symbol in self.members if venue not in self._blotters]:
            raise Refused(f"nobody knows what reduces a hedge with {missing[0]}: give its executor the group too")
        parts = (self._blotters[venue].reducible(strategy, symbol, side=side) for venue, symbol in self.members)
        return reduce(EXACT.add, parts, ZERO)


def joined(groups: Iterable[HedgeGroup], venue: str, blotter: Blotter) -> dict[str, HedgeGroup]:
    """Let groups know the orders and positions of a venue; returns them by their symbols there."""
    by_symbol: dict[str, HedgeGroup] = {}
    for group in groups:
        group.join(venue, blotter)
        for symbol in (symbol for place, symbol in group.members if place == venue):
            if symbol in by_symbol:
                raise ConfigError(f"{symbol} at {venue} is in two hedge groups: let it be in one")
            by_symbol[symbol] = group
    return by_symbol
