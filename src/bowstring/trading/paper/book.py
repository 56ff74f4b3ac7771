"""One symbol as a paper account sees it: what the feed shows, and which own orders that fills.

Pure: no clock, no loop, no balances. Its laws stand in `bowstring.trading.paper.gateway`.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from bowstring.market.events import Quote, Trade
from bowstring.market.instrument import Instrument
from bowstring.trading.gateway import OrderReport
from bowstring.trading.messages import OrderStatus, PlaceOrder, Side

Liquidity = Literal["maker", "taker"]


class Execution(Struct, frozen=True, kw_only=True):
    """A price and quantity at which an order was filled."""

    price: Decimal
    quantity: Decimal
    liquidity: Liquidity


class PaperOrder(Struct, kw_only=True, eq=False):
    """An accepted order. ``taking``: the first quote after its arrival is still to come, and it may take from it."""

    placed: PlaceOrder
    instrument: Instrument
    venue_order_id: str
    arrival_ns: int
    taking: bool
    status: OrderStatus = "open"
    filled: Decimal = Decimal(0)
    reason: str = ""
    changed_ns: int

    @property
    def remaining(self) -> Decimal:
        """What is not filled, in base units."""
        return self.placed.quantity - self.filled

    def report(self) -> OrderReport:
        """The venue's word on it."""
        return OrderReport(
            client_order_id=self.placed.client_order_id,
            status=self.status,
            filled=self.filled,
            venue_order_id=self.venue_order_id,
            reason=self.reason,
            time_ns=self.changed_ns,
        )

    def end(self, status: OrderStatus, *, time_ns: int, reason: str = "") -> None:
        """Finish it unfilled, or partly filled."""
        self.status, self.changed_ns, self.reason = status, time_ns, reason

    def fill(self, price: Decimal, *, quantity: Decimal, liquidity: Liquidity, time_ns: int) -> Execution:
        """Fill some of it."""
        self.filled += quantity
        self.changed_ns = time_ns
        if not self.remaining:
            self.status = "filled"
        return Execution(price=price, quantity=quantity, liquidity=liquidity)


Change = tuple[PaperOrder, Execution | None]
"""An order that changed, with the execution, or None where its time in force ended it."""


class Touch:
    """The best price of one side, and how much of the quantity displayed there own orders have used up."""

    def __init__(self) -> None:
        self.price = self.quantity = self.used = Decimal(0)

    def show(self, price: Decimal, *, quantity: Decimal) -> None:
        """The feed shows this: new quantity only where the price is another or the quantity grew."""
        if price != self.price or quantity > self.quantity:
            self.used = Decimal(0)
        self.price, self.quantity = price, quantity

    def crosses(self, placed: PlaceOrder) -> bool:
        """Whether the order's limit is at or through this price."""
        at_or_through = self.price <= placed.price if placed.side == "buy" else self.price >= placed.price
        return at_or_through and self.quantity > 0

    def offer(self, order: PaperOrder) -> Decimal:
        """How much of the order can be filled here now."""
        if not self.crosses(order.placed):
            return Decimal(0)
        quantity = min(order.remaining, max(self.quantity - self.used, Decimal(0)))
        all_or_none = order.placed.time_in_force == "fok"
        return Decimal(0) if all_or_none and quantity < order.remaining else quantity


class PaperBook:
    """The two touches of a symbol and the own open orders in it."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self._quoted = False
        self._opposite: dict[Side, Touch] = {"buy": Touch(), "sell": Touch()}
        self._orders: dict[str, PaperOrder] = {}

    def crosses(self, placed: PlaceOrder) -> bool:
        """Whether the quote in force crosses the order."""
        return self._opposite[placed.side].crosses(placed)

    def may_take(self, placed: PlaceOrder) -> bool:
        """Whether an order that arrives now does not rest at once: it crosses, nothing is known, or it never rests."""
        crosses = self.crosses(placed) or not self._quoted
        return placed.time_in_force != "gtc" or (crosses and not placed.post_only)

    def add(self, order: PaperOrder) -> None:
        """Put an accepted order in."""
        self._orders[order.venue_order_id] = order

    def remove(self, order: PaperOrder) -> None:
        """Take a finished order out."""
        del self._orders[order.venue_order_id]

    def observe(self, event: Quote | Trade) -> Iterator[Change]:
        """What the event does to the orders, one change at a time."""
        if isinstance(event, Trade):
            yield from self._trade(event)
            return
        self._quoted = True
        self._opposite["buy"].show(event.ask, quantity=event.ask_quantity)
        self._opposite["sell"].show(event.bid, quantity=event.bid_quantity)
        for side, touch in self._opposite.items():
            for order in self._by_priority(side, event.received_ns):
                yield from self._meet(order, touch, event.received_ns)

    def _meet(self, order: PaperOrder, touch: Touch, time_ns: int) -> Iterator[Change]:
        quantity = touch.offer(order)
        if quantity:
            touch.used += quantity
            price, liquidity = self._terms(order, touch)
            yield order, order.fill(price, quantity=quantity, liquidity=liquidity, time_ns=time_ns)
        order.taking = False
        if order.placed.time_in_force != "gtc" and order.remaining:
            reason = f"{order.placed.time_in_force}: the first quote after its arrival did not show enough"
            order.end("expired", time_ns=time_ns, reason=reason)
            yield order, None

    def _terms(self, order: PaperOrder, touch: Touch) -> tuple[Decimal, Liquidity]:
        return (touch.price, "taker") if order.taking else (order.placed.price, "maker")

    def _trade(self, trade: Trade) -> Iterator[Change]:
        left = trade.quantity
        for order in self._by_priority("buy" if trade.side == "sell" else "sell", trade.received_ns):
            quantity = min(left, order.remaining)
            if quantity and not order.taking and _through(trade, order.placed):
                left -= quantity
                limit, time_ns = order.placed.price, trade.received_ns
                yield order, order.fill(limit, quantity=quantity, liquidity="maker", time_ns=time_ns)

    def _by_priority(self, side: Side, time_ns: int) -> list[PaperOrder]:
        """The orders of one side that have arrived by then: best price first, then first come."""
        arrived = [o for o in self._orders.values() if o.placed.side == side and o.arrival_ns <= time_ns]
        return sorted(arrived, key=lambda order: order.placed.price, reverse=side == "buy")


def _through(trade: Trade, placed: PlaceOrder) -> bool:
    return trade.price < placed.price if placed.side == "buy" else trade.price > placed.price
