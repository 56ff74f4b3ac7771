"""Checks of orders that cannot be: they are refused, and nothing of them is left at the venue."""

from collections.abc import Iterator
from functools import partial
from operator import eq

from msgspec.structs import replace

from bowstring.core.errors import NotSent
from bowstring.testing.conformance.checks import Checks
from bowstring.testing.conformance.desk import Desk, Request
from bowstring.testing.conformance.promise import promise
from bowstring.trading.messages import PlaceOrder, Side

SIDES: tuple[Side, Side] = ("buy", "sell")


class RefusalChecks(Checks):
    """`Rejected`, or `NotSent` where the gateway knows better."""

    async def test_an_order_against_the_rules_is_refused(self) -> None:
        """Off the tick, off the lot, of nothing, below the least notional; never mended, never in part."""
        async with self.opened() as desk:
            before = await desk.wallet()
            orders = list(_against_the_rules(desk))
            for order, why in orders:
                await desk.refused(order, why)
            await desk.leaves_nothing(*[order for order, _ in orders])
            await desk.shows(desk.wallet, partial(eq, before), f"balances: a refused order leaves {before}")

    async def test_an_order_that_cannot_be_paid_is_refused(self) -> None:
        """As a whole, on both sides."""
        async with self.opened() as desk:
            before = await desk.wallet()
            orders = [await desk.unaffordable(side) for side in SIDES]
            for order in orders:
                await desk.refused(order, f"for more than can be paid, {before}")
            await desk.leaves_nothing(*orders)
            await desk.shows(desk.wallet, partial(eq, before), f"balances: a refused order leaves {before}")

    async def test_an_order_for_an_unknown_symbol_is_refused(self) -> None:
        """And not sent to another one."""
        async with self.opened() as desk:
            order = replace(desk.order(), symbol="NO/SUCH")
            outcome = await desk.place(order)
            promise(isinstance(outcome, Exception), "place refuses an unknown symbol", seen=outcome)
            ids = await desk.open_ids()
            promise(not ids, "open_orders: nothing came of an order for an unknown symbol", seen=ids)

    async def test_requests_raise_nothing_but_not_sent_where_they_are_made(self) -> None:
        """What the venue says, and any doubt, comes by the awaitable."""
        async with self.opened() as desk:
            good, unaffordable = desk.order(), await desk.unaffordable("buy")
            orders = [good, unaffordable, replace(desk.order(), symbol="NO/SUCH")]
            orders += [order for order, _ in _against_the_rules(desk)]
            raised = [await _raised(desk, partial(desk.gateway.place, order)) for order in orders]
            raised += [await _raised(desk, partial(desk.gateway.cancel, desk.ref(order))) for order in orders]
            others = [error for error in raised if not isinstance(error, NotSent | None)]
            promise(not others, "place and cancel raise only NotSent in the caller's stack", seen=others)

    async def test_post_only_never_takes(self) -> None:
        """It rests, or it is rejected."""
        async with self.opened() as desk:
            if "post_only" in desk.venue.lacks:
                order = desk.order(post_only=True)
                await desk.refused(order, "that is post-only, which the venue has not")
                await desk.leaves_nothing(order)
                return
            for side, other in (SIDES, SIDES[::-1]):
                await desk.rests(desk.order(side, post_only=True))
                await desk.venue.offer(other, price=desk.middle, quantity=desk.venue.quantity)
                order = desk.order(side, price=desk.middle, post_only=True)
                await desk.refused(order, "that is post-only and would take")
                await desk.leaves_nothing(order)
                taker = desk.order(side, price=desk.middle)
                await desk.accepted(taker)
                await desk.ends(taker, "filled", filled=taker.quantity)


async def _raised(desk: Desk, request: Request) -> Exception | None:
    """What a request raises where it is made; its answer, if there is one, is waited for."""
    try:
        answer = request()
    except Exception as error:  # noqa: BLE001  # what it raises is the question
        return error
    await desk.answered(answer)
    return None


def _against_the_rules(desk: Desk) -> Iterator[tuple[PlaceOrder, str]]:
    instrument, quantity, low = desk.instrument, desk.venue.quantity, desk.venue.low
    yield desk.order(quantity=quantity * 0), "of nothing"
    if instrument.tick_size:
        yield desk.order(price=low + instrument.tick_size / 4), f"off its tick {instrument.tick_size:f}"
    if instrument.lot_size:
        yield desk.order(quantity=quantity + instrument.lot_size / 4), f"off its lot {instrument.lot_size:f}"
    if instrument.min_notional:
        too_small = instrument.floor_quantity(instrument.min_notional / low / 2)
        yield desk.order(quantity=too_small), f"below the least notional {instrument.min_notional:f}"
