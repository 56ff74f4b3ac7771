"""Checks of requests on their way: in order, many at once, each sent once however late the answer."""

import asyncio

from bowstring.core.errors import NotSent, Rejected
from bowstring.testing.conformance.checks import Checks
from bowstring.testing.conformance.desk import Desk, Outcome
from bowstring.testing.conformance.promise import promise
from bowstring.testing.conformance.wallet import added
from bowstring.trading.gateway import OrderReport
from bowstring.trading.messages import PlaceOrder

AT_ONCE = 50


class RequestChecks(Checks):
    """``place`` and ``cancel`` under way."""

    slow_s: float = 1.0
    """How late answers come where lateness is tested: later than any patience that the gateway may have."""

    async def test_a_cancel_right_behind_its_order_ends_it(self) -> None:
        """Where ``keeps_order``. Else a cancel that overtakes is rejected, and the order lives on."""
        async with self.opened() as desk:
            order = desk.order()
            placing, cancelling = desk.place(order), desk.request(lambda: desk.gateway.cancel(desk.ref(order)))
            placed, cancelled = await placing, await cancelling
            promise(isinstance(placed, OrderReport), "place: the order is accepted", seen=repr(placed))
            if desk.gateway.keeps_order or isinstance(cancelled, OrderReport):
                promise(
                    isinstance(cancelled, OrderReport) and cancelled.status == "cancelled",
                    "cancel, right behind the order on the same connection, ends it (keeps_order)",
                    seen=repr(cancelled),
                )
                await desk.ends(order, "cancelled")
                return
            promise(isinstance(cancelled, Rejected), "cancel that comes first is rejected", seen=repr(cancelled))
            await desk.shows(
                desk.open_ids, lambda ids: ids == [order.client_order_id], "open_orders: the order lives on"
            )

    async def test_many_at_once_are_each_answered_by_their_own_answer(self) -> None:
        """Orders, and then cancels."""
        async with self.opened() as desk:
            orders = [desk.order() for _ in range(AT_ONCE)]
            answers = await asyncio.gather(*[desk.place(order) for order in orders])
            _check_own(orders, answers, "place", "open")
            own = {answer.venue_order_id for answer in answers if isinstance(answer, OrderReport)}
            promise(len(own) == AT_ONCE, f"{AT_ONCE} orders at once have as many venue order ids", seen=len(own))
            ids = sorted(order.client_order_id for order in orders)
            await desk.shows(
                desk.open_ids, lambda shown: sorted(shown) == ids, f"open_orders has {AT_ONCE} orders, each once"
            )
            cancels = await asyncio.gather(*[asyncio.ensure_future(desk.cancel(order)) for order in orders])
            _check_own(orders, cancels, "cancel", "cancelled")
            await desk.shows(desk.open_ids, lambda shown: not shown, "open_orders has no cancelled order")

    async def test_a_slow_answer_makes_it_send_nothing_twice(self) -> None:
        """There is twice as much to take as the order may take."""
        async with self.opened() as desk:
            if "slow_answers" in desk.venue.lacks:
                return
            since_ns = await desk.gateway.time_ns()
            order = await self._take_slowly(desk)
            await asyncio.sleep(2 * self.slow_s)  # for the answer to what was sent again
            await desk.lag()
            told = added(fill.quantity for fill in desk.all_fills)
            promise(told == order.quantity, "place sends an order once", seen=f"{told} of {order.quantity} were filled")
            fills = await desk.gateway.fills_since(order.symbol, since_ns)
            told = added(fill.quantity for fill in fills)
            promise(told == order.quantity, "place sends an order once", seen=f"{told} of {order.quantity} were filled")
            ids = await desk.open_ids()
            promise(not ids, "place sends an order once, and it was filled", seen=ids)

    async def test_a_slow_answer_is_not_taken_for_a_refusal(self) -> None:
        """`NotSent` and `Rejected` are proofs; impatience proves nothing."""
        async with self.opened() as desk:
            if "slow_answers" in desk.venue.lacks:
                return
            await desk.venue.slow_down(self.slow_s)
            order = desk.order()
            outcome = await desk.place(order)
            await desk.until(
                lambda: bool(desk.updates(order)), "stream reports an order", seen=lambda: desk.about(order)
            )
            promise(
                not isinstance(outcome, NotSent | Rejected),
                "place raises NotSent or Rejected only where it is proven that the venue has not the order",
                seen=f"{outcome!r} of an order that was accepted",
            )

    async def test_a_lost_answer_is_not_taken_for_a_refusal(self) -> None:
        """The connection breaks when the venue has the order, and before it has answered."""
        async with self.opened() as desk:
            if "slow_answers" in desk.venue.lacks:
                return
            await desk.venue.slow_down(self.slow_s)
            order = desk.order()
            placing = desk.place(order)
            await desk.until(
                lambda: bool(desk.updates(order)), "stream reports an order", seen=lambda: desk.about(order)
            )
            await desk.venue.disconnect()
            await desk.stream_ends()
            outcome = await placing
            promise(
                not isinstance(outcome, NotSent | Rejected),
                "place raises NotSent or Rejected only where it is proven that the venue has not the order",
                seen=f"{outcome!r} of an order that was accepted",
            )

    async def _take_slowly(self, desk: Desk) -> PlaceOrder:
        order = desk.order(price=desk.middle)
        await desk.venue.offer("sell", price=desk.middle, quantity=2 * order.quantity)
        await desk.venue.slow_down(self.slow_s)
        await desk.place(order)
        await desk.until(
            lambda: bool(desk.fills(order)), "stream reports the fill of an order", seen=lambda: desk.about(order)
        )
        return order


def _check_own(orders: list[PlaceOrder], answers: list[Outcome], what: str, status: str) -> None:
    for order, answer in zip(orders, answers, strict=True):
        promise(
            isinstance(answer, OrderReport)
            and (answer.client_order_id, answer.status) == (order.client_order_id, status),
            f"{what}: {AT_ONCE} at once are each answered by their own answer, {status}",
            seen=f"{answer!r} for {order.client_order_id}",
        )
