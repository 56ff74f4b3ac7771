"""Puts on record what the exchange has done, and tells everybody, before the one who asked gets a reply."""

from collections.abc import Callable, Mapping
from typing import Protocol

from bowstring.local_exchange.matching.accounts import Account
from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.matching.record import Happened

Listener = Callable[[Happened], None]


class Ledger(Protocol):
    """Where everything is written down, at once and for good."""

    def request(
        self,
        *,
        received_us: int,
        interface: str,
        method: str,
        account: str | None,
        params: Mapping[str, str],
        refused: int | None,
    ) -> None:
        """A request, as it came in, before anything is done about it; or with the code that it was refused with."""
        ...

    def fault(self, *, fault: str, interface: str, method: str, account: str | None, params: Mapping[str, str]) -> None:
        """What goes wrong on purpose with a request that was let in."""
        ...

    def happened(self, happened: Happened) -> None:
        """What a command has done."""
        ...


class Clerk:
    """``listeners`` are told what happened, in turn, after it has been written down."""

    def __init__(self, exchange: Exchange, *, ledger: Ledger | None = None) -> None:
        self._exchange, self._ledger = exchange, ledger
        self.listeners: list[Listener] = []

    def receive(
        self,
        *,
        received_us: int,
        interface: str,
        method: str,
        account: Account | None,
        params: Mapping[str, str],
        refused: int | None = None,
    ) -> None:
        """Write down a request that was let in, or the code with which it was ``refused``."""
        if self._ledger is not None:
            self._ledger.request(
                received_us=received_us,
                interface=interface,
                method=method,
                account=account.name if account is not None else None,
                params=params,
                refused=refused,
            )

    def trouble(
        self, fault: str, *, interface: str, method: str, account: Account | None, params: Mapping[str, str]
    ) -> None:
        """Write down that something goes wrong on purpose with a request that was let in."""
        if self._ledger is not None:
            name = account.name if account is not None else None
            self._ledger.fault(fault=fault, interface=interface, method=method, account=name, params=params)

    def settle(self) -> Happened:
        """Call it after every command, in the same step of the loop."""
        happened = self._exchange.take()
        if happened.changes:
            if self._ledger is not None:
                self._ledger.happened(happened)
            for listener in self.listeners:
                listener(happened)
        return happened
