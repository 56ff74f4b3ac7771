"""The laws of paper trading, checked by brute force on a record alone; this shares no code with the gateway.

Each ``check_...`` raises AssertionError if the record breaks its law.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from bowstring.market.events import Quote, Trade
from bowstring.trading.gateway import BalanceReport, FillReport, OrderReport, Report
from bowstring.trading.messages import FINAL, PlaceOrder
from tests.trading.paper.record import OBSERVED, Record, Sent


@dataclass
class Moment:
    """An event of the feed, what was reported while it was observed, and then until the next one."""

    event: Quote | Trade
    reports: list[Report] = field(default_factory=list[Report])
    later: list[Report] = field(default_factory=list[Report])

    @property
    def fills(self) -> list[FillReport]:
        return [report for report in self.reports if isinstance(report, FillReport)]


def moments(record: Record) -> list[Moment]:
    found: list[Moment] = []
    observing = False
    for entry in record.log:
        if isinstance(entry, Quote | Trade):
            observing = True
            found.append(Moment(entry))
        elif entry == OBSERVED:
            observing = False
        elif observing:
            found[-1].reports.append(entry)
        else:
            assert not isinstance(entry, FillReport), "a fill while nothing was shown"
            if found:
                found[-1].later.append(entry)
    return found


def shown(order: PlaceOrder, quote: Quote) -> tuple[Decimal, Decimal]:
    """The price and quantity that the order would meet."""
    return (quote.ask, quote.ask_quantity) if order.side == "buy" else (quote.bid, quote.bid_quantity)


def crosses(order: PlaceOrder, quote: Quote) -> bool:
    price, quantity = shown(order, quote)
    return quantity > 0 and (price <= order.price if order.side == "buy" else price >= order.price)


def traded_through(order: PlaceOrder, trade: Trade) -> bool:
    if order.side == "buy":
        return trade.side == "sell" and trade.price < order.price
    return trade.side == "buy" and trade.price > order.price


def quotes(record: Record, sent: Sent) -> tuple[Quote | None, Quote | None]:
    """The quote in force when the order arrived, and the first one at or after that."""
    in_force = first = None
    for position, entry in enumerate(record.log):
        if isinstance(entry, Quote) and entry.symbol == sent.order.symbol:
            if position < sent.position or entry.received_ns < sent.arrival_ns:
                in_force = entry
            else:
                first = first or entry
    return in_force, first


def arrives_as_taker(record: Record, sent: Sent) -> bool:
    in_force, _ = quotes(record, sent)
    if sent.order.time_in_force != "gtc":
        return True
    return not sent.order.post_only and (in_force is None or crosses(sent.order, in_force))


def check_every_fill_is_in_the_feed(record: Record) -> None:
    for moment in moments(record):
        for fill in moment.fills:
            sent = record.sent[fill.client_order_id]
            order, event = sent.order, moment.event
            assert sent.arrival_ns <= event.received_ns == fill.time_ns
            assert (fill.symbol, fill.side) == (event.symbol, order.side)
            assert fill.quantity > 0
            if isinstance(event, Trade):
                assert fill.liquidity == "maker"
                assert fill.price == order.price
                assert traded_through(order, event)
                continue
            assert crosses(order, event)
            price, quantity = shown(order, event)
            assert fill.quantity <= quantity
            assert fill.price == (price if fill.liquidity == "taker" else order.price)


def check_only_takers_take_and_only_from_their_first_quote(record: Record) -> None:
    for moment in moments(record):
        for fill in moment.fills:
            sent = record.sent[fill.client_order_id]
            _, first = quotes(record, sent)
            takes = arrives_as_taker(record, sent) and moment.event is first
            assert fill.liquidity == ("taker" if takes else "maker")


def check_what_is_shown_is_used_once(record: Record) -> None:
    latest: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
    used: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for moment in moments(record):
        event = moment.event
        if isinstance(event, Trade):
            assert sum(fill.quantity for fill in moment.fills) <= event.quantity
            continue
        for side, price, quantity in (
            ("sell", event.bid, event.bid_quantity),
            ("buy", event.ask, event.ask_quantity),
        ):
            key = event.symbol, side
            last_price, last_quantity = latest.get(key, (None, Decimal(0)))
            if price != last_price or quantity > last_quantity:
                used[key] = Decimal(0)
            latest[key] = price, quantity
            filled = sum((fill.quantity for fill in moment.fills if fill.side == side), Decimal(0))
            assert filled <= max(quantity - used[key], Decimal(0))
            used[key] += filled


def check_every_order_gets_what_is_due(record: Record) -> None:
    """Nobody is left out, and price comes before time: the fills of each event are exactly these."""
    working: dict[str, Decimal] = {}
    available: dict[tuple[str, str], tuple[Decimal, Decimal, Decimal]] = {}
    for moment in moments_with_arrivals_first(record, working):
        due = dict(due_now(record, moment.event, working=working, available=available))
        got: dict[str, Decimal] = defaultdict(Decimal)
        for fill in moment.fills:
            got[fill.client_order_id] += fill.quantity
        assert got == due


def moments_with_arrivals_first(record: Record, working: dict[str, Decimal]) -> Iterator[Moment]:
    """The moments; ``working`` holds what remained of each open order when the event came.

    What arrives with an event comes before it.
    """
    _follow(record, working, reports=_before_the_first_event(record))
    for moment in moments(record):
        _follow(record, working, reports=[report for report in moment.reports if _is_arrival(report)])
        yield moment
        _follow(record, working, reports=moment.reports + moment.later)


def _before_the_first_event(record: Record) -> Sequence[Report]:
    reports = itertools.takewhile(lambda entry: not isinstance(entry, Quote | Trade), record.log)
    return [entry for entry in reports if isinstance(entry, OrderReport)]


def _is_arrival(report: Report) -> bool:
    accepted_or_cancelled = {("open", True), ("cancelled", True), ("cancelled", False)}
    return isinstance(report, OrderReport) and (report.status, report.filled == 0) in accepted_or_cancelled


def _follow(record: Record, working: dict[str, Decimal], *, reports: Sequence[Report]) -> None:
    for report in reports:
        if isinstance(report, OrderReport):
            working[report.client_order_id] = record.sent[report.client_order_id].order.quantity - report.filled
            if report.status in FINAL:
                del working[report.client_order_id]


def due_now(
    record: Record,
    event: Quote | Trade,
    *,
    working: dict[str, Decimal],
    available: dict[tuple[str, str], tuple[Decimal, Decimal, Decimal]],
) -> Iterator[tuple[str, Decimal]]:
    """Who gets how much; ``available`` remembers (price, quantity, left) of each side."""
    for side in ("buy", "sell"):
        mine = [i for i in working if (record.sent[i].order.symbol, record.sent[i].order.side) == (event.symbol, side)]
        mine.sort(key=lambda i: record.sent[i].order.price * (-1 if side == "buy" else 1))
        if isinstance(event, Trade):
            rested = [
                i for i in mine if _rests(record, record.sent[i], event) and traded_through(record.sent[i].order, event)
            ]
            yield from _share(record, rested, working=working, left=event.quantity)
            continue
        price, quantity = (event.ask, event.ask_quantity) if side == "buy" else (event.bid, event.bid_quantity)
        last_price, last_quantity, left = available.get((event.symbol, side), (None, Decimal(0), Decimal(0)))
        if price != last_price or quantity > last_quantity:
            left = quantity
        else:
            left = max(left - (last_quantity - quantity), Decimal(0))
        crossed = [i for i in mine if crosses(record.sent[i].order, event)]
        shares = list(_share(record, crossed, working=working, left=left))
        available[event.symbol, side] = price, quantity, left - sum((share for _, share in shares), Decimal(0))
        yield from shares


def _rests(record: Record, sent: Sent, trade: Trade) -> bool:
    """Whether the order was a resting one when the trade came."""
    if not arrives_as_taker(record, sent):
        return True
    _, first = quotes(record, sent)
    seen = record.log[: next(n for n, entry in enumerate(record.log) if entry is trade)]
    return first is not None and any(entry is first for entry in seen)


def _share(
    record: Record, ids: list[str], *, working: dict[str, Decimal], left: Decimal
) -> Iterator[tuple[str, Decimal]]:
    for i in ids:
        whole = record.sent[i].order.time_in_force != "fok" or working[i] <= left
        share = min(working[i], left) if whole else Decimal(0)
        if share:
            left -= share
            yield i, share


def check_time_in_force(record: Record) -> None:
    reports = [entry for entry in record.log if isinstance(entry, OrderReport)]
    for client_order_id, sent in record.sent.items():
        mine = [report for report in reports if report.client_order_id == client_order_id]
        if not mine or sent.order.time_in_force == "gtc":
            assert all(report.status != "expired" for report in mine)
            continue
        _, first = quotes(record, sent)
        last = mine[-1]
        assert last.status in {"filled", "expired", "cancelled"} if first else last.status in {"open", "cancelled"}
        assert first is None or last.time_ns <= first.received_ns
        if sent.order.time_in_force == "fok":
            assert last.filled in {Decimal(0), sent.order.quantity}


def check_post_only(record: Record) -> None:
    for sent in record.sent.values():
        in_force, _ = quotes(record, sent)
        taking = in_force is not None and crosses(sent.order, in_force)
        if isinstance(sent.answer, OrderReport):
            assert not (sent.order.post_only and taking)
        elif "post-only would take" in str(sent.answer):
            assert sent.order.post_only
            assert taking


def check_reports_come_causes_first(record: Record) -> None:
    """A fill, its order, the balances; trade ids count from 1; each order's reports go on from one another."""
    last: dict[str, OrderReport] = {}
    reports = [entry for entry in record.log if isinstance(entry, OrderReport | FillReport | BalanceReport)]
    fills = [report for report in reports if isinstance(report, FillReport)]
    assert [fill.trade_id for fill in fills] == [str(n) for n in range(1, len(fills) + 1)]
    for report, next_report in itertools.zip_longest(reports, reports[1:]):
        if isinstance(report, FillReport):
            assert isinstance(next_report, OrderReport)
            assert next_report.client_order_id == report.client_order_id
            assert next_report.filled == last[report.client_order_id].filled + report.quantity
        elif isinstance(report, OrderReport):
            assert isinstance(next_report, BalanceReport)
            _check_follows(report, after=last.get(report.client_order_id), sent=record.sent[report.client_order_id])
            last[report.client_order_id] = report


def check_the_books_say_what_was_reported(record: Record) -> None:
    last = {entry.client_order_id: entry for entry in record.log if isinstance(entry, OrderReport)}
    fills = [entry for entry in record.log if isinstance(entry, FillReport)]
    for client_order_id, sent in record.sent.items():
        assert record.queried[client_order_id] == last.get(client_order_id)
        assert isinstance(sent.answer, OrderReport) == (client_order_id in last)
    still_open = {client_order_id: report for client_order_id, report in last.items() if report.status == "open"}
    assert {order.report.client_order_id: order.report for order in record.open_orders} == still_open
    for order in record.open_orders:
        placed = record.sent[order.report.client_order_id].order
        assert (order.symbol, order.side, order.quantity, order.price) == (
            placed.symbol,
            placed.side,
            placed.quantity,
            placed.price,
        )
    assert sorted(record.fills, key=lambda fill: int(fill.trade_id)) == fills


def _check_follows(report: OrderReport, *, after: OrderReport | None, sent: Sent) -> None:
    if after is None:
        assert report == sent.answer
        assert (report.status, report.filled, report.time_ns) == ("open", Decimal(0), sent.arrival_ns)
        return
    assert after.status == "open"
    assert after.filled <= report.filled <= sent.order.quantity
    assert after.time_ns <= report.time_ns
    assert after.venue_order_id == report.venue_order_id
    assert (report.status == "filled") == (report.filled == sent.order.quantity)


def check_money_is_conserved(record: Record) -> None:
    """Balances are what the fills and the open orders make of the start, at every report and in the end."""
    totals = dict(record.start)
    remaining: dict[str, Decimal] = {}
    reported = {currency: (amount, Decimal(0)) for currency, amount in record.start.items()}
    for entry in record.log:
        if isinstance(entry, FillReport):
            _move(entry, totals=totals, fees=record.fees)
        elif isinstance(entry, OrderReport):
            _follow(record, remaining, reports=[entry])
        elif isinstance(entry, BalanceReport):
            reported[entry.currency] = entry.free, entry.locked
            assert min(entry.free, entry.locked) >= 0
            assert reported[entry.currency] == _expected(record, entry.currency, totals=totals, remaining=remaining)
    assert reported == {c: _expected(record, c, totals=totals, remaining=remaining) for c in totals}
    assert reported == {balance.currency: (balance.free, balance.locked) for balance in record.balances}


def _move(fill: FillReport, *, totals: dict[str, Decimal], fees: dict[str, Decimal]) -> None:
    base, quote = fill.symbol.split("/")
    rate, value = fees[fill.liquidity], fill.price * fill.quantity
    if fill.side == "buy":
        assert (fill.fee, fill.fee_currency) == (rate * fill.quantity, base)
        totals[base] += fill.quantity - fill.fee
        totals[quote] -= value
    else:
        assert (fill.fee, fill.fee_currency) == (rate * value, quote)
        totals[base] -= fill.quantity
        totals[quote] += value - fill.fee


def _expected(
    record: Record, currency: str, *, totals: dict[str, Decimal], remaining: dict[str, Decimal]
) -> tuple[Decimal, Decimal]:
    locked = Decimal(0)
    for client_order_id, quantity in remaining.items():
        order = record.sent[client_order_id].order
        base, quote = order.symbol.split("/")
        if order.side == "buy" and quote == currency:
            locked += order.price * quantity
        if order.side == "sell" and base == currency:
            locked += quantity
    return totals[currency] - locked, locked


LAWS = (
    check_every_fill_is_in_the_feed,
    check_only_takers_take_and_only_from_their_first_quote,
    check_what_is_shown_is_used_once,
    check_every_order_gets_what_is_due,
    check_time_in_force,
    check_post_only,
    check_reports_come_causes_first,
    check_the_books_say_what_was_reported,
    check_money_is_conserved,
)


def check(record: Record) -> None:
    for law in LAWS:
        law(record)
