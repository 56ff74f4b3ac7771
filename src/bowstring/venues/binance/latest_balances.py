"""Which word on a balance is the latest: two sessions may tell of the same change, and an answer leaves out zeros."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from bowstring.trading.gateway import BalanceReport
from bowstring.venues.binance.user_data import Holdings

ZERO = Decimal(0)


class LatestBalances:
    """Knows of each currency that was ever told when its balance changed last, in ms by the venue's clock."""

    def __init__(self) -> None:
        self._changed_ms: dict[str, int] = {}

    def news(self, holdings: Holdings, *, is_newest: bool) -> Iterator[BalanceReport]:
        """What is to be told; ``is_newest``: it comes from the newest session, which repeats nothing."""
        for balance in holdings.balances:
            last_ms = self._changed_ms.get(balance.currency, 0)
            if holdings.updated_ms > last_ms or (holdings.updated_ms == last_ms and is_newest):
                self._changed_ms[balance.currency] = holdings.updated_ms
                yield balance

    def complete(self, shown: Sequence[BalanceReport]) -> Sequence[BalanceReport]:
        """All balances that are not 0, and those that were not when last told."""
        gone = self._changed_ms.keys() - {balance.currency for balance in shown}
        for balance in shown:
            self._changed_ms.setdefault(balance.currency, 0)
        return [*shown, *(BalanceReport(currency=currency, free=ZERO, locked=ZERO) for currency in sorted(gone))]
