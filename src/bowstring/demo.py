"""The demo: a whole bot on paper, over real sockets, against a feed that a second process serves as Binance does.

The feed is generated; everything from the websocket on is what a live bot runs.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Generator
from decimal import Decimal

import bowstring as bs
from bowstring.core.errors import BowstringError
from bowstring.core.subscriber import Account
from bowstring.trading.messages import Side
from bowstring.venues.binance import Binance

FEED = ("-m", "bowstring", "play", "--generate", "BTCUSDT,ETHUSDT", "--rate", "400")
FUNDS = {"USDT": Decimal(100_000), "ETH": Decimal(10)}


class Bidder(bs.Strategy):
    """Bids at the touch while its position is within the limit."""

    def __init__(self, symbol: str, *, size: Decimal, max_position: Decimal) -> None:
        self.symbols = {symbol}
        self._size, self._max_position = size, max_position
        self._position = Decimal(0)

    @bs.on(bs.Quote)
    def bid(self, quote: bs.Quote) -> bs.Actions:
        """Keep one bid working."""
        if not self.orders and self._position < self._max_position:
            yield bs.PlaceOrder(symbol=quote.symbol, side="buy", quantity=self._size, price=quote.bid)

    @bs.on(bs.Position)
    def track(self, position: bs.Position) -> None:
        """Note the position."""
        self._position = position.quantity


class Maker(bs.Strategy):
    """Quotes both sides of the touch, and replaces a quote that the touch has left ``patience`` behind."""

    def __init__(self, symbol: str, *, size: Decimal, patience: Decimal) -> None:
        self.symbols = {symbol}
        self._size, self._patience = size, patience

    @bs.on(bs.Quote)
    def follow(self, quote: bs.Quote) -> bs.Actions:
        """Keep one quote a side."""
        yield from self._work("buy", quote.symbol, quote.bid)
        yield from self._work("sell", quote.symbol, quote.ask)

    def _work(self, side: Side, symbol: str, price: Decimal) -> bs.Actions:
        working = [order for order in self.orders.values() if order.side == side]
        if not working:
            yield bs.PlaceOrder(symbol=symbol, side=side, quantity=self._size, price=price, post_only=True)
        elif [order.status for order in working] == ["open"] and abs(working[0].price - price) > self._patience:
            yield bs.ReplaceOrder(client_order_id=working[0].client_order_id, quantity=self._size, price=price)


class Show(bs.Action, frozen=True):
    """Print a line."""

    text: str


class Terminal(bs.Executor):
    """Carries out `Show`."""

    @bs.on(Show)
    def show(self, show: Show) -> None:
        """Print it."""
        print(show.text, flush=True)


class Countdown(bs.Collector):
    """Ends after some seconds, and the bot with it."""

    finite = True

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def run(self, emit: bs.Emit) -> None:
        """Wait."""
        await asyncio.sleep(self._seconds)


class Monitor(bs.Strategy):
    """Watches everybody's fills and reports each second; its numbers are the summary's."""

    def __init__(self) -> None:
        self.quotes: dict[str, bs.Quote] = {}
        self.fills: Counter[str] = Counter()
        self.cash: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.positions: dict[str, bs.Position] = {}
        self.counts: Counter[str] = Counter()
        self.order_ids: set[tuple[str, str]] = set()

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
        """Note which orders there were."""
        self.order_ids.add((update.strategy, update.client_order_id))

    @bs.on(bs.Position, all=True)
    def hold(self, position: bs.Position) -> None:
        """Note the positions; fees in the base currency are taken off already."""
        self.positions[position.strategy] = position

    @bs.on(bs.Elapsed)
    def report(self, _elapsed: bs.Elapsed) -> bs.Actions:
        """Show a line."""
        prices = "  ".join(f"{quote.symbol} {quote.bid:.2f}/{quote.ask:.2f}" for quote in self.quotes.values())
        filled = ", ".join(f"{name} {self.fills[name]} fills {self.profit(name):+.2f}" for name in sorted(self.fills))
        yield Show(f"{self.counts.total():>7} events  {prices}  {filled or 'no fills yet'}")

    def profit(self, strategy: str) -> Decimal:
        """Profit or loss in USDT since the start, the position valued at the bid or ask it would be closed at."""
        position = self.positions.get(strategy)
        if position is None or position.symbol not in self.quotes:
            return self.cash[strategy]
        quote = self.quotes[position.symbol]
        return self.cash[strategy] + position.quantity * (quote.bid if position.quantity > 0 else quote.ask)


def demo(*, seconds: float) -> None:
    """Run the demo and print its summary. Raises what the bot raises."""
    monitor = Monitor()
    with _feed() as (rest_url, ws_url):
        venue = Binance("paper", rest_url=rest_url, ws_url=ws_url)
        accounts = bs.run(
            collectors=[
                venue.quotes("BTC/USDT", "ETH/USDT"),
                venue.trades("BTC/USDT", "ETH/USDT"),
                bs.Every(1),
                Countdown(seconds),
            ],
            strategies=[
                Bidder("BTC/USDT", size=Decimal("0.001"), max_position=Decimal("0.01")),
                Maker("ETH/USDT", size=Decimal("0.1"), patience=Decimal("0.50")),
                monitor,
            ],
            guards=[bs.MaxNotional(Decimal(500)), bs.MaxPosition("BTC/USDT", Decimal("0.02")), bs.OrderRate(50)],
            executors=[venue.executor(balances=FUNDS, maker_fee=Decimal(0), latency_s=0.005), Terminal()],
        )
    _summarise(monitor, accounts)


@contextlib.contextmanager
def _feed() -> Generator[tuple[str, str], None, None]:
    """A generated feed in a process of its own: its REST and websocket URLs."""
    with subprocess.Popen([sys.executable, *FEED], stdout=subprocess.PIPE, text=True) as process:
        try:
            ready, *urls = (process.stdout.readline() if process.stdout else "").split() or [""]
            if ready != "ready":
                raise BowstringError(f"the feed did not start: python {' '.join(FEED)}")
            rest_url, ws_url = urls
            print(f"feed: {rest_url} {ws_url} (process {process.pid})")
            yield rest_url, ws_url
        finally:
            process.terminate()


def _summarise(monitor: Monitor, accounts: list[Account]) -> None:
    print("\nsummary")
    for name, count in monitor.counts.most_common():
        print(f"  {count:>8} {name}")
    actions = sum(account.delivered for account in accounts if account.role == "executor")
    print(f"  {actions:>8} actions carried out")
    print(f"  {len(monitor.order_ids):>8} orders")
    for name in sorted(monitor.fills):
        print(f"  {name}: {monitor.fills[name]} fills, profit {monitor.profit(name):+.4f} USDT after fees")
    print(f"\n  {'us since receipt at':<26}{'messages':>9}{'p50':>9}{'p99':>9}{'p99.9':>9}{'lost':>6}")
    for account in accounts:
        if account.published:
            ages_ns = account.age_p50_ns, account.age_p99_ns, account.age_p999_ns
            ages = "".join(f"{age_ns / 1000:>9.0f}" for age_ns in ages_ns)
            lost = account.dropped + account.undelivered
            print(f"  {account.role + ' ' + account.name:<26}{account.delivered:>9}{ages}{lost:>6}")
