"""What can be traded, and the exact steps and limits of its prices and quantities."""

from collections.abc import Iterator
from decimal import Context, Decimal, InvalidOperation

from msgspec import Struct

from bowstring.core.messages import Event

# The ambient context rounds to 28 digits, which a price times a quantity can exceed, and anybody may change it.
# A quotient or product of more than 1,000 digits is an InvalidOperation: no price, and never an endless computation.
_EXACT = Context(prec=1000, traps=[InvalidOperation])


class Instrument(Struct, frozen=True, kw_only=True):
    """A tradable symbol of one venue.

    ``tick_size`` is the step of the price in quote currency, ``lot_size`` the step of the quantity in base
    units, ``min_notional`` the least price times quantity in quote currency. A step or limit of 0 is none.
    Rounding is exact whatever the ambient decimal context, and its result is written with the step's decimals.
    """

    venue: str
    symbol: str
    venue_symbol: str
    base: str
    quote: str
    tick_size: Decimal
    lot_size: Decimal
    min_quantity: Decimal = Decimal(0)
    max_quantity: Decimal = Decimal(0)
    min_price: Decimal = Decimal(0)
    max_price: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    max_notional: Decimal = Decimal(0)

    def floor_price(self, price: Decimal) -> Decimal:
        """The price on the tick at or below: what a bid may be."""
        return _on_step(price, self.tick_size, up=False)

    def ceil_price(self, price: Decimal) -> Decimal:
        """The price on the tick at or above: what an ask may be."""
        return _on_step(price, self.tick_size, up=True)

    def floor_quantity(self, quantity: Decimal) -> Decimal:
        """The quantity on the lot at or below."""
        return _on_step(quantity, self.lot_size, up=False)

    def violation(self, *, price: Decimal, quantity: Decimal) -> str | None:
        """Why the venue would refuse such an order, with the value and the limit; None if it would not."""
        return next(self._violations(price, quantity), None)

    def _violations(self, price: Decimal, quantity: Decimal) -> Iterator[str]:
        yield from _off_limits("price", price, self.tick_size, self.min_price, self.max_price)
        yield from _off_limits("quantity", quantity, self.lot_size, self.min_quantity, self.max_quantity)
        notional = _EXACT.multiply(price, quantity)
        if notional < self.min_notional:
            yield f"notional {notional:f} is below the least notional {self.min_notional:f}"
        if 0 < self.max_notional < notional:
            yield f"notional {notional:f} is above the greatest notional {self.max_notional:f}"


class InstrumentListed(Event, frozen=True, kw_only=True):
    """An instrument's rules became known or changed."""

    symbol: str
    instrument: Instrument


def _off_limits(what: str, value: Decimal, step: Decimal, least: Decimal, greatest: Decimal) -> Iterator[str]:
    if not value.is_finite() or abs(value.adjusted()) > 100:
        yield f"{what} {value} is no {what}"
    elif value <= 0:
        yield f"{what} {value:f} is not positive"
    elif step and _EXACT.remainder(value, step):
        yield f"{what} {value:f} is off its step {step:f}"
    elif value < least:
        yield f"{what} {value:f} is below the least {what} {least:f}"
    elif 0 < greatest < value:
        yield f"{what} {value:f} is above the greatest {what} {greatest:f}"


def _on_step(value: Decimal, step: Decimal, *, up: bool) -> Decimal:
    if not step or not value.is_finite():
        return value
    steps, rest = _EXACT.divmod(value, step)  # towards zero: rest has the sign of value
    beyond = 0 if not rest or (rest > 0) is not up else 1 if up else -1
    return _EXACT.multiply(_EXACT.add(steps, beyond), step)
