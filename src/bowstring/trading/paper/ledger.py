"""The balances of a paper account. It adds and subtracts, and rounds nothing."""

from collections.abc import Mapping
from decimal import Decimal

from bowstring.core.errors import ConfigError
from bowstring.trading.gateway import BalanceReport

ZERO = Decimal(0)


class Ledger:
    """Free and locked amounts by currency."""

    def __init__(self, balances: Mapping[str, Decimal]) -> None:
        for currency, amount in balances.items():
            if not amount.is_finite() or amount < 0:
                raise ConfigError(f"paper balance {currency} = {amount}: give a number that is not negative")
        self._free = dict(balances)
        self._locked = dict.fromkeys(balances, ZERO)
        self._changed: dict[str, None] = {}

    def free(self, currency: str) -> Decimal:
        """What new orders may use."""
        return self._free.get(currency, ZERO)

    def lock(self, currency: str, amount: Decimal) -> None:
        """Set aside for an order; a negative amount is given back."""
        self._add(currency, free=-amount, locked=amount)

    def spend(self, currency: str, amount: Decimal) -> None:
        """Pay out of what is locked."""
        self._add(currency, free=ZERO, locked=-amount)

    def receive(self, currency: str, amount: Decimal) -> None:
        """Add to what is free."""
        self._add(currency, free=amount, locked=ZERO)

    def balances(self) -> list[BalanceReport]:
        """All balances."""
        return [self._balance(currency) for currency in self._free]

    def changes(self) -> list[BalanceReport]:
        """The balances that were touched since the last call."""
        changed, self._changed = self._changed, {}
        return [self._balance(currency) for currency in changed]

    def _add(self, currency: str, *, free: Decimal, locked: Decimal) -> None:
        self._free[currency] = self._free.get(currency, ZERO) + free
        self._locked[currency] = self._locked.get(currency, ZERO) + locked
        self._changed[currency] = None

    def _balance(self, currency: str) -> BalanceReport:
        return BalanceReport(currency=currency, free=self._free[currency], locked=self._locked[currency])
