"""How much all positions and orders in one quote currency may be worth together."""

from decimal import Decimal

from bowstring.market.decimals import checked_limit
from bowstring.trading.guards.listing import ListingGuard
from bowstring.trading.guards.live_orders import LiveOrderGuard
from bowstring.trading.guards.positions import PositionGuard
from bowstring.trading.guards.prices import STALE_AFTER_S, Price, PriceGuard, checked_budget
from bowstring.trading.messages import Side
from bowstring.trading.new_orders import NewOrder
from bowstring.trading.orders import EXACT
from bowstring.trading.symbols import quote_of

ZERO = Decimal(0)
SIDES: tuple[Side, Side] = ("buy", "sell")


class MaxExposure(LiveOrderGuard, PositionGuard, PriceGuard, ListingGuard):
    """Refuses an order that could bring all that is quoted in ``currency`` beyond ``limit``, in that currency.

    What counts in a symbol at a venue is the worth of the position, long or short, that all strategies together could
    come to there if all live orders of one side were filled, pending and unknown ones included, and those about to be
    replaced: at the reference price, and what is to come of an order at its own price if that is higher.

    The order's own reference price must be fresh, as in `PriceCollar`; positions and orders in other symbols count at
    the latest price that is known. An order that can only bring the position of all strategies closer to zero passes,
    whatever else there is; that one ``reduces`` its own strategy's position changes nothing.
    A currency in which no venue lists anything would limit nothing: then every order is refused.
    """

    def __init__(self, currency: str, limit: Decimal, *, stale_after_s: float = STALE_AFTER_S) -> None:
        super().__init__()
        self.stale_after_s = checked_budget(stale_after_s, "MaxExposure stale_after_s")
        self._currency = currency
        self._limit = checked_limit(limit, f'MaxExposure("{currency}") limit')

    def concerns(self, symbol: str) -> bool:
        """What is quoted in the currency."""
        return quote_of(symbol) == self._currency

    def objection(self, order: NewOrder, side: Side) -> str | None:
        """Refuse beyond the limit."""
        if unlisted := self.unlisted(self._currency, among=self.listed_currencies, order=order):
            return unlisted
        if not self.concerns(order.symbol):
            return None
        return self._beyond(order, side) or self.live.add(order)

    def _beyond(self, order: NewOrder, side: Side) -> str | None:
        here = order.venue, order.symbol
        if EXACT.add(self._reach(here, side), order.quantity) <= 0:
            return None
        price = self.fresh_price(*here)
        if price.value is None:
            return price.flaw
        its_own = EXACT.multiply(max(order.price.copy_abs(), price.value), order.quantity)
        together = EXACT.add(self._worth(here, side, price.value), its_own)
        for place in self._places() - {here}:
            worth = self._worst(place)
            if worth.value is None:
                return worth.flaw
            together = EXACT.add(together, worth.value)
        if together <= self._limit:
            return None
        return f"exposure in {self._currency} could reach {EXACT.normalize(together):f}, beyond {self._limit:f}"

    def _places(self) -> set[tuple[str, str]]:
        held = {place for place in self.net_positions if self.concerns(place[1])}
        return held.union((venue, symbol) for venue, symbol, _ in self.live.sides)

    def _worst(self, place: tuple[str, str]) -> Price:
        """What counts of a place: what it could come to on one side or on the other."""
        if not any(self._reach(place, side) for side in SIDES):
            return Price(ZERO)
        price = self.latest_price(*place)
        if price.value is None:
            return price
        return Price(max(self._worth(place, side, price.value) for side in SIDES))

    def _reach(self, place: tuple[str, str], side: Side) -> Decimal:
        """How far the position at a place can come, in the direction of a side, by its orders."""
        return EXACT.add(self._held(place, side), self.live.sides[(*place, side)].quantity)

    def _worth(self, place: tuple[str, str], side: Side, price: Decimal) -> Decimal:
        held = EXACT.multiply(self._held(place, side), price)
        return EXACT.add(held, self.live.sides[(*place, side)].worth(price))

    def _held(self, place: tuple[str, str], side: Side) -> Decimal:
        position = self.net_positions.get(place, ZERO)
        return position if side == "buy" else position.copy_negate()
