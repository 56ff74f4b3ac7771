"""What the API works on."""

from collections.abc import Callable

from bowstring.local_exchange.api.countdowns import Countdowns
from bowstring.local_exchange.api.keys import Keyring
from bowstring.local_exchange.api.limits import Usage
from bowstring.local_exchange.api.listen_keys import ListenKeys
from bowstring.local_exchange.clerk import Clerk
from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.streams.user_data import UserData


class Context:
    """The exchange as its API sees it. ``now_us`` is the clock that timestamps are compared with.

    ``countdowns``, None: it has no dead-man switch.
    """

    def __init__(
        self,
        exchange: Exchange,
        *,
        clerk: Clerk,
        keyring: Keyring,
        usage: Usage,
        user_data: UserData,
        now_us: Callable[[], int],
        cancel_after: bool = False,
    ) -> None:
        self.exchange, self.clerk, self.keyring, self.usage = exchange, clerk, keyring, usage
        self.user_data, self.now_us = user_data, now_us
        self.listen_keys = ListenKeys(now_us=now_us)
        self.countdowns = Countdowns(exchange, clerk=clerk) if cancel_after else None
        clerk.listeners += [usage.take, user_data.take]
