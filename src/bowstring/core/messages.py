"""Messages: what happened (events) and what to do (actions).

A message is a frozen msgspec struct. The engine stamps its envelope once, when it is published:

* ``seq``: its place in the total order of messages, from 1; 0 while unpublished;
* ``cause``: the ``seq`` of the message whose handling produced it; 0 if it came from outside;
* ``received_ns``: when the outside event at the head of its chain was received, nanoseconds since the epoch;
* ``depth``: how many messages of its chain were published before it without waiting for an executor.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar, Literal

from msgspec import Struct

Delivery = Literal["lossless", "latest", "recent"]
"""What may happen to an event whose subscriber is behind.

``lossless``: never dropped; ``latest``: replaced by a newer one with the same key; ``recent``: the oldest go.
"""


class Message(Struct, frozen=True, kw_only=True):
    """Anything that travels through the engine's queues."""

    seq: int = 0
    cause: int = 0
    received_ns: int = 0
    depth: int = 0


class Event(Message, frozen=True, kw_only=True, tag_field="event_type"):
    """Something that happened. Subclass it with ``frozen=True`` and name it as a noun: ``PriceAlert``."""

    delivery: ClassVar[Delivery] = "lossless"

    def conflation_key(self) -> Hashable:
        """What a newer event must share with this one to replace it (``delivery = "latest"``)."""
        return type(self)


class Addressed(Event, frozen=True, kw_only=True):
    """An event for one strategy: others see it only by ``@on(..., all=True)``."""

    strategy: str


class Action(Message, frozen=True, kw_only=True, tag_field="action_type"):
    """Something to do. Subclass it with ``frozen=True`` and name it as an imperative: ``SendPage``.

    ``strategy`` is the name of the strategy that published it, ``group`` numbers the `Together` that it was in, 0 for
    none; the engine stamps both.
    """

    strategy: str = ""
    group: int = 0

    @property
    def adds_risk(self) -> bool:
        """Whether it may increase exposure. Such actions are refused while the engine stops."""
        return False

    def closed_unexecuted(self, closing: "ActionClosed") -> "Events":
        """Events that tell, in the action's own terms, that it never reached an executor."""
        return ()


class Together(Action, frozen=True):
    """Actions of which all pass the guards, or none: ``Together([PlaceOrder(...), PlaceOrder(...)])``.

    Each is published, judged and carried out as itself, at its place among the others that the handler returned. If one
    of them is refused by a guard, or nobody carries it out, all others are closed as `ActionRefused`, and none is
    carried out.

    That is all: what has passed goes its own ways. They are carried out one after the other, at different venues in
    different connections, and any of them may still be refused by its executor, rejected, or lost. So a handler of
    `OrderUpdate` has to deal with one that comes to nothing while another is filled.
    """

    actions: Sequence[Action]


Events = Iterable[Event]
"""What an executor's handler returns (usually it yields). ``None`` and a single event will do as well."""

Actions = Iterable[Action]
"""What a strategy's handler returns (usually it yields). ``None`` and a single action will do as well."""


class ActionClosed(Addressed, frozen=True, kw_only=True):
    """How an action ended: exactly one subclass of this per action and executor.

    ``action`` is the action's ``seq``; ``by`` names the executor, or the guard that refused it.
    """

    action: int
    action_type: str
    by: str
    reason: str = ""


class ActionDone(ActionClosed, frozen=True, kw_only=True):
    """The executor carried it out, as far as it can tell. For an order: see its `OrderUpdate`."""


class ActionRefused(ActionClosed, frozen=True, kw_only=True):
    """A guard, a full executor or a stopping engine said no; it was not carried out."""


class ActionExpired(ActionClosed, frozen=True, kw_only=True):
    """Its deadline passed while it waited; it was not carried out."""


class ActionFailed(ActionClosed, frozen=True, kw_only=True):
    """No executor took it, or the executor failed. For an order: proven not sent."""


class Lagged(Event, frozen=True, kw_only=True):
    """You were behind and ``count`` market data events were dropped, the first with seq ``first``, the last ``last``.

    Private to the subscriber that lost them, and delivered before anything newer.
    """

    count: int
    first: int
    last: int


class CollectorDown(Event, frozen=True, kw_only=True):
    """A collector failed: it raised, returned or stalled. It is started again in ``retry_in_s`` seconds."""

    collector: str
    reason: str
    retry_in_s: float


class CollectorUp(Event, frozen=True, kw_only=True):
    """A collector delivers again after `CollectorDown`, or for the first time."""

    collector: str


class ComponentFailed(Event, frozen=True, kw_only=True):
    """A component raised. A strategy is halted by it, until ``engine.resume(name)``.

    ``role`` is ``"strategy"``, ``"guard"`` or ``"executor"``; of a collector, `CollectorDown` tells.
    """

    component: str
    role: str
    reason: str
    halted: bool


class KillSwitch(Event, frozen=True, kw_only=True):
    """Somebody wants all trading to stop at once, and open orders cancelled: who, and why. The bot goes on running."""

    reason: str
    by: str


class Resumed(Addressed, frozen=True, kw_only=True):
    """A halted strategy goes on. ``missed`` events that waited for it were discarded: what they told is told anew."""

    missed: int = 0


class LoopBlocked(Event, frozen=True, kw_only=True):
    """The event loop did not run for ``blocked_s`` seconds: ``handler`` was seen to keep it from that.

    Where that is a second or longer, and nobody was seen, ``handler`` says so instead: it is "a process that stood
    still", "a debugger" or "something that was not seen".
    """

    handler: str
    blocked_s: float
