"""One connection of the WebSocket API: who is logged on, and which private events it has subscribed to."""

from collections.abc import Callable, Iterator
from itertools import count

from msgspec import Struct

from bowstring.local_exchange.api.call import Call, Endpoint, Security
from bowstring.local_exchange.api.context import Context
from bowstring.local_exchange.api.keys import Ed25519Lock, Key, Permission
from bowstring.local_exchange.api.refusals import unauthorized
from bowstring.local_exchange.matching.accounts import Account
from bowstring.local_exchange.matching.orders import Refused
from bowstring.local_exchange.streams.user_data import PrivateEvent, stream_terminated

MOST_SUBSCRIPTIONS, MOST_EVER = 1000, 65_535
Answered = dict[str, object] | list[dict[str, object]]


class Subscription(Struct, eq=False):
    """A subscription to the private events of an account, until ``end`` is called."""

    account: Account
    end: Callable[[], None]
    is_of_logon: bool


class Session:
    """Carries out what concerns the connection itself. ``send`` sends a frame after all others."""

    def __init__(
        self, service: Context, *, send: Callable[[bytes], None], unit: int, returns_rate_limits: bool
    ) -> None:
        self._service, self._send = service, send
        self.unit, self.returns_rate_limits = unit, returns_rate_limits
        self.key: Key | None = None
        self._authorized_us: int | None = None
        self._connected_us = service.now_us()
        self._subscriptions: dict[int, Subscription] = {}
        self._ids: Iterator[int] = count()

    def log_on(self, call: Call) -> Answered:
        """Take the key of the call for all calls that come without one."""
        assert call.key is not None
        if not isinstance(call.key.lock, Ed25519Lock):
            raise Refused(-4056, f"{call.key.lock.name} API key is not supported.")
        self.key, self._authorized_us = call.key, self._service.now_us()
        return self.status(call)

    def status(self, call: Call) -> Answered:
        """Who is logged on."""
        authorized_us = self._authorized_us
        return {
            "apiKey": self.key.id if self.key is not None else None,
            "authorizedSince": None if authorized_us is None else authorized_us // self.unit,
            "connectedSince": self._connected_us // self.unit,
            "returnRateLimits": self.returns_rate_limits,
            "serverTime": self._service.now_us() // self.unit,
            "userDataStream": bool(self._subscriptions),
        }

    def log_out(self, call: Call) -> Answered:
        """Forget the key, and end the subscription that was made with it."""
        self.forget()
        return self.status(call)

    def forget(self) -> None:
        """Forget the key."""
        for number, subscription in [*self._subscriptions.items()]:
            if subscription.is_of_logon:
                self._end(number)
        self.key = self._authorized_us = None

    def accounts(self) -> set[str]:
        """Those that are logged on, or subscribed."""
        logged_on = {self.key.account.name} if self.key is not None else set[str]()
        return logged_on | {one.account.name for one in self._subscriptions.values()}

    def subscriptions(self, call: Call) -> Answered:
        """All subscriptions."""
        return [{"subscriptionId": number} for number in self._subscriptions]

    def subscribe(self, call: Call) -> Answered:
        """Subscribe to the events of the account that is logged on."""
        if self.key is None:
            raise unauthorized()
        key = self._service.keyring.key(self.key.id, permission=Permission.USER_STREAM)
        return self._subscribe(key.account, is_of_logon=True)

    def subscribe_signed(self, call: Call) -> Answered:
        """Subscribe to the events of the account whose key signed the call."""
        return self._subscribe(call.account, is_of_logon=False)

    def unsubscribe(self, call: Call) -> Answered:
        """End one subscription, or all."""
        number = call.parameters.integer("subscriptionId")
        ended = list(self._subscriptions) if number is None else [number]
        if not ended or ended[0] not in self._subscriptions:
            raise Refused(-2036, "User Data Stream subscription not active.")
        for one in ended:
            self._end(one)
        return {}

    def close(self) -> None:
        """The connection is gone: end everything without telling."""
        for subscription in self._subscriptions.values():
            subscription.end()
        self._subscriptions.clear()

    def _subscribe(self, account: Account, *, is_of_logon: bool) -> Answered:
        if any(one.account is account for one in self._subscriptions.values()):
            raise Refused(-2035, "User Data Stream subscription already active.")
        number = next(self._ids)
        if len(self._subscriptions) >= MOST_SUBSCRIPTIONS or number >= MOST_EVER:
            raise Refused(-2042, "Maximum subscription ID reached for this connection.")
        user_data = self._service.user_data

        def listener(event: PrivateEvent) -> None:
            self._send(_wrapped(event, number, unit=self.unit))

        user_data.subscribe(account, listener)
        self._subscriptions[number] = Subscription(
            account, lambda: user_data.unsubscribe(account, listener), is_of_logon
        )
        return {"subscriptionId": number}

    def _end(self, number: int) -> None:
        self._subscriptions.pop(number).end()
        self._send(_wrapped(stream_terminated(self._service.now_us()), number, unit=self.unit))


def _wrapped(event: PrivateEvent, number: int, *, unit: int) -> bytes:
    return b'{"subscriptionId":%d,"event":%b}' % (number, event.json(unit))


def _endpoint(ws: str, method: Callable[[Session, Call], Answered], security: Security = Security.NONE) -> Endpoint:
    def handle(service: Context, call: Call) -> Answered:
        assert isinstance(call.session, Session)
        return method(call.session, call)

    return Endpoint(rest=None, ws=ws, handler=handle, weight=2, security=security, parameters=None)


ENDPOINTS = (
    _endpoint("session.logon", Session.log_on, Security.SIGNED),
    _endpoint("session.status", Session.status),
    _endpoint("session.logout", Session.log_out),
    _endpoint("session.subscriptions", Session.subscriptions),
    _endpoint("userDataStream.subscribe", Session.subscribe),
    _endpoint("userDataStream.subscribe.signature", Session.subscribe_signed, Security.USER_STREAM),
    _endpoint("userDataStream.unsubscribe", Session.unsubscribe),
)
