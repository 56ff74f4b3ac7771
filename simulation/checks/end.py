"""In the end, ledger and journal agree to the last digit, and nothing was done that may not be."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from bowstring.trading.journal.port import Journal
from bowstring.trading.messages import ReplaceOrder
from simulation.checks.evidence import LATER, ZERO, Evidence, Key
from simulation.checks.fills import check_recorded_fills
from simulation.checks.limits import check_limits
from simulation.ledger import Accepted, Ended, Traded
from simulation.life import Life

NEVER_LIVED = "failed", "refused", "rejected", "expired"


def check_end(evidence: Evidence, lives: Sequence[Life], journal: Journal) -> Iterator[str]:
    """What is wrong after all lives."""
    yield from check_accepted(evidence)
    yield from check_orders(evidence, journal)
    yield from check_recorded_fills(evidence)
    yield from check_positions(evidence, journal)
    yield from check_limits(evidence)
    yield from check_foreign(evidence)
    yield from check_replacements(evidence)
    yield from check_stops(evidence, lives)


def check_accepted(evidence: Evidence) -> Iterator[str]:
    """I1: no intent was accepted twice; I2: none is unknown to the journal."""
    accepted = Counter((entry.venue, entry.name) for entry in evidence.accepted())
    for key, times in accepted.items():
        if times > 1:
            yield f"I1: {key} was accepted {times} times"
        if key not in evidence.record.intents:
            yield f"I2: {key} was accepted, and is not on record"


def check_orders(evidence: Evidence, journal: Journal) -> Iterator[str]:
    """I3: what is on record of every order is what became of it."""
    fates = evidence.fates()
    known = {(order.venue, order.client_order_id): order for order in evidence.orders(journal)}
    for key, (status, filled) in fates.items():
        order = known.get(key)
        if order is None:
            yield f"I2: {key} is {status}, and the journal does not know it"
        elif (order.status, order.filled) != (status, filled):
            yield f"I3: {key} is {status}, {filled:f} filled; the journal says {order.status}, {order.filled:f}"
    for key, order in known.items():
        if key not in fates and (order.status not in NEVER_LIVED or order.filled):
            yield f"I3: {key} never was at the venue, and the journal says {order.status}"


def check_positions(evidence: Evidence, journal: Journal) -> Iterator[str]:
    """I4: positions are the sum of the ledger's fills, less the fees in base currency."""
    known: defaultdict[str, dict[Key, Decimal]] = defaultdict(dict)
    for venue in evidence.exchanges:
        for position in journal.recall(venue).positions:
            known[position.strategy][venue, position.symbol] = position.quantity
    truth = evidence.positions()
    for strategy in evidence.character.names:
        for key in {**known[strategy], **truth[strategy]}:
            on_record, held = (positions[strategy].get(key, ZERO) for positions in (known, truth))
            if on_record != held:
                yield f"I4: {strategy} holds {held:f} of {key}, and the journal says {on_record:f}"


def check_foreign(evidence: Evidence) -> Iterator[str]:
    """Foreign orders are untouched."""
    foreign = {(entry.venue, entry.name) for entry in evidence.ledger.all(Accepted) if entry.by != "bot"}
    for entry in evidence.ledger.all(Ended):
        if entry.by == "bot" and (entry.venue, entry.name) in foreign:
            yield f"the foreign order {entry.name} was cancelled"


def check_replacements(evidence: Evidence) -> Iterator[str]:
    """No replacement is accepted before what it replaces was cancelled."""
    cancelled: set[Key] = set()
    for entry in evidence.ledger:
        if isinstance(entry, Ended) and entry.status == "cancelled":
            cancelled.add((entry.venue, entry.name))
        elif isinstance(entry, Accepted) and (entry.venue, entry.name) in evidence.record.intents:
            action = evidence.record.intents[entry.venue, entry.name].order
            if isinstance(action, ReplaceOrder) and (entry.venue, action.client_order_id) not in cancelled:
                yield f"{entry.name} was accepted before {action.client_order_id}, which it replaces, was cancelled"


def check_stops(evidence: Evidence, lives: Sequence[Life]) -> Iterator[str]:
    """What may be alive after a stop that was to cancel all was named."""
    if evidence.character.on_stop != "cancel":
        return
    for life, following in zip(lives, [*lives[1:], None], strict=True):
        if not life.was_killed and life.error is None:
            for _venue, name in _alive(evidence, life.ended_ns, following.began_ns if following else LATER):
                if f"{name} (" not in life.left:
                    yield f"life {life.number} ended, and {name} is alive without being named"


def _alive(evidence: Evidence, since_ns: int, until_ns: int) -> Iterable[Key]:
    """The bot's orders that were open at some time, or accepted between that and another one."""
    left: dict[Key, Decimal] = {}
    late: dict[Key, None] = {}
    for entry in evidence.ledger:
        if isinstance(entry, Accepted) and entry.by == "bot" and entry.time_ns < until_ns:
            left[entry.venue, entry.name] = entry.quantity
            if entry.time_ns > since_ns:
                late[entry.venue, entry.name] = None
        elif isinstance(entry, Traded) and (entry.venue, entry.name) in left and entry.time_ns <= since_ns:
            left[entry.venue, entry.name] -= entry.quantity
        elif isinstance(entry, Ended) and entry.time_ns <= since_ns:
            left.pop((entry.venue, entry.name), None)
    return {**late, **{key: None for key, quantity in left.items() if quantity}}
