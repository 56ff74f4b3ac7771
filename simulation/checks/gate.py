"""I7: nothing is sent while it may not be, by what was told until then."""

from collections.abc import Iterator, Sequence

from bowstring.core.messages import CollectorDown, CollectorUp, Event, KillSwitch, LoopBlocked
from bowstring.trading.messages import (
    OrderUpdate,
    PlaceOrder,
    ReconcileMismatch,
    Recovered,
    RiskAlarm,
    RiskState,
    RiskStateChanged,
)
from simulation.checks.evidence import Key
from simulation.transcript import Sent, Shown

LONG_S = 1.0  # a loop that was blocked for so long may have missed what matters
STATES: Sequence[RiskState] = ("active", "reducing", "halted")


class Gate:
    """Whether orders may be sent. ``risk`` is how the last life left it."""

    def __init__(self, risk: RiskState) -> None:
        self.risk: RiskState = risk
        self._ready: set[tuple[str, str]] = set()
        self._up: set[str] = set()
        self._disputed: set[tuple[str, str]] = set()
        self._doubted: dict[Key, None] = {}
        self._blocked_ns = -1
        self._asked_ns: dict[str, int] = {}

    def see(self, shown: Shown) -> None:
        """A venue has shown what is open."""
        self._asked_ns[shown.venue] = shown.asked_ns

    def hear(self, event: Event, time_ns: int) -> None:
        """Something was told."""
        match event:
            case RiskStateChanged():
                self.risk = event.state
            case RiskAlarm() if STATES.index(event.state) > STATES.index(self.risk):
                self.risk = event.state
            case KillSwitch():
                self.risk = "halted"
            case LoopBlocked():
                self._blocked_ns = time_ns if event.blocked_s >= LONG_S else self._blocked_ns
            case OrderUpdate():
                self._hear_update(event)
            case Recovered():
                self._ready.add((event.venue, event.strategy))
            case CollectorUp():
                self._up.add(event.collector)
            case CollectorDown():
                self._up.discard(event.collector)
            case ReconcileMismatch():
                self._disputed.add((event.venue, event.symbol))
            case _:
                pass

    def objections(self, sent: Sent, order: PlaceOrder) -> Iterator[str]:
        """Why the order should not have been sent."""
        if (sent.venue, order.strategy) not in self._ready:
            yield "before the strategy was told where it stands"
        for venue, name in self._doubted:
            if venue == sent.venue:
                yield f"before it was found out what became of {name}"
        if self.risk == "halted":
            yield "while trading was halted"
        if sent.age_ns > order.valid_for_s * 1e9 + 1:
            yield "too late"
        if not order.reduces:
            yield from self._objections_to_risk(sent, order)
        elif order.quantity > (sent.held if order.side == "sell" else -sent.held):
            yield f"to reduce a position of {sent.held:f}"

    def _objections_to_risk(self, sent: Sent, order: PlaceOrder) -> Iterator[str]:
        if self.risk == "reducing":
            yield "while trading was reducing"
        if f"orders {sent.venue}" not in self._up:
            yield "while the private stream was down"
        if self._asked_ns.get(sent.venue, -1) < self._blocked_ns:
            yield "after the loop was blocked, before the venue was asked"
        if (sent.venue, order.symbol) in self._disputed:
            yield "while its symbol was in dispute"
        if not sent.is_guarded:
            yield "while the venue would not have acted for a bot that is dead"

    def _hear_update(self, update: OrderUpdate) -> None:
        """Note what was unknown when the life began, until it is known."""
        key = update.venue, update.client_order_id
        if update.status != "unknown":
            self._doubted.pop(key, None)
        elif not any(venue == update.venue for venue, _strategy in self._ready):
            self._doubted[key] = None
