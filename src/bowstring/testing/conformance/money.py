"""Checks of balances: they are the fills and the fees, to the last digit, and what open orders lock."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from operator import eq

from bowstring.testing.conformance.checks import Checks
from bowstring.testing.conformance.desk import Desk, opposite
from bowstring.testing.conformance.promise import promise
from bowstring.testing.conformance.refusals import SIDES
from bowstring.testing.conformance.wallet import cost, locking, total, traded, wallet
from bowstring.trading.gateway import BalanceReport
from bowstring.trading.messages import PlaceOrder


class MoneyChecks(Checks):
    """``balances``, of a spot account."""

    async def test_balances_name_a_currency_once(self) -> None:
        """With nothing negative."""
        async with self.opened() as desk:
            balances = await desk.gateway.balances()
            currencies = [balance.currency for balance in balances]
            promise(len(set(currencies)) == len(currencies), "balances has each currency once", seen=currencies)
            negative = [balance for balance in balances if min(balance.free, balance.locked) < 0]
            promise(not negative, "balances of a spot account are not negative", seen=negative)
            needed = {desk.instrument.base, desk.instrument.quote}
            promise(needed <= set(currencies), f"balances has the currencies that it holds: {needed}", seen=currencies)

    async def test_an_open_order_locks_what_it_costs(self) -> None:
        """A buyer's price times quantity in quote, a seller's quantity in base; a cancel releases it."""
        async with self.opened() as desk:
            for side in SIDES:
                before = await desk.wallet()
                order = desk.order(side)
                await desk.rests(order)
                locked = locking(before, [cost(desk.instrument, side, price=order.price, quantity=order.quantity)])
                await desk.shows(desk.wallet, partial(eq, locked), f"balances: an order locks {locked}")
                await desk.cancel(order)
                await desk.shows(desk.wallet, partial(eq, before), f"balances: a cancel releases all of {before}")

    async def test_balances_move_by_fills_and_fees(self) -> None:
        """As a maker and as a taker, a buyer and a seller; nothing is rounded that the venue did not round."""
        async with self.opened() as desk:
            for side in SIDES:
                maker = desk.order(side, quantity=3 * desk.venue.quantity)
                await _check_trade(desk, maker, by_taking=False)
                taker = desk.order(side, quantity=3 * desk.venue.quantity, price=desk.middle)
                await _check_trade(desk, taker, by_taking=True)

    async def test_balances_that_are_streamed_are_those_that_are_shown(self) -> None:
        """Absolute amounts, not changes. A gateway need not stream any."""
        async with self.opened() as desk:
            order = desk.order()
            await desk.rests(order)
            await desk.fill(order, order.quantity)
            await desk.lag()
            shown = await desk.wallet()
            told = {one.currency: one for one in desk.reports if isinstance(one, BalanceReport)}
            if told:
                await desk.until(
                    lambda: {**shown, **wallet(_latest(desk))} == shown,
                    f"stream: reported balances are absolute, and in the end those of balances(), {shown}",
                    seen=lambda: wallet(_latest(desk)),
                )


def _latest(desk: Desk) -> list[BalanceReport]:
    return list({one.currency: one for one in desk.reports if isinstance(one, BalanceReport)}.values())


async def _check_trade(desk: Desk, order: PlaceOrder, *, by_taking: bool) -> None:
    before = await desk.wallet()
    if by_taking:
        await desk.venue.offer(opposite(order.side), price=order.price, quantity=order.quantity)
        await desk.accepted(order)
    else:
        await desk.rests(order)
        await desk.fill(order, order.quantity)
    await desk.ends(order, "filled", filled=order.quantity)
    due = traded(before, desk.fills(order), instrument=desk.instrument)
    await desk.shows(
        lambda: _total(desk),
        lambda held: held == due,
        f"balances are those before, {total(before)}, and the fills and fees of {desk.about(order)}: {due}",
    )


async def _total(desk: Desk) -> Mapping[str, Decimal]:
    return total(await desk.wallet())
