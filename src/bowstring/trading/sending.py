"""Sending orders, each once, and following each until its outcome is known."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from functools import partial

from bowstring.core.errors import Expired, NotSent, Refused, Rejected
from bowstring.core.tasks import FAILURES
from bowstring.trading.desk import Desk
from bowstring.trading.gateway import OrderReport
from bowstring.trading.hedging import HedgeGroup
from bowstring.trading.messages import OrderStatus, PlaceOrder
from bowstring.trading.new_orders import NewOrder
from bowstring.trading.orders import Order, intended
from bowstring.trading.resolution import Doubt
from bowstring.trading.unsent import Unsent

MAX_UNANSWERED = 512  # more would only queue up before a venue that does not answer

Answer = asyncio.Future[OrderReport]
Sent = Awaitable[None] | None
"""What waits for the answer to a request; None where that is not needed any more."""

log = logging.getLogger(__name__)


class Sender:
    """Sends orders that are on record. ``hedges`` are the hedge groups, by symbol, that what reduces is checked by."""

    def __init__(self, desk: Desk, *, unsent: Unsent, hedges: Mapping[str, HedgeGroup]) -> None:
        self._desk = desk
        self._unsent = unsent
        self._hedges = hedges
        self._unanswered = 0
        self._doubted: set[str] = set()

    def check(self, order: PlaceOrder) -> None:
        """Raise `Expired` or `Refused` if the order may not be sent now."""
        desk = self._desk
        age_ns = desk.clock.now_ns() - order.received_ns
        if age_ns - order.valid_for_s * 1e9 >= 0.5:  # half a nanosecond: 2.3 * 1e9 is a little less than 2_300_000_000
            raise Expired(f"it was valid for {order.valid_for_s} s and is {age_ns / 1e9:.3f} s old")
        if why := desk.closed or desk.journal_failure:
            raise Refused(f"no orders for {order.venue}: {why}")
        risk = desk.journal.risk
        if risk.state == "halted" or (risk.state == "reducing" and order.adds_risk):
            raise Refused(f"trading is {risk.state} by {risk.by}: {risk.reason}")
        if why := desk.killed():
            raise Refused(f"trading is halted: {why}")
        if order.adds_risk and (why := desk.down or desk.paused or desk.unguarded()):
            raise Refused(f"no new risk at {order.venue}: {why}")
        if order.adds_risk and order.symbol in desk.disputed:
            raise Refused(f"no new risk in {order.symbol} at {order.venue}: {desk.disputed[order.symbol]}")
        if order.reduces and order.quantity > (reducible := self._reducible(order)):
            what = f"{order.symbol} and its hedge" if order.symbol in self._hedges else order.symbol
            raise Refused(f"it claims to reduce, but of {what} there is {reducible:f} to {order.side}")
        if self._unanswered >= MAX_UNANSWERED:
            raise Refused(f"{self._unanswered} orders are unanswered by {order.venue}")

    def send(self, order: PlaceOrder, request: Callable[[], Awaitable[OrderReport]], *, action: NewOrder) -> Sent:
        """Send the order that an action asks for, in the caller's stack; what is returned takes the answer in.

        Either raises `NotSent` where that is proven; whatever else happens to the request leaves the order unknown.
        Raises `Refused` or `Expired` if it may not be sent.
        """
        self._unsent.check(action)
        self.check(order)
        if self._desk.blotter.find(order.client_order_id) is not None:
            raise NotSent(f"client order id {order.client_order_id} was used before: an intent is sent at most once")
        self._unsent.release(action)
        self._desk.blotter.add(intended(order))
        try:
            answer = asyncio.ensure_future(request())
        except FAILURES as error:
            self._take_answer(_outcome(order.client_order_id, error))
            return None
        self._desk.adopt(answer)
        self._unanswered += 1
        return self._follow(order.client_order_id, answer)

    def _reducible(self, order: PlaceOrder) -> Decimal:
        group = self._hedges.get(order.symbol)
        if group is not None:
            return group.reducible(order.strategy, side=order.side)
        return self._desk.blotter.reducible(order.strategy, order.symbol, side=order.side)

    async def _follow(self, client_order_id: str, answer: Answer) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # raised on, it would say that nothing was sent
            await asyncio.wait({answer}, timeout=self._desk.answer_s)
        self._unanswered -= 1
        if answer.done():
            self._take_answer(_read(client_order_id, answer))
            return
        answer.add_done_callback(partial(self._take_late_answer, client_order_id))
        late = TimeoutError(f"no answer within {self._desk.answer_s} s")
        self._take(_outcome(client_order_id, late), request=answer)

    def _take_answer(self, outcome: OrderReport) -> None:
        if outcome.status == "failed":
            withdrawn = self._desk.blotter.withdraw(outcome.client_order_id, reason=outcome.reason)
            if withdrawn is not None:
                self._desk.keep([withdrawn.update()])
                raise NotSent(outcome.reason)  # which the action's closing tells the strategy
        self._take(outcome)

    def _take_late_answer(self, client_order_id: str, answer: Answer) -> None:
        self._take(_read(client_order_id, answer))

    def _take(self, outcome: OrderReport, *, request: Answer | None = None) -> None:
        """Take an outcome in; if it leaves the order unknown, find out, once."""
        self._desk.take(outcome)
        order = self._desk.blotter.live.get(outcome.client_order_id)
        if order is None or order.status != "unknown" or order.client_order_id in self._doubted:
            return
        log.warning("%s: %s is unknown, %s", self._desk.gateway.venue, order.client_order_id, order.reason)
        self._doubted.add(order.client_order_id)
        self._desk.own(self._resolve(order, request))

    async def _resolve(self, order: Order, request: Answer | None) -> None:
        if request is not None:
            self._desk.own(self._call_off(order, request))
        await Doubt(order, desk=self._desk, request=request).resolve()
        self._doubted.discard(order.client_order_id)

    async def _call_off(self, order: Order, request: Answer) -> None:
        """See to it that what has ended is not sent any more, as where a human has said so."""
        await self._desk.until(lambda: request.done() or order.client_order_id not in self._desk.blotter.live)
        request.cancel()


def _read(client_order_id: str, answer: Answer) -> OrderReport:
    """What an answer says of its order. That it is still pending is no answer."""
    try:
        report = answer.result()
    except FAILURES as error:
        return _outcome(client_order_id, error)
    if report.client_order_id == client_order_id and report.status != "pending":
        return report
    return _outcome(client_order_id, ValueError(f"{report} does not tell"))


def _outcome(client_order_id: str, error: BaseException) -> OrderReport:
    reason = str(error) or repr(error)
    if not isinstance(error, NotSent | Rejected):
        return unanswered(client_order_id, reason)
    status: OrderStatus = "failed" if isinstance(error, NotSent) else "rejected"
    return OrderReport(client_order_id=client_order_id, status=status, reason=reason)


def unanswered(client_order_id: str, reason: str) -> OrderReport:
    """What is known of an order without an answer that tells."""
    return OrderReport(client_order_id=client_order_id, status="unknown", reason=reason)
