"""Balances, and what orders and fills make of them: exact sums, whatever the ambient decimal context."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal, localcontext

from msgspec import Struct

from bowstring.market.instrument import Instrument
from bowstring.trading.gateway import BalanceReport, FillReport
from bowstring.trading.messages import Side

ZERO = Decimal(0)
_EXACT = Context(prec=1_000)


class Balance(Struct, frozen=True):
    """Of one currency."""

    free: Decimal = ZERO
    locked: Decimal = ZERO

    def __str__(self) -> str:
        return f"{self.free:f} free, {self.locked:f} locked"


Wallet = Mapping[str, Balance]


def wallet(reports: Iterable[BalanceReport]) -> Wallet:
    """The balances by currency; those that are zero are left out, as venues differ in that."""
    held = {report.currency: Balance(report.free, report.locked) for report in reports}
    return {currency: balance for currency, balance in held.items() if balance != Balance()}


def cost(instrument: Instrument, side: Side, *, price: Decimal, quantity: Decimal) -> tuple[str, Decimal]:
    """What an order of that quantity locks: quote currency for a buyer, base for a seller."""
    with localcontext(_EXACT):
        return (instrument.quote, price * quantity) if side == "buy" else (instrument.base, quantity)


def traded(start: Wallet, fills: Sequence[FillReport], *, instrument: Instrument) -> Mapping[str, Decimal]:
    """What a spot account holds of each currency, free and locked, after these fills and their fees."""
    with localcontext(_EXACT):
        held = defaultdict(Decimal, {currency: balance.free + balance.locked for currency, balance in start.items()})
        for fill in fills:
            sign = 1 if fill.side == "buy" else -1
            held[instrument.base] += sign * fill.quantity
            held[instrument.quote] -= sign * fill.price * fill.quantity
            held[fill.fee_currency] -= fill.fee
        return {currency: amount for currency, amount in held.items() if amount}


def total(held: Wallet) -> Mapping[str, Decimal]:
    """Free and locked together."""
    with localcontext(_EXACT):
        return {currency: balance.free + balance.locked for currency, balance in held.items()}


def locking(start: Wallet, costs: Iterable[tuple[str, Decimal]]) -> Wallet:
    """The balances after these amounts were locked; a negative one is released."""
    with localcontext(_EXACT):
        held = dict(start)
        for currency, amount in costs:
            balance = held.get(currency, Balance())
            held[currency] = Balance(balance.free - amount, balance.locked + amount)
        return {currency: balance for currency, balance in held.items() if balance != Balance()}


def added(numbers: Iterable[Decimal]) -> Decimal:
    """Their sum."""
    with localcontext(_EXACT):
        return sum(numbers, ZERO)
