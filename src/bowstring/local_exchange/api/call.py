"""One call of one endpoint, over REST or the WebSocket API, and what an endpoint is."""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from bowstring.local_exchange.api.context import Context
from bowstring.local_exchange.api.faults import Trouble
from bowstring.local_exchange.api.keys import Key, Permission
from bowstring.local_exchange.api.parameters import Parameters
from bowstring.local_exchange.matching.accounts import Account


class Security(StrEnum):
    """What a caller has to show: nothing, a key, a signature, or one made with a key that may do something."""

    NONE = "NONE"
    KEY = "KEY"
    SIGNED = "SIGNED"
    TRADE = "TRADE"
    USER_DATA = "USER_DATA"
    USER_STREAM = "USER_STREAM"


PERMISSIONS = {
    Security.KEY: Permission.USER_STREAM,
    Security.TRADE: Permission.TRADE,
    Security.USER_DATA: Permission.USER_DATA,
    Security.USER_STREAM: Permission.USER_STREAM,
}

Weigher = Callable[[Parameters], int]
Handler = Callable[[Context, "Call"], object]


class Endpoint(Struct, frozen=True, kw_only=True):
    """One thing that can be asked for, and its names. ``orders``: how many it adds to the unfilled orders.

    ``parameters`` are those of its own, without those that signing needs; None: whatever is sent is read.
    ``is_free``: it costs no weight if it succeeds.
    """

    rest: tuple[str, str] | None
    ws: str | None
    handler: Handler
    weight: int | Weigher = 1
    security: Security = Security.NONE
    parameters: frozenset[str] | None = frozenset()
    orders: int = 0
    is_free: bool = False

    @property
    def is_signed(self) -> bool:
        """Whether a signature is needed."""
        return self.security not in (Security.NONE, Security.KEY)


class Call(Struct, kw_only=True):
    """A call as it came in. ``unit``: the us in one unit of time of the reply, 1000 or 1.

    Of a WebSocket API ``session`` the ``session_key`` can stand for key and signature. ``key`` is set once verified,
    and ``trouble`` then, if something is to go wrong.
    """

    endpoint: Endpoint
    parameters: Parameters
    interface: str
    address: str
    received_us: int
    unit: int = 1000
    key_id: str | None = None
    payload: bytes = b""
    session: object = None
    session_key: Key | None = None
    key: Key | None = None
    trouble: Trouble | None = None

    @property
    def account(self) -> Account:
        """Whose call it is; only for what needs a key."""
        assert self.key is not None
        return self.key.account

    @property
    def method(self) -> str:
        """What was called, in the words of the interface."""
        return (self.endpoint.ws if self.interface == "ws-api" else " ".join(self.endpoint.rest or ())) or ""

    def time(self, time_us: int) -> int:
        """A time as the reply has it."""
        return time_us // self.unit


class Faults(Protocol):
    """Decide at once."""

    def meet(self, call: Call) -> Trouble | None:
        """The call has been let in. None: nothing goes wrong with it."""
        ...
