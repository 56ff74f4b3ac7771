"""Checks of the venue's market collectors."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from functools import partial

from bowstring.core.clock import Clock
from bowstring.core.messages import Event
from bowstring.market.events import MarketEvent, Quote, Trade
from bowstring.testing.conformance.checks import Checks
from bowstring.testing.conformance.desk import Desk
from bowstring.testing.conformance.promise import PromiseBroken, promise

ATTEMPTS = 10


class MarketChecks(Checks):
    """Quotes and trades, as strategies and guards see them."""

    async def test_collectors_tell_quotes_on_the_instruments_steps(self) -> None:
        """Exact, on tick and lot, the bid below the ask; an offer shows in them."""
        async with self.opened() as desk, _collecting(desk) as seen:
            if seen is None:
                return
            await seen.until(
                partial(_offer, desk),
                lambda: any(quote.ask == desk.middle for quote in seen.quotes),
                f"collectors tell a quote whose ask is what was offered, {desk.middle}",
            )
            for quote in seen.quotes:
                promise(quote.bid < quote.ask, "collectors: the bid is below the ask", seen=quote)
                for price, quantity in ((quote.bid, quote.bid_quantity), (quote.ask, quote.ask_quantity)):
                    _check_steps(desk, price, quantity, quote)

    async def test_collectors_tell_trades_with_the_takers_side(self) -> None:
        """A fill of the account's own is a public trade too."""
        async with self.opened() as desk, _collecting(desk) as seen:
            if seen is None:
                return
            traded = (desk.venue.low, desk.venue.quantity, "sell")
            await seen.until(
                partial(_be_taken, desk),
                lambda: any((trade.price, trade.quantity, trade.side) == traded for trade in seen.trades),
                f"collectors tell the trade {traded}",
            )
            for trade in seen.trades:
                _check_steps(desk, trade.price, trade.quantity, trade)

    async def test_market_events_name_the_venue_and_the_symbol(self) -> None:
        """The gateway's venue and unified symbol: else strategies and guards do not find what belongs together."""
        async with self.opened() as desk, _collecting(desk) as seen:
            if seen is None:
                return
            await seen.until(partial(_offer, desk), seen.told_a_quote, "collectors tell a quote")
            names = {(event.venue, event.symbol) for event in seen.market}
            due = (desk.gateway.venue, desk.venue.symbol)
            promise(names == {due}, f"collectors: events are of {due}", seen=names)

    async def test_collectors_can_be_cancelled_and_run_again(self) -> None:
        """As supervision does."""
        async with self.opened() as desk:
            for _ in range(2):
                async with _collecting(desk) as seen:
                    if seen is not None:
                        await seen.until(partial(_offer, desk), seen.told_a_quote, "collectors tell a quote")


class Seen:
    """What collectors published. It is their `Emit`."""

    def __init__(self, *, deadline_s: float) -> None:
        self.events: list[Event] = []
        self._deadline_s = deadline_s
        self._heard = asyncio.Event()

    def __call__(self, event: Event, /) -> None:
        """Keep it."""
        self.events.append(event)
        self._heard.set()

    async def drained(self) -> None:
        """Nobody is behind."""

    @property
    def market(self) -> list[MarketEvent]:
        """All that is of one symbol."""
        return [event for event in self.events if isinstance(event, MarketEvent)]

    @property
    def quotes(self) -> list[Quote]:
        """The quotes."""
        return [event for event in self.events if isinstance(event, Quote)]

    def told_a_quote(self) -> bool:
        """Whether they told any."""
        return bool(self.quotes)

    @property
    def trades(self) -> list[Trade]:
        """The trades."""
        return [event for event in self.events if isinstance(event, Trade)]

    async def until(self, act: Callable[[], Awaitable[None]], holds: Callable[[], bool], what: str) -> None:
        """Do something until the events are as they should be: nothing tells when a collector has subscribed."""
        for _ in range(ATTEMPTS):
            await act()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._deadline_s / ATTEMPTS):
                    while not holds():
                        self._heard.clear()
                        await self._heard.wait()
                    return
        raise PromiseBroken(f"{what}, within {self._deadline_s} s\n  seen: {self.events[-5:]}")


@asynccontextmanager
async def _collecting(desk: Desk) -> AsyncGenerator[Seen | None]:
    """Run the collectors, as an engine does."""
    if "collectors" in desk.venue.lacks:
        yield None
        return
    seen = Seen(deadline_s=desk.deadline_s)
    for collector in desk.venue.collectors:
        collector.clock = Clock()
    running = [asyncio.ensure_future(collector.run(seen)) for collector in desk.venue.collectors]
    try:
        yield seen
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=desk.deadline_s)
    stuck = [task for task in running if not task.done()]
    promise(not stuck, "collectors end when they are cancelled", seen=stuck)


async def _offer(desk: Desk) -> None:
    await desk.venue.offer("sell", price=desk.middle, quantity=desk.venue.quantity)


async def _be_taken(desk: Desk) -> None:
    order = desk.order()
    await desk.rests(order)
    await desk.fill(order, order.quantity)


def _check_steps(desk: Desk, price: Decimal, quantity: Decimal, event: MarketEvent) -> None:
    instrument = desk.instrument
    on_steps = (instrument.floor_price(price), instrument.floor_quantity(quantity)) == (price, quantity)
    promise(
        on_steps and not isinstance(price, float),
        f"collectors: prices are on the tick {instrument.tick_size}, quantities on the lot {instrument.lot_size}",
        seen=event,
    )
