"""The switches of faults of a local exchange, for tests: whether it runs in a thread, or as a process of its own.

Nothing here waits for anything but the exchange, so tests with an event loop may call it too.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Protocol, TypeVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from msgspec.json import decode, encode

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.faults.kinds import Fault
from bowstring.local_exchange.faults.switch import State
from bowstring.local_exchange.server import ExchangeServer

_DEADLINE_S = 10.0

T = TypeVar("T")


class Faults(ABC):
    """What can go wrong is in `bowstring.local_exchange.faults.kinds`."""

    @abstractmethod
    def add(self, fault: Fault) -> State:
        """Switch a fault on. Raises `ConfigError` if it names something that there is not."""

    @abstractmethod
    def clear(self, number: int | None = None) -> None:
        """Switch one off, by its ``id``, or all. Raises `LookupError`."""

    @abstractmethod
    def listed(self) -> list[State]:
        """All that have not been cleared, oldest first."""

    @abstractmethod
    def state(self, number: int) -> State:
        """How often one has happened by now. Raises `LookupError`."""

    @contextmanager
    def during(self, fault: Fault) -> Generator[State]:
        """A context in which the fault is on."""
        state = self.add(fault)
        try:
            yield state
        finally:
            with suppress(LookupError):  # it may have cleared itself
                self.clear(state.id)


class Caller(Protocol):
    """What calls functions with an exchange, in its thread."""

    def call(self, function: Callable[[ExchangeServer], T]) -> T:
        """Returns what it returns, raises what it raises."""
        ...


class _LocalFaults(Faults):
    """Those of an exchange in this process."""

    def __init__(self, exchange: Caller) -> None:
        self._exchange = exchange

    def add(self, fault: Fault) -> State:
        return self._exchange.call(lambda server: server.faults.add(fault))

    def clear(self, number: int | None = None) -> None:
        self._exchange.call(lambda server: server.faults.clear(number))

    def listed(self) -> list[State]:
        return self._exchange.call(lambda server: server.faults.listed())

    def state(self, number: int) -> State:
        return self._exchange.call(lambda server: server.faults.state(number))


class _RemoteFaults(Faults):
    """Those of any exchange."""

    def __init__(self, admin: str) -> None:
        self._admin = admin

    def add(self, fault: Fault) -> State:
        return decode(self._ask("POST", "/faults", encode(fault)), type=State)

    def clear(self, number: int | None = None) -> None:
        self._ask("DELETE", "/faults" if number is None else f"/faults/{number}")

    def listed(self) -> list[State]:
        return decode(self._ask("GET", "/faults"), type=list[State])

    def state(self, number: int) -> State:
        return decode(self._ask("GET", f"/faults/{number}"), type=State)

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        request = Request(f"{self._admin}{path}", data=body, method=method)
        try:
            with urlopen(request, timeout=_DEADLINE_S) as response:
                answer: bytes = response.read()
                return answer
        except HTTPError as error:
            with error:
                text = decode(error.read(), type=dict[str, str])["error"]
            raise (LookupError if error.code == 404 else ConfigError)(text) from None


def faults_of(exchange: Caller) -> Faults:
    """Those of an exchange in this process."""
    return _LocalFaults(exchange)


def faults_at(admin: str) -> Faults:
    """Those of any exchange, by the address of its admin port. They raise `OSError` if it cannot be reached."""
    return _RemoteFaults(admin)
