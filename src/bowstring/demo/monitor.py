"""What watches in the demo: a line a second, and the summary's numbers."""

import asyncio
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal

import bowstring as bs
from bowstring.demo.journal import Journal
from bowstring.trading.messages import OrderStatus, Recovered


class Show(bs.Action, frozen=True):
    """Print a line."""

    text: str


class Terminal(bs.Executor):
    """Carries out `Show`. When standard input ends, as it does with the process that holds it, the bot is to stop.

    ``is_alone`` says that this was so: nobody reads what is printed.
    """

    is_alone = False

    async def start(self, emit: bs.Emit) -> None:
        """Watch standard input."""
        asyncio.get_running_loop().add_reader(sys.stdin, self._hang_up)

    async def stop(self) -> None:
        """Watch it no more."""
        asyncio.get_running_loop().remove_reader(sys.stdin)

    @bs.on(Show)
    def show(self, show: Show) -> None:
        """Print it."""
        print(show.text, flush=True)

    def _hang_up(self) -> None:
        self.is_alone = True
        asyncio.get_running_loop().remove_reader(sys.stdin)
        signal.raise_signal(signal.SIGTERM)


class Monitor(bs.Strategy):
    """Watches everybody's orders and fills, reports each second, and what a restart has found.

    ``past`` is what was on record when this process began. ``began_ns``, on the monotonic clock, is when the demo's
    bot began to trade, in whatever process; 0: with this one.
    """

    def __init__(self, symbols: Sequence[str], *, bots: Sequence[str], past: Journal, began_ns: int) -> None:
        self._shown, self._bots, self._began_ns = symbols, bots, began_ns
        self._past, self._missed = past, 0
        self.events = 0
        self.quotes: dict[str, bs.Quote] = {}
        self.fills: Counter[str] = Counter()
        self.cash: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.positions: dict[str, bs.Position] = {}
        self.statuses: dict[str, OrderStatus] = {}
        for order in past.orders:
            self.note_order(order)
        for fill in past.fills:
            self.book(fill)
        self._missed = 0  # by this process

    @bs.on(bs.Event, all=True)
    def count(self, _event: bs.Event) -> None:
        """Count all events of this process."""
        self.events += 1

    @bs.on(bs.Quote)
    def value(self, quote: bs.Quote) -> None:
        """Note the latest prices."""
        self.quotes[quote.symbol] = quote

    @bs.on(bs.Fill, all=True)
    def book(self, fill: bs.Fill) -> None:
        """Note what was paid and received, fees in the quote currency included."""
        self._missed += fill.recovered
        self.fills[fill.strategy] += 1
        paid = fill.price * fill.quantity
        fee = fill.fee if fill.fee_currency == "USDT" else Decimal(0)
        self.cash[fill.strategy] += (-paid if fill.side == "buy" else paid) - fee

    @bs.on(bs.OrderUpdate, all=True)
    def note_order(self, update: bs.OrderUpdate) -> None:
        """Note which orders there were, and what has become of them; one that a guard refused was none."""
        if update.status != "refused":
            self.statuses[update.client_order_id] = update.status

    @bs.on(bs.Position, all=True)
    def hold(self, position: bs.Position) -> None:
        """Note the positions; fees in the base currency are taken off already."""
        self.positions[position.strategy] = position

    @bs.on(Recovered)
    def begin(self, _recovered: Recovered) -> bs.Actions:
        """Show what this start has found: it is told last of what it brought."""
        if self._began_ns:
            yield Show(self._found())
        else:
            self._began_ns = self.clock.monotonic_ns()
            yield Show(self._heading())

    @bs.on(bs.Elapsed)
    def report(self, _elapsed: bs.Elapsed) -> bs.Actions:
        """Show a line."""
        seconds = (self.clock.monotonic_ns() - self._began_ns) // 1_000_000_000
        prices = "".join(f"{self._bid(symbol):>12}" for symbol in self._shown)
        profits = "".join(f"{_signed(self.profit(bot), digits=2):>9}" for bot in self._bots)
        counts = f"{len(self.statuses):>9}{self.fills.total():>7}"
        yield Show(f"{seconds:>4}{self.events:>9}{prices}{counts} {profits}")

    def profit(self, strategy: str) -> Decimal | None:
        """Profit or loss in USDT since the start, the position valued at the bid or ask it would be closed at.

        None: there is no price yet.
        """
        position = self.positions.get(strategy)
        if position is None:
            return self.cash[strategy]
        quote = self.quotes.get(position.symbol)
        if quote is None:
            return None
        return self.cash[strategy] + position.quantity * (quote.bid if position.quantity > 0 else quote.ask)

    def _found(self) -> str:
        live = [order.client_order_id for order in self._past.live]
        now = Counter(self.statuses[order] for order in live)
        orders = ", ".join(f"{count} {status}" for status, count in sorted(now.items()))
        told = f"those {len(live)} orders are now {orders}; " if live else ""
        return f"     recovered: {told}fills that it missed: {self._missed}"

    def _heading(self) -> str:
        prices = "".join(f"{symbol:>12}" for symbol in self._shown)
        bots = "".join(f"{bot:>9}" for bot in self._bots)
        over = f"{'profit in USDT':>{len(prices) + 29 + len(bots)}}"
        return f"{over}\n   s   events{prices}   orders  fills {bots}"

    def _bid(self, symbol: str) -> str:
        return f"{self.quotes[symbol].bid:.2f}" if symbol in self.quotes else ""


def summary(monitor: Monitor) -> list[str]:
    """Lines: what came of it, in all of the bot's lives."""
    lines = [f"  {len(monitor.statuses)} orders{_not_taken(monitor)}"]
    for bot in sorted(monitor.fills):
        profit = _signed(monitor.profit(bot), digits=4) or "unknown"
        lines.append(f"  {bot}: {monitor.fills[bot]} fills, profit in USDT after fees {profit}")
    return lines


def _signed(amount: Decimal | None, *, digits: int) -> str:
    return "" if amount is None else f"{amount:+.{digits}f}"


def _not_taken(monitor: Monitor) -> str:
    """How many orders are not in the ledger, by the reason: the exchange has not taken them, or never got them."""
    ends = Counter(monitor.statuses.values())
    told = ", ".join(f"{ends[end]} {end}" for end in ("rejected", "failed") if ends[end])
    return f", of which the exchange has not: {told}" if told else ""
