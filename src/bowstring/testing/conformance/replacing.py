"""Checks of native replacement: as a whole, or not at all."""

from bowstring.core.errors import NotSent, Rejected
from bowstring.testing.conformance.checks import Checks
from bowstring.testing.conformance.desk import Desk, Outcome
from bowstring.testing.conformance.promise import promise
from bowstring.trading.gateway import OrderReport
from bowstring.trading.messages import PlaceOrder


class ReplacingChecks(Checks):
    """``replace``, where ``replaces_natively``; else it is never called."""

    async def test_a_replacement_ends_the_old_order_and_opens_the_new(self) -> None:
        """The answer is the new order's, the old one's end is reported."""
        async with self.opened() as desk:
            if not desk.gateway.replaces_natively:
                return
            old, new = desk.order(), desk.order(quantity=2 * desk.venue.quantity)
            await desk.rests(old)
            answer = await _replace(desk, old, new)
            promise(
                isinstance(answer, OrderReport)
                and (answer.client_order_id, answer.status) == (new.client_order_id, "open"),
                "replace answers with the new order, open",
                seen=repr(answer),
            )
            await desk.ends(old, "cancelled")
            await desk.until(
                lambda: bool(desk.updates(new)), "stream reports the new order", seen=lambda: desk.about(new)
            )
            await desk.shows(
                desk.open_ids, lambda ids: ids == [new.client_order_id], "open_orders has the new order and not the old"
            )

    async def test_a_replacement_that_is_rejected_leaves_the_old_order(self) -> None:
        """One that cost the old order all the same is answered as the new order's rejection, by a report."""
        async with self.opened() as desk:
            if not desk.gateway.replaces_natively:
                return
            old, new = desk.order(), await desk.unaffordable("buy")
            await desk.rests(old)
            outcome = await _replace(desk, old, new)
            if isinstance(outcome, OrderReport):
                promise(outcome.status == "rejected", "replace by what cannot be paid: no new order", seen=outcome)
                await desk.ends(old, "cancelled")
            else:
                promise(isinstance(outcome, NotSent | Rejected), "replace raises Rejected", seen=repr(outcome))
                await desk.lag()
                ids = await desk.open_ids()
                promise(ids == [old.client_order_id], "replace raises Rejected if the old order lives on", seen=ids)
            await desk.leaves_nothing(new)

    async def test_what_is_over_cannot_be_replaced(self) -> None:
        """Else there would be an order more."""
        async with self.opened() as desk:
            if not desk.gateway.replaces_natively:
                return
            old, new = desk.order(), desk.order()
            await desk.rests(old)
            await desk.cancel(old)
            await desk.ends(old, "cancelled")
            outcome = await _replace(desk, old, new)
            promise(isinstance(outcome, Rejected), "replace of a finished order raises Rejected", seen=repr(outcome))
            await desk.leaves_nothing(new)


async def _replace(desk: Desk, old: PlaceOrder, new: PlaceOrder) -> Outcome:
    return await desk.request(lambda: desk.gateway.replace(desk.ref(old), new))
