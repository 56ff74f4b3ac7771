"""Puts on record what the exchange has done, and tells everybody, before the one who asked gets a reply."""

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

from bowstring.local_exchange.matching.accounts import Account
from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.matching.record import Happened

Listener = Callable[[Happened], None]


class Request(Struct, frozen=True, kw_only=True):
    """A request as it came in; ``refused`` is the code that it was refused with, if it was not let in."""

    received_us: int
    interface: str
    method: str
    account: str | None
    params: Mapping[str, str]
    refused: int | None = None


class Ledger(Protocol):
    """Where everything is written down, at once and for good."""

    def request(self, request: Request) -> None:
        """A request, before anything is done about it."""
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

    def receive(self, request: Request) -> None:
        """Write down a request."""
        if self._ledger is not None:
            self._ledger.request(request)

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
