"""The one executor of orders, for all venues: at most one send per intent, and an unknown outcome stays unknown.

`admit` records the intents, `place` hands an order to the gateway in the strategy's own call stack. What comes back,
as an answer, by the private stream or from a query, are reports to the `Blotter`, and what is new goes out as events.
What is neither an answer nor proof that nothing was sent leaves an order UNKNOWN, until `resolution.resolve` ends that.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Literal

from bowstring.core.components import Emit, Executor, on
from bowstring.core.errors import Expired, NotSent, Refused, Rejected, StopIncomplete
from bowstring.core.messages import Action, CollectorDown, CollectorUp, ComponentFailed, Event
from bowstring.market.instrument import InstrumentListed
from bowstring.trading.blotter import Blotter
from bowstring.trading.gateway import BalanceReport, FillReport, Gateway, OrderReport, Report
from bowstring.trading.intents import Intents, MemoryIntents, NewOrder, new_id
from bowstring.trading.messages import Balance, CancelOrder, OrderStatus, PlaceOrder, ReplaceOrder
from bowstring.trading.orders import RANK, Order
from bowstring.trading.private_stream import PrivateStream
from bowstring.trading.resolution import look_up, ref, resolve

Policy = Literal["cancel", "leave"]

MAX_UNANSWERED = 512  # more would only queue up before a venue that does not answer
ANSWER_S = 5.0
STOP_S = 6.0  # the engine gives executors 7 s

log = logging.getLogger(__name__)


class OrderExecutor(Executor):
    """Places, replaces and cancels orders through a `Gateway`, and keeps the state of the account's own orders.

    ``on_stop`` and ``on_halt`` say what becomes of open orders when the bot stops, and when their strategy is halted.
    Without ``intents`` they are recorded in memory, which is enough for paper trading only.
    """

    max_in_flight = 1 << 31  # bounded in `_check`, for orders only: a cancel always goes through

    def __init__(
        self,
        gateway: Gateway,
        *,
        intents: Intents | None = None,
        on_stop: Policy = "cancel",
        on_halt: Policy = "cancel",
    ) -> None:
        self.name = f"orders {gateway.venue}"
        self.venue = gateway.venue
        self._gateway = gateway
        self._intents: Intents = intents or MemoryIntents()
        self._on_stop = on_stop
        self._on_halt = on_halt
        self._blotter = Blotter(gateway.venue)
        self._records: dict[str, "asyncio.Future[None] | NotSent | None"] = {}
        self._withdrawn: set[str] = set()
        self._tasks: set[asyncio.Future[None]] = set()
        self._changed = asyncio.Event()
        self._unanswered = 0
        self._closed = "it has not started"

    async def start(self, emit: Emit) -> None:
        """Connect, tell the instruments and balances, and wait for the private stream."""
        self._emit = emit
        instruments = await self._gateway.open()
        self._blotter.instruments = {instrument.symbol: instrument for instrument in instruments}
        for instrument in instruments:
            emit(InstrumentListed(symbol=instrument.symbol, instrument=instrument))
        self._stream = PrivateStream(
            self._gateway, blotter=self._blotter, clock=self.clock, take=self._take, on_change=self._on_stream
        )
        self._own(self._stream.run())
        await self._stream.up.wait()
        for balance in await self._gateway.balances():
            self._take(balance)
        self._closed = ""

    async def stop(self) -> None:
        """Deal with open orders by policy, then disconnect. Raises `StopIncomplete` naming orders not accounted for."""
        self._closed = "it is stopping"
        if self._on_stop == "cancel":
            await self._cancel_all(list(self._blotter.live.values()))
        left = [order for order in self._blotter.live.values() if self._on_stop == "cancel" or order.status != "open"]
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._gateway.close()
        if left:
            names = ", ".join(f"{order.client_order_id} ({order.symbol}, {order.status})" for order in left)
            raise StopIncomplete(f"orders that may be alive at {self.venue}: {names}")

    def admit(self, actions: Sequence[Action]) -> None:
        """Record the intents of all orders that one handler returned, in one transaction."""
        orders = [action for action in actions if isinstance(action, PlaceOrder | ReplaceOrder)]
        if not orders:
            return
        record: asyncio.Future[None] | NotSent | None
        try:
            pending = self._intents.record(orders)
            record = None if pending is None else asyncio.ensure_future(pending)
        except Exception as error:  # noqa: BLE001  # whatever the storage raises: these orders are not sent, cancels are
            log.error("%s: intents not recorded", self.name, exc_info=error)
            record = error if isinstance(error, NotSent) else NotSent(f"its intent could not be recorded: {error!r}")
        for order in orders:
            self._records[new_id(order)] = record

    @on(PlaceOrder)
    def place(self, order: PlaceOrder) -> Awaitable[None] | None:
        """Send an order, once, before this returns wherever the gateway can."""
        return self._when_recorded(order, partial(self._send, order, partial(self._gateway.place, order)))

    @on(CancelOrder)
    def cancel(self, action: CancelOrder) -> Awaitable[None] | None:
        """Cancel an order; one that has ended already needs none, one that was not sent yet will not be."""
        client_order_id = action.client_order_id
        if client_order_id in self._records:
            self._withdrawn.add(client_order_id)
            return None
        order = self._blotter.find(client_order_id)
        if order is None:
            raise NotSent(f"{client_order_id} is no order of this bot")
        return None if order.is_final else self._cancel(order)

    @on(ReplaceOrder)
    def replace(self, action: ReplaceOrder) -> Awaitable[None] | None:
        """Replace an order, natively or by a confirmed cancel and a new order."""
        old = self._blotter.find(action.client_order_id)
        if old is None or old.is_final:
            self._records.pop(action.new_client_order_id, None)
            raise NotSent(f"{action.client_order_id} is no open order of this bot")
        order = _replacement(action, old)
        if self._gateway.replaces_natively:
            request = partial(self._gateway.replace, ref(old), order)
            return self._when_recorded(action, partial(self._send, order, request, old=old))
        return self._when_recorded(action, partial(self._cancel_then_place, old, order))

    @on(ComponentFailed)
    def clean_up(self, failed: ComponentFailed) -> None:
        """Cancel the open orders of a strategy that was halted, if that is the policy."""
        if failed.role == "strategy" and failed.halted and self._on_halt == "cancel":
            self._own(self._cancel_all(self._blotter.of(failed.component)))

    # Sending

    def _when_recorded(
        self, action: NewOrder, send: Callable[[], Awaitable[None] | None]
    ) -> Awaitable[None] | None:
        client_order_id = new_id(action)
        record = self._records.get(client_order_id)
        if isinstance(record, asyncio.Future):
            return self._send_later(client_order_id, record, send)
        del self._records[client_order_id]
        if record is not None:
            raise record
        return send()

    async def _send_later(
        self, client_order_id: str, record: "asyncio.Future[None]", send: Callable[[], Awaitable[None] | None]
    ) -> None:
        try:
            await record
        except Exception as error:
            raise NotSent(f"its intent could not be recorded: {error!r}") from error
        finally:
            del self._records[client_order_id]
        if client_order_id in self._withdrawn:
            self._withdrawn.discard(client_order_id)
            raise NotSent("it was cancelled before it was sent")
        sent = send()
        if sent is not None:
            await sent

    def _send(
        self, order: PlaceOrder, request: Callable[[], Awaitable[OrderReport]], *, old: Order | None = None
    ) -> Awaitable[None] | None:
        self._check(order)
        self._blotter.add(_pending(order))
        try:
            answer = request()
        except NotSent:
            self._blotter.withdraw(order.client_order_id)
            raise
        except Exception as error:  # noqa: BLE001  # bytes may have left: the outcome is unknown
            self._unknown(order.client_order_id, error)
            return None
        return self._follow(order.client_order_id, asyncio.ensure_future(answer), old=old)

    def _check(self, order: PlaceOrder) -> None:
        """Refuse what may not be sent now. Raises `Refused` or `Expired`."""
        late_ns = self.clock.now_ns() - order.received_ns - int(order.valid_for_s * 1e9)
        if late_ns > 0:
            raise Expired(f"its {order.valid_for_s} s were over {late_ns / 1e9:.3f} s ago")
        closed = self._closed or self._stream.down
        if closed and order.adds_risk:
            raise Refused(f"{self.name} takes no new risk: {closed}")
        if self._unanswered >= MAX_UNANSWERED:
            raise Refused(f"{self._unanswered} orders are unanswered by {self.venue}")

    async def _follow(
        self, client_order_id: str, answer: "asyncio.Future[OrderReport]", *, old: Order | None = None
    ) -> None:
        """Take the answer, however late it comes."""
        self._unanswered += 1
        try:
            await asyncio.wait({answer}, timeout=ANSWER_S)
        finally:
            self._unanswered -= 1
            if not answer.done():
                self._unknown(client_order_id, TimeoutError(f"no answer within {ANSWER_S} s"))
                answer.add_done_callback(partial(self._take_late_answer, client_order_id))
        if answer.done():
            try:
                self._take_answer(client_order_id, answer)
            except NotSent:
                self._blotter.withdraw(client_order_id)
                raise
        if old is not None:
            await look_up(old, gateway=self._gateway, take=self._take)

    def _take_answer(self, client_order_id: str, answer: "asyncio.Future[OrderReport]") -> None:
        try:
            self._take(answer.result())
        except NotSent:
            raise
        except Rejected as error:
            self._take(OrderReport(client_order_id=client_order_id, status="rejected", reason=str(error)))
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # no answer: the outcome is unknown
            self._unknown(client_order_id, error)

    def _take_late_answer(self, client_order_id: str, answer: "asyncio.Future[OrderReport]") -> None:
        try:
            self._take_answer(client_order_id, answer)
        except NotSent as error:
            self._take(OrderReport(client_order_id=client_order_id, status="failed", reason=str(error)))

    def _unknown(self, client_order_id: str, error: BaseException) -> None:
        log.warning("%s: %s is unknown, %r", self.name, client_order_id, error)
        self._take(OrderReport(client_order_id=client_order_id, status="unknown", reason=repr(error)))
        order = self._blotter.live.get(client_order_id)
        if order is not None and order.status == "unknown":
            self._own(resolve(order, gateway=self._gateway, blotter=self._blotter, take=self._take, clock=self.clock))

    # Cancelling

    def _cancel(self, order: Order) -> Awaitable[None]:
        if order.status == "pending" and not self._gateway.keeps_order:
            return self._cancel_answered(order)
        return self._follow_cancel(order, asyncio.ensure_future(self._gateway.cancel(ref(order))))

    async def _cancel_answered(self, order: Order) -> None:
        """Cancel once the order's own answer, or its deadline, has come: elsewhere the cancel could overtake it."""
        await self._settled(order, past="pending", timeout_s=ANSWER_S)
        await self._follow_cancel(order, asyncio.ensure_future(self._gateway.cancel(ref(order))))

    async def _follow_cancel(self, order: Order, answer: "asyncio.Future[OrderReport]") -> None:
        """Take the answer to a cancel. A refusal proves nothing about the order, so that is looked up."""
        await asyncio.wait({answer}, timeout=ANSWER_S)
        try:
            if not answer.done():
                answer.cancel()
                raise TimeoutError(f"no answer to the cancel within {ANSWER_S} s")  # noqa: TRY301
            self._take(answer.result())
        except NotSent:
            raise
        except (Exception, asyncio.CancelledError):
            await look_up(order, gateway=self._gateway, take=self._take)
            if order.client_order_id in self._blotter.live:
                raise

    async def _cancel_then_place(self, old: Order, order: PlaceOrder) -> None:
        await self._cancel(old)
        await self._settled(old, past="open", timeout_s=ANSWER_S)
        now = self._blotter.find(old.client_order_id)
        if now is None or now.status != "cancelled":
            state = "gone" if now is None else now.status
            raise NotSent(f"the order to be replaced, {old.client_order_id}, is {state}, not cancelled")
        sent = self._send(order, partial(self._gateway.place, order))
        if sent is not None:
            await sent

    async def _cancel_all(self, orders: Iterable[Order]) -> None:
        """Cancel orders at once, and wait until all of them have ended or the time for it is over."""

        async def end(order: Order) -> None:
            with contextlib.suppress(Exception):  # what is left is told by the caller, from the blotter
                await self._cancel(order)
            await self._settled(order, past="open", timeout_s=STOP_S)

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await asyncio.gather(*(end(order) for order in orders))

    async def _settled(self, order: Order, *, past: OrderStatus, timeout_s: float) -> None:
        """Wait until the order's status has passed ``past``, for ``timeout_s`` at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while (now := self._blotter.live.get(order.client_order_id)) and RANK[now.status] <= RANK[past]:
                    await self._changed.wait()

    # Reports

    def _take(self, report: Report, recovered: bool = False) -> None:
        """Take in a report, and publish what is new."""
        if isinstance(report, OrderReport):
            events = self._blotter.take_report(report)
        elif isinstance(report, FillReport):
            events = self._blotter.take_fill(report, recovered=recovered)
        else:
            events = iter([_balance(self.venue, report)])
        for event in list(events):  # the blotter has taken it all in before the first handler runs
            self._emit(event)
        self._changed.set()
        self._changed = asyncio.Event()

    def _on_stream(self, reason: str, retry_in_s: float) -> None:
        if reason:
            self._emit(CollectorDown(collector=self.name, reason=reason, retry_in_s=retry_in_s))
        else:
            self._emit(CollectorUp(collector=self.name))

    def _own(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _balance(venue: str, report: BalanceReport) -> Balance:
    return Balance(venue=venue, currency=report.currency, free=report.free, locked=report.locked)


def _pending(order: PlaceOrder) -> Order:
    return Order(
        strategy=order.strategy,
        venue=order.venue,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        side=order.side,
        quantity=order.quantity,
        price=order.price,
    )


def _replacement(action: ReplaceOrder, old: Order) -> PlaceOrder:
    return PlaceOrder(
        received_ns=action.received_ns,
        strategy=action.strategy,
        venue=action.venue,
        symbol=old.symbol,
        client_order_id=action.new_client_order_id,
        side=old.side,
        quantity=action.quantity,
        price=action.price,
        post_only=action.post_only,
        valid_for_s=action.valid_for_s,
    )
