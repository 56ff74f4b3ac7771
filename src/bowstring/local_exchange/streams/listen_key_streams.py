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

    def unsubscribe(self, account: Account, listener: Callable[[PrivateEvent], None]) -> None:
        """Tell it nothing more."""
        ...


class ListenKeyStreams:
    """``admit`` is what `Sockets` ask whether a name may be subscribed to."""

    def __init__(self, publisher: Publisher, *, keys: Keys, events: PrivateEvents) -> None:
        self._publisher, self._keys, self._events = publisher, keys, events
        self._streams: dict[str, tuple[Account, Callable[[PrivateEvent], None]]] = {}

    def admit(self, name: str) -> bool:
        """Whether it is a valid key; if so, the events of its account are published under its name from now on."""
        account = self._keys.account(name)
        if account is None:
            return False
        if name not in self._streams:
            self._forget_what_is_over()
            listener = partial(self._publish, name)
            self._streams[name] = account, listener
            self._events.subscribe(account, listener)
        return True

    def _forget_what_is_over(self) -> None:
        """A key that is no longer valid never is again."""
        for name in [one for one in self._streams if self._keys.account(one) is None]:
            self._events.unsubscribe(*self._streams.pop(name))

    def _publish(self, name: str, event: PrivateEvent) -> None:
        build: Build = event.json
        if self._keys.account(name) is not None:
            self._publisher.publish(name, build)
