"""Cancelling orders: one request at a time for each, and no refusal is taken for proof."""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable
from functools import partial

from bowstring.core.errors import Disconnected, NotSent
from bowstring.core.supervision import pauses
from bowstring.core.tasks import FAILURES
from bowstring.trading.desk import Desk
from bowstring.trading.gateway import OrderReport
from bowstring.trading.messages import OrderStatus
from bowstring.trading.orders import Order
from bowstring.trading.resolution import look_up, ref

AGAIN_S = 2.0  # a stop has 5.6 s; a cancel that is sent twice does no harm

Answer = asyncio.Future[OrderReport]


class Canceller:
    """Cancels orders that were sent."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def cancel(self, order: Order) -> asyncio.Task[None]:
        """Cancel an order that may be open, in the caller's stack where it is sure to come after the order's own bytes.

        The task ends with the venue's answer, and raises when the order lives on in spite of it.
        """
        client_order_id = order.client_order_id
        if client_order_id not in self._under_way:
            task = asyncio.get_running_loop().create_task(self._begin(order))
            task.add_done_callback(lambda task: self._let_go(client_order_id, task))
            self._desk.adopt(task)
            self._under_way[client_order_id] = task
        return self._under_way[client_order_id]

    def _let_go(self, client_order_id: str, task: "asyncio.Task[None]") -> None:
        if self._under_way.get(client_order_id) is task:
            del self._under_way[client_order_id]

    async def end(self, orders: Iterable[Order]) -> None:
        """Cancel orders, again and again, until all of them have ended."""
        await asyncio.gather(*map(self._end, orders))

    def _begin(self, order: Order) -> Coroutine[object, object, None]:
        if order.status == "pending" and not self._desk.gateway.keeps_order:
            return self._cancel_answered(order)
        return self._follow(order, self._request(order))

    def _request(self, order: Order) -> Answer:
        try:
            answer: Answer = asyncio.ensure_future(self._desk.gateway.cancel(ref(order)))
        except FAILURES as error:  # at once, which is as good as later
            answer = asyncio.get_running_loop().create_future()
            answer.set_exception(error)
        answer.add_done_callback(self._take_answer)  # however late it comes
        self._desk.adopt(answer)
        return answer

    async def _cancel_answered(self, order: Order) -> None:
        """Cancel once the order's own answer, or its deadline, has come: before, the cancel could overtake it."""
        await self._desk.until(lambda: self._status(order) != "pending", timeout_s=self._desk.answer_s)
        now = self._desk.blotter.live.get(order.client_order_id)
        if now is not None:
            await self._follow(now, self._request(now))

    async def _follow(self, order: Order, answer: Answer) -> None:
        """Wait for the answer to a cancel. What is no confirmation proves nothing: the order is looked up."""
        await asyncio.wait({answer}, timeout=self._desk.answer_s)
        failure = self._failure(answer)
        if failure is not None and not isinstance(failure, NotSent):
            await look_up(order, desk=self._desk)
            if self._status(order) is None:
                return
        if failure is not None:
            raise failure

    def _failure(self, answer: Answer) -> Exception | None:
        if not answer.done():
            return TimeoutError(f"no answer to the cancel within {self._desk.answer_s} s")
        try:
            answer.result()
        except asyncio.CancelledError:
            return Disconnected("the cancel was given up")  # by the gateway: it is not this task that is cancelled
        except Exception as error:  # noqa: BLE001  # whatever a gateway raises: it is raised on, after a look
            return error
        return None

    def _take_answer(self, answer: Answer) -> None:
        with contextlib.suppress(*FAILURES):
            self._desk.take(answer.result())

    async def _end(self, order: Order) -> None:
        for pause_s in pauses(self._desk.clock):
            now = self._desk.blotter.live.get(order.client_order_id)
            if now is None:
                return
            await asyncio.wait({self.cancel(now)}, timeout=AGAIN_S)
            if self._status(order) != "pending":  # else the cancel may wait for the order's own answer
                self._under_way.pop(order.client_order_id, None)  # what is not answered by now is sent again
            await self._desk.until(partial(self._is_due, order, self._desk.reconciled_ns), timeout_s=pause_s)

    def _is_due(self, order: Order, reconciled_ns: int) -> bool:
        """Whether there is no use in waiting: it has ended, or the venue can be reached again."""
        return self._status(order) is None or self._desk.reconciled_ns != reconciled_ns

    def _status(self, order: Order) -> OrderStatus | None:
        """None: it has ended."""
        now = self._desk.blotter.live.get(order.client_order_id)
        return now.status if now else None
