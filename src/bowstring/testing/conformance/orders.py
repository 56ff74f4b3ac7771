"""Checks of the life of an order that rests: answered, reported, shown, cancelled."""

from functools import partial

from bowstring.core.errors import Rejected
from bowstring.testing.conformance.checks import Checks
from bowstring.testing.conformance.promise import promise
from bowstring.testing.conformance.wallet import ZERO
from bowstring.trading.gateway import OrderRef, OrderReport


class OrderChecks(Checks):
    """``place``, ``cancel``, ``query``, ``open_orders``."""

    async def test_an_order_that_rests_is_answered_open(self) -> None:
        """With its own id, nothing filled, and the id that the venue gave it."""
        async with self.opened() as desk:
            order = desk.order()
            answer = await desk.accepted(order)
            promise(
                (answer.client_order_id, answer.status, answer.filled) == (order.client_order_id, "open", ZERO),
                "place answers an order that rests with its client order id, open, and nothing filled",
                seen=answer,
            )
            promise(answer.venue_order_id, "place answers with the venue's own order id", seen=answer)

    async def test_an_order_that_rests_is_reported_too(self) -> None:
        """The private stream tells what the answer told."""
        async with self.opened() as desk:
            order = desk.order("sell")
            answer = await desk.rests(order)
            told = desk.updates(order)[0]
            promise(
                (told.status, told.filled, told.venue_order_id) == ("open", ZERO, answer.venue_order_id),
                f"stream reports an accepted order as it was answered, {answer}",
                seen=told,
            )

    async def test_an_order_that_rests_is_shown(self) -> None:
        """By ``query``, with or without the venue's id, and by ``open_orders``, once."""
        async with self.opened() as desk:
            order = desk.order()
            answer = await desk.accepted(order)
            for known in (None, answer):
                await desk.shows(
                    partial(desk.query, order, known),
                    lambda shown: shown and (shown.status, shown.venue_order_id) == ("open", answer.venue_order_id),
                    f"query shows an open order as {desk.ref(order, known)}",
                )
            await desk.shows(
                desk.open_ids,
                lambda ids: ids == [order.client_order_id],
                f"open_orders has this order once and no other: {order.client_order_id}",
            )

    async def test_what_it_never_had_is_not_shown(self) -> None:
        """``query`` answers None: it neither raises nor invents."""
        async with self.opened() as desk:
            shown = await desk.query(desk.order())
            promise(shown is None, "query returns None for an order that the venue does not know", seen=shown)

    async def test_every_order_has_its_own_ids(self) -> None:
        """Equal orders are told apart by the venue's id, and client order ids are kept to the letter."""
        async with self.opened() as desk:
            orders = [desk.order(), desk.order()]
            answers = [await desk.rests(order) for order in orders]
            promise(
                len({answer.venue_order_id for answer in answers}) == 2,
                "every order has a venue order id of its own",
                seen=answers,
            )
            ids = {order.client_order_id for order in orders}
            told = {report.client_order_id for report in desk.reports if isinstance(report, OrderReport)}
            promise(told == ids, "stream names orders by their client order ids", seen=(told, ids))
            await desk.shows(
                desk.open_ids, lambda shown: set(shown) == ids, f"open_orders names orders by theirs: {ids}"
            )

    async def test_a_cancelled_order_is_cancelled_everywhere(self) -> None:
        """In the answer, in a report, in ``open_orders`` and in ``query``, which may have forgotten it."""
        async with self.opened() as desk:
            order = desk.order()
            placed = await desk.rests(order)
            answer = await desk.cancel(order, placed)
            promise(isinstance(answer, OrderReport), "cancel of an open order is carried out", seen=repr(answer))
            assert isinstance(answer, OrderReport)
            promise(
                (answer.client_order_id, answer.status) == (order.client_order_id, "cancelled"),
                "cancel answers with the order's own id and that it is cancelled",
                seen=answer,
            )
            await desk.ends(order, "cancelled")
            await desk.shows(desk.open_ids, lambda ids: not ids, "open_orders has no cancelled order")
            await desk.shows(
                lambda: desk.query(order, placed),
                lambda shown: shown is None or shown.status == "cancelled",
                "query shows a cancelled order as cancelled, or None",
            )

    async def test_a_cancel_is_reported_under_the_orders_own_id(self) -> None:
        """Some venues give the cancel an id too, and have the order's in another field."""
        async with self.opened() as desk:
            order = desk.order()
            await desk.rests(order)
            await desk.cancel(order)
            await desk.until(
                lambda: any(one.status == "cancelled" for one in desk.reports if isinstance(one, OrderReport)),
                "stream reports a cancel",
                seen=lambda: desk.about(order),
            )
            told = {one.client_order_id for one in desk.reports if isinstance(one, OrderReport)}
            promise(
                told == {order.client_order_id},
                f"stream reports a cancel under the id of the order, {order.client_order_id}",
                seen=told,
            )

    async def test_a_cancel_of_what_is_unknown_is_rejected(self) -> None:
        """It proves nothing about the order, so nothing is said about the order."""
        async with self.opened() as desk:
            order = desk.order()
            for ref in (desk.ref(order), OrderRef(symbol=order.symbol, client_order_id="1", venue_order_id="1")):
                outcome = await desk.request(partial(desk.gateway.cancel, ref))
                promise(
                    isinstance(outcome, Rejected),
                    "cancel raises Rejected for an order that the venue does not know",
                    seen=repr(outcome),
                )
            await desk.lag()
            told = [one for one in desk.reports if isinstance(one, OrderReport)]
            promise(not told, "stream reports nothing of an order that the venue does not know", seen=told)

    async def test_a_cancel_of_what_is_over_changes_nothing(self) -> None:
        """A filled order stays filled, a cancelled one cancelled; the cancel is rejected."""
        async with self.opened() as desk:
            filled, cancelled = desk.order(), desk.order("sell")
            await desk.rests(filled)
            await desk.fill(filled, filled.quantity)
            await desk.ends(filled, "filled", filled=filled.quantity)
            await desk.rests(cancelled)
            await desk.cancel(cancelled)
            await desk.ends(cancelled, "cancelled")
            for order in (filled, cancelled):
                outcome = await desk.cancel(order)
                promise(
                    isinstance(outcome, Rejected), "cancel raises Rejected for a finished order", seen=repr(outcome)
                )
            await desk.lag()
            for order, status in ((filled, "filled"), (cancelled, "cancelled")):
                last, shown = desk.updates(order)[-1], await desk.query(order)
                promise(last.status == status, f"stream: a cancel leaves the order {status}", seen=desk.about(order))
                promise(
                    shown is None or shown.status == status, f"query: a cancel leaves the order {status}", seen=shown
                )
