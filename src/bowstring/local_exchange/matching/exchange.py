"""The exchange itself: accounts, markets, and what each command does. Pure: no I/O, time is given.

A command raises `Refused` and has changed nothing, or it has changed everything at once, and ``take`` tells what, in
the order in which it happened. Amounts are `int` in units of 1e-8: nothing is rounded but fees, which are down.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import count

from msgspec import Struct

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.matching.accounts import Account, Order
from bowstring.local_exchange.matching.checks import STOPS, check_filters, check_order, is_through, needed
from bowstring.local_exchange.matching.market import Market
from bowstring.local_exchange.matching.matcher import Matcher, lock
from bowstring.local_exchange.matching.orders import NewOrder, Refused, Restriction
from bowstring.local_exchange.matching.record import Happened, Record
from bowstring.local_exchange.matching.rules import UNIT, Rules

FEE = UNIT // 1000


class Cancel(Struct, frozen=True, kw_only=True):
    """Which order to cancel: by ``order_id``, by ``client_order_id``, or by both, which must then agree.

    ``new_client_order_id`` is the cancel's own.
    """

    symbol: str
    new_client_order_id: str
    order_id: int | None = None
    client_order_id: str | None = None
    restriction: Restriction | None = None


class Replaced(Struct, frozen=True):
    """The two halves of a cancel-replace; None: not attempted."""

    cancelled: Order | Refused
    placed: Order | Refused | None


class Exchange:
    """``now_us`` gives the time in microseconds since the epoch; if it steps back, time stands still in here."""

    def __init__(self, rules: Iterable[Rules], *, now_us: Callable[[], int]) -> None:
        self.markets = {one.symbol: Market(one) for one in rules}
        self.accounts: dict[str, Account] = {}
        self._now_us = now_us
        self._record = Record()
        self._matcher = Matcher(self._record)
        self._order_ids = count(1)

    @property
    def fees(self) -> Mapping[str, int]:
        """What the exchange has earned, by asset."""
        return self._matcher.fees

    def open_account(
        self,
        name: str,
        *,
        balances: Mapping[str, int],
        maker_fee: int = FEE,
        taker_fee: int = FEE,
        is_participant: bool = False,
    ) -> Account:
        """A new account with these balances; fees are shares, in units of 1e-8.

        Raises `ConfigError` for a name that is taken.
        """
        if name in self.accounts:
            raise ConfigError(f"there are two accounts {name!r}: give each a name of its own")
        account = Account(
            name,
            uid=len(self.accounts) + 1,
            balances=balances,
            maker_fee=maker_fee,
            taker_fee=taker_fee,
            is_participant=is_participant,
        )
        self.accounts[name] = account
        return account

    def take(self) -> Happened:
        """What has happened since the last call."""
        return self._record.take()

    def market(self, symbol: str) -> Market:
        """The market of a symbol. Raises `Refused`."""
        market = self.markets.get(symbol)
        if market is None:
            raise Refused(-1121, "Invalid symbol.")
        return market

    def check(self, account: Account, new: NewOrder) -> None:
        """Raise `Refused` as ``place`` would, and do nothing."""
        market = self._begin(new.symbol)
        check_filters(market, new, account=account, time_us=self._record.time_us)
        check_order(market, new, account=account)

    def place(self, account: Account, new: NewOrder) -> Order:
        """Accept an order and carry it out. Raises `Refused`."""
        market = self._begin(new.symbol)
        check_filters(market, new, account=account, time_us=self._record.time_us)
        return self._place(market, account, new)

    def cancel(self, account: Account, cancel: Cancel) -> Order:
        """Cancel an open order. Raises `Refused`."""
        market = self._begin(cancel.symbol)
        order = _wanted(account, cancel)
        self._matcher.end(market, order, "CANCELED", cancel_id=cancel.new_client_order_id)
        return order

    def cancel_all(self, account: Account, symbol: str, *, new_client_order_id: Callable[[], str]) -> list[Order]:
        """Cancel all open orders of a symbol. Raises `Refused` if there is none."""
        market = self._begin(symbol)
        orders = [order for order in account.open.values() if order.new.symbol == symbol]
        if not orders:
            raise Refused(-2011, "Unknown order sent.")
        for order in orders:
            self._matcher.end(market, order, "CANCELED", cancel_id=new_client_order_id())
        return orders

    def cancel_everything(self, account: Account, *, new_client_order_id: str, reason: str) -> None:
        """Cancel all open orders of an account, in all symbols, without having been asked to."""
        self._pass_time()
        for order in [*account.open.values()]:
            market = self.markets[order.new.symbol]
            self._matcher.end(market, order, "CANCELED", cancel_id=new_client_order_id, reason=reason)

    def replace(self, account: Account, cancel: Cancel, new: NewOrder, *, stop_on_failure: bool) -> Replaced:
        """Cancel one order, then place another; a filter that the new one violates is `Refused` before both."""
        market = self._begin(new.symbol)
        check_filters(market, new, account=account, time_us=self._record.time_us)
        try:
            cancelled: Order | Refused = self.cancel(account, cancel)
        except Refused as refused:
            if stop_on_failure:
                return Replaced(refused, None)
            cancelled = refused
        try:
            return Replaced(cancelled, self._place(market, account, new))
        except Refused as refused:
            return Replaced(cancelled, refused)

    def _begin(self, symbol: str) -> Market:
        self._pass_time()
        return self.market(symbol)

    def _pass_time(self) -> None:
        self._record.time_us = max(self._record.time_us, self._now_us())

    def _place(self, market: Market, account: Account, new: NewOrder) -> Order:
        would = check_order(market, new, account=account)
        quantity = would.wanted
        order = Order(
            id=next(self._order_ids),
            account=account,
            new=new,
            is_buy=new.side == "BUY",
            price=new.price,
            quantity=quantity,
            left=quantity,
            time_us=self._record.time_us,
            update_us=self._record.time_us,
        )
        account.add(order)
        lock(market, order, needed(new, would))
        if new.type in STOPS:
            market.stops[order.id] = order
            self._record.report(order, "NEW")
        else:
            self._matcher.execute(market, order)
            self._trigger(market)
        return order

    def _trigger(self, market: Market) -> None:
        """Let stops that the last price has reached become orders, oldest first, as long as there are any."""
        while market.stops and (
            order := next((stop for stop in market.stops.values() if is_through(stop.new, market.last_price)), None)
        ):
            del market.stops[order.id]
            self._matcher.execute(market, order)


def _wanted(account: Account, cancel: Cancel) -> Order:
    order = account.find(cancel.symbol, order_id=cancel.order_id, client_order_id=cancel.client_order_id)
    if order is None or not order.is_open:
        raise Refused(-2011, "Unknown order sent.")
    if cancel.order_id is not None and cancel.client_order_id not in (None, order.new.client_order_id):
        raise Refused(-2039, "Client order ID is not correct for this order ID.")
    if cancel.restriction and cancel.restriction != f"ONLY_{order.status}":
        raise Refused(-2011, "Order was not canceled due to cancel restrictions.")
    return order
