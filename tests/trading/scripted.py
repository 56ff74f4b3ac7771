"""A venue in memory, on virtual time, with a ledger of its own: a test decides what becomes of every request.

It shares nothing with the blotter, so the ledger is the oracle: what was accepted, filled and ended at the venue.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from bowstring.core.errors import NotSent, Rejected
from bowstring.market.instrument import Instrument
from bowstring.testing.simulation import simulated_clock
from bowstring.trading.gateway import BalanceReport, FillReport, OpenOrder, OrderRef, OrderReport, Report
from bowstring.trading.messages import OrderStatus, PlaceOrder, Side

T = TypeVar("T")

SYMBOL = "BTC/USDT"


@dataclass(frozen=True)
class Reply:
    """What becomes of one request.

    It arrives at the venue after ``arrives_s``, None: never. After ``answers_s``, None: never, the caller is answered,
    by ``error`` or ``says`` if given, else by what the venue said on its arrival. ``at_once``: raised in the caller's
    stack.
    """

    arrives_s: float | None = 0.0
    answers_s: float | None = 0.0
    error: BaseException | None = None
    at_once: bool = False
    says: OrderReport | None = None


def answered(after_s: float = 0.0) -> Reply:
    return Reply(arrives_s=after_s / 2, answers_s=after_s)


def silence(*, arrives_s: float | None = None) -> Reply:
    return Reply(arrives_s=arrives_s, answers_s=None)


def reset(*, arrives_s: float | None = None, after_s: float = 0.0, at_once: bool = False) -> Reply:
    return Reply(arrives_s=arrives_s, answers_s=after_s, error=ConnectionResetError("reset"), at_once=at_once)


def not_sent(after_s: float = 0.0, *, at_once: bool = False) -> Reply:
    return Reply(arrives_s=None, answers_s=after_s, error=NotSent("not connected"), at_once=at_once)


def rejected(after_s: float = 0.0) -> Reply:
    return Reply(arrives_s=None, answers_s=after_s, error=Rejected("no", code="-1"))


@dataclass
class LedgerOrder:
    symbol: str
    client_order_id: str
    side: Side
    quantity: Decimal
    price: Decimal
    venue_order_id: str
    accepted_ns: int
    status: OrderStatus = "open"
    filled: Decimal = Decimal(0)

    def shown(self) -> OpenOrder:
        return OpenOrder(
            symbol=self.symbol, side=self.side, quantity=self.quantity, price=self.price, report=self.report()
        )

    def report(self) -> OrderReport:
        return OrderReport(
            client_order_id=self.client_order_id,
            status=self.status,
            filled=self.filled,
            venue_order_id=self.venue_order_id,
            time_ns=simulated_clock().now_ns(),
        )


@dataclass
class Ledger:
    """Orders by client order id; ``accepted`` has the id of each acceptance, so that a second one shows.

    ``reach`` is, after each acceptance, how far the position could come if all open orders of that side filled.
    """

    publish: Callable[[Report], None]
    now_ns: Callable[[], int]
    orders: dict[str, LedgerOrder] = field(default_factory=dict[str, LedgerOrder])
    accepted: list[str] = field(default_factory=list[str])
    fills: list[FillReport] = field(default_factory=list[FillReport])
    reach: list[Decimal] = field(default_factory=list[Decimal])
    countdown: asyncio.TimerHandle | None = None

    def accept(self, placed: PlaceOrder) -> OrderReport:
        self.accepted.append(placed.client_order_id)
        order = LedgerOrder(
            symbol=placed.symbol,
            client_order_id=placed.client_order_id,
            side=placed.side,
            quantity=placed.quantity,
            price=placed.price,
            venue_order_id=str(len(self.accepted)),
            accepted_ns=self.now_ns(),
        )
        self.orders[placed.client_order_id] = order
        self.reach.append(self._could_reach(order.side))
        return self._tell(order)

    def end(self, client_order_id: str, status: OrderStatus = "cancelled") -> OrderReport:
        order = self.orders.get(client_order_id)
        if order is None or order.status != "open":
            raise Rejected("unknown order", code="-2011")
        order.status = status
        return self._tell(order)

    def fill(
        self, client_order_id: str, quantity: str | Decimal, *, fee: str = "0", fee_currency: str = "USDT"
    ) -> None:
        order = self.orders[client_order_id]
        order.filled += Decimal(quantity)
        fill = FillReport(
            symbol=order.symbol,
            client_order_id=client_order_id,
            trade_id=str(len(self.fills) + 1),
            side=order.side,
            price=order.price,
            quantity=Decimal(quantity),
            fee=Decimal(fee),
            fee_currency=fee_currency,
            liquidity="maker",
            time_ns=self.now_ns(),
        )
        self.fills.append(fill)
        if order.filled == order.quantity:
            order.status = "filled"
        self.publish(fill)
        self._tell(order)

    def count_down(self, seconds: float) -> None:
        """End all open orders then, unless it is called again."""
        if self.countdown is not None:
            self.countdown.cancel()
        self.countdown = asyncio.get_running_loop().call_later(seconds, self.end_all) if seconds else None

    def end_all(self) -> None:
        for order in self.orders.values():
            if order.status == "open":
                self.end(order.client_order_id)

    def _could_reach(self, side: Side) -> Decimal:
        orders = self.orders.values()
        position = sum((o.filled if o.side == side else -o.filled for o in orders), Decimal(0))
        return position + sum(o.quantity - o.filled for o in orders if o.side == side and o.status == "open")

    def _tell(self, order: LedgerOrder) -> OrderReport:
        report = order.report()
        self.publish(report)
        return report


class ScriptedGateway:
    """A `Gateway` whose every answer is decided by what was queued with `then`, else by ``script``, else is a good one.

    ``is_async``: requests are coroutines, which are not made before they are first awaited; ``queue_s``: how long one
    then waits before it is made. ``is_prompt``: what arrives at once does so in the caller's stack, and so do its
    reports. ``delays_s`` gives, for each report that it streams, when it is delivered, how often. ``lag_s``: how long
    its queries do not show what is new; ``hides_orders``: they show no orders. ``skew_s``: how far its clock is ahead.
    """

    def __init__(
        self,
        *,
        venue: str = "venue",
        replaces_natively: bool = False,
        keeps_order: bool = True,
        is_async: bool = False,
        validity_s: float = 3.0,
        query_lag_s: float = 1.0,
        symbols: Sequence[str] = ("BTC/USDT", "ETH/USDT"),
        ledger: "Ledger | None" = None,
        offers_cancel_after: bool = False,
    ) -> None:
        self.venue = venue
        self.account = ""
        self.offers_cancel_after = offers_cancel_after
        self.replaces_natively = replaces_natively
        self.keeps_order = keeps_order
        self.query_lag_s = query_lag_s
        self.validity_s = validity_s
        self.symbols = symbols
        self.is_async = is_async
        self.lag_s = 0.0
        self.skew_s = 0.0
        self.stopped_ns: int | None = None
        self.hides_orders = False
        self.queue_s = 0.0
        self.is_prompt = False
        self.since_ns = 0
        self.refuses_streams = False
        self.ends_streams = False
        self.calls: list[tuple[str, str]] = []
        self.holdings = {"USDT": Decimal(1000), "BTC": Decimal(1_000_000), "ETH": Decimal(1_000_000)}
        self.script: Callable[[str], Reply | None] = lambda _method: None
        self.delays_s: Callable[[], Sequence[float]] = lambda: (0.0,)
        self.ledger = ledger or Ledger(publish=self._publish, now_ns=self._now_ns)
        self.ledger.publish = self._publish
        self._queued: dict[str, deque[Reply]] = defaultdict(deque)
        self._report: Callable[[Report], None] | None = None
        self._broken = asyncio.Event()

    def stop_clock(self) -> int:
        """Let the venue's clock stand still; returns its time."""
        self.stopped_ns = self._now_ns()
        return self.stopped_ns

    def then(self, method: str, *replies: Reply) -> None:
        """Decide the next replies to a method."""
        self._queued[method].extend(replies)

    def heal(self) -> None:
        """From now on, nothing goes wrong."""
        self.script = lambda _method: None
        self.delays_s = lambda: (0.0,)
        self.refuses_streams = self.hides_orders = False
        self.queue_s = 0.0
        self._queued.clear()

    def count(self, method: str, client_order_id: str | None = None) -> int:
        """How often something was asked for."""
        return sum(call[0] == method and client_order_id in {None, call[1]} for call in self.calls)

    def publish(self, report: Report) -> None:
        """Stream a report."""
        self._publish(report)

    def die(self) -> None:
        """Nothing is sent by it any more, or answered; what was sent arrives."""
        self.script = lambda _method: silence()
        self._queued.clear()
        self.refuses_streams = True
        self.disconnect()

    def disconnect(self) -> None:
        """Break the stream; what is on its way is lost."""
        self._report = None
        self._broken.set()

    # The `Gateway`

    async def open(self) -> Sequence[Instrument]:
        return await self._read("open", lambda: [instrument(self.venue, symbol) for symbol in self.symbols])

    async def close(self) -> None:
        await self._read("close", self.disconnect)

    async def stream(self, report: Callable[[Report], None], ready: Callable[[], None]) -> None:
        await self._read("stream", lambda: None)
        if self.refuses_streams:
            raise ConnectionRefusedError("no streams")
        self._broken = broken = asyncio.Event()
        self._report = report
        ready()
        await broken.wait()
        if not self.ends_streams:
            raise ConnectionResetError("stream reset")

    def place(self, order: PlaceOrder) -> Awaitable[OrderReport]:
        return self._write("place", order.client_order_id, lambda: self.ledger.accept(order))

    def replace(self, old: OrderRef, order: PlaceOrder) -> Awaitable[OrderReport]:
        def carry_out() -> OrderReport:
            self.ledger.end(old.client_order_id)
            return self.ledger.accept(order)

        return self._write("replace", order.client_order_id, carry_out)

    def cancel(self, order: OrderRef) -> Awaitable[OrderReport]:
        return self._write("cancel", order.client_order_id, lambda: self.ledger.end(order.client_order_id))

    async def cancel_after(self, seconds: float) -> None:
        self.calls.append(("cancel_after", f"{seconds:g}"))
        reply, loop = self._next("cancel_after"), asyncio.get_running_loop()
        if reply.arrives_s == 0:
            self.ledger.count_down(seconds)
        elif reply.arrives_s is not None:
            loop.call_later(reply.arrives_s, self.ledger.count_down, seconds)
        if reply.answers_s is None:
            await loop.create_future()
        elif reply.answers_s:
            await asyncio.sleep(reply.answers_s)
        if reply.error is not None:
            raise reply.error

    async def query(self, order: OrderRef) -> OrderReport | None:
        return await self._read("query", lambda: self._shown(order.client_order_id), order.client_order_id)

    async def open_orders(self) -> Sequence[OpenOrder]:
        return await self._read("open_orders", self._open_orders)

    async def fills_since(self, symbol: str, time_ns: int) -> Sequence[FillReport]:
        self.since_ns = time_ns
        return await self._read("fills_since", lambda: self._fills(symbol, time_ns), symbol)

    async def balances(self) -> Sequence[BalanceReport]:
        return await self._read("balances", self._balances)

    async def time_ns(self) -> int:
        return await self._read("time_ns", self._now_ns)

    # Inside

    def _now_ns(self) -> int:
        if self.stopped_ns is not None:
            return self.stopped_ns
        return simulated_clock().now_ns() + round(self.skew_s * 1e9)

    def _shown(self, client_order_id: str) -> OrderReport | None:
        found = None if self.hides_orders else self.ledger.orders.get(client_order_id)
        return found.report() if found and found.accepted_ns <= self._shown_ns() else None

    def _open_orders(self) -> Sequence[OpenOrder]:
        return [order.shown() for order in self.ledger.orders.values() if order.status == "open"]

    def _balances(self) -> Sequence[BalanceReport]:
        return [
            BalanceReport(currency=currency, free=held, locked=Decimal(0)) for currency, held in self.holdings.items()
        ]

    def _fills(self, symbol: str, since_ns: int) -> Sequence[FillReport]:
        shown_ns = self._shown_ns()
        return [fill for fill in self.ledger.fills if fill.symbol == symbol and since_ns <= fill.time_ns <= shown_ns]

    def _shown_ns(self) -> int:
        return self._now_ns() - round(self.lag_s * 1e9)

    def _publish(self, report: Report) -> None:
        told = self._report
        if told is not None and self.is_prompt:
            told(report)
        elif told is not None:
            loop = asyncio.get_running_loop()
            for delay_s in self.delays_s():
                if delay_s:
                    loop.call_later(delay_s, self._deliver, told, report)
                else:  # in order, which timers of the same time are not
                    loop.call_soon(self._deliver, told, report)

    def _deliver(self, told: Callable[[Report], None], report: Report) -> None:
        if told is self._report:
            told(report)

    def _next(self, method: str) -> Reply:
        if self._queued[method]:
            return self._queued[method].popleft()
        return self.script(method) or Reply()

    def _write(self, method: str, client_order_id: str, carry_out: Callable[[], OrderReport]) -> Awaitable[OrderReport]:
        if self.is_async:
            return self._write_async(method, client_order_id, carry_out)
        return self._write_now(method, client_order_id, carry_out)

    async def _write_async(
        self, method: str, client_order_id: str, carry_out: Callable[[], OrderReport]
    ) -> OrderReport:
        await asyncio.sleep(self.queue_s)
        return await self._write_now(method, client_order_id, carry_out)

    def _write_now(
        self, method: str, client_order_id: str, carry_out: Callable[[], OrderReport]
    ) -> "asyncio.Future[OrderReport]":
        self.calls.append((method, client_order_id))
        reply, loop = self._next(method), asyncio.get_running_loop()
        request = _Request(carry_out, reply, too_late_s=loop.time() + self.validity_s, answer=loop.create_future())
        if reply.arrives_s == 0 and self.is_prompt:
            request.arrive()
        elif reply.arrives_s is not None:
            loop.call_later(reply.arrives_s, request.arrive)
        if reply.at_once and reply.error:
            raise reply.error
        if reply.answers_s is not None:
            loop.call_later(reply.answers_s, request.reply)
        return request.answer

    async def _read(self, method: str, show: Callable[[], T], what: str = "") -> T:
        """Look at the venue when the question arrives, and answer when the answer comes."""
        self.calls.append((method, what))
        reply = self._next(method)
        arrives_s = reply.arrives_s or 0.0
        await asyncio.sleep(arrives_s)
        shown = show()
        if reply.answers_s is None:
            await asyncio.get_running_loop().create_future()
        elif reply.answers_s > arrives_s:
            await asyncio.sleep(reply.answers_s - arrives_s)
        if reply.error is not None:
            raise reply.error
        return shown


@dataclass
class _Request:
    carry_out: Callable[[], OrderReport]
    scripted: Reply
    too_late_s: float
    answer: "asyncio.Future[OrderReport]"
    has_arrived: bool = False
    said: OrderReport | BaseException | None = None

    def arrive(self) -> None:
        if self.has_arrived:
            return
        self.has_arrived = True
        try:
            if asyncio.get_running_loop().time() > self.too_late_s:
                raise Rejected("outside of the request's window")
            self.said = self.carry_out()
        except Rejected as rejection:
            self.said = rejection

    def reply(self) -> None:
        if self.scripted.arrives_s is not None and self.scripted.arrives_s == self.scripted.answers_s:
            self.arrive()  # first: timers of the same time have no order
        said = self.scripted.error or self.scripted.says or self.said
        if self.answer.done():
            return
        if isinstance(said, BaseException):
            self.answer.set_exception(said)
        elif said is not None:
            self.answer.set_result(said)


def instrument(venue: str, symbol: str) -> Instrument:
    base, quote = symbol.split("/")
    return Instrument(
        venue=venue,
        symbol=symbol,
        venue_symbol=base + quote,
        base=base,
        quote=quote,
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.001"),
    )
