"""What the suite does at a venue: it places orders, and waits for what comes of them."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from decimal import Decimal
from itertools import count
from typing import TypeVar

from bowstring.core.clock import Clock
from bowstring.core.errors import NotSent, Rejected
from bowstring.market.instrument import Instrument
from bowstring.testing.conformance.line import Line
from bowstring.testing.conformance.promise import PromiseBroken, promise
from bowstring.testing.conformance.venue import VenueUnderTest
from bowstring.testing.conformance.wallet import Balance, Wallet, added, wallet
from bowstring.trading.gateway import FillReport, OrderRef, OrderReport
from bowstring.trading.messages import FINAL, OrderStatus, PlaceOrder, Side, TimeInForce

T = TypeVar("T")

Request = Callable[[], Awaitable[OrderReport]]
Outcome = OrderReport | Exception


class Desk(Line):
    """Places orders and waits for what they bring."""

    def __init__(self, venue: VenueUnderTest, *, deadline_s: float) -> None:
        super().__init__(venue, deadline_s=deadline_s)
        self._prefix, self._numbers = Clock().new_prefix(), count(1)

    @property
    def instrument(self) -> Instrument:
        """That of the symbol."""
        return next(one for one in self.instruments if one.symbol == self.venue.symbol)

    @property
    def middle(self) -> Decimal:
        """A price at which nothing rests unless it was offered."""
        return self.instrument.floor_price((self.venue.low + self.venue.high) / 2)

    def order(
        self,
        side: Side = "buy",
        *,
        price: Decimal | None = None,
        quantity: Decimal | None = None,
        time_in_force: TimeInForce = "gtc",
        post_only: bool = False,
    ) -> PlaceOrder:
        """A new order, which rests unless another price is given."""
        rests_at = self.venue.low if side == "buy" else self.venue.high
        return PlaceOrder(
            strategy="conformance",
            venue=self.gateway.venue,
            symbol=self.venue.symbol,
            client_order_id=f"{self._prefix}{next(self._numbers)}",
            side=side,
            price=rests_at if price is None else price,
            quantity=self.venue.quantity if quantity is None else quantity,
            time_in_force=time_in_force,
            post_only=post_only,
        )

    def ref(self, order: PlaceOrder, answer: OrderReport | None = None) -> OrderRef:
        """The order's names; with the venue's own, if there was an answer."""
        venue_order_id = answer.venue_order_id if answer else ""
        return OrderRef(symbol=order.symbol, client_order_id=order.client_order_id, venue_order_id=venue_order_id)

    def place(self, order: PlaceOrder) -> "asyncio.Task[Outcome]":
        """Send an order in this call stack; the outcome comes later."""
        return self.request(lambda: self.gateway.place(order))

    def request(self, request: Request) -> "asyncio.Task[Outcome]":
        """Make a request in this call stack. What it raises there, or later, is its outcome, as is an answer."""
        try:
            answer = request()
        except Exception as error:  # noqa: BLE001  # whatever a gateway raises is its outcome
            return asyncio.ensure_future(_raised(error))
        return asyncio.ensure_future(self.answered(answer))

    async def accepted(self, order: PlaceOrder) -> OrderReport:
        """Place a valid order; returns the answer."""
        outcome = await self.place(order)
        promise(isinstance(outcome, OrderReport), f"place: a valid order is accepted: {order}", seen=repr(outcome))
        assert isinstance(outcome, OrderReport)
        return outcome

    async def rests(self, order: PlaceOrder) -> OrderReport:
        """Place an order that rests, and wait until that was reported too; returns the answer."""
        answer = await self.accepted(order)
        await self.until(
            lambda: any(update.status == "open" for update in self.updates(order)),
            "stream reports an order that rests as open",
            seen=lambda: self.about(order),
        )
        return answer

    async def cancel(self, order: PlaceOrder, answer: OrderReport | None = None) -> Outcome:
        """Cancel an order; returns the outcome."""
        return await self.request(lambda: self.gateway.cancel(self.ref(order, answer)))

    async def fill(self, order: PlaceOrder, quantity: Decimal) -> None:
        """Have the counterparty fill so much more of an order that rests, and wait until that is reported."""
        before = added(fill.quantity for fill in self.fills(order))
        await self.venue.trade(opposite(order.side), price=order.price, quantity=quantity)
        await self.executed(order, before + quantity)

    # What comes of them

    def updates(self, order: PlaceOrder) -> list[OrderReport]:
        """What the stream reported of its state."""
        return [one for one in self.reports if isinstance(one, OrderReport) and _is_of(one, order)]

    def fills(self, order: PlaceOrder) -> list[FillReport]:
        """What the stream reported of its executions."""
        return [one for one in self.reports if isinstance(one, FillReport) and _is_of(one, order)]

    @property
    def all_fills(self) -> list[FillReport]:
        """What the stream reported of executions."""
        return [one for one in self.reports if isinstance(one, FillReport)]

    def about(self, order: PlaceOrder) -> str:
        """What the stream reported of an order, for a message; else all that it did report."""
        told = [str(one) for one in (*self.updates(order), *self.fills(order))]
        others = [f"nothing of {order.client_order_id}, but", *map(str, self.reports[-10:])]
        return "\n  ".join(told or others)

    async def ends(self, order: PlaceOrder, status: OrderStatus, *, filled: Decimal = Decimal(0)) -> OrderReport:
        """Wait until the stream says that the order ended; returns its last word on it."""
        await self.until(
            lambda: any(update.status in FINAL for update in self.updates(order)),
            "stream reports the end of an order",
            seen=lambda: self.about(order),
        )
        last = self.updates(order)[-1]
        promise(
            (last.status, last.filled) == (status, filled),
            f"stream: this order ends as {status} with {filled:f} filled",
            seen=self.about(order),
        )
        await self.executed(order, filled)
        return last

    async def executed(self, order: PlaceOrder, quantity: Decimal) -> list[FillReport]:
        """Wait until the stream has told so much of the order as filled, by fills and by its state."""
        await self.until(
            lambda: (
                added(fill.quantity for fill in self.fills(order)) >= quantity
                and (not quantity or any(update.filled >= quantity for update in self.updates(order)))
            ),
            f"stream reports fills of {quantity:f} together, and the same as the order's filled",
            seen=lambda: self.about(order),
        )
        told = added(fill.quantity for fill in self.fills(order))
        promise(told == quantity, f"stream: the fills of this order are {quantity:f} together", seen=self.about(order))
        return self.fills(order)

    # What the venue shows when it is asked

    async def shows(
        self, ask: Callable[[], Coroutine[object, object, T]], holds: Callable[[T], object], what: str
    ) -> T:
        """Ask until the answer is right: at the latest ``query_lag_s`` from now it must be."""
        loop = asyncio.get_running_loop()
        due_s = loop.time() + self.gateway.query_lag_s
        while True:
            is_due = loop.time() >= due_s
            answer = await ask()
            if holds(answer) or is_due:
                promise(holds(answer), f"{what}, after query_lag_s = {self.gateway.query_lag_s} s", seen=answer)
                return answer
            await asyncio.sleep(self.gateway.query_lag_s / 10)  # a question may cost much of what the venue allows

    async def query(self, order: PlaceOrder, answer: OrderReport | None = None) -> OrderReport | None:
        """Ask for an order."""
        try:
            return await self.gateway.query(self.ref(order, answer))
        except Exception as error:  # whatever a gateway raises is its answer
            raise PromiseBroken(f"query tells what the venue shows, None for nothing\n  seen: {error!r}") from error

    async def lag(self) -> None:
        """Wait until a query that does not show what happened proves that it did not."""
        await asyncio.sleep(self.gateway.query_lag_s)

    async def open_ids(self) -> list[str]:
        """The client order ids of the account's open orders in the symbol."""
        orders = await self.gateway.open_orders()
        return [order.report.client_order_id for order in orders if order.symbol == self.venue.symbol]

    async def wallet(self) -> Wallet:
        """The account's balances."""
        return wallet(await self.gateway.balances())

    async def leaves_nothing(self, *orders: PlaceOrder) -> None:
        """The venue shows no order and no fill of orders that were refused."""
        await self.lag()
        ids = await self.open_ids()
        for order in orders:
            shown = await self.query(order)
            promise(
                shown is None or (shown.status == "rejected" and not shown.filled),
                "query: nothing of a refused order is at the venue",
                seen=shown,
            )
            promise(order.client_order_id not in ids, "open_orders: a refused order is not among them", seen=ids)
            promise(not self.fills(order), "stream: a refused order has no fills", seen=self.about(order))

    async def unaffordable(self, side: Side) -> PlaceOrder:
        """An order for a little more than can be paid for."""
        currency = self.instrument.quote if side == "buy" else self.instrument.base
        free = (await self.wallet()).get(currency, Balance()).free
        most = free / self.venue.low if side == "buy" else free
        return self.order(side, quantity=self.instrument.floor_quantity(most) + self.venue.quantity)

    async def refused(self, order: PlaceOrder, why: str) -> None:
        """Place an order that cannot be accepted."""
        outcome = await self.place(order)
        promise(
            isinstance(outcome, NotSent | Rejected),
            f"place raises Rejected, or NotSent where the gateway knows better, for an order {why}: {order}",
            seen=repr(outcome),
        )

    async def answered(self, answer: Awaitable[OrderReport]) -> Outcome:
        """What an awaitable brings in the end."""
        waiting = asyncio.ensure_future(answer)
        await asyncio.wait({waiting}, timeout=self.deadline_s)
        if not waiting.done():
            waiting.cancel()
            raise PromiseBroken(f"a request is answered\n  seen: nothing within {self.deadline_s} s")
        try:
            return waiting.result()
        except Exception as error:  # noqa: BLE001  # whatever a gateway raises is its outcome
            return error


def opposite(side: Side) -> Side:
    """The other one."""
    return "sell" if side == "buy" else "buy"


async def _raised(error: Exception) -> Outcome:
    return error


def _is_of(report: OrderReport | FillReport, order: PlaceOrder) -> bool:
    return report.client_order_id == order.client_order_id
