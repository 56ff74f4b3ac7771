"""What an account holds is used once."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import reduce

from bowstring.core.components import on
from bowstring.core.errors import ConfigError
from bowstring.market.decimals import checked_limit
from bowstring.trading.guards.live_orders import Key, LiveOrder, LiveOrderGuard, OneSide
from bowstring.trading.messages import Balance, Fill, OrderUpdate, Side
from bowstring.trading.new_orders import NewOrder, new_id
from bowstring.trading.orders import EXACT
from bowstring.trading.symbols import base_of, is_spot, quote_of

ZERO = Decimal(0)
SPENT_S = 60.0  # twice as long as until the venue is asked for balances anyway

Account = tuple[str, str]
"""A venue, and a currency that is held there."""


class ReserveBalance(LiveOrderGuard):
    """Refuses an order that needs more of a currency than the account has free of all live orders, of all strategies.

    A buyer needs price times quantity in quote currency, a seller the quantity in base currency. Free is the least that
    may be: what the last `Balance` told, less all live orders that it need not show yet, and less what was spent since.
    ``shares`` are of what the account holds of each currency, free or locked: the live orders of a strategy that is
    named may need its share together, those of all others what the shares leave.

    What ``reduces`` a position is held to it too: it can be sold only once. Orders for what is no spot symbol pass:
    their margin is the venue's to reckon. Fees that a venue takes on top are not reserved.
    """

    def __init__(self, *, shares: Mapping[str, Decimal] | None = None) -> None:
        super().__init__()
        self._shares = {name: checked_limit(share, f"share of {name}") for name, share in (shares or {}).items()}
        self._rest = EXACT.subtract(Decimal(1), reduce(EXACT.add, self._shares.values(), ZERO))
        if self._rest < 0:
            raise ConfigError(f"ReserveBalance: the shares are more than 1 together: {dict(self._shares)}")
        self._balances: dict[Account, Balance] = {}
        self._not_shown: defaultdict[Account, dict[Key, None]] = defaultdict(dict)
        self._spent: defaultdict[Account, deque[tuple[int, Decimal]]] = defaultdict(deque)

    def concerns(self, symbol: str) -> bool:
        """Spot symbols."""
        return is_spot(symbol)

    def objection(self, order: NewOrder, side: Side) -> str | None:
        """Refuse what the account has not free."""
        if not is_spot(order.symbol):
            return None
        account = order.venue, _currency(order.symbol, side)
        need = _needed(order.price, order.quantity, side)
        if why := self._short(account, order.strategy, need) or self.live.add(order):
            return why
        self._not_shown[account][order.strategy, order.venue, new_id(order)] = None
        return None

    @on(Balance)
    def take_balance(self, balance: Balance) -> None:
        """Note what there is. It shows the fills that were told before, and orders that are known to be open."""
        account = balance.venue, balance.currency
        self._balances[account] = balance
        self._spent.pop(account, None)
        not_shown = self._not_shown[account]
        for key in list(not_shown):
            live = self.live.orders.get(key)
            if live is None or live.order.status == "open":
                del not_shown[key]

    @on(OrderUpdate)
    def note_restored(self, update: OrderUpdate) -> None:
        """Reckon with orders of before a restart: no balance was told since."""
        key = update.strategy, update.venue, update.client_order_id
        account = update.venue, _currency(update.symbol, update.side)
        if key in self.live.orders and account not in self._balances:
            self._not_shown[account][key] = None

    @on(Fill)
    def take_spent(self, fill: Fill) -> None:
        """Hold back what was paid until a balance shows it: one may have before the fill was told, so not for ever."""
        currency = _currency(fill.symbol, fill.side)
        paid = _needed(fill.price, fill.quantity, fill.side)
        if fill.fee_currency == currency:
            paid = EXACT.add(paid, fill.fee)
        if is_spot(fill.symbol):
            self._spent[fill.venue, currency].append((self.clock.monotonic_ns(), paid))

    def _short(self, account: Account, strategy: str, need: Decimal) -> str | None:
        """Why there is not enough, if there is not."""
        venue, currency = account
        balance = self._balances.get(account)
        if balance is None:
            return f"no balance of {currency} at {venue} is known"
        spent = self._spent_of(account)
        held = EXACT.subtract(EXACT.add(balance.free, balance.locked), spent)
        not_shown = [live for key in self._not_shown[account] if (live := self.live.orders.get(key)) is not None]
        free = min(
            EXACT.subtract(held, self._needed_by_all(account)),
            EXACT.subtract(EXACT.subtract(balance.free, spent), _needed_by(not_shown)),
        )
        if need > free:
            return f"it needs {need:f} {currency}, and {max(free, ZERO):f} at {venue} is free of all live orders"
        return self._beyond_share(account, strategy, need, held) if self._shares else None

    def _beyond_share(self, account: Account, strategy: str, need: Decimal, held: Decimal) -> str | None:
        name = strategy if strategy in self._shares else ""
        share = EXACT.multiply(self._shares.get(name, self._rest), held)
        used = _needed_by(live for live in self._orders_of(account) if self._share_name(live) == name)
        if EXACT.add(used, need) <= share:
            return None
        return f"it needs {need:f} {account[1]}, and of its share of {share:f} live orders need {used:f}"

    def _share_name(self, live: LiveOrder) -> str:
        return live.order.strategy if live.order.strategy in self._shares else ""

    def _spent_of(self, account: Account) -> Decimal:
        spent = self._spent[account]
        while spent and self.clock.monotonic_ns() - spent[0][0] >= SPENT_S * 1e9:
            spent.popleft()
        return reduce(EXACT.add, (paid for _, paid in spent), ZERO)

    def _needed_by_all(self, account: Account) -> Decimal:
        sides = (one.notional if side == "buy" else one.quantity for side, one in self._sides_of(account))
        return reduce(EXACT.add, sides, ZERO)

    def _orders_of(self, account: Account) -> Iterator[LiveOrder]:
        for _, one in self._sides_of(account):
            yield from one.orders.values()

    def _sides_of(self, account: Account) -> Iterator[tuple[Side, OneSide]]:
        for (venue, symbol, side), one in self.live.sides.items():
            if (venue, _currency(symbol, side)) == account:
                yield side, one


def _currency(symbol: str, side: Side) -> str:
    """What a buyer pays with, and a seller."""
    return quote_of(symbol) if side == "buy" else base_of(symbol)


def _needed(price: Decimal, quantity: Decimal, side: Side) -> Decimal:
    return EXACT.multiply(price.copy_abs(), quantity) if side == "buy" else quantity


def _needed_by(orders: Iterable[LiveOrder]) -> Decimal:
    needs = (_needed(live.order.price, live.to_come, live.order.side) for live in orders)
    return reduce(EXACT.add, needs, ZERO)
