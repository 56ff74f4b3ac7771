"""How much a client may ask for: request weight and requests per address, unfilled orders per account.

Windows are calendar aligned, as Binance's. An address that goes on asking after a 429 is banned, each time for longer.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct

from bowstring.local_exchange.api.refusals import Denied
from bowstring.local_exchange.matching.accounts import Account
from bowstring.local_exchange.matching.candles import DAY, MINUTE, SECOND
from bowstring.local_exchange.matching.record import Happened, Report

_ADVICE = "Please use WebSocket Streams for live updates"
_UNLIMITED = 10**12
FIRST_BAN_US, LONGEST_BAN_US, BAN_GROWTH = 2 * MINUTE, 3 * DAY, 4
ADDRESSES_KEPT = 1000  # others are forgotten once nothing of theirs counts any more
TAKER_CREDIT, MAKER_CREDIT = 1, 5  # orders given back by the first fill, as in Binance's examples


class Limits(Struct, frozen=True, kw_only=True):
    """The limits of Binance Spot, unless given otherwise. ``patience``: refused requests until an address is banned."""

    weight_per_minute: int = 6000
    requests_per_5_minutes: int = 300_000
    orders_per_10_seconds: int = 100
    orders_per_day: int = 200_000
    connections_per_5_minutes: int = 300
    patience: int = 20


UNLIMITED = Limits(
    weight_per_minute=_UNLIMITED,
    requests_per_5_minutes=_UNLIMITED,
    orders_per_10_seconds=_UNLIMITED,
    orders_per_day=_UNLIMITED,
    connections_per_5_minutes=_UNLIMITED,
)


class Window:
    """Counts within one interval of the calendar."""

    __slots__ = ("_began_us", "_count", "interval", "kind", "length_us", "limit", "number")

    def __init__(self, kind: str, interval: str, number: int, *, length_us: int, limit: int) -> None:
        self.kind, self.interval, self.number = kind, interval, number
        self.length_us, self.limit = length_us, limit
        self._began_us = self._count = 0

    def count(self, now_us: int) -> int:
        """What was counted in the interval that it is now."""
        began_us = now_us - now_us % self.length_us
        if began_us != self._began_us:
            self._began_us, self._count = began_us, 0
        return self._count

    def add(self, amount: int, *, now_us: int) -> int:
        """Count; never below 0."""
        self._count = max(0, self.count(now_us) + amount)
        return self._count

    def end_us(self, now_us: int) -> int:
        """When the next interval begins."""
        return now_us - now_us % self.length_us + self.length_us

    def described(self) -> dict[str, object]:
        """The limit, as exchangeInfo tells it."""
        return {
            "rateLimitType": self.kind,
            "interval": self.interval,
            "intervalNum": self.number,
            "limit": self.limit,
        }

    def used(self, now_us: int) -> dict[str, object]:
        """The limit and what is used of it."""
        return {**self.described(), "count": self.count(now_us)}


class _Address:
    """What one address has used."""

    def __init__(self, limits: Limits) -> None:
        self.weight = Window("REQUEST_WEIGHT", "MINUTE", 1, length_us=MINUTE, limit=limits.weight_per_minute)
        self.requests = Window("RAW_REQUESTS", "MINUTE", 5, length_us=5 * MINUTE, limit=limits.requests_per_5_minutes)
        self.connections = Window("", "MINUTE", 5, length_us=5 * MINUTE, limit=limits.connections_per_5_minutes)
        self.banned_until_us = 0
        self.ban_us = FIRST_BAN_US
        self.refused = 0

    def is_idle(self, now_us: int) -> bool:
        """Whether it has used nothing of the present windows, and is not banned."""
        windows = (self.weight, self.requests, self.connections)
        return now_us >= self.banned_until_us and not any(window.count(now_us) for window in windows)


class Usage:
    """What everybody has used. ``take`` listens to what happens on the exchange: a first fill gives an order back."""

    def __init__(self, limits: Limits | None = None, *, now_us: Callable[[], int]) -> None:
        self.limits = limits or Limits()
        self._now_us = now_us
        self._addresses: dict[str, _Address] = {}
        self._next_cleaning = 0
        self._orders: dict[int, tuple[Window, Window]] = {}

    def described(self) -> list[dict[str, object]]:
        """All limits, as exchangeInfo tells them."""
        address = _Address(self.limits)
        return [window.described() for window in (address.weight, *_order_windows(self.limits), address.requests)]

    def request(self, address: str, *, weight: int) -> None:
        """Count a request. Raises `Denied` with 429, or with 418."""
        used, now_us = self._address(address), self._now_us()
        if now_us < used.banned_until_us:
            raise _banned(used.banned_until_us)
        over = [
            window
            for window, amount in ((used.weight, weight), (used.requests, 1))
            if window.add(amount, now_us=now_us) > window.limit
        ]
        if not over:
            used.refused = 0
            return
        used.refused += 1
        if used.refused > self.limits.patience:
            used.banned_until_us = now_us + used.ban_us
            used.ban_us, used.refused = min(used.ban_us * BAN_GROWTH, LONGEST_BAN_US), 0
            raise _banned(used.banned_until_us)
        raise _too_much(over[0], now_us)

    def connect(self, address: str) -> None:
        """Count a connection. Raises `Denied`."""
        window, now_us = self._address(address).connections, self._now_us()
        if window.add(1, now_us=now_us) > window.limit:
            text = f"Too many connection attempts from IP; current limit is {window.limit} per '5 MINUTE'."
            raise Denied(-1034, text, retry_us=window.end_us(now_us))

    def forgive(self, address: str, *, weight: int) -> None:
        """Take back the weight of a request."""
        self._address(address).weight.add(-weight, now_us=self._now_us())

    def check_orders(self, account: Account) -> None:
        """Raise `Denied` if an account has too many unfilled orders."""
        now_us = self._now_us()
        for window in self._order_windows(account):
            if window.count(now_us) >= window.limit:
                per = f"{window.number} {window.interval}"
                text = f"Too many new orders; current limit is {window.limit} orders per {per}."
                raise Denied(-1015, text, retry_us=window.end_us(now_us))

    def order(self, account: Account, count: int = 1) -> None:
        """Count an order."""
        now_us = self._now_us()
        for window in self._order_windows(account):
            window.add(count, now_us=now_us)

    def take(self, happened: Happened) -> None:
        """Give orders back that trade for the first time."""
        for change in happened.changes:
            if isinstance(change, Report) and change.fill and change.fill.quantity == change.executed:
                account = change.order.account
                if account.uid in self._orders:
                    self.order(account, -(MAKER_CREDIT if change.fill.is_maker else TAKER_CREDIT))

    def weight(self, address: str) -> int:
        """The weight that an address has used."""
        return self._address(address).weight.count(self._now_us())

    def order_counts(self, account: Account) -> list[int]:
        """The unfilled orders of an account, per 10 s and per day."""
        now_us = self._now_us()
        return [window.count(now_us) for window in self._order_windows(account)]

    def weight_used(self, address: str) -> dict[str, object]:
        """The limit of weight and what an address has used of it."""
        return self._address(address).weight.used(self._now_us())

    def orders_used(self, account: Account) -> list[dict[str, object]]:
        """The limits of orders and what an account has used of them."""
        now_us = self._now_us()
        return [window.used(now_us) for window in self._order_windows(account)]

    def _address(self, address: str) -> _Address:
        used = self._addresses.get(address)
        if used is None:
            if len(self._addresses) >= ADDRESSES_KEPT and len(self._addresses) >= self._next_cleaning:
                self._clean()
            used = self._addresses[address] = _Address(self.limits)
        return used

    def _clean(self) -> None:
        """Forget addresses that do not count; not again before there are twice as many, so that it costs little."""
        now_us = self._now_us()
        self._addresses = {name: one for name, one in self._addresses.items() if not one.is_idle(now_us)}
        self._next_cleaning = 2 * len(self._addresses)

    def _order_windows(self, account: Account) -> tuple[Window, Window]:
        windows = self._orders.get(account.uid)
        if windows is None:
            windows = self._orders[account.uid] = _order_windows(self.limits)
        return windows


def _order_windows(limits: Limits) -> tuple[Window, Window]:
    return (
        Window("ORDERS", "SECOND", 10, length_us=10 * SECOND, limit=limits.orders_per_10_seconds),
        Window("ORDERS", "DAY", 1, length_us=DAY, limit=limits.orders_per_day),
    )


def _too_much(window: Window, now_us: int) -> Denied:
    what = "request weight" if window.kind == "REQUEST_WEIGHT" else "requests"
    text = (
        f"Too much request weight used; current limit is {window.limit} {what} per {window.number} {window.interval}."
        f" {_ADVICE} to avoid polling the API."
    )
    return Denied(-1003, text, retry_us=window.end_us(now_us))


def _banned(until_us: int) -> Denied:
    text = f"Way too much request weight used; IP banned until {until_us // 1000}. {_ADVICE} to avoid bans."
    return Denied(-1003, text, status=418, retry_us=until_us)


def retry_after_s(denied: Denied, now_us: int) -> str | None:
    """The header ``Retry-After``, in whole seconds."""
    return None if denied.retry_us is None else str(max(1, -((now_us - denied.retry_us) // SECOND)))


def headers(usage: Usage, address: str, account: Account | None) -> Mapping[str, str]:
    """The headers that tell what is used; of orders too if an ``account`` has placed one."""
    weight = str(usage.weight(address))
    told = {"X-MBX-USED-WEIGHT": weight, "X-MBX-USED-WEIGHT-1M": weight}
    if account is not None:
        names = ("X-MBX-ORDER-COUNT-10S", "X-MBX-ORDER-COUNT-1D")
        told.update(zip(names, map(str, usage.order_counts(account)), strict=True))
    return told
