"""What must hold in every life, however it ends."""

from collections import Counter
from collections.abc import Iterator

from bowstring.core.messages import ActionClosed, Event
from bowstring.trading.gateway import OrderRef
from bowstring.trading.messages import OrderUpdate, PlaceOrder, ReconcileMismatch
from simulation.checks.evidence import Evidence, told
from simulation.checks.fills import check_taken_in, check_told_fills
from simulation.checks.gate import Gate
from simulation.checks.recovered import check_recovered
from simulation.life import Life
from simulation.traders import REUSED
from simulation.transcript import Sent, Shown, Told

RANKS = "pending", "unknown", "failed", "refused", "rejected", "open", "expired", "cancelled", "filled"
"""The statuses of an order, each of which may follow those before it, unless one was the end."""
LIVE = "pending", "unknown", "open"


def check_life(evidence: Evidence, life: Life) -> Iterator[str]:
    """What was wrong in a life that is over."""
    checks = (
        check_closings, check_story, check_records, check_sends, check_told_fills, check_taken_in, check_recovered,
    )  # fmt: skip
    for check in checks:
        yield from (f"life {life.number}: {violation}" for violation in check(evidence, life))


def check_closings(_evidence: Evidence, life: Life) -> Iterator[str]:
    """I5: every action has exactly one outcome; those that a death cut off have one at most."""
    closed = Counter(event.action for event in told(life) if isinstance(event, ActionClosed))
    published = {action.seq: action for trader in life.traders for action in trader.published}
    for seq in closed:
        if seq not in published:
            yield f"I5: action {seq} was closed, and nobody published it"
    for seq, action in published.items():
        if closed[seq] > 1 or (not closed[seq] and not life.was_killed):
            yield f"I5: {action} has {closed[seq]} outcomes"


def check_story(_evidence: Evidence, life: Life) -> Iterator[str]:
    """The story of each order is monotone, from what was on record when the life began; and there is no mismatch."""
    last = dict(life.journal.updates_at_birth)
    for event in told(life):
        if isinstance(event, ReconcileMismatch):
            yield f"a mismatch: {event.reason}"
        if isinstance(event, OrderUpdate) and not _is_reused(event):
            before = last.get((event.venue, event.client_order_id))
            if before is not None and not _follows(before, event):
                yield f"not monotone: {event.client_order_id} {_state(before)} then {_state(event)}"
            last[event.venue, event.client_order_id] = event


def check_records(_evidence: Evidence, life: Life) -> Iterator[str]:
    """What was told was on record by then, as somebody may have acted upon it; and what is on record is not lost."""
    yield from life.journal.lost
    for entry in life.entries:
        if isinstance(entry, Told) and not entry.is_on_record and not _is_reused(entry.event):
            yield f"told before it was on record: {entry.event}"


def check_sends(evidence: Evidence, life: Life) -> Iterator[str]:
    """I1, I2 and I7 at the socket: what was sent was on record, once, and allowed."""
    gate = Gate(evidence.risk)
    for entry in life.entries:
        if isinstance(entry, Told):
            gate.hear(entry.event, entry.time_ns)
        elif isinstance(entry, Shown):
            gate.see(entry)
        elif isinstance(entry, Sent):
            yield from _objections(evidence, gate, entry)
    if not life.journal.has_failed:  # else what was told need not be on record
        evidence.risk = gate.risk


def _objections(evidence: Evidence, gate: Gate, sent: Sent) -> Iterator[str]:
    name = sent.order.client_order_id
    if isinstance(sent.order, OrderRef):
        if not sent.is_on_record:
            yield f"a foreign order was touched: {sent.method} {name}"
        return
    evidence.sent[sent.venue, name] += 1
    if evidence.sent[sent.venue, name] > 1:
        yield f"I1: {name} was sent {evidence.sent[sent.venue, name]} times"
    if not sent.is_on_record:
        yield f"I2: {name} was sent, and is not on record"
    order: PlaceOrder = sent.order
    yield from (f"I7: {name} was sent, {reason}" for reason in gate.objections(sent, order))


def _follows(before: OrderUpdate, after: OrderUpdate) -> bool:
    grows = RANKS.index(before.status) <= RANKS.index(after.status) and before.filled <= after.filled
    return grows and (before.status in LIVE or before.status == after.status)


def _is_reused(event: Event) -> bool:
    """Whether it is told of an id that was given to many orders, of which some were sent, and which is not known."""
    return isinstance(event, OrderUpdate) and event.client_order_id.endswith(REUSED)


def _state(update: OrderUpdate) -> str:
    return f"{update.status}, {update.filled:f} filled"
