"""Checks of what the gateway says of its account: what it is called, and what others have ordered on it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal

from bowstring.testing.conformance.checks import Checks
from bowstring.testing.conformance.desk import Desk
from bowstring.testing.conformance.promise import promise
from bowstring.trading.gateway import Gateway, OpenOrder, OrderReport
from bowstring.trading.messages import PlaceOrder, Side

Terms = tuple[str, Side, Decimal, Decimal]


class AccountChecks(Checks):
    """``account`` and ``open_orders``, where somebody else may trade too."""

    async def test_its_account_is_the_same_for_all_its_clients(self) -> None:
        """So the second one can tell that there is a first. ``""``: there can be no second."""
        async with self.opened() as desk, another_client(desk) as other:
            if other is None:
                return
            names = (desk.gateway.account, other.account)
            promise(all(names), "account: where an account may have two clients, it has a name", seen=names)
            promise(names[0] == names[1], "account: two clients of one account give the same", seen=names)

    async def test_two_accounts_are_two(self) -> None:
        """Or a bot could not trade on both."""
        async with self.opened() as desk, opened(desk.venue.other_account) as other:
            if other is not None and desk.gateway.account:
                names = (desk.gateway.account, other.account)
                promise(names[0] != names[1], "account: two accounts of a venue differ", seen=names)

    async def test_its_account_stays_what_it_is(self) -> None:
        """Over reconnects, and whatever is asked meanwhile."""
        async with self.opened() as desk:
            names = [desk.gateway.account]
            for _ in range(2):
                await desk.venue.disconnect()
                await desk.stream_ends()
                await desk.listen()
                await desk.gateway.balances()
                names.append(desk.gateway.account)
            promise(len(set(names)) == 1, "account: it is the same after a reconnect", seen=names)

    async def test_its_account_holds_no_secret(self) -> None:
        """It is written down, and shown to whoever looks."""
        async with self.opened() as desk:
            told = [number for number, secret in enumerate(desk.venue.secrets, 1) if secret in desk.gateway.account]
            promise(not told, "account: it holds nothing that was given in confidence", seen=f"secret number {told}")

    async def test_open_orders_tell_what_was_ordered(self) -> None:
        """Side, price and the whole quantity, of what is partly filled too."""
        async with self.opened() as desk:
            orders = [desk.order("buy", quantity=2 * desk.venue.quantity), desk.order("sell")]
            for order in orders:
                await desk.rests(order)
            await desk.fill(orders[0], desk.venue.quantity)
            await _are_shown(desk, orders)

    async def test_orders_that_another_client_placed_are_shown(self) -> None:
        """With what was ordered, and the venue's id."""
        async with self.opened() as desk, another_client(desk) as other:
            if other is None:
                return
            orders = [desk.order("buy"), desk.order("sell", quantity=2 * desk.venue.quantity)]
            await desk.rests(orders[0])
            foreign = await desk.answered(other.place(orders[1]))
            promise(isinstance(foreign, OrderReport), "place: two clients may trade on one account", seen=repr(foreign))
            shown = await _are_shown(desk, orders)
            unnamed = [order for order in shown if not order.report.venue_order_id]
            promise(not unnamed, "open_orders names every order by the venue's id", seen=unnamed)


@asynccontextmanager
async def opened(gateway: Gateway | None) -> AsyncGenerator[Gateway | None]:
    """Open a gateway, if there is one, and close it."""
    if gateway is not None:
        await gateway.open()
    try:
        yield gateway
    finally:
        if gateway is not None:
            await gateway.close()


def another_client(desk: Desk) -> AbstractAsyncContextManager[Gateway | None]:
    """Another open gateway of the same account; None where there can be none."""
    return opened(desk.venue.another_client)


async def _are_shown(desk: Desk, orders: Sequence[PlaceOrder]) -> Sequence[OpenOrder]:
    due = sorted(_terms(order) for order in orders)
    return await desk.shows(
        desk.gateway.open_orders,
        lambda shown: sorted(_terms(order) for order in shown) == due,
        f"open_orders shows these, by symbol, side, quantity and price: {due}",
    )


def _terms(order: PlaceOrder | OpenOrder) -> Terms:
    return order.symbol, order.side, order.quantity, order.price
