"""A venue in memory, fast, with its own books: it accepts whatever comes in, answers late or never, and tells late."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from random import Random

from bowstring.core.errors import NotSent, Rejected
from bowstring.market.instrument import Instrument
from bowstring.testing.simulation import simulated_clock
from bowstring.trading.gateway import BalanceReport, FillReport, OpenOrder, OrderRef, OrderReport, Report
from bowstring.trading.messages import OrderStatus, PlaceOrder
from tests.trading.breaches.ledger import Entry, Ledger

CENT, LOT, WORTH, FEE = Decimal("0.01"), Decimal("0.001"), Decimal("0.00001"), Decimal("0.000001")
LATE_S = 0.1
SYMBOLS = ("BTC/USDT", "ETH/USDT", "XRP/USDT")


class FastVenue:
    """A `Gateway`. Of 100 requests 92 are answered, most of them at once. One is not sent, two are lost, two rejected;
    three are carried out and not answered, and neither are they told of by the stream.
    """

    keeps_order = True
    offers_cancel_after = False
    query_lag_s = 0.3
    validity_s = 0.5

    def __init__(self, venue: str, ledger: Ledger, *, random: Random, replaces_natively: bool) -> None:
        self.venue = venue
        self.account = ""
        self.replaces_natively = replaces_natively
        self._ledger = ledger
        self._random = random
        self._report: Callable[[Report], None] | None = None
        self._told_at = 0.0
        self._fills: list[FillReport] = []
        self._closed = asyncio.Event()
        self._is_silent = False

    # The market

    def fill(self, entry: Entry, quantity: int) -> None:
        """Fill some of an order, and tell of it, late."""
        if not entry.is_open:
            return
        quantity = min(quantity, entry.left)
        self._ledger.fill(entry, quantity)
        fee = quantity * entry.price // 10_000  # some 0.3 %, in millionths of a BNB
        fill = FillReport(
            symbol=entry.symbol,
            client_order_id=entry.name,
            trade_id=f"{entry.name}.{entry.filled}",
            side="buy" if entry.buys else "sell",
            price=entry.price * CENT,
            quantity=quantity * LOT,
            fee=fee * FEE,
            fee_currency="BNB",
            liquidity="maker",
            time_ns=simulated_clock().now_ns(),
        )
        self._fills = [*self._fills[-1_000:], fill]
        self._tell(fill)
        self._tell(_report(entry, "open" if entry.is_open else "filled"))
        self._tell_balances(entry.symbol)

    # The `Gateway`

    async def open(self) -> Sequence[Instrument]:
        return [
            Instrument(
                venue=self.venue,
                symbol=symbol,
                venue_symbol=symbol.replace("/", ""),
                base=symbol.partition("/")[0],
                quote="USDT",
                tick_size=CENT,
                lot_size=LOT,
            )
            for symbol in SYMBOLS
        ]

    async def close(self) -> None:
        self._closed.set()

    async def stream(self, report: Callable[[Report], None], ready: Callable[[], None]) -> None:
        self._report, self._closed = report, asyncio.Event()
        ready()
        try:
            await self._closed.wait()
        finally:
            self._report = None

    def place(self, order: PlaceOrder) -> Awaitable[OrderReport]:
        return self._carry_out(lambda: self._accept(order))

    def replace(self, old: OrderRef, order: PlaceOrder) -> Awaitable[OrderReport]:
        def carry_out() -> OrderReport:
            self._end(old.client_order_id)
            return self._accept(order)

        return self._carry_out(carry_out)

    def cancel(self, order: OrderRef) -> Awaitable[OrderReport]:
        return self._carry_out(lambda: self._end(order.client_order_id))

    async def cancel_after(self, seconds: float) -> None:
        raise NotSent("not offered")

    async def query(self, order: OrderRef) -> OrderReport | None:
        entry = self._ledger.orders.get(order.client_order_id)
        shown_ns = simulated_clock().now_ns() - int(self.query_lag_s * 1e9)
        return None if entry is None or entry.time > shown_ns else _report(entry, _status(entry))

    async def open_orders(self) -> Sequence[OpenOrder]:
        return [
            OpenOrder(
                symbol=entry.symbol,
                side="buy" if entry.buys else "sell",
                quantity=entry.quantity * LOT,
                price=entry.price * CENT,
                report=_report(entry, "open"),
            )
            for entry in self._ledger.open.values()
            if entry.venue == self.venue
        ]

    async def fills_since(self, symbol: str, time_ns: int) -> Sequence[FillReport]:
        return [fill for fill in self._fills if fill.symbol == symbol and fill.time_ns >= time_ns]

    async def balances(self) -> Sequence[BalanceReport]:
        return [self._balance(currency) for currency in self._ledger.held[self.venue]]

    async def time_ns(self) -> int:
        return simulated_clock().now_ns()

    # Inside

    def _carry_out(self, request: Callable[[], OrderReport]) -> Awaitable[OrderReport]:
        answer: asyncio.Future[OrderReport] = asyncio.get_running_loop().create_future()
        luck = self._random.random()
        if luck < 0.01:
            raise NotSent("not connected")
        if luck < 0.03:
            answer.set_exception(ConnectionResetError("reset, on its way there"))
            return answer
        self._is_silent = 0.05 <= luck < 0.08
        report: OrderReport | Exception
        try:
            report = Rejected("no luck") if luck < 0.05 else request()
        except Rejected as rejection:
            report = rejection
        if self._is_silent:
            report = ConnectionResetError("reset, on its way back")
        self._is_silent = False
        if luck < 0.30:
            asyncio.get_running_loop().call_later(self._random.random() * LATE_S, _answer, answer, report)
        else:
            _answer(answer, report)
        return answer

    def _accept(self, order: PlaceOrder) -> OrderReport:
        entry = Entry(
            venue=self.venue,
            symbol=order.symbol,
            buys=order.side == "buy",
            price=_whole(order.price, CENT),
            quantity=_whole(order.quantity, LOT),
            strategy=order.strategy,
            name=order.client_order_id,
            reduces=order.reduces,
            asked=order.received_ns,
            time=simulated_clock().now_ns(),
        )
        assert entry.name not in self._ledger.orders, f"{entry.name} was sent twice"
        self._ledger.accept(entry)
        return self._changed(entry, "open")

    def _end(self, name: str) -> OrderReport:
        entry = self._ledger.orders.get(name)
        if entry is None or not entry.is_open:
            raise Rejected("no open order")
        self._ledger.end(entry)
        return self._changed(entry, "cancelled")

    def _changed(self, entry: Entry, status: OrderStatus) -> OrderReport:
        report = _report(entry, status)
        self._tell(report)
        self._tell_balances(entry.symbol)
        return report

    def _tell_balances(self, symbol: str) -> None:
        for currency in ("USDT", symbol.partition("/")[0]):
            self._tell(self._balance(currency))

    def _balance(self, currency: str) -> BalanceReport:
        held = self._ledger.held[self.venue].get(currency, 0)
        locked = self._ledger.locked(self.venue, currency)
        unit = WORTH if currency == "USDT" else LOT
        return BalanceReport(currency=currency, free=(held - locked) * unit, locked=locked * unit)

    def _tell(self, report: Report) -> None:
        """Tell by the stream, after all that is to be told before, and not at once; or not at all."""
        if self._is_silent:
            return
        loop = asyncio.get_running_loop()
        self._told_at = max(self._told_at + 1e-6, loop.time() + self._random.random() * LATE_S)
        loop.call_at(self._told_at, self._deliver, report, self._report)

    def _deliver(self, report: Report, to: Callable[[Report], None] | None) -> None:
        if to is not None and to is self._report:
            to(report)


def _answer(answer: "asyncio.Future[OrderReport]", report: OrderReport | Exception) -> None:
    if answer.done():
        return
    if isinstance(report, Exception):
        answer.set_exception(report)
    else:
        answer.set_result(report)


def _report(entry: Entry, status: OrderStatus) -> OrderReport:
    return OrderReport(
        client_order_id=entry.name,
        status=status,
        filled=entry.filled * LOT,
        venue_order_id=entry.name,
        time_ns=simulated_clock().now_ns(),
    )


def _status(entry: Entry) -> OrderStatus:
    if entry.is_open:
        return "open"
    return "cancelled" if entry.left else "filled"


def _whole(number: Decimal, unit: Decimal) -> int:
    whole, rest = divmod(number, unit)
    assert not rest, f"{number} is off its step"
    return int(whole)
