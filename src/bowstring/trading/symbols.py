"""What unified symbols tell: ``BTC/USDT`` is BTC in USDT, ``BTC/USDT:USDT`` a perpetual that is settled in USDT."""

from decimal import Decimal
from typing import Protocol

from bowstring.trading.messages import Side
from bowstring.trading.orders import EXACT


class _Execution(Protocol):
    """What a fill is, wherever it is told or kept."""

    @property
    def symbol(self) -> str: ...

    @property
    def side(self) -> Side: ...

    @property
    def quantity(self) -> Decimal: ...

    @property
    def fee(self) -> Decimal: ...

    @property
    def fee_currency(self) -> str: ...


def base_of(symbol: str) -> str:
    """The base currency."""
    return symbol.partition("/")[0]


def quote_of(symbol: str) -> str:
    """The quote currency."""
    return symbol.partition("/")[2].partition(":")[0]


def is_spot(symbol: str) -> bool:
    """Whether what is bought is owned, and what is sold must be."""
    return ":" not in symbol


def position_change(fill: _Execution) -> Decimal:
    """What a fill does to the position, in base units: a fee that is paid in the base currency is no part of it."""
    quantity = fill.quantity if fill.side == "buy" else fill.quantity.copy_negate()
    return EXACT.subtract(quantity, fill.fee) if fill.fee_currency == base_of(fill.symbol) else quantity
