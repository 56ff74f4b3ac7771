"""Checks of executions: what a fill says, that fills add up, and that they can be asked for."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import asdict

from bowstring.testing.conformance.checks import Checks
from bowstring.testing.conformance.desk import Desk
from bowstring.testing.conformance.promise import promise
from bowstring.testing.conformance.wallet import added
from bowstring.trading.gateway import FillReport
from bowstring.trading.messages import FINAL


class FillChecks(Checks):
    """``stream`` and ``fills_since``, of orders that rest."""

    async def test_a_resting_order_is_filled_as_a_maker(self) -> None:
        """At its own price, on either side; the fill says everything."""
        async with self.opened() as desk:
            for order in (desk.order("buy"), desk.order("sell")):
                await desk.rests(order)
                await desk.fill(order, order.quantity)
                await desk.ends(order, "filled", filled=order.quantity)
                fill = desk.fills(order)[0]
                said = (fill.symbol, fill.side, fill.price, fill.quantity, fill.liquidity)
                meant = (order.symbol, order.side, order.price, order.quantity, "maker")
                promise(said == meant, f"stream: this fill is {meant}", seen=fill)
                _check_fee(desk, fill)

    async def test_partial_fills_add_up(self) -> None:
        """The order stays open until the last; what it says of ``filled`` and of its status never goes back."""
        async with self.opened() as desk:
            order = desk.order(quantity=3 * desk.venue.quantity)
            await desk.rests(order)
            for parts in (1, 2, 3):
                await desk.fill(order, desk.venue.quantity)
                promise(
                    len(desk.fills(order)) == parts, f"stream: {parts} trades are as many fills", seen=desk.about(order)
                )
            await desk.ends(order, "filled", filled=order.quantity)
            updates = desk.updates(order)
            filled = [update.filled for update in updates]
            promise(filled == sorted(filled), "stream: what an order says is filled only grows", seen=filled)
            over = [update.status in FINAL for update in updates]
            promise(over == sorted(over), "stream: an order that ended stays ended", seen=desk.about(order))
            partly = {update.status for update in updates if 0 < update.filled < order.quantity}
            promise(partly == {"open"}, "stream: an order that is partly filled is open", seen=desk.about(order))

    async def test_a_partly_filled_order_is_shown_with_what_is_filled(self) -> None:
        """By ``query`` and by ``open_orders``; and when it is cancelled, what was filled stays."""
        async with self.opened() as desk:
            order = desk.order(quantity=2 * desk.venue.quantity)
            await desk.rests(order)
            await desk.fill(order, desk.venue.quantity)
            await desk.shows(
                lambda: desk.query(order),
                lambda shown: shown and (shown.status, shown.filled) == ("open", desk.venue.quantity),
                f"query shows {desk.venue.quantity} of the order as filled",
            )
            await desk.shows(
                desk.gateway.open_orders,
                lambda shown: [order.report.filled for order in shown] == [desk.venue.quantity],
                f"open_orders shows {desk.venue.quantity} of the order as filled",
            )
            await desk.cancel(order)
            await desk.ends(order, "cancelled", filled=desk.venue.quantity)

    async def test_trade_ids_are_unique(self) -> None:
        """Two fills with one id would be booked as one."""
        async with self.opened() as desk:
            fills = await _three_fills(desk)
            ids = [fill.trade_id for fill in fills]
            promise(all(ids) and len(set(ids)) == len(ids), "stream: every fill has a trade id of its own", seen=ids)

    async def test_fills_since_returns_what_was_streamed(self) -> None:
        """Each fill once, oldest first, and the same to the last digit."""
        async with self.opened() as desk:
            since_ns = await desk.gateway.time_ns()
            streamed = await _three_fills(desk)
            await desk.shows(
                lambda: desk.gateway.fills_since(desk.venue.symbol, since_ns),
                lambda fills: list(fills) == streamed,
                f"fills_since returns each fill once, oldest first, as it was streamed: {streamed}",
            )

    async def test_fills_since_returns_nothing_older(self) -> None:
        """And nothing of another symbol."""
        async with self.opened() as desk:
            fills = await _three_fills(desk)
            await desk.shows(
                lambda: desk.gateway.fills_since(desk.venue.symbol, fills[1].time_ns),
                lambda shown: [fill.trade_id for fill in shown] == [fill.trade_id for fill in fills[1:]],
                f"fills_since {fills[1].time_ns} returns the fills of then and later: {fills[1:]}",
            )

    async def test_numbers_are_exact(self) -> None:
        """`Decimal`, everywhere, and times are int: a float has lost digits already."""
        async with self.opened() as desk:
            since_ns = await desk.gateway.time_ns()
            order = desk.order(quantity=2 * desk.venue.quantity)
            reports = [await desk.rests(order)]
            await desk.fill(order, desk.venue.quantity)
            shown = await desk.query(order)
            asked = [*await desk.gateway.fills_since(order.symbol, since_ns), *await desk.gateway.balances()]
            for report in (*reports, *desk.reports, *([shown] if shown else []), *asked):
                for name, value in asdict(report).items():
                    wrong = isinstance(value, float) or (isinstance(value, Decimal) and not value.is_finite())
                    promise(not wrong, f"{type(report).__name__}.{name} is exact", seen=report)


async def _three_fills(desk: Desk) -> list[FillReport]:
    """Of two orders, each at a time of its own."""
    for order in (desk.order(quantity=2 * desk.venue.quantity), desk.order("sell")):
        await desk.rests(order)
        while added(fill.quantity for fill in desk.fills(order)) < order.quantity:
            known = len(desk.fills(order))
            await desk.fill(order, desk.venue.quantity)
            await _later_than(desk, desk.fills(order)[known:])
    return desk.all_fills


async def _later_than(desk: Desk, fills: Sequence[FillReport]) -> None:
    async with asyncio.timeout(desk.deadline_s):
        while await desk.gateway.time_ns() <= max(fill.time_ns for fill in fills):  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(0.001)


def _check_fee(desk: Desk, fill: FillReport) -> None:
    if "fees" in desk.venue.lacks:
        promise(not fill.fee, "stream: a venue without fees takes none", seen=fill)
    else:
        promise(fill.fee and fill.fee_currency, "stream: a fill tells its fee and the currency of it", seen=fill)
