"""Checks of the dead-man switch: the venue cancels all orders of an account that it hears nothing of."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bowstring.core.errors import NotSent
from bowstring.testing.conformance.account import another_client
from bowstring.testing.conformance.checks import Checks
from bowstring.testing.conformance.desk import Desk
from bowstring.testing.conformance.promise import PromiseBroken, promise

EARLY = 0.9  # the venue's clock is another one


class DeadManChecks(Checks):
    """``cancel_after``, where the gateway says that the venue offers it."""

    cancel_after_s: float = 1.0
    """The countdown: what the venue allows, and several times what a request takes."""

    async def test_what_is_not_offered_is_not_taken(self) -> None:
        """Whoever asks for it all the same must not believe that he has it."""
        async with self.opened() as desk:
            if desk.gateway.offers_cancel_after:
                return
            try:
                await desk.gateway.cancel_after(self.cancel_after_s)
            except NotSent:
                return
            raise PromiseBroken("cancel_after raises NotSent where it is not offered\n  seen: it returns")

    async def test_orders_are_cancelled_when_nothing_is_heard(self) -> None:
        """All of them, after that time, and the stream tells."""
        async with self._offered() as desk:
            if desk is None:
                return
            orders = [desk.order("buy"), desk.order("sell")]
            for order in orders:
                await desk.rests(order)
            await desk.gateway.cancel_after(self.cancel_after_s)
            await asyncio.sleep(EARLY * self.cancel_after_s)
            early = [order for order in orders if desk.updates(order)[-1].status != "open"]
            promise(not early, f"cancel_after cancels nothing before {self.cancel_after_s} s have passed", seen=early)
            for order in orders:
                await desk.ends(order, "cancelled")
            await desk.shows(desk.open_ids, lambda ids: not ids, "open_orders has no order that was cancelled")

    async def test_orders_live_while_something_is_heard(self) -> None:
        """Each call counts anew."""
        async with self._offered() as desk:
            if desk is None:
                return
            order = desk.order()
            await desk.rests(order)
            for _ in range(4):
                await desk.gateway.cancel_after(self.cancel_after_s)
                await asyncio.sleep(self.cancel_after_s / 2)
            await self._lives(
                desk, order.client_order_id, "cancel_after: an order lives while it is called again in time"
            )

    async def test_orders_live_once_it_was_called_off(self) -> None:
        """With 0."""
        async with self._offered() as desk:
            if desk is None:
                return
            order = desk.order()
            await desk.rests(order)
            await desk.gateway.cancel_after(self.cancel_after_s)
            await desk.gateway.cancel_after(0)
            await asyncio.sleep(2 * self.cancel_after_s)
            await self._lives(desk, order.client_order_id, "cancel_after(0): an order lives after that")

    async def test_it_is_the_venue_that_counts(self) -> None:
        """A client that counts itself is dead when it matters."""
        async with self._offered() as desk:
            if desk is None:
                return
            async with another_client(desk) as other:
                if other is None:
                    return
                await desk.rests(desk.order())
                await desk.gateway.cancel_after(self.cancel_after_s)
                await desk.close()
                await asyncio.sleep(2 * self.cancel_after_s + desk.gateway.query_lag_s)
                shown = await other.open_orders()
                promise(not shown, "cancel_after cancels orders when the gateway is closed too", seen=shown)

    async def test_the_orders_of_other_clients_are_cancelled_too(self) -> None:
        """It is the account's; who uses it has to know."""
        async with self._offered() as desk:
            if desk is None:
                return
            async with another_client(desk) as other:
                if other is None:
                    return
                order = desk.order()
                await desk.answered(other.place(order))
                await desk.gateway.cancel_after(self.cancel_after_s)
                await asyncio.sleep(self.cancel_after_s)
                await desk.ends(order, "cancelled")

    @asynccontextmanager
    async def _offered(self) -> AsyncGenerator[Desk | None]:
        async with self.opened() as desk:
            yield desk if desk.gateway.offers_cancel_after else None

    async def _lives(self, desk: Desk, client_order_id: str, what: str) -> None:
        await desk.lag()
        ids = await desk.open_ids()
        promise(ids == [client_order_id], what, seen=ids)
