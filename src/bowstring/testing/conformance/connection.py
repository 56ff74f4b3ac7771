"""Checks of what a gateway says of itself, of its connection, its private stream and its clock."""

import asyncio
import re

from bowstring.core.errors import NotSent, Rejected
from bowstring.testing.conformance.checks import Checks
from bowstring.testing.conformance.desk import Desk, Outcome
from bowstring.testing.conformance.promise import promise
from bowstring.trading.messages import PlaceOrder

VENUE = re.compile(r"[a-z0-9_]+(:\S+)?")
EARLIEST_NS, LATEST_NS = 1_400_000_000_000_000_000, 4_000_000_000_000_000_000  # years 2014 and 2096: ns, not ms
TOLERANCE_NS = 1_000_000_000  # a venue's parts have clocks of their own


class ConnectionChecks(Checks):
    """``open``, ``stream``, ``close``, ``time_ns``, and the properties."""

    async def test_open_returns_instruments_with_usable_steps(self) -> None:
        """Each symbol once, unified, under the gateway's venue; the suite's own orders fit the steps."""
        async with self.opened() as desk:
            symbols = [one.symbol for one in desk.instruments]
            promise(len(set(symbols)) == len(symbols), "open returns each instrument once", seen=symbols)
            odd = [
                one
                for one in desk.instruments
                if one.venue != desk.gateway.venue or not one.symbol.startswith(f"{one.base}/{one.quote}")
            ]
            promise(not odd, "open: instruments have the gateway's venue and unified symbols, BASE/QUOTE", seen=odd[:3])
            for price in (desk.venue.low, desk.middle, desk.venue.high):
                violation = desk.instrument.violation(price=price, quantity=desk.venue.quantity)
                promise(violation is None, f"open: the rules allow an order at {price}", seen=violation)

    async def test_its_venue_names_the_account(self) -> None:
        """``binance``, or ``binance:hedge``; two accounts of a venue have two names."""
        async with self.opened() as desk:
            name, other = desk.gateway.venue, desk.venue.other_account
            promise(VENUE.fullmatch(name), "venue is the venue's name, or name:account", seen=name)
            if other is not None:
                names = (name, other.venue)
                promise(name != other.venue, "venue: two accounts of a venue have two names", seen=names)
                first, second = (one.partition(":")[0] for one in names)
                promise(first == second, "venue: two accounts have the same venue before the colon", seen=names)

    async def test_its_bounds_on_time_are_finite(self) -> None:
        """The proof of absence waits for them."""
        async with self.opened() as desk:
            lag_s, validity_s = desk.gateway.query_lag_s, desk.gateway.validity_s
            promise(0 <= lag_s < 600, "query_lag_s is a number of seconds that can be waited for", seen=lag_s)
            promise(0 < validity_s < 600, "validity_s is a number of seconds that can be waited for", seen=validity_s)

    async def test_what_happens_from_ready_on_is_reported(self) -> None:
        """Queries find what happened before ``ready``, and nothing else finds what happens after it."""
        async with self.opened(listening=False) as desk:
            order = desk.order()
            answers: list[asyncio.Task[Outcome]] = []
            await desk.listen(on_ready=lambda: answers.append(desk.place(order)))
            await answers[0]
            await desk.until(
                lambda: bool(desk.updates(order)),
                "stream reports an order that was placed as soon as it called ready",
                seen=lambda: desk.about(order),
            )

    async def test_the_stream_ends_with_its_connection(self) -> None:
        """Whoever runs it has to know that reports are missing."""
        async with self.opened() as desk:
            await desk.venue.disconnect()
            await desk.stream_ends()

    async def test_the_stream_can_be_had_again(self) -> None:
        """After its end, ``stream`` is called again, and nothing else is."""
        async with self.opened() as desk:
            for _ in range(2):
                await desk.venue.disconnect()
                await desk.stream_ends()
                await desk.listen()
                await _rests_again(desk)

    async def test_a_stream_that_was_cancelled_can_be_had_again(self) -> None:
        """Cancelling it is how it is stopped."""
        async with self.opened() as desk:
            await desk.cancel_stream()
            await desk.listen()
            await _rests_again(desk)

    async def test_fills_that_were_missed_are_found(self) -> None:
        """What is filled while nobody listens is in ``fills_since``, once, and in ``query``."""
        async with self.opened() as desk:
            since_ns = await desk.gateway.time_ns()
            order = desk.order()
            answer = await desk.rests(order)
            await desk.venue.disconnect()
            await desk.stream_ends()
            await desk.venue.trade("sell", price=order.price, quantity=order.quantity)
            await desk.listen()

            await desk.shows(
                lambda: desk.gateway.fills_since(order.symbol, since_ns),
                lambda fills: (
                    [(fill.client_order_id, fill.quantity) for fill in fills]
                    == [(order.client_order_id, order.quantity)]
                ),
                "fills_since returns what was filled while the stream was down, once",
            )
            await desk.shows(
                lambda: desk.query(order, answer),
                lambda shown: shown is None or (shown.status, shown.filled) == ("filled", order.quantity),
                "query shows what became of an order while the stream was down, or None",
            )

    async def test_nothing_is_sent_once_it_is_closed(self) -> None:
        """Every request raises `NotSent`."""
        async with self.opened() as desk:
            order, new = desk.order(), desk.order(price=desk.venue.low + desk.instrument.tick_size)
            await desk.rests(order)
            await desk.close()
            ref, gateway = desk.ref(order), desk.gateway
            outcomes = [await desk.place(new), await desk.request(lambda: gateway.cancel(ref))]
            if gateway.replaces_natively:
                outcomes.append(await desk.request(lambda: gateway.replace(ref, new)))
            promise(
                all(isinstance(outcome, NotSent) for outcome in outcomes),
                "place, cancel and replace raise NotSent once the gateway is closed",
                seen=outcomes,
            )

    async def test_not_sent_means_not_sent(self) -> None:
        """An order whose connection breaks under it may end in any way but one: proven absent, and yet at the venue."""
        async with self.opened() as desk:
            order = desk.order()
            answer = desk.place(order)
            await desk.venue.disconnect()
            await desk.stream_ends()
            outcome = await answer
            await desk.listen()
            if isinstance(outcome, NotSent | Rejected):
                await desk.leaves_nothing(order)

    async def test_its_clock_is_the_venues_in_nanoseconds(self) -> None:
        """It does not go back, and the times of reports fit it."""
        async with self.opened() as desk:
            before_ns = await desk.gateway.time_ns()
            order = desk.order()
            await desk.rests(order)
            await desk.venue.trade("sell", price=order.price, quantity=order.quantity)
            await desk.ends(order, "filled", filled=order.quantity)
            after_ns = await desk.gateway.time_ns()

            promise(EARLIEST_NS < before_ns < LATEST_NS, "time_ns is in nanoseconds since the epoch", seen=before_ns)
            promise(before_ns <= after_ns, "time_ns does not go back", seen=(before_ns, after_ns))
            fills = [fill.time_ns for fill in desk.fills(order)]
            changes = [update.time_ns for update in desk.updates(order) if update.time_ns]
            off = [ns for ns in fills + changes if not before_ns - TOLERANCE_NS <= ns <= after_ns + TOLERANCE_NS]
            promise(not off, f"times of reports are the venue's, in [{before_ns}, {after_ns}]", seen=off)


async def _rests_again(desk: Desk) -> PlaceOrder:
    """A new order rests. Where orders have a connection of their own, it may be some time until that is back."""
    async with asyncio.timeout(desk.deadline_s):
        while True:
            order = desk.order()
            outcome = await desk.place(order)
            if not isinstance(outcome, NotSent):
                break
            await asyncio.sleep(0.01)
    await desk.until(
        lambda: bool(desk.updates(order)),
        "stream reports orders again after it was had again",
        seen=lambda: repr(outcome),
    )
    return order
