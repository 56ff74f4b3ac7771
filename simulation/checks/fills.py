"""No fill is missed, and none is told twice or on record twice."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from bowstring.core.messages import CollectorDown, CollectorUp
from bowstring.trading.messages import Fill
from simulation.checks.evidence import Evidence, TradeKey, told
from simulation.life import Life
from simulation.transcript import Delivered, Told

NEVER = 0, 1 << 63


def check_told_fills(evidence: Evidence, life: Life) -> Iterator[str]:
    """A fill is told once where it is put on record, and in no later life; what was missed is told in its order."""
    fills = [event for event in told(life) if isinstance(event, Fill)]
    times = Counter((fill.venue, fill.symbol, fill.trade_id) for fill in fills)
    for key, count in times.items():
        if count > 1:
            yield f"fill {key} was told {count} times"
        if key in evidence.told:
            yield f"fill {key} was told again, after a restart"
    for key, (number, time_ns) in evidence.record.filled.items():
        is_cut_off = life.was_killed and time_ns == life.ended_ns
        if number == life.number and life.has_started and not is_cut_off and not times[key]:
            yield f"fill {key} went on record, and was not told"
    yield from _disorder(fills)
    if not life.journal.has_failed:  # else what was told need not be on record
        evidence.told |= times.keys()


def check_taken_in(evidence: Evidence, life: Life) -> Iterator[str]:
    """What a stream delivers is taken in, and once it is up after a break, so is all that was missed."""
    if not life.journal.has_failed:
        intake = Intake(evidence, life)
        for entry in life.entries:
            if life.was_killed and entry.time_ns == life.ended_ns:
                return
            if isinstance(entry, Delivered):
                yield from intake.deliver(entry)
            elif isinstance(entry, Told) and isinstance(entry.event, CollectorUp):
                yield from intake.come_up(entry.event.collector, entry.time_ns)
            elif isinstance(entry, Told) and isinstance(entry.event, CollectorDown):
                intake.go_down(entry.event.collector, entry.time_ns - entry.age_ns)


def check_recorded_fills(evidence: Evidence) -> Iterator[str]:
    """I4: all fills are on record, once, with price and fee."""
    truth = Counter(
        Facts(
            one.venue, one.symbol, one.trade_id, one.name, one.side, one.price, one.quantity, one.fee, one.fee_currency
        )
        for one in evidence.trades()
    )
    known = Counter(map(_facts, evidence.record.fills))
    for fill in truth - known:
        yield f"I4: the fill {fill} is not on record"
    for fill in known - truth:
        yield f"I4: the fill {fill} is on record, and never was, or is there twice"


def check_found(evidence: Evidence, *, until_ns: int) -> Iterator[str]:
    """What was filled until then is on record by now, whether a stream told it or not."""
    for trade in evidence.trades():
        key = trade.venue, trade.symbol, trade.trade_id
        if trade.time_ns <= until_ns and key not in evidence.record.filled:
            yield f"fill {key} was not found by reconciliation"


class Facts(NamedTuple):
    """What of a fill counts."""

    venue: str
    symbol: str
    trade_id: str
    name: str
    side: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str


class Intake:
    """What a life's streams have delivered, and whether it was taken in, by venue."""

    def __init__(self, evidence: Evidence, life: Life) -> None:
        self._evidence = evidence
        self._down_ns = {f"orders {venue}": life.began_ns for venue in evidence.exchanges}
        self._up: set[str] = set()
        self._held: defaultdict[str, list[TradeKey]] = defaultdict(list)

    def deliver(self, delivered: Delivered) -> Iterator[str]:
        """A fill comes in: it is taken in at once, or held back until the stream is up."""
        collector, fill = f"orders {delivered.venue}", delivered.fill
        if (delivered.venue, fill.client_order_id) in self._evidence.record.intents:
            self._held[collector].append((delivered.venue, fill.symbol, fill.trade_id))
            if collector in self._up:
                yield from self._missing(self._held.pop(collector), delivered.time_ns)

    def come_up(self, collector: str, time_ns: int) -> Iterator[str]:
        """A stream is up: what it held back and what was filled before is on record."""
        if collector in self._down_ns:
            self._up.add(collector)
            made = [
                (trade.venue, trade.symbol, trade.trade_id)
                for trade in self._evidence.trades()
                if f"orders {trade.venue}" == collector and trade.time_ns <= self._down_ns[collector]
            ]
            yield from self._missing([*self._held.pop(collector, []), *made], time_ns)

    def go_down(self, collector: str, time_ns: int) -> None:
        """A stream is down: what it held back will be asked for."""
        self._held.pop(collector, None)
        if collector in self._up:  # else it is down for longer already; what is told during a start is told at its end
            self._up.remove(collector)
            self._down_ns[collector] = time_ns

    def _missing(self, fills: Iterable[TradeKey], by_ns: int) -> Iterator[str]:
        for key in fills:
            if self._evidence.record.filled.get(key, NEVER)[1] > by_ns:
                yield f"fill {key} was not taken in"


def _facts(fill: Fill) -> Facts:
    return Facts(
        venue=fill.venue,
        symbol=fill.symbol,
        trade_id=fill.trade_id,
        name=fill.client_order_id,
        side=fill.side,
        price=fill.price,
        quantity=fill.quantity,
        fee=fill.fee,
        fee_currency=fill.fee_currency,
    )


def _disorder(fills: Iterable[Fill]) -> Iterator[str]:
    for one, other in pairwise(fill for fill in fills if fill.recovered):
        is_batch = (one.venue, one.symbol, one.received_ns) == (other.venue, other.symbol, other.received_ns)
        if is_batch and int(one.trade_id) > int(other.trade_id):
            yield f"fill {other.trade_id} was told after {one.trade_id}"
