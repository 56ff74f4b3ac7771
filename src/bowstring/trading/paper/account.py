"""The venue's side of paper trading: it accepts, fills, cancels and remembers orders, and says so in reports.

Pure: no clock and no loop. Its laws stand in `bowstring.trading.paper.gateway`.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from bowstring.core.errors import ConfigError, Rejected
from bowstring.market.events import Quote, Trade
from bowstring.market.instrument import Instrument
from bowstring.trading.gateway import BalanceReport, FillReport, OpenOrder, OrderRef, OrderReport, Report
from bowstring.trading.messages import FINAL, PlaceOrder
from bowstring.trading.paper.book import Execution, Liquidity, PaperBook, PaperOrder
from bowstring.trading.paper.ledger import ZERO, Ledger

MAX_OPEN = 1_000  # orders; Binance allows a few hundred in a symbol
HISTORY = 10_000  # finished orders, and fills, that can still be asked for


class PaperAccount:
    """Orders, fills and balances. What changes is appended to ``outbox``, in causal order."""

    def __init__(self, *, balances: Mapping[str, Decimal], fee_rates: Mapping[Liquidity, Decimal]) -> None:
        for liquidity, rate in fee_rates.items():
            if not rate.is_finite() or rate >= 1:
                raise ConfigError(f"paper {liquidity} fee = {rate}: give a share below 1, as in 0.001")
        self.outbox: deque[Report] = deque()
        self._fee_rates = fee_rates
        self._ledger = Ledger(balances)
        self._books: dict[str, PaperBook] = {}
        self._open: dict[str, PaperOrder] = {}
        self._finished: dict[str, PaperOrder] = {}
        self._fills: deque[FillReport] = deque(maxlen=HISTORY)
        self._orders_accepted = self._fills_made = 0

    def set_instruments(self, instruments: Sequence[Instrument]) -> None:
        """These can be traded from now on, by these rules."""
        for instrument in instruments:
            self._books.setdefault(instrument.symbol, PaperBook(instrument)).instrument = instrument

    def observe(self, event: Quote | Trade) -> None:
        """Let what the feed shows fill the orders that have arrived."""
        book = self._books.get(event.symbol)
        for order, execution in book.observe(event) if book else ():
            if execution is not None:
                self._settle(order, execution)
            self._changed(order)

    def place(self, placed: PlaceOrder, *, time_ns: int, instead_of: PaperOrder | None = None) -> OrderReport:
        """Accept an order that arrives now, or raise `Rejected`; only then is the old one cancelled."""
        book = self._books.get(placed.symbol)
        if book is None:
            raise Rejected(f"{placed.client_order_id}: unknown symbol {placed.symbol!r}")
        for objection in self._objections(placed, book=book, old=instead_of):
            raise Rejected(f"{placed.client_order_id}: {objection}")
        if instead_of is not None:
            self._cancel(instead_of, time_ns=time_ns)
        return self._accept(placed, book=book, time_ns=time_ns)

    def replace(self, old: OrderRef, placed: PlaceOrder, *, time_ns: int) -> OrderReport:
        """Cancel and place as a whole, or raise `Rejected` and change nothing."""
        return self.place(placed, time_ns=time_ns, instead_of=self._working(old))

    def cancel(self, ref: OrderRef, *, time_ns: int) -> OrderReport:
        """Cancel an open order; `Rejected` if there is none."""
        return self._cancel(self._working(ref), time_ns=time_ns)

    def find(self, ref: OrderRef) -> PaperOrder | None:
        """The order, open or remembered."""
        order = self._open.get(ref.client_order_id) or self._finished.get(ref.client_order_id)
        if order is None or order.placed.symbol != ref.symbol:
            return None
        return order if ref.venue_order_id in {"", order.venue_order_id} else None

    def open_orders(self) -> list[OpenOrder]:
        """As in the `Gateway`."""
        return [
            OpenOrder(
                symbol=order.placed.symbol,
                side=order.placed.side,
                quantity=order.placed.quantity,
                price=order.placed.price,
                report=order.report(),
            )
            for order in self._open.values()
        ]

    def fills_since(self, symbol: str, *, time_ns: int) -> list[FillReport]:
        """As in the `Gateway`, as far as remembered."""
        return [fill for fill in self._fills if fill.symbol == symbol and fill.time_ns >= time_ns]

    def balances(self) -> list[BalanceReport]:
        """As in the `Gateway`."""
        return self._ledger.balances()

    def _objections(self, placed: PlaceOrder, *, book: PaperBook, old: PaperOrder | None) -> Iterator[str]:
        """Why the order is rejected; a later reason only makes sense where there is no earlier one."""
        if violation := book.instrument.violation(price=placed.price, quantity=placed.quantity):
            yield violation
        if self._open.get(placed.client_order_id, old) is not old:
            yield "duplicate client order id"
        if old is None and len(self._open) >= MAX_OPEN:
            yield f"{MAX_OPEN} orders are open"
        if placed.post_only and placed.time_in_force != "gtc":
            yield f"post-only cannot be {placed.time_in_force}"
        if placed.post_only and book.crosses(placed):
            yield "post-only would take"
        currency, needed = _funding(placed, book.instrument, placed.quantity)
        free = self._ledger.free(currency) + self._locked_by(old, currency)
        if needed > free:
            yield f"insufficient balance: needs {needed} {currency} and {free} is free"

    def _locked_by(self, order: PaperOrder | None, currency: str) -> Decimal:
        if order is None:
            return ZERO
        locked_currency, locked = _funding(order.placed, order.instrument, order.remaining)
        return locked if locked_currency == currency else ZERO

    def _accept(self, placed: PlaceOrder, *, book: PaperBook, time_ns: int) -> OrderReport:
        self._orders_accepted += 1
        order = PaperOrder(
            placed=placed,
            instrument=book.instrument,
            venue_order_id=str(self._orders_accepted),
            arrival_ns=time_ns,
            changed_ns=time_ns,
            taking=book.may_take(placed),
        )
        book.add(order)
        self._open[placed.client_order_id] = order
        self._ledger.lock(*_funding(placed, order.instrument, placed.quantity))
        return self._changed(order)

    def _cancel(self, order: PaperOrder, *, time_ns: int) -> OrderReport:
        order.end("cancelled", time_ns=time_ns)
        return self._changed(order)

    def _settle(self, order: PaperOrder, execution: Execution) -> None:
        """Move the money of an execution; the fee comes out of what is received."""
        instrument, price, quantity = order.instrument, execution.price, execution.quantity
        paid_currency, locked = _funding(order.placed, instrument, quantity)
        if order.placed.side == "buy":
            paid, received, currency = price * quantity, quantity, instrument.base
        else:
            paid, received, currency = quantity, price * quantity, instrument.quote
        fee = received * self._fee_rates[execution.liquidity]
        self._ledger.lock(paid_currency, paid - locked)
        self._ledger.spend(paid_currency, paid)
        self._ledger.receive(currency, received - fee)
        self._record(order, execution, fee=fee, fee_currency=currency)

    def _record(self, order: PaperOrder, execution: Execution, *, fee: Decimal, fee_currency: str) -> None:
        self._fills_made += 1
        fill = FillReport(
            symbol=order.placed.symbol,
            client_order_id=order.placed.client_order_id,
            trade_id=str(self._fills_made),
            side=order.placed.side,
            price=execution.price,
            quantity=execution.quantity,
            fee=fee,
            fee_currency=fee_currency,
            liquidity=execution.liquidity,
            time_ns=order.changed_ns,
        )
        self._fills.append(fill)
        self.outbox.append(fill)

    def _changed(self, order: PaperOrder) -> OrderReport:
        """Report the order and the balances; if it is finished, give back its lock and put it away."""
        if order.status in FINAL:
            currency, locked = _funding(order.placed, order.instrument, order.remaining)
            self._ledger.lock(currency, -locked)
            self._put_away(order)
        report = order.report()
        self.outbox.append(report)
        self.outbox.extend(self._ledger.changes())
        return report

    def _put_away(self, order: PaperOrder) -> None:
        client_order_id = order.placed.client_order_id
        self._books[order.placed.symbol].remove(order)
        del self._open[client_order_id]
        self._finished.pop(client_order_id, None)
        self._finished[client_order_id] = order
        if len(self._finished) > HISTORY:
            del self._finished[next(iter(self._finished))]

    def _working(self, ref: OrderRef) -> PaperOrder:
        order = self.find(ref)
        if order is None or order.status != "open":
            raise Rejected(f"{ref.client_order_id}: {'unknown' if order is None else order.status} order")
        return order


def _funding(placed: PlaceOrder, instrument: Instrument, quantity: Decimal) -> tuple[str, Decimal]:
    """What a quantity of the order locks: a buyer's price times quantity in quote, a seller's quantity in base."""
    if placed.side == "buy":
        return instrument.quote, placed.price * quantity
    return instrument.base, quantity
