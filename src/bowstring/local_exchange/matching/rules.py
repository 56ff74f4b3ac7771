"""What a symbol allows. All amounts in here are `int`, in units of 1e-8: prices, quantities, money and rates."""

from decimal import Decimal

from msgspec import Struct

from bowstring.core.errors import ConfigError
from bowstring.market.instrument import Instrument

UNIT = 10**8
NO_MAXIMUM = 9_000_000_000 * UNIT


class Rules(Struct, frozen=True, kw_only=True):
    """The filters of one symbol. A price may be at most ``price_up`` times the mean price, at least ``price_down``."""

    symbol: str
    base: str
    quote: str
    tick: int
    lot: int
    min_price: int
    max_price: int
    min_quantity: int
    max_quantity: int
    min_notional: int
    max_notional: int
    price_up: int = 5 * UNIT
    price_down: int = UNIT // 5
    max_orders: int = 200
    max_stop_orders: int = 5

    @classmethod
    def of(cls, instrument: Instrument) -> "Rules":
        """The rules of an instrument. Raises `ConfigError` if an amount of money could have more than 8 decimals."""
        tick, lot = units(instrument.tick_size), units(instrument.lot_size)
        if not tick or not lot or tick * lot % UNIT:
            raise ConfigError(
                f"{instrument.symbol}: tick {instrument.tick_size} times lot {instrument.lot_size} has more than "
                "8 decimals, or is 0: give a larger tick or lot"
            )
        return cls(
            symbol=instrument.venue_symbol,
            base=instrument.base,
            quote=instrument.quote,
            tick=tick,
            lot=lot,
            min_price=units(instrument.min_price) or tick,
            max_price=units(instrument.max_price) or 10**6 * UNIT,
            min_quantity=units(instrument.min_quantity) or lot,
            max_quantity=units(instrument.max_quantity) or 10**6 * UNIT,
            min_notional=units(instrument.min_notional),
            max_notional=units(instrument.max_notional) or NO_MAXIMUM,
        )

    def broken_by_price(self, price: int, *, mean: int) -> str | None:
        """The filter that a limit price violates, given the mean price of the last minutes."""
        if self.broken_by_tick(price):
            return "PRICE_FILTER"
        if mean and not mean * self.price_down <= price * UNIT <= mean * self.price_up:
            return "PERCENT_PRICE_BY_SIDE"
        return None

    def broken_by_tick(self, price: int) -> bool:
        """Whether a price, or a stop price, is out of range or off its step."""
        return price % self.tick != 0 or not self.min_price <= price <= self.max_price

    def broken_by_quantity(self, quantity: int, *, is_market: bool = False) -> str | None:
        """The filter that a quantity violates; the maximum of market orders has one of its own."""
        if quantity % self.lot or quantity < self.min_quantity:
            return "LOT_SIZE"
        if quantity > self.max_quantity:
            return "MARKET_LOT_SIZE" if is_market else "LOT_SIZE"
        return None

    def broken_by_notional(self, notional: int, *, is_market: bool = False) -> str | None:
        """The filter that price times quantity violates; the maximum is not for market orders."""
        if notional < self.min_notional or (not is_market and notional > self.max_notional):
            return "NOTIONAL"
        return None


def units(amount: Decimal) -> int:
    """The amount in units of 1e-8. Raises `ConfigError` where that is not exact."""
    scaled = amount.scaleb(8)
    if scaled != scaled.to_integral_value():
        raise ConfigError(f"{amount} has more than 8 decimals")
    return int(scaled)


def number(amount: int) -> str:
    """The amount as Binance writes it, with 8 decimals."""
    return f"{amount // UNIT}.{amount % UNIT:08}" if amount >= 0 else f"-{number(-amount)}"


def notional(price: int, quantity: int) -> int:
    """Price times quantity; exact for what is on tick and lot."""
    return price * quantity // UNIT
