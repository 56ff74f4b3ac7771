"""Finding out what became of an order whose outcome is unknown."""

import asyncio
import logging
from decimal import Decimal

from bowstring.core.errors import Rejected
from bowstring.core.supervision import pauses
from bowstring.trading.desk import Desk
from bowstring.trading.gateway import OrderRef, OrderReport, Report
from bowstring.trading.messages import ReconcileMismatch
from bowstring.trading.orders import Order

AFTER_S = 0.01
REFUSALS = 5  # in a row: one may be for another reason
MARGIN_NS = 60 * 1_000_000_000  # a venue's clocks differ among themselves, and a fill that is told twice is one

ZERO = Decimal(0)

log = logging.getLogger(__name__)


class Doubt:
    """An order whose outcome is unknown. ``request`` is what may still be carrying it out, if that is not over."""

    def __init__(self, order: Order, *, desk: Desk, request: "asyncio.Future[OrderReport] | None" = None) -> None:
        self._order = order
        self._desk = desk
        self._request = request
        self._began_ns = desk.clock.monotonic_ns()
        self._first_ns = 0  # the venue's time at some moment when the request had been made
        self._heard_ns = 0  # when that was told, on the monotonic clock
        self._window_ns = int((desk.gateway.validity_s + desk.gateway.query_lag_s) * 1e9)
        self._proof_in_ns = -1
        self._refusals = 0

    @property
    def is_refused(self) -> bool:
        """Whether the venue says again and again that it does not tell, as of a symbol that it has no more."""
        return self._refusals >= REFUSALS

    async def resolve(self) -> None:
        """Ask the venue until it shows the order, or its absence is proved.

        Proof of absence: by the venue's own clock, and by ours, everything is past that may still bring the order in,
        and *then* a query for the order and one for its fills both come back empty. "Not found", before that, proves
        nothing.
        """
        for pause_s in pauses(self._desk.clock):
            try:
                await self._ask()
            except Exception as error:  # noqa: BLE001  # whatever a gateway raises: not knowing is the state we are in
                log.info("%s is still unknown, %r", self._order.client_order_id, error)
            await self._desk.until(self.is_over, timeout_s=self._until_proof_s(at_most=pause_s))
            if self.is_over():
                return

    def _count_refusal(self, error: Rejected) -> None:
        self._refusals += 1
        order, desk = self._order, self._desk
        if self._refusals == REFUSALS and not desk.is_settled(unasked_key(named(order), order.symbol), ZERO):
            reason = f"{order.client_order_id} is unknown, and the venue does not tell of it: {error}"
            desk.tell([ReconcileMismatch(venue=desk.gateway.venue, symbol=order.symbol, reason=reason)])
            desk.notice()

    async def _ask(self) -> None:
        is_sent = not isinstance(self._request, asyncio.Task) or self._request.done()  # a task may be about to send
        asked_ns = self._desk.clock.monotonic_ns()
        now_ns = await self._desk.ask(self._desk.gateway.time_ns())
        if is_sent:
            if now_ns < self._first_ns:  # the first answer, or this one, was wrong: begin anew
                self._first_ns = self._heard_ns = 0
            self._first_ns = self._first_ns or now_ns
            self._heard_ns = self._heard_ns or self._desk.clock.monotonic_ns()
            passed_ns = min(now_ns - self._first_ns, asked_ns - self._heard_ns)  # the venue's clock may step
            self._proof_in_ns = self._window_ns - passed_ns
        can_prove = is_sent and self._proof_in_ns < 0
        try:
            evidence = await self._evidence(now_ns, with_fills=can_prove)
        except Rejected as error:
            self._count_refusal(error)
            raise
        self._refusals = 0
        for report in evidence:
            self._desk.take(report, recovered=True)
        if evidence or self.is_over():
            return
        if not is_sent:
            self._give_up_sending()
        elif can_prove:
            self._desk.take(_absent(self._order))

    def _until_proof_s(self, *, at_most: float) -> float:
        """How long to wait before it is asked again: not longer than until absence can be proved."""
        return min(at_most, self._proof_in_ns / 1e9 + AFTER_S) if self._proof_in_ns >= 0 else at_most

    async def _evidence(self, now_ns: int, *, with_fills: bool) -> list[Report]:
        """What shows the order. Fills are asked for only where there is nothing else: they cost a venue more."""
        desk, order = self._desk, self._order
        shown = await desk.ask(desk.gateway.query(ref(order)))
        if shown is not None:
            return [shown]
        if not with_fills:
            return []
        began_ns = min(self._first_ns, now_ns - (desk.clock.monotonic_ns() - self._began_ns))  # its clock may step
        fills = await desk.fills_since(order.symbol, began_ns - int(desk.answer_s * 1e9) - MARGIN_NS)
        return [fill for fill in fills if fill.client_order_id == order.client_order_id]

    def _give_up_sending(self) -> None:
        """Only when the request cannot be made any more does the time begin in which it may still come."""
        if self._request is not None and self._desk.clock.monotonic_ns() - self._began_ns > self._window_ns:
            self._request.cancel()

    def is_over(self) -> bool:
        """Whether its outcome is known."""
        now = self._desk.blotter.live.get(self._order.client_order_id)
        return now is None or now.status != "unknown"


async def look_up(order: Order, *, desk: Desk) -> None:
    """Ask the venue about an order once, and take in what it shows."""
    try:
        shown = await desk.ask(desk.gateway.query(ref(order)))
    except Exception as error:  # noqa: BLE001  # whatever a gateway raises: nothing was learnt
        log.info("%s could not be looked up, %r", order.client_order_id, error)
        return
    if shown is not None:
        desk.take(shown)


def named(order: Order) -> str:
    """What the venue is asked about."""
    return f"order {order.client_order_id}"


def unasked_key(what: str, symbol: str) -> str:
    """The key of the disagreement that the venue does not tell of an order, or of the fills of a symbol."""
    return f"unasked {symbol} {what}"


def ref(order: Order) -> OrderRef:
    """The order's names for its venue."""
    return OrderRef(symbol=order.symbol, client_order_id=order.client_order_id, venue_order_id=order.venue_order_id)


def _absent(order: Order) -> OrderReport:
    reason = "proved absent: the venue can no longer accept it, and shows neither the order nor a fill"
    return OrderReport(client_order_id=order.client_order_id, status="failed", reason=reason)
