"""Checks of orders that take: fills of takers, and what becomes of the rest."""

from bowstring.core.errors import Rejected
from bowstring.testing.conformance.checks import Checks
from bowstring.testing.conformance.desk import Desk, opposite
from bowstring.testing.conformance.promise import promise
from bowstring.testing.conformance.refusals import SIDES
from bowstring.trading.gateway import OrderReport
from bowstring.trading.messages import PlaceOrder


class TakerChecks(Checks):
    """``time_in_force`` and ``liquidity``."""

    async def test_an_order_that_crosses_is_filled_as_a_taker(self) -> None:
        """At the price of what rested, which is better than its own."""
        async with self.opened() as desk:
            for side in SIDES:
                better = desk.instrument.tick_size if side == "buy" else -desk.instrument.tick_size
                order = desk.order(side, price=desk.middle + better)
                await self._offer(desk, order)
                answer = await desk.accepted(order)
                promise(answer.status in {"open", "filled"}, "place answers open, or filled already", seen=answer)
                await desk.ends(order, "filled", filled=order.quantity)
                for fill in desk.fills(order):
                    said = (fill.side, fill.price, fill.liquidity)
                    promise(
                        said == (side, desk.middle, "taker"),
                        f"stream: a taker is filled at what was offered, {desk.middle}",
                        seen=fill,
                    )

    async def test_the_rest_of_a_gtc_order_rests(self) -> None:
        """It is open, with what is filled, until it is cancelled."""
        async with self.opened() as desk:
            order = desk.order(price=desk.middle, quantity=2 * desk.venue.quantity)
            await self._offer(desk, order)
            await desk.accepted(order)
            await desk.executed(order, desk.venue.quantity)
            await desk.shows(
                lambda: desk.query(order),
                lambda shown: shown and (shown.status, shown.filled) == ("open", desk.venue.quantity),
                "query shows the rest of a GTC order as open",
            )
            await desk.cancel(order)
            await desk.ends(order, "cancelled", filled=desk.venue.quantity)

    async def test_the_rest_of_an_ioc_order_expires(self) -> None:
        """What can be had at once is had; also where that is nothing."""
        async with self.opened() as desk:
            order = desk.order(price=desk.middle, quantity=2 * desk.venue.quantity, time_in_force="ioc")
            if "ioc" in desk.venue.lacks:
                await desk.refused(order, "that is IOC, which the venue has not")
                await desk.leaves_nothing(order)
                return
            await self._offer(desk, order)
            await desk.accepted(order)
            await desk.ends(order, "expired", filled=desk.venue.quantity)
            late = desk.order("sell", price=desk.middle, time_in_force="ioc")
            await desk.accepted(late)
            await desk.ends(late, "expired")
            await desk.shows(desk.open_ids, lambda ids: not ids, "open_orders has no IOC order")

    async def test_a_fok_order_is_filled_as_a_whole_or_not_at_all(self) -> None:
        """It expires, or is rejected, where there is not enough, and takes nothing."""
        async with self.opened() as desk:
            whole = desk.order(price=desk.middle, time_in_force="fok")
            if "fok" in desk.venue.lacks:
                await desk.refused(whole, "that is FOK, which the venue has not")
                await desk.leaves_nothing(whole)
                return
            more = desk.order(price=desk.middle, quantity=2 * desk.venue.quantity, time_in_force="fok")
            await self._offer(desk, whole)
            outcome = await desk.place(more)
            if isinstance(outcome, OrderReport):
                await desk.ends(more, "expired")
            promise(isinstance(outcome, OrderReport | Rejected), "place answers a FOK order", seen=repr(outcome))
            await desk.accepted(whole)
            await desk.ends(whole, "filled", filled=whole.quantity)

    async def _offer(self, desk: Desk, order: PlaceOrder) -> None:
        """One time the venue's quantity to take for the order, in the middle."""
        await desk.venue.offer(opposite(order.side), price=desk.middle, quantity=desk.venue.quantity)
