"""Private events on the sockets of market data, as streams named by listen keys: retired, and still asked for."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from bowstring.local_exchange.matching.accounts import Account
from bowstring.local_exchange.streams.hub import Build, Publisher
from bowstring.local_exchange.streams.user_data import PrivateEvent


class Keys(Protocol):
    """The listen keys there are."""

    def account(self, name: str) -> Account | None:
        """Whose key that is, while it is valid."""
        ...


class PrivateEvents(Protocol):
    """What happens to accounts."""

    def subscribe(self, account: Account, listener: Callable[[PrivateEvent], None]) -> None:
        """Tell ``listener`` everything from now on."""
        ...


class ListenKeyStreams:
    """``admit`` is what `Sockets` ask whether a name may be subscribed to."""

    def __init__(self, publisher: Publisher, *, keys: Keys, events: PrivateEvents) -> None:
        self._publisher, self._keys, self._events = publisher, keys, events
        self._streams: set[str] = set()

    def admit(self, name: str) -> bool:
        """Whether it is a valid key; if so, the events of its account are published under its name from now on."""
        account = self._keys.account(name)
        if account is None:
            return False
        if name not in self._streams:
            self._streams.add(name)
            self._events.subscribe(account, partial(self._publish, name))
        return True

    def _publish(self, name: str, event: PrivateEvent) -> None:
        build: Build = event.json
        if self._keys.account(name) is not None:
            self._publisher.publish(name, build)
