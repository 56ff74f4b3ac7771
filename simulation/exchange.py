"""A venue in memory: accounts, matching against a crowd whose price wanders at random, fees, and its own ledger."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from random import Random
from typing import Literal

from bowstring.market.instrument import Instrument
from bowstring.trading.gateway import BalanceReport, FillReport, OpenOrder, OrderReport, Report
from bowstring.trading.messages import OrderStatus
from simulation.ledger import Accepted, Ended, Ledger, Settled, Traded
from simulation.venue_orders import LOT, TICK, ZERO, Crowd, No, VenueOrder, Wanted, Was

SYMBOLS = ("BTC/USDT", "ETH/USDT")
FeeIn = Literal["quote", "received", "token"]


class Exchange:
    """One account at one venue. ``publish`` is called with each private message, in order; ``after`` sets a timer.

    While it ``is_armed`` it is to cancel all orders once it has heard nothing for some time. Of orders that are
    ``untold`` no message is published.
    """

    def __init__(self, venue: str, *, seed: int, ledger: Ledger, now_ns: Callable[[], int]) -> None:
        self.venue = venue
        self.random = Random(f"{seed}/{venue}")
        self.ledger = ledger
        self.publish: Callable[[Report], None] = lambda _report: None
        self.after: Callable[..., None] = _never
        self.is_down = False
        self.untold: set[str] = set()
        self.fuse = 0
        self.is_armed = False
        self.ahead_ns = self.random.randint(-5_000_000_000, 5_000_000_000)
        self.orders: dict[str, VenueOrder] = {}
        self.open: dict[str, VenueOrder] = {}
        self.fills: list[tuple[int, FillReport]] = []
        self.crowds = {symbol: Crowd(9_999, 10_001) for symbol in SYMBOLS}
        self.total: dict[str, Decimal] = dict.fromkeys(("BTC", "ETH", "USDT", "TKN"), Decimal(1000))
        self.total["USDT"] = Decimal(self.random.choice([2_000, 1_000_000]))
        self.locked: dict[str, Decimal] = dict.fromkeys(self.total, ZERO)
        self._balances: list[tuple[int, dict[str, tuple[Decimal, Decimal]]]] = [(0, self._holdings())]
        self._fee_in: FeeIn = self.random.choice(["quote", "received", "token"])
        self._fees = {"maker": Decimal(self.random.choice(["-0.00005", "0.0002"])), "taker": Decimal("0.000753")}
        self._now_ns = now_ns
        self._news: list[Report] = []

    def now_ns(self) -> int:
        """The venue's clock."""
        return self._now_ns() + self.ahead_ns

    def instruments(self) -> list[Instrument]:
        """What can be traded."""
        return [_instrument(self.venue, symbol) for symbol in SYMBOLS]

    # What it is asked to do

    def place(self, wanted: Wanted, *, by: str) -> OrderReport:
        """Accept an order and match it. Raises `No`."""
        if wanted.name in self.open:
            raise No("duplicate client order id")  # unique only among open orders, as at Binance
        crowd = self.crowds[wanted.symbol]
        price, is_taker = crowd.touch(wanted)
        if is_taker and wanted.post_only:
            raise No("it would take")
        currency, amount = wanted.lock(wanted.quantity)
        if amount > self.total[currency] - self.locked[currency]:
            raise No("insufficient balance")
        order = VenueOrder(wanted, str(len(self.orders) + 1), by)
        self._accept(order, currency, amount)
        if is_taker and (wanted.time_in_force != "fok" or wanted.quantity <= crowd.size):
            self._fill(order, min(wanted.quantity, crowd.size), price, "taker")
        if wanted.time_in_force != "gtc" and order.status == "open":
            self._end(order, "expired", by="venue")
        self._tell()
        return order.report(order.past[-1])

    def cancel(self, name: str, *, by: str) -> OrderReport:
        """Cancel an open order. Raises `No`."""
        order = self.open.get(name)
        if order is None:
            raise No("unknown order")
        self.end(order, "cancelled", by=by)
        return order.report(order.past[-1])

    def replace(self, old: str, wanted: Wanted, *, by: str) -> OrderReport:
        """Cancel an order and place another. Raises `No` when the old one cannot be cancelled."""
        self.cancel(old, by=by)
        try:
            return self.place(wanted, by=by)
        except No as no:
            return OrderReport(client_order_id=wanted.name, status="rejected", reason=str(no), time_ns=self.now_ns())

    def end(self, order: VenueOrder, status: OrderStatus, *, by: str) -> None:
        """End an open order."""
        self._end(order, status, by=by)
        self._tell()

    def cancel_after(self, seconds: float) -> None:
        """Cancel all orders after some time without another such request; 0: do not."""
        self.fuse += 1
        self.is_armed = seconds > 0
        if self.is_armed:
            self.after(seconds, self._act, self.fuse)

    def end_all(self, *, by: str) -> None:
        """Have somebody cancel all orders that they placed."""
        for order in [order for order in self.open.values() if order.by == by]:
            self.end(order, "cancelled", by=by)

    def tick(self, symbol: str) -> None:
        """Let the crowd move, and trade with the orders that it moves through."""
        crowd, random = self.crowds[symbol], self.random
        crowd.bid = max(9_000, min(11_000, crowd.bid + random.randint(-4, 4)))
        crowd.ask = crowd.bid + random.randint(1, 3)
        crowd.size = LOT * random.randint(1, 3000)
        left = crowd.size
        for order in list(self.open.values()):
            if order.wanted.symbol == symbol and left and crowd.touch(order.wanted)[1]:
                quantity = min(order.remaining, left)
                left -= quantity
                self._fill(order, quantity, order.wanted.price, "maker")
        self._tell()

    # What it shows, as of some time

    def shown(self, name: str, at_ns: int) -> OrderReport | None:
        """An order."""
        order = self.orders.get(name)
        was = order.at(at_ns) if order else None
        return order.report(was) if order and was else None

    def shown_open(self, at_ns: int) -> Iterator[OpenOrder]:
        """All open orders."""
        for order in self.orders.values():
            was = order.at(at_ns)
            if was is not None and was.status == "open":
                wanted = order.wanted
                yield OpenOrder(
                    symbol=wanted.symbol,
                    side=wanted.side,
                    quantity=wanted.quantity,
                    price=wanted.price,
                    report=order.report(was),
                )

    def shown_fills(self, symbol: str, since_ns: int, at_ns: int) -> list[FillReport]:
        """All fills in a symbol since a time."""
        return [fill for time_ns, fill in self.fills if fill.symbol == symbol and since_ns <= time_ns <= at_ns]

    def shown_balances(self, at_ns: int) -> list[BalanceReport]:
        """All balances."""
        index = bisect_right(self._balances, at_ns, key=lambda entry: entry[0])
        return [_balance(currency, *held) for currency, held in self._balances[max(index - 1, 0)][1].items()]

    # Inside

    def _act(self, fuse: int) -> None:
        if fuse == self.fuse:
            self.is_armed = False
            for order in list(self.open.values()):
                self.end(order, "cancelled", by="dead man's switch")

    def _accept(self, order: VenueOrder, currency: str, amount: Decimal) -> None:
        wanted = order.wanted
        self.orders[wanted.name] = self.open[wanted.name] = order
        self.locked[currency] += amount
        accepted = (wanted.name, order.venue_order_id, wanted.symbol, wanted.side, wanted.quantity, wanted.price)
        self.ledger.write(Accepted(self._now_ns(), self.venue, *accepted, order.by))
        self._changed(order)
        self._settled([currency])

    def _fill(self, order: VenueOrder, quantity: Decimal, price: Decimal, liquidity: Literal["maker", "taker"]) -> None:
        wanted, (base, quote) = order.wanted, order.wanted.symbol.split("/")
        fee_currency, fee = self._fee(wanted, quantity, price, self._fees[liquidity])
        currency, amount = wanted.lock(quantity)
        self.locked[currency] -= amount
        sign = 1 if wanted.side == "buy" else -1
        self.total[base] += sign * quantity
        self.total[quote] -= sign * quantity * price
        self.total[fee_currency] -= fee
        order.filled += quantity
        if not order.remaining:
            order.status = "filled"
            del self.open[wanted.name]
        self._book(order, FillReport(
            symbol=wanted.symbol, client_order_id=wanted.name, trade_id=str(len(self.fills) + 1), side=wanted.side,
            price=price, quantity=quantity, fee=fee, fee_currency=fee_currency, liquidity=liquidity,
            time_ns=self.now_ns(),
        ))  # fmt: skip
        self._settled({base: None, quote: None, fee_currency: None})

    def _book(self, order: VenueOrder, fill: FillReport) -> None:
        self.fills.append((fill.time_ns, fill))
        self.ledger.write(Traded(
            self._now_ns(), self.venue, fill.client_order_id, fill.trade_id, fill.symbol, fill.side, fill.price,
            fill.quantity, fill.fee, fill.fee_currency, fill.liquidity, fill.time_ns,
        ))  # fmt: skip
        self._news.append(fill)
        self._changed(order)

    def _fee(self, wanted: Wanted, quantity: Decimal, price: Decimal, rate: Decimal) -> tuple[str, Decimal]:
        base, quote = wanted.symbol.split("/")
        if self._fee_in == "received" and wanted.side == "buy":
            return base, quantity * rate
        return "TKN" if self._fee_in == "token" else quote, quantity * price * rate

    def _end(self, order: VenueOrder, status: OrderStatus, *, by: str) -> None:
        currency, amount = order.wanted.lock(order.remaining)
        self.locked[currency] -= amount
        order.status = status
        del self.open[order.wanted.name]
        self.ledger.write(Ended(self._now_ns(), self.venue, order.wanted.name, status, by))
        self._changed(order)
        self._settled([currency])

    def _changed(self, order: VenueOrder) -> None:
        order.past.append(Was(self.now_ns(), order.status, order.filled))
        self._news.append(order.report(order.past[-1]))

    def _settled(self, currencies: Iterable[str]) -> None:
        self._balances.append((self.now_ns(), self._holdings()))
        for currency in currencies:
            report = _balance(currency, self.total[currency], self.locked[currency])
            self.ledger.write(Settled(self._now_ns(), self.venue, currency, report.free, report.locked))
            self._news.append(report)

    def _holdings(self) -> dict[str, tuple[Decimal, Decimal]]:
        return {currency: (self.total[currency], self.locked[currency]) for currency in self.total}

    def _tell(self) -> None:
        news, self._news = self._news, []
        for report in news:
            if isinstance(report, BalanceReport) or report.client_order_id not in self.untold:
                self.publish(report)


def _never(_seconds: float, _call: object, *_arguments: object) -> None:
    """Set no timer."""


def _balance(currency: str, total: Decimal, locked: Decimal) -> BalanceReport:
    return BalanceReport(currency=currency, free=total - locked, locked=locked)


def _instrument(venue: str, symbol: str) -> Instrument:
    base, quote = symbol.split("/")
    return Instrument(
        venue=venue, symbol=symbol, venue_symbol=base + quote, base=base, quote=quote, tick_size=TICK, lot_size=LOT
    )
