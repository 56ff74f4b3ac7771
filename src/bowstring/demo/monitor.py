"""What watches in the demo: a line a second, and the summary's numbers."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal

import bowstring as bs
from bowstring.core.subscriber import Account
from bowstring.demo.exchange import Exchange
from bowstring.trading.messages import OrderStatus


class Show(bs.Action, frozen=True):
    """Print a line."""

    text: str


class Terminal(bs.Executor):
    """Carries out `Show`."""

    @bs.on(Show)
    def show(self, show: Show) -> None:
        """Print it."""
        print(show.text, flush=True)


class ExchangeGone(bs.Event, frozen=True):
    """The exchange has ended."""


class Session(bs.Collector):
    """Ends after some seconds, or with the exchange; and the bot with it."""

    finite = True

    def __init__(self, seconds: float, *, exchange: Exchange) -> None:
        self._seconds, self._exchange = seconds, exchange

    async def run(self, emit: bs.Emit) -> None:
        """Wait."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                await self._exchange.gone()
                emit(ExchangeGone())


class Monitor(bs.Strategy):
    """Watches everybody's fills and reports each second; its numbers are the summary's."""

    def __init__(self, symbols: Sequence[str], *, bots: Sequence[str]) -> None:
        self._shown, self._bots = symbols, bots
        self._seconds = 0
        self.quotes: dict[str, bs.Quote] = {}
        self.fills: Counter[str] = Counter()
        self.cash: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.positions: dict[str, bs.Position] = {}
        self.counts: Counter[str] = Counter()
        self.statuses: dict[str, OrderStatus] = {}

    @bs.on(bs.Event, all=True)
    def count(self, event: bs.Event) -> None:
        """Count all events by type."""
        self.counts[type(event).__name__] += 1

    @bs.on(bs.Quote)
    def value(self, quote: bs.Quote) -> None:
        """Note the latest prices."""
        self.quotes[quote.symbol] = quote

    @bs.on(bs.Fill, all=True)
    def book(self, fill: bs.Fill) -> None:
        """Note what was paid and received, fees in the quote currency included."""
        self.fills[fill.strategy] += 1
        paid = fill.price * fill.quantity
        fee = fill.fee if fill.fee_currency == "USDT" else Decimal(0)
        self.cash[fill.strategy] += (-paid if fill.side == "buy" else paid) - fee

    @bs.on(bs.OrderUpdate, all=True)
    def note_order(self, update: bs.OrderUpdate) -> None:
        """Note which orders there were, and what has become of them."""
        self.statuses[update.client_order_id] = update.status

    @bs.on(bs.Position, all=True)
    def hold(self, position: bs.Position) -> None:
        """Note the positions; fees in the base currency are taken off already."""
        self.positions[position.strategy] = position

    @bs.on(bs.Elapsed)
    def report(self, _elapsed: bs.Elapsed) -> bs.Actions:
        """Show a line."""
        self._seconds += 1
        prices = "".join(f"{self._bid(symbol):>12}" for symbol in self._shown)
        profits = "".join(f"{self.profit(bot):>+9.2f}" for bot in self._bots)
        counts = f"{len(self.statuses):>9}{self.fills.total():>7}"
        yield Show(f"{self._seconds:>4}{self.counts.total():>9}{prices}{counts} {profits}")

    @bs.on(ExchangeGone)
    def tell(self, _gone: ExchangeGone) -> bs.Actions:
        """Say why the bot stops."""
        yield Show("the exchange is gone: the bot stops, but it cannot cancel its orders, and tries for some seconds")

    def heading(self) -> str:
        """The words above the lines."""
        prices = "".join(f"{symbol:>12}" for symbol in self._shown)
        bots = "".join(f"{bot:>9}" for bot in self._bots)
        over = f"{'profit in USDT':>{len(prices) + 29 + len(bots)}}"
        return f"{over}\n   s   events{prices}   orders  fills {bots}"

    def profit(self, strategy: str) -> Decimal:
        """Profit or loss in USDT since the start, the position valued at the bid or ask it would be closed at."""
        position = self.positions.get(strategy)
        if position is None or position.symbol not in self.quotes:
            return self.cash[strategy]
        quote = self.quotes[position.symbol]
        return self.cash[strategy] + position.quantity * (quote.bid if position.quantity > 0 else quote.ask)

    def _bid(self, symbol: str) -> str:
        return f"{self.quotes[symbol].bid:.2f}" if symbol in self.quotes else ""


def summary(monitor: Monitor, accounts: Sequence[Account]) -> list[str]:
    """Lines: what happened, and how old it was when it was handled."""
    lines = [f"  {count:>8} {name}" for name, count in monitor.counts.most_common()]
    actions = sum(account.delivered for account in accounts if account.role == "executor")
    lines += [f"  {actions:>8} actions carried out", f"  {len(monitor.statuses):>8} orders{_not_taken(monitor)}"]
    for bot in sorted(monitor.fills):
        lines.append(f"  {bot}: {monitor.fills[bot]} fills, profit {monitor.profit(bot):+.4f} USDT after fees")
    lines += ["", f"  {'age in microseconds at':<26}{'messages':>9}{'p50':>9}{'p99':>9}{'p99.9':>9}{'lost':>6}"]
    for account in accounts:
        if account.published:
            ages_ns = account.age_p50_ns, account.age_p99_ns, account.age_p999_ns
            ages = "".join(f"{age_ns / 1000:>9.0f}" for age_ns in ages_ns)
            lost = account.dropped + account.undelivered
            lines.append(f"  {account.role + ' ' + account.name:<26}{account.delivered:>9}{ages}{lost:>6}")
    return lines


def _not_taken(monitor: Monitor) -> str:
    """How many orders are not in the ledger, by the reason: the exchange has not taken them, or never got them."""
    ends = Counter(monitor.statuses.values())
    told = ", ".join(f"{ends[end]} {end}" for end in ("refused", "rejected", "failed") if ends[end])
    return f", of which the exchange has not: {told}" if told else ""
