"""The blotter: all orders of one account that this bot placed, their fills, and the positions they make. No I/O."""

from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from msgspec.structs import replace

from bowstring.core.messages import Event
from bowstring.market.instrument import Instrument
from bowstring.trading.gateway import FillReport, OpenOrder, OrderReport
from bowstring.trading.journal.port import Remembered
from bowstring.trading.messages import Fill, Position, ReconcileMismatch, Side
from bowstring.trading.orders import EXACT, Order, advance, contradiction, is_decided, is_news, lives_again
from bowstring.trading.symbols import position_change

FINISHED_KEPT = 10_000  # late reports come within seconds
ZERO = Decimal(0)
CRASHED = "the bot ended before the outcome was known"


class Blotter:
    """Orders by client order id: the ``live`` ones, and as many finished ones as late reports can concern.

    ``external`` are the account's open orders that others placed, as the venue last showed them, by its own ids.
    """

    def __init__(self, venue: str) -> None:
        self.live: dict[str, Order] = {}
        self.instruments: dict[str, Instrument] = {}
        self._venue = venue
        self._finished: OrderedDict[str, Order] = OrderedDict()
        self._filled: dict[str, Decimal] = {}
        self._short: dict[str, None] = {}
        self._trades: defaultdict[str, set[str]] = defaultdict(set)
        self._positions: dict[tuple[str, str], Decimal] = {}
        self._fees: set[tuple[str, str]] = set()
        self.external: dict[str, OpenOrder] = {}
        self._problems_told: set[str] = set()

    def restore(self, remembered: Remembered) -> None:
        """Begin from what is on record. An order whose outcome it does not tell may be at the venue: it is unknown."""
        for order in remembered.finished:
            self._finished[order.client_order_id] = order
        for order in remembered.live:
            is_pending = order.status == "pending"
            self.live[order.client_order_id] = replace(order, status="unknown", reason=CRASHED) if is_pending else order
        for client_order_id, trade_id in remembered.trades:
            self._trades[client_order_id].add(trade_id)
        self._filled.update(remembered.filled)
        self._fees.update(remembered.fees)
        for order in (*self.live.values(), *self._finished.values()):
            self._note_short(order)
        for position in remembered.positions:
            self._positions[position.strategy, position.symbol] = position.quantity

    def add(self, order: Order) -> None:
        """Take a new order in."""
        self.live[order.client_order_id] = order

    def withdraw(self, client_order_id: str, *, reason: str) -> Order | None:
        """Note that an order was proven not sent; returns it. No event: its action's closing tells that.

        None: it cannot be, for the venue has told of it.
        """
        order = self.live.get(client_order_id)
        if order is None or order.status != "pending":
            return None
        withdrawn = replace(order, status="failed", reason=reason)
        self._keep(withdrawn)
        return withdrawn

    def find(self, client_order_id: str) -> Order | None:
        """An order, live or finished; None for one that is not ours or long gone."""
        return self.live.get(client_order_id) or self._finished.get(client_order_id)

    def of(self, strategy: str) -> Sequence[Order]:
        """A strategy's live orders."""
        return [order for order in self.live.values() if order.strategy == strategy]

    def symbols_with_fills_to_come(self) -> Sequence[str]:
        """The symbols of live orders, and of finished ones that filled more than the fills that were told."""
        return sorted({order.symbol for order in (*self.live.values(), *self.short_of_fills())})

    def short_of_fills(self) -> Sequence[Order]:
        """Orders that filled more than their fills that were told."""
        return [order for name in self._short if (order := self.find(name)) is not None]

    def filled(self, client_order_id: str) -> Decimal:
        """The sum of an order's fills that were told, in base units."""
        return self._filled.get(client_order_id, ZERO)

    def positions(self) -> Sequence[Position]:
        """Of every strategy in every symbol in which it has ever traded."""
        return [
            Position(strategy=strategy, venue=self._venue, symbol=symbol, quantity=quantity)
            for (strategy, symbol), quantity in self._positions.items()
        ]

    def set_position(self, strategy: str, symbol: str, quantity: Decimal) -> Position:
        """Take a position for what a human says it is."""
        self._positions[strategy, symbol] = quantity
        return Position(strategy=strategy, venue=self._venue, symbol=symbol, quantity=quantity)

    def reducible(self, strategy: str, symbol: str, *, side: Side) -> Decimal:
        """By how much an order of this side would reduce the strategy's position, its live ones taken as filled.

        What is known to be filled and was not told by a fill yet is taken as filled, too.
        """
        position = self._positions.get((strategy, symbol), ZERO)
        reducible = position if side == "sell" else position.copy_negate()
        ended = (order for order in self.short_of_fills() if order.is_final)
        for order in (*self.live.values(), *ended):
            if (order.strategy, order.symbol, order.side) == (strategy, symbol, side):
                most = order.filled if order.is_final else order.quantity
                reducible = EXACT.subtract(reducible, EXACT.subtract(most, self.filled(order.client_order_id)))
        return reducible

    def take_report(self, report: OrderReport) -> list[Event]:
        """Take in the venue's word on an order; returns what is new. Reports of foreign orders tell nothing."""
        order = self.find(report.client_order_id)
        if order is None:
            return []
        if lives_again(order, report):  # what a human said of its fills is void, too
            report = replace(report, filled=max(report.filled, self.filled(order.client_order_id)))
        return self._advance(order, report)

    def take_fill(self, report: FillReport, *, recovered: bool = False) -> list[Event]:
        """Take in one execution, once: the fill, the position it makes, and what it does to its order."""
        order = self.find(report.client_order_id)
        if order is None or report.trade_id in self._trades[order.client_order_id]:
            return []
        if report.symbol != order.symbol:  # of one that it does not list a gateway may know the venue's name only
            report = replace(report, symbol=order.symbol)
        filled = EXACT.add(self._filled.get(order.client_order_id, ZERO), report.quantity)
        position = self._position(order, report)  # what can be reckoned is known from now on
        self._trades[order.client_order_id].add(report.trade_id)
        self._fees.add((report.symbol, report.fee_currency))
        self._filled[order.client_order_id] = filled
        cumulative = OrderReport(
            client_order_id=order.client_order_id,
            status=order.status if is_decided(order) else "open",  # else it would live again
            filled=filled,
            time_ns=report.time_ns,
        )
        return [_fill(order, report, recovered=recovered), position, *self._advance(order, cumulative)]

    def owned(self) -> Iterator[tuple[str, str, Decimal]]:
        """Symbol, base currency and, of all positions in that currency together, the quantity.

        Of spot only, and not of a currency that is spent on something else as well: as a quote, or for fees.
        """
        together: defaultdict[str, Decimal] = defaultdict(Decimal)
        traded: dict[str, str] = {}
        spent: set[str] = set()
        for position in self.positions():
            instrument = self.instruments.get(position.symbol)
            if instrument is not None and ":" not in position.symbol:
                traded[position.symbol] = instrument.base
                spent.add(instrument.quote)
                together[instrument.base] = EXACT.add(together[instrument.base], position.quantity)
        spent.update(currency for symbol, currency in self._fees if currency != traded.get(symbol))
        return ((symbol, base, together[base]) for symbol, base in traded.items() if base not in spent)

    def _advance(self, order: Order, report: OrderReport) -> list[Event]:
        events: list[Event] = []
        after = advance(order, report)
        problem = contradiction(order, report)
        if problem and self._is_new(problem, order, after, report):
            events.append(ReconcileMismatch(venue=self._venue, symbol=order.symbol, reason=problem))
        self._keep(after)
        if is_news(order, after):
            events.append(after.update())
        return events

    def _is_new(self, problem: str, order: Order, after: Order, report: OrderReport) -> bool:
        """Whether a problem was not told yet. Of two names for one order the state has one, whichever came first."""
        was_told = problem in self._problems_told
        self._problems_told.add(problem)
        is_other_name = report.venue_order_id not in {"", order.venue_order_id}
        return _known(after) != _known(order) or (is_other_name and not was_told)

    def _position(self, order: Order, report: FillReport) -> Position:
        key = order.strategy, order.symbol
        quantity = self._positions[key] = EXACT.add(self._positions.get(key, ZERO), position_change(report))
        return Position(strategy=order.strategy, venue=order.venue, symbol=order.symbol, quantity=quantity)

    def _note_short(self, order: Order) -> None:
        if order.filled > self.filled(order.client_order_id):
            self._short[order.client_order_id] = None
        else:
            self._short.pop(order.client_order_id, None)

    def _keep(self, order: Order) -> None:
        client_order_id = order.client_order_id
        self._note_short(order)
        if not order.is_final:
            self.live[client_order_id] = order
            self._finished.pop(client_order_id, None)
            return
        self.live.pop(client_order_id, None)
        self._finished[client_order_id] = order
        if len(self._finished) > FINISHED_KEPT:
            forgotten = next((name for name in self._finished if name not in self._short), client_order_id)
            del self._finished[forgotten]
            self._filled.pop(forgotten, None)
            self._trades.pop(forgotten, None)


def _fill(order: Order, report: FillReport, *, recovered: bool) -> Fill:
    return Fill(
        strategy=order.strategy,
        venue=order.venue,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        trade_id=report.trade_id,
        side=report.side,
        price=report.price,
        quantity=report.quantity,
        fee=report.fee,
        fee_currency=report.fee_currency,
        liquidity=report.liquidity,
        time_ns=report.time_ns,
        recovered=recovered,
    )


def _known(order: Order) -> tuple[str, Decimal, str]:
    return order.status, order.filled, order.venue_order_id
