"""A replica of the accounts, which queries may be answered from: it knows everything, some time later."""

import asyncio
from collections import deque
from collections.abc import Iterable
from copy import copy

from msgspec import Struct
from msgspec.structs import asdict

from bowstring.local_exchange.matching.accounts import Account, Balance, Order
from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.matching.orders import Fill
from bowstring.local_exchange.matching.record import Happened, Report


class _Change(Struct):
    """What one command has done to one account. ``due``: when the replica gets to know, in the time of the loop."""

    due: float
    uid: int
    updated_us: int
    orders: dict[int, Order]
    fills: list[tuple[str, Fill]]
    balances: dict[str, tuple[int, int]]


class Replica:
    """Begins with what there is, and follows ``lag_s`` behind; None: never. ``take`` listens to the clerk."""

    def __init__(self, exchange: Exchange, *, lag_s: float | None) -> None:
        self._lag_s = lag_s
        self._accounts = {
            one.uid: _copied(one, exchange.markets) for one in exchange.accounts.values() if not one.is_participant
        }
        self._changes: deque[_Change] = deque()

    def account(self, original: Account) -> Account:
        """The account, as it was."""
        self._catch_up()
        return self._accounts.get(original.uid, original)

    def take(self, happened: Happened) -> None:
        """Take note, for later."""
        if self._lag_s is None:
            return
        self._catch_up()  # whether or not anybody asks
        due = asyncio.get_running_loop().time() + self._lag_s
        self._changes.extend(
            _change(account, assets, happened, due=due)
            for account, assets in happened.touched
            if account.uid in self._accounts
        )

    def _catch_up(self) -> None:
        """Learn what is due."""
        now = asyncio.get_running_loop().time()
        while self._changes and self._changes[0].due <= now:
            change = self._changes.popleft()
            _apply(change, self._accounts[change.uid])


def _change(account: Account, assets: Iterable[str], happened: Happened, *, due: float) -> _Change:
    reports = [one for one in happened.changes if isinstance(one, Report) and one.order.account is account]
    held = {asset: account.balances[asset] for asset in assets}
    return _Change(
        due=due,
        uid=account.uid,
        updated_us=account.updated_us,
        orders={one.order.id: copy(one.order) for one in reports},
        fills=[(one.order.new.symbol, one.fill) for one in reports if one.fill is not None],
        balances={asset: (one.free, one.locked) for asset, one in held.items()},
    )


def _apply(change: _Change, account: Account) -> None:
    account.updated_us = change.updated_us
    for order in change.orders.values():
        _keep(order, account)
    for symbol, fill in change.fills:
        account.keep(symbol, fill)
    for asset, (free, locked) in change.balances.items():
        account.balances[asset] = Balance(free, locked)


def _keep(order: Order, account: Account) -> None:
    """What an order has become; the account has a copy of its own, open until now, or has not heard of it yet."""
    known = account.open.get(order.id)
    if known is None:
        account.add(known := order)
    for name, value in asdict(order).items():
        setattr(known, name, value)
    if not order.is_open:
        account.end(known)


def _copied(original: Account, symbols: Iterable[str]) -> Account:
    account = Account(
        original.name,
        uid=original.uid,
        balances={asset: one.free for asset, one in original.balances.items()},
        maker_fee=original.maker_fee,
        taker_fee=original.taker_fee,
    )
    account.updated_us = original.updated_us
    for asset, one in original.balances.items():
        account.balances[asset].locked = one.locked
    for symbol in symbols:
        for order in original.orders(symbol):
            _keep(copy(order), account)
    account.fills = {symbol: copy(fills) for symbol, fills in original.fills.items()}
    return account
