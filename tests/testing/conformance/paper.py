"""A paper account as a venue under test: its feed shows what the counterparty does."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import count
from typing import Any

from bowstring.core.clock import Clock
from bowstring.core.components import Collector, Emit
from bowstring.market.events import Quote, Trade
from bowstring.market.instrument import Instrument
from bowstring.testing import VenueUnderTest
from bowstring.trading.gateway import OrderRef, OrderReport
from bowstring.trading.messages import PlaceOrder, Side
from bowstring.trading.paper.account import PaperAccount
from bowstring.trading.paper.gateway import PaperGateway
from tests.trading.paper.record import VirtualLoop

SYMBOL = "BTC/USDT"
LOW, HIGH = Decimal("64999.37"), Decimal("65001.91")
BESIDES = Decimal("7.5")  # so much further away, others rest
EVERY_S = 0.002
BALANCES = {"BTC": Decimal(3), "USDT": Decimal(200_000)}

INSTRUMENT = Instrument(
    venue="paper",
    symbol=SYMBOL,
    venue_symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.00001"),
    min_notional=Decimal(5),
)


class SlowPaper(PaperGateway):
    """Its orders arrive at once, and their answers come ``slow_s`` later.

    ``holder``: whose account it is at a venue that has several clients for each, and a dead-man switch.
    """

    _account: PaperAccount
    _in_flight: deque[Any]
    slow_s = 0.0
    holder = ""
    first: "SlowPaper | None" = None
    countdown: asyncio.TimerHandle | None = None

    async def open(self) -> Sequence[Instrument]:
        self.account = self.holder
        self.offers_cancel_after = bool(self.holder)
        return await super().open()

    def join(self, other: "SlowPaper") -> None:
        """Be another client of the same account."""
        self.first, self.holder = other, other.holder
        self._account, self._in_flight = other._account, other._in_flight

    def _advance(self, now_ns: int, *, event: Quote | Trade | None = None) -> None:
        if self.first is None:
            super()._advance(now_ns, event=event)
        else:
            self.first._advance(now_ns, event=event)

    async def cancel_after(self, seconds: float) -> None:
        if not self.offers_cancel_after:
            await super().cancel_after(seconds)
        if self.countdown is not None:
            self.countdown.cancel()
        self.countdown = asyncio.get_running_loop().call_later(seconds, self.cancel_all) if seconds else None

    def cancel_all(self) -> None:
        """At the venue, whoever is connected."""
        now_ns = self.clock.now_ns()
        for order in self._account.open_orders():
            ref = OrderRef(symbol=order.symbol, client_order_id=order.report.client_order_id)
            self._account.cancel(ref, time_ns=now_ns)
        self._advance(now_ns)

    def place(self, order: PlaceOrder) -> "asyncio.Future[OrderReport]":
        answer = super().place(order)
        return asyncio.ensure_future(self._answer_late(answer)) if self.slow_s else answer

    async def _answer_late(self, answer: "asyncio.Future[OrderReport]") -> OrderReport:
        await asyncio.sleep(self.slow_s)
        return await answer


class Feed(Collector):
    """Shows quotes and trades to the gateway, as `PaperExecutor` does, and to whoever collects them."""

    def __init__(self, gateway: PaperGateway) -> None:
        self._gateway = gateway
        self._emit: Callable[[Quote | Trade], None] = lambda _event: None
        self._bid = self._ask = (Decimal(0), Decimal(0))
        self._trades = count(1)
        self.withdraw()

    async def run(self, emit: Emit) -> None:
        self._emit = emit
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._emit = lambda _event: None

    async def keep_showing(self) -> None:
        """The quote, again and again: what arrives meanwhile can take from it."""
        while True:
            self.show()
            await asyncio.sleep(EVERY_S)

    def withdraw(self) -> None:
        """Only others are left."""
        self._bid, self._ask = (LOW - BESIDES, Decimal(1)), (HIGH + BESIDES, Decimal(1))
        self.show()

    def rest(self, side: Side, *, price: Decimal, quantity: Decimal) -> None:
        """The best of one side from now on."""
        if side == "buy":
            self._bid = (price, quantity)
        else:
            self._ask = (price, quantity)
        self.show()

    def show(self) -> None:
        quote = Quote(
            venue="paper",
            symbol=SYMBOL,
            bid=self._bid[0],
            bid_quantity=self._bid[1],
            ask=self._ask[0],
            ask_quantity=self._ask[1],
            received_ns=self._gateway.clock.now_ns(),
        )
        self._emit(quote)
        self._gateway.observe(quote)

    def trade(self, side: Side, *, price: Decimal, quantity: Decimal) -> None:
        """For collectors only: the paper gateway would take it for somebody else's trade."""
        trade_id = str(next(self._trades))
        self._emit(Trade(venue="paper", symbol=SYMBOL, price=price, quantity=quantity, side=side, trade_id=trade_id))


class PaperVenue(VenueUnderTest):
    def __init__(
        self, gateway: SlowPaper, *, feed: Feed, other_account: SlowPaper, another_client: SlowPaper | None
    ) -> None:
        super().__init__(
            gateway,
            symbol=SYMBOL,
            low=LOW,
            high=HIGH,
            quantity=Decimal("0.01237"),
            collectors=[feed],
            other_account=other_account,
            another_client=another_client,
            secrets=["the key"],
            lacks={} if another_client else {"clients": "an account on paper is its gateway's own"},
        )
        self._paper, self._feed = gateway, feed

    async def trade(self, side: Side, *, price: Decimal, quantity: Decimal) -> None:
        self._feed.withdraw()
        self._feed.rest(side, price=price, quantity=quantity)
        self._feed.withdraw()
        self._feed.trade(side, price=price, quantity=quantity)

    async def offer(self, side: Side, *, price: Decimal, quantity: Decimal) -> None:
        self._feed.withdraw()  # what is shown again as it was is what was used before
        self._feed.rest(side, price=price, quantity=quantity)

    async def disconnect(self) -> None:
        await self._paper.close()
        await self._paper.open()

    async def slow_down(self, seconds: float) -> None:
        self._paper.slow_s = seconds


@asynccontextmanager
async def paper_venue(
    kind: type[SlowPaper] = SlowPaper,
    *,
    feed_kind: type[Feed] = Feed,
    replaces_natively: bool = False,
    has_clients: bool = False,
) -> AsyncGenerator[VenueUnderTest]:
    """A venue on the loop's time, virtual or real; ``has_clients``: with what real ones have beside paper's."""
    loop = asyncio.get_running_loop()
    clock = loop.clock if isinstance(loop, VirtualLoop) else Clock()
    gateway, second, other = (
        kind(venue, clock=clock, instruments=[INSTRUMENT], balances=BALANCES, replaces_natively=replaces_natively)
        for venue in ("paper", "paper", "paper:other")
    )
    if has_clients:
        gateway.holder, other.holder = "alice", "bob"
        second.join(gateway)
    feed = feed_kind(gateway)
    showing = asyncio.create_task(feed.keep_showing())
    yield PaperVenue(gateway, feed=feed, other_account=other, another_client=second if has_clients else None)
    showing.cancel()
    await asyncio.wait({showing})
