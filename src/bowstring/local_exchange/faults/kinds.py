"""What can go wrong on purpose. Each is a value, that `FaultSwitches` switch on; in JSON, ``fault`` names it.

A fault is on until it is cleared. ``for_s``: it clears itself after so many seconds. Those that happen again and again
can be limited to ``count`` times, and happen by ``chance``, a share that is drawn by ``seed``: the same sequence of
calls, or of messages, meets the same faults.
"""

from typing import Literal

from msgspec import Struct

from bowstring.local_exchange.wire import Interface

Calls = Literal["rest", "ws-api"]
Then = Literal["silence", "reset"]
Error = Literal[
    "429", "418", "403", "500", "502", "503", "504", "-1000", "-1001", "-1006", "-1007", "-1008", "html", "truncated"
]


class Fault(Struct, frozen=True, kw_only=True, tag_field="fault", tag=True, forbid_unknown_fields=True):
    """Anything that goes wrong."""

    for_s: float | None = None

    def __post_init__(self) -> None:
        for name in ("for_s", "seconds", "down_s", "every_s", "count", "bytes", "size", "retry_after_s"):
            value = getattr(self, name, None)
            if value is not None and not value > 0 and (name, type(self)) != ("seconds", SkewClock):
                raise ValueError(f"{name} of {type(self).__name__} is {value!r}: it has to be more than 0")
        chance = getattr(self, "chance", 1.0)
        if not 0 < chance <= 1:
            raise ValueError(f"chance of {type(self).__name__} is {chance!r}: a share of more than 0, up to 1")


class Repeated(Fault, frozen=True, kw_only=True):
    """What happens again and again."""

    count: int | None = None
    chance: float = 1.0
    seed: int = 0


class CallFault(Repeated, frozen=True, kw_only=True):
    """Meets calls that were let in.

    ``calls``: ``orders``, ``queries`` of an account, ``public`` ones, ``session`` ones, ``any``, or one of them by its
    name of either interface, such as ``order.place`` or ``POST /api/v3/order``, which is good for both.
    """

    calls: str = "orders"
    interface: Calls | None = None
    account: str | None = None
    symbol: str | None = None


class LoseReply(CallFault, frozen=True, kw_only=True):
    """The call is carried out, and never answered; ``then`` nothing happens, or the connection is reset."""

    then: Then = "silence"


class LoseRequest(CallFault, frozen=True, kw_only=True):
    """The call is not carried out, and never answered."""

    then: Then = "silence"


class DelayRequest(CallFault, frozen=True, kw_only=True):
    """The call is carried out late, even if its client is gone by then. ``seconds`` None: when this is cleared."""

    seconds: float | None = None


class DelayReply(CallFault, frozen=True, kw_only=True):
    """The call is carried out at once and answered late."""

    seconds: float | None = None


class FailCall(CallFault, frozen=True, kw_only=True):
    """The call is answered with an ``error``; ``accepted``: it is carried out all the same.

    A number is an HTTP status, or one of Binance's codes; ``html`` is a page of a proxy, with the status 502, and
    ``truncated`` the true answer, cut off in the middle.
    """

    error: Error
    accepted: bool = False
    retry_after_s: int | None = None


class LagQueries(CallFault, frozen=True, kw_only=True):
    """Queries of an account show what there was so many seconds ago, but nothing older than when it was switched on.

    ``seconds`` None: what there was then.
    """

    calls: str = "queries"
    seconds: float | None = None


class StaleSnapshot(CallFault, frozen=True, kw_only=True):
    """The snapshot of a book is the one of when this was switched on."""

    calls: str = "depth"


class SwitchOn(CallFault, frozen=True, kw_only=True):
    """The call, before it is carried out, switches another fault on."""

    switches: "AnyFault"


class ReportFault(Repeated, frozen=True, kw_only=True):
    """Meets private events: ``event`` and ``change`` are their ``e`` and ``x``; None: whatever they are."""

    account: str | None = None
    symbol: str | None = None
    event: Literal["executionReport", "outboundAccountPosition"] | None = "executionReport"
    change: Literal["NEW", "CANCELED", "TRADE", "EXPIRED", "TRADE_PREVENTION"] | None = None


class DropReport(ReportFault, frozen=True, kw_only=True):
    """Nobody is told."""


class DuplicateReport(ReportFault, frozen=True, kw_only=True):
    """Everybody is told twice."""


class DelayReport(ReportFault, frozen=True, kw_only=True):
    """It is told late, and what is not delayed overtakes it. ``seconds`` None: when this is cleared."""

    seconds: float | None = None


class ReorderReports(ReportFault, frozen=True, kw_only=True):
    """So many are kept back until there is the last of them, and then told in this ``order``, else last one first.

    ``order`` has their positions, from 0. ``count`` is of whole groups.
    """

    size: int = 2
    order: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.order is not None and sorted(self.order) != [*range(self.size)]:
            raise ValueError(f"order of ReorderReports is {self.order!r}: it has to have each of 0 to {self.size - 1}")


class StreamFault(Repeated, frozen=True, kw_only=True):
    """Meets messages of market data, whether one client is sent them or many."""


class FreezeStream(StreamFault, frozen=True, kw_only=True):
    """Streams are silent, and their sockets alive. ``stream`` may have wildcards: ``btcusdt@*``."""

    stream: str


class GapBook(StreamFault, frozen=True, kw_only=True):
    """A message with changes of the book is not sent: the ids of the next one do not follow."""

    symbol: str


class CrossBook(StreamFault, frozen=True, kw_only=True):
    """A message with changes of the book has a bid above the best ask, which is never taken back."""

    symbol: str


class ConnectionFault(Fault, frozen=True, kw_only=True):
    """Meets TCP connections. ``account``: those of the WebSocket API that are logged on, or subscribed, as it."""

    interface: Interface | None = None
    account: str | None = None


class ResetConnections(ConnectionFault, frozen=True, kw_only=True):
    """Those that there are end with a RST."""


class MuteConnections(ConnectionFault, frozen=True, kw_only=True):
    """Those that there are stay open and silent: half-open. Cleared, they are reset."""


class IgnoreConnections(Repeated, frozen=True, kw_only=True):
    """New ones are accepted and never answered. Cleared, they are reset."""


class SlowDrip(Fault, frozen=True, kw_only=True):
    """So many ``bytes`` at a time reach the client, one time ``every_s``."""

    interface: Interface | None = None
    bytes: int = 1
    every_s: float = 0.01


class ExpireKey(Fault, frozen=True, kw_only=True):
    """The keys of an account, or one of them, are good for nothing."""

    account: str
    key: str | None = None


class SkewClock(Fault, frozen=True, kw_only=True):
    """The exchange's time is so many seconds ahead, or behind if they are negative.

    Where it would step back, what trades keep stands still until it has caught up.
    """

    seconds: float


class Restart(Fault, frozen=True, kw_only=True):
    """All connections end and the port is closed for so long; None: until this is cleared. What was accepted is kept.

    ``announced``: clients are told by ``serverShutdown`` and a close frame, else they are reset.
    """

    down_s: float | None = 0.2
    announced: bool = False


class Mix(Fault, frozen=True, kw_only=True):
    """A bit of everything, or ``only`` of faults with these names, by ``seed``: the ``rate`` is a share of all calls.

    Of private events and changes of books the same share is met.
    """

    seed: int
    rate: float
    only: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.rate <= 1:
            raise ValueError(f"rate of Mix is {self.rate!r}: a share of more than 0, up to 1")


AnyFault = (
    LoseReply
    | LoseRequest
    | DelayRequest
    | DelayReply
    | FailCall
    | LagQueries
    | StaleSnapshot
    | SwitchOn
    | DropReport
    | DuplicateReport
    | DelayReport
    | ReorderReports
    | FreezeStream
    | GapBook
    | CrossBook
    | ResetConnections
    | MuteConnections
    | IgnoreConnections
    | SlowDrip
    | ExpireKey
    | SkewClock
    | Restart
    | Mix
)
"""What JSON is decoded as."""
