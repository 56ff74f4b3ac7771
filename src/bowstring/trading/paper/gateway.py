"""Paper trading: a `Gateway` that fills orders on what a venue's public feed shows, with no I/O of its own.

A request *arrives* ``latency_s`` after it was made; the feed's time is its ``received_ns``. Every arrival up to an
event's time comes before the event, however late the loop's timer is. The *quote in force* at an arrival is the last
one before it. The laws:

1. *Only what the feed shows at or after an order's arrival fills it.* The quote in force never does: it only says
   whether an order arrives as a taker (it crosses that quote, there is none yet, or it is IOC or FOK) or rests at once.
2. *A taker takes from the first quote at or after its arrival*, at the touch, which may be better than its limit, up
   to the displayed quantity. What is left of a GTC order rests, of an IOC expires; FOK fills as a whole or expires.
3. *Post-only never takes*: it is rejected if the quote in force crosses it, and rests otherwise.
4. *A resting order fills at its own limit, as a maker*: by a quote whose other side is at or through the limit, up to
   the displayed quantity; by a public trade of the other side's takers strictly through the limit, up to the traded
   quantity. A trade at the limit does not fill it: how much was queued before it is not known.
5. *What is displayed is used once*, by price and then time among own orders. What was used stays used until the price
   of that side changes or its displayed quantity grows; the same holds for the quantity of one public trade.
6. *Own orders do not move the feed* and never trade with each other.
7. *Fees* are a share of what is received: in base for a buyer, in quote for a seller. Nothing is rounded.
8. *An open order's cost is locked*: limit price times what remains in quote for a buyer, what remains in base for a
   seller. Balances change by fills and fees only, and never become negative: it is a spot account.
9. *Every change is reported, causes first*: a fill, then its order with the new cumulative quantity, then balances.
   Trade ids count from 1. What happens while nobody streams is in the books, to be asked for, as at a venue.

The account lives as long as the object. At most 1,000 orders are open; of finished ones, as of fills, the last 10,000
are remembered.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Context, Decimal, localcontext

from msgspec import Struct

from bowstring.core.clock import Clock
from bowstring.core.errors import ConfigError, NotSent, Rejected
from bowstring.market.events import Quote, Trade
from bowstring.market.instrument import Instrument
from bowstring.trading.gateway import BalanceReport, FillReport, OpenOrder, OrderRef, OrderReport, Report
from bowstring.trading.messages import PlaceOrder
from bowstring.trading.paper.account import PaperAccount

MAX_IN_FLIGHT = 10_000  # requests on their way; above what the executor leaves unanswered, cancels included
_EXACT = Context(prec=1_000)  # more digits than any product of a price, a quantity and a fee that an instrument allows

CarryOut = Callable[[int], OrderReport]


class _Request(Struct, frozen=True):
    """A request on its way: what to do with the arrival time, and where the answer goes."""

    arrival_ns: int
    carry_out: CarryOut
    answer: asyncio.Future[OrderReport]


class PaperGateway:
    """A paper account at ``venue``, fed by ``observe`` in the order of the feed, before strategies see the event.

    ``clock`` must be the one that stamps the events, and may be set until ``open``. ``instruments`` may be a function:
    ``open`` then awaits it. ``replaces_natively`` only tells the caller what to use: ``replace`` always works.
    """

    keeps_order = True
    query_lag_s = 0.0

    def __init__(
        self,
        venue: str,
        *,
        clock: Clock,
        instruments: Sequence[Instrument] | Callable[[], Awaitable[Sequence[Instrument]]],
        balances: Mapping[str, Decimal],
        latency_s: float = 0.0,
        maker_fee: Decimal = Decimal("0.001"),
        taker_fee: Decimal = Decimal("0.001"),
        replaces_natively: bool = False,
    ) -> None:
        if not 0 <= latency_s < float("inf"):
            raise ConfigError(f"paper latency_s = {latency_s}: give seconds, 0 or more")
        self.venue = venue
        self.clock = clock
        self.account = ""
        self.offers_cancel_after = False
        self.replaces_natively = replaces_natively
        self.validity_s = latency_s + 1.0  # a request may be timed a moment before it is made
        self._instruments = instruments
        self._latency_ns = round(latency_s * 1e9)
        self._account = PaperAccount(balances=balances, fee_rates={"maker": maker_fee, "taker": taker_fee})
        self._in_flight: deque[_Request] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._report: Callable[[Report], None] = _nobody_listens
        self._closed = asyncio.Event()
        self._closed.set()

    def observe(self, event: Quote | Trade) -> None:
        """Let an event of the feed fill what has arrived by then; reports are made in this call stack."""
        self._advance(event.received_ns, event=event)

    async def open(self) -> Sequence[Instrument]:
        """Start taking requests; returns what can be traded."""
        instruments = await self._instruments() if callable(self._instruments) else self._instruments
        self._account.set_instruments(instruments)
        self._closed.clear()
        return instruments

    async def close(self) -> None:
        """Stop taking requests; those on their way never arrive. Open orders stay open."""
        self._closed.set()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._in_flight:
            answer = self._in_flight.popleft().answer
            if not answer.done():
                answer.set_exception(NotSent(f"{self.venue}: closed before the request arrived"))

    async def stream(self, report: Callable[[Report], None], ready: Callable[[], None]) -> None:
        """Report every change until ``close``."""
        self._check_open()
        self._report = report
        try:
            ready()
            await self._closed.wait()
        finally:
            self._report = _nobody_listens

    def place(self, order: PlaceOrder) -> asyncio.Future[OrderReport]:
        """The answer comes at the arrival: "open", or `Rejected`."""
        return self._send(lambda time_ns: self._account.place(order, time_ns=time_ns))

    def replace(self, old: OrderRef, order: PlaceOrder) -> asyncio.Future[OrderReport]:
        """Cancel and place as a whole; if either cannot be done, neither is."""
        return self._send(lambda time_ns: self._account.replace(old, order, time_ns=time_ns))

    def cancel(self, order: OrderRef) -> asyncio.Future[OrderReport]:
        """`Rejected` if the order is finished or unknown when the cancel arrives."""
        return self._send(lambda time_ns: self._account.cancel(order, time_ns=time_ns))

    async def cancel_after(self, seconds: float) -> None:
        """Not offered: what is on paper ends with the process."""
        raise NotSent(f"{self.venue}: an account on paper ends with its process")

    async def query(self, order: OrderRef) -> OrderReport | None:
        """The order as it is now."""
        found = self._books().find(order)
        return found.report() if found else None

    async def open_orders(self) -> Sequence[OpenOrder]:
        """All open orders; there are no foreign ones."""
        return self._books().open_orders()

    async def fills_since(self, symbol: str, time_ns: int) -> Sequence[FillReport]:
        """The fills, as far as they are remembered."""
        return self._books().fills_since(symbol, time_ns=time_ns)

    async def balances(self) -> Sequence[BalanceReport]:
        """All balances."""
        return self._books().balances()

    async def time_ns(self) -> int:
        """The clock's time."""
        return self.clock.now_ns()

    def _send(self, carry_out: CarryOut) -> asyncio.Future[OrderReport]:
        self._check_open()
        if len(self._in_flight) >= MAX_IN_FLIGHT:
            raise NotSent(f"{self.venue}: {MAX_IN_FLIGHT} requests are on their way")
        answer: asyncio.Future[OrderReport] = asyncio.get_running_loop().create_future()
        self._in_flight.append(_Request(self.clock.now_ns() + self._latency_ns, carry_out, answer))
        self._set_timer()
        return answer

    def _set_timer(self) -> None:
        if self._in_flight and self._timer is None:
            delay_ns = self._in_flight[0].arrival_ns - self.clock.now_ns()
            self._timer = asyncio.get_running_loop().call_later(max(delay_ns, 0) / 1e9, self._on_timer)

    def _on_timer(self) -> None:
        """A timer may be early: what is not due is waited for again."""
        self._timer = None
        try:
            self._advance(self.clock.now_ns())
        finally:
            self._set_timer()

    def _books(self) -> PaperAccount:
        """The account with everything in it that has arrived by now, so that a query proves what it does not show."""
        self._check_open()
        self._advance(self.clock.now_ns())
        return self._account

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise NotSent(f"{self.venue}: the gateway is not open")

    def _advance(self, now_ns: int, *, event: Quote | Trade | None = None) -> None:
        with localcontext(_EXACT):
            while self._in_flight and self._in_flight[0].arrival_ns <= now_ns:
                _arrive(self._in_flight.popleft())
            if event is not None:
                self._account.observe(event)
        while self._account.outbox:
            self._report(self._account.outbox.popleft())


def _arrive(request: _Request) -> None:
    """Carry it out, whether or not anybody still waits for the answer."""
    try:
        report = request.carry_out(request.arrival_ns)
    except Rejected as rejection:
        if not request.answer.done():
            request.answer.set_exception(rejection)
        return
    if not request.answer.done():
        request.answer.set_result(report)


def _nobody_listens(report: Report) -> None:
    """The venue tells no one."""
