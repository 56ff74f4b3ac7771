"""`Recovered` is the truth: where a strategy is told that it stands is where its orders stand by the ledger."""

from collections.abc import Collection, Iterator

from bowstring.core.messages import CollectorUp, Event, Resumed
from bowstring.trading.messages import Fill, OrderUpdate, Recovered
from simulation.checks.evidence import ZERO, Evidence, Fates, TradeKey
from simulation.life import Life
from simulation.transcript import Shown, Told

NOTHING = "", ZERO


def check_recovered(evidence: Evidence, life: Life) -> Iterator[str]:
    """What strategies were told when their venues opened; who was resumed before that is told then, too, what is known.

    All is in it that had happened at the venue before the recovery asked for the last time, as far as questions show
    it by then, and nothing else but what happened before it was told.
    """
    known = {key for key, (number, _time_ns) in evidence.record.filled.items() if number < life.number}
    asked = {venue: Asked() for venue in evidence.exchanges}
    told: set[object] = set()
    for entry in life.entries:
        if isinstance(entry, Shown):
            asked[entry.venue].see(entry)
        elif isinstance(entry, Told):
            event, time_ns = entry.event, entry.time_ns - entry.age_ns
            _hear(event, time_ns, asked=asked, known=known)
            if isinstance(event, Resumed):
                told |= {(venue, event.strategy) for venue in asked}
            elif isinstance(event, Recovered) and (event.venue, event.strategy) not in told:
                told.add((event.venue, event.strategy))
                shown_ns = asked[event.venue].last_ns(time_ns) - int(life.gateways[event.venue].query_lag_s * 1e9)
                yield from _untruths(evidence, event, known, shown_ns=shown_ns, told_ns=time_ns)


class Asked:
    """When one venue was asked how things stand, and when it was known what became of all unknown orders.

    Those are the ones that were still unknown when the stream came up: after that they are asked about one by one.
    """

    def __init__(self) -> None:
        self._shown: list[Shown] = []
        self._unknown: set[str] = set()
        self._up_ns = self._known_ns = -1

    def see(self, shown: Shown) -> None:
        """The venue has shown what is open."""
        self._shown.append(shown)

    def come_up(self, time_ns: int) -> None:
        """The private stream is up, for the first time or again."""
        if self._up_ns < 0:
            self._up_ns = time_ns

    def hear(self, update: OrderUpdate, time_ns: int) -> None:
        """Something became of an order."""
        if update.status == "unknown":
            self._unknown.add(update.client_order_id)
        elif update.client_order_id in self._unknown:
            self._unknown.remove(update.client_order_id)
            if 0 <= self._up_ns < time_ns:
                self._known_ns = time_ns

    def last_ns(self, until_ns: int) -> int:
        """When it was asked last, or should have been: not before all was known."""
        return max([self._known_ns, *(shown.asked_ns for shown in self._shown if shown.time_ns <= until_ns)])


def _hear(event: Event, time_ns: int, *, asked: dict[str, Asked], known: set[TradeKey]) -> None:
    match event:
        case Fill():
            known.add((event.venue, event.symbol, event.trade_id))
        case OrderUpdate():
            asked[event.venue].hear(event, time_ns)
        case CollectorUp() if (venue := event.collector.removeprefix("orders ")) in asked:
            asked[venue].come_up(time_ns)
        case _:
            pass


def _untruths(
    evidence: Evidence, recovered: Recovered, known: Collection[TradeKey], *, shown_ns: int, told_ns: int
) -> Iterator[str]:
    yield from _wrong_positions(evidence, recovered, known, shown_ns=shown_ns)
    yield from _wrong_orders(
        evidence, recovered, before=evidence.fates(until_ns=shown_ns), now=evidence.fates(until_ns=told_ns)
    )


def _wrong_positions(
    evidence: Evidence, recovered: Recovered, known: Collection[TradeKey], *, shown_ns: int
) -> Iterator[str]:
    """It was told of all fills by then, and holds what they make."""
    who, venue = recovered.strategy, recovered.venue
    trades = {
        (venue, trade.symbol, trade.trade_id): trade
        for trade in evidence.trades()
        if trade.venue == venue and evidence.owner(venue, trade.name) == who
    }
    for key, trade in trades.items():
        if trade.time_ns <= shown_ns and key not in known:
            yield f"{who} was told where it stands before it was told of fill {key}"
    held = evidence.positions(trade for key, trade in trades.items() if key in known)[who]
    told = {(venue, symbol): quantity for symbol, quantity in recovered.positions.items()}
    for what in {**held, **told}:
        if held.get(what, ZERO) != told.get(what, ZERO):
            yield f"{who} was told that it holds {told.get(what, ZERO):f} of {what}, not {held.get(what, ZERO):f}"


def _wrong_orders(evidence: Evidence, recovered: Recovered, *, before: Fates, now: Fates) -> Iterator[str]:
    """What it was told of an order was so at some time between when the venue was asked and when it was told."""
    who, venue = recovered.strategy, recovered.venue
    told = {(venue, order.client_order_id): order for order in recovered.orders}
    for key in {**now, **told}:
        (was, least), (status, most), order = before.get(key, NOTHING), now.get(key, NOTHING), told.get(key)
        if order is None:
            if was == status == "open" and key[0] == venue and evidence.owner(*key) == who:
                yield f"{who} was told where it stands without {key}, which is open"
        elif was not in ("", "open") or not status or not least <= order.filled <= most:
            yield f"{who} was told where it stands with {key}, {order.filled:f} filled, and it is {status}, {most:f}"
