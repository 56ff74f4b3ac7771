"""The names of the private sockets that Binance has retired, and that clients still ask for."""

import secrets
from collections.abc import Callable

from msgspec import Struct

from bowstring.local_exchange.api.refusals import Denied
from bowstring.local_exchange.matching.accounts import Account
from bowstring.local_exchange.matching.candles import MINUTE

LISTEN_KEY_US = 60 * MINUTE


class _ListenKey(Struct):
    account: Account
    valid_until_us: int


class ListenKeys:
    """The keys of the retired private sockets: each is the name of an account's stream, for an hour."""

    def __init__(self, *, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._keys: dict[str, _ListenKey] = {}

    def create(self, account: Account) -> str:
        """The key of an account: the one that it has, prolonged, else a new one."""
        self._keys = {name: key for name, key in self._keys.items() if key.valid_until_us > self._now_us()}
        for name, key in self._keys.items():
            if key.account is account:
                self.prolong(account, name)
                return name
        name = secrets.token_hex(30)
        self._keys[name] = _ListenKey(account, self._now_us() + LISTEN_KEY_US)
        return name

    def prolong(self, account: Account, name: str) -> None:
        """Let it be valid for another hour. Raises `Denied` if the account has no such key."""
        self._find(account, name).valid_until_us = self._now_us() + LISTEN_KEY_US

    def end(self, account: Account, name: str) -> None:
        """End it. Raises `Denied` if the account has no such key."""
        self._find(account, name)
        del self._keys[name]

    def account(self, name: str) -> Account | None:
        """Whose key that is, while it is valid."""
        key = self._keys.get(name)
        return key.account if key is not None and key.valid_until_us > self._now_us() else None

    def _find(self, account: Account, name: str) -> _ListenKey:
        if self.account(name) is not account:
            raise Denied(-1125, "This listenKey does not exist.")
        return self._keys[name]
