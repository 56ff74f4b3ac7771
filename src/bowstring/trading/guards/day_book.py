"""What one day's trading has gained or lost, at present prices: pure bookkeeping, for `DailyLoss`."""

from decimal import Decimal

from msgspec import Struct

from bowstring.trading.guards.prices import Market, market
from bowstring.trading.messages import Fill
from bowstring.trading.orders import EXACT
from bowstring.trading.symbols import base_of

ZERO = Decimal(0)

Holding = tuple[str, str, str]
"""A strategy, a venue and a symbol."""


class DayBook:
    """Cash and positions of the ``day``, counted in days since 1970 UTC, in one quote currency.

    A day begins as if all that is held were bought at its last price. So the gain is the cash that came in since, less
    what went out, and what is held by now at its last price. A position that no fill explains, as at the first start,
    counts as taken at the first price that is known then: it has gained nothing yet.
    """

    def __init__(self) -> None:
        self.day = 0
        self._cash = ZERO
        self._worth = ZERO  # of what is held and has a price
        self._holdings: dict[Holding, Decimal] = {}
        self._held: dict[Market, Decimal] = {}
        self._prices: dict[Market, Decimal] = {}
        self._unexplained: dict[Market, Decimal] = {}
        self._owed: dict[Market, Decimal] = {}

    @property
    def gain(self) -> Decimal:
        """What was gained today, negative if lost; only if nothing is `missing`."""
        return EXACT.add(self._cash, self._worth)

    def missing(self) -> str | None:
        """Why the gain is not known, if it is not."""
        for where, quantity in self._held.items():
            if quantity and where not in self._prices:
                return f"no price of {where[1]} at {where[0]} is known, and {quantity:f} is held"
        for (venue, pair), fee in self._owed.items():
            return f"a fee of {fee:f} {base_of(pair)} was paid, and no price of {pair} at {venue} is known"
        return None

    def wants(self, where: Market) -> bool:
        """Whether a price changes anything."""
        return where in self._held or where in self._owed

    def begin(self, day: int) -> None:
        """Begin a day with what is held."""
        self.day = day
        self._cash = self._worth.copy_negate()
        self._unexplained = {
            where: quantity for where, quantity in self._held.items() if quantity and where not in self._prices
        }
        self._owed.clear()

    def price(self, where: Market, price: Decimal) -> None:
        """Take a price for what is held, for what is not explained, and for fees that are not paid for yet."""
        unexplained = self._unexplained.pop(where, ZERO)
        self._pay(EXACT.multiply(unexplained, price))
        self._pay(EXACT.multiply(self._owed.pop(where, ZERO), price))
        held = self._held.get(where)
        if held is not None:
            before = self._prices.get(where, ZERO)
            self._worth = EXACT.add(self._worth, EXACT.multiply(held, EXACT.subtract(price, before)))
            self._prices[where] = price

    def trade(self, fill: Fill, *, pays_in: str, price: Decimal | None, fee_price: Decimal | None) -> None:
        """Book a fill: what was paid or earned, and its fee.

        ``price`` is the latest of what was traded, without one the fill's own counts; ``fee_price`` is that of a third
        currency.
        """
        where = market(fill.venue, fill.symbol)
        self._held.setdefault(where, ZERO)
        if where not in self._prices:
            self.price(where, fill.price if price is None else price)
        quantity = fill.quantity if fill.side == "buy" else fill.quantity.copy_negate()
        self._pay(EXACT.multiply(quantity, fill.price))
        if fill.fee_currency == base_of(fill.symbol):
            quantity = EXACT.subtract(quantity, fill.fee)
        elif fill.fee_currency == pays_in:
            self._pay(fill.fee)
        elif fee_price is not None:
            self._pay(EXACT.multiply(fill.fee, fee_price))
        elif fill.fee:
            pair = market(fill.venue, f"{fill.fee_currency}/{pays_in}")
            self._owed[pair] = EXACT.add(self._owed.get(pair, ZERO), fill.fee)
        holding = fill.strategy, fill.venue, fill.symbol
        self._hold(holding, EXACT.add(self._holdings.get(holding, ZERO), quantity))

    def correct(self, holding: Holding, quantity: Decimal) -> bool:
        """Take a position as it is; False where that is known already."""
        change = EXACT.subtract(quantity, self._holdings.get(holding, ZERO))
        if not change:
            return False
        self._hold(holding, quantity)
        where = market(*holding[1:])
        self._unexplained[where] = EXACT.add(self._unexplained.get(where, ZERO), change)
        if where in self._prices:
            self.price(where, self._prices[where])
        return True

    def page(self) -> "Page":
        """The book as it is to be kept: without the prices, which will be others."""
        return Page(
            day=self.day,
            cash=self._cash,
            holdings=[(*holding, quantity) for holding, quantity in self._holdings.items()],
            unexplained=[(*where, quantity) for where, quantity in self._unexplained.items()],
            owed=[(*where, fee) for where, fee in self._owed.items()],
        )

    def recall(self, page: "Page") -> None:
        """Go on with a book that was kept."""
        self.day, self._cash = page.day, page.cash
        self._unexplained = {(venue, symbol): quantity for venue, symbol, quantity in page.unexplained}
        self._owed = {(venue, pair): fee for venue, pair, fee in page.owed}
        for strategy, venue, symbol, quantity in page.holdings:
            self._hold((strategy, venue, symbol), quantity)

    def _hold(self, holding: Holding, quantity: Decimal) -> None:
        where = market(*holding[1:])
        change = EXACT.subtract(quantity, self._holdings.get(holding, ZERO))
        self._holdings[holding] = quantity
        self._held[where] = EXACT.add(self._held.get(where, ZERO), change)
        self._worth = EXACT.add(self._worth, EXACT.multiply(change, self._prices.get(where, ZERO)))

    def _pay(self, amount: Decimal) -> None:
        self._cash = EXACT.subtract(self._cash, amount)


class Page(Struct, frozen=True, kw_only=True):
    """A day's book, to be kept."""

    day: int
    cash: Decimal
    holdings: list[tuple[str, str, str, Decimal]]
    unexplained: list[tuple[str, str, Decimal]]
    owed: list[tuple[str, str, Decimal]]
