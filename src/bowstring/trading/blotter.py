"""The blotter: all orders of one account that this bot placed, their fills, and the positions they make. No I/O."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from msgspec.structs import replace

from bowstring.core.messages import Event
from bowstring.market.instrument import Instrument
from bowstring.trading.gateway import FillReport, OrderReport
from bowstring.trading.messages import Fill, Position, ReconcileMismatch
from bowstring.trading.orders import Order, advance, contradiction

FINISHED_KEPT = 10_000  # late reports come within seconds
FILLS_KEPT = 100_000


class Blotter:
    """Orders by client order id: the ``live`` ones, and as many finished ones as late reports can concern."""

    def __init__(self, venue: str) -> None:
        self.live: dict[str, Order] = {}
        self.instruments: dict[str, Instrument] = {}
        self._venue = venue
        self._finished: OrderedDict[str, Order] = OrderedDict()
        self._filled: dict[str, Decimal] = {}
        self._trades: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._positions: dict[tuple[str, str], Decimal] = {}

    def add(self, order: Order) -> None:
        """Take a new order in."""
        self.live[order.client_order_id] = order

    def withdraw(self, client_order_id: str) -> None:
        """Note, without an event, that an order was proven not sent: its action's closing tells that."""
        self._keep(replace(self.live[client_order_id], status="failed"))

    def find(self, client_order_id: str) -> Order | None:
        """An order, live or finished; None for one that is not ours or long gone."""
        return self.live.get(client_order_id) or self._finished.get(client_order_id)

    def of(self, strategy: str) -> Sequence[Order]:
        """A strategy's live orders."""
        return [order for order in self.live.values() if order.strategy == strategy]

    def take_report(self, report: OrderReport) -> Iterator[Event]:
        """Take in the venue's word on an order; yields what is new. Reports of foreign orders tell nothing."""
        order = self.find(report.client_order_id)
        if order is None:
            return
        problem = contradiction(order, report)
        if problem:
            yield ReconcileMismatch(venue=self._venue, symbol=order.symbol, reason=problem)
        after = advance(order, report)
        if after is order:
            return
        self._keep(after)
        yield after.update()

    def take_fill(self, report: FillReport, *, recovered: bool = False) -> Iterator[Event]:
        """Take in one execution, once: the fill, what it does to its order, and the position it makes."""
        order = self.find(report.client_order_id)
        if order is None or (report.symbol, report.trade_id) in self._trades:
            return
        self._trades[report.symbol, report.trade_id] = None
        if len(self._trades) > FILLS_KEPT:
            self._trades.popitem(last=False)
        yield _fill(order, report, recovered=recovered)
        yield self._position(order, report)
        filled = self._filled.get(order.client_order_id, Decimal(0)) + report.quantity
        self._filled[order.client_order_id] = filled
        yield from self.take_report(
            OrderReport(client_order_id=order.client_order_id, status="open", filled=filled, time_ns=report.time_ns)
        )

    def _position(self, order: Order, report: FillReport) -> Position:
        key = order.strategy, order.symbol
        change = report.quantity if report.side == "buy" else -report.quantity
        instrument = self.instruments.get(order.symbol)
        if instrument is not None and report.fee_currency == instrument.base:
            change -= report.fee
        self._positions[key] = self._positions.get(key, Decimal(0)) + change
        return Position(
            strategy=order.strategy, venue=order.venue, symbol=order.symbol, quantity=self._positions[key]
        )

    def _keep(self, order: Order) -> None:
        if not order.is_final:
            self.live[order.client_order_id] = order
            return
        self.live.pop(order.client_order_id, None)
        self._finished[order.client_order_id] = order
        if len(self._finished) > FINISHED_KEPT:
            forgotten, _order = self._finished.popitem(last=False)
            self._filled.pop(forgotten, None)


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
