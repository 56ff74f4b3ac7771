"""Random orders through the real engine, executors and guards, against the books of the venues that accepted them.

``run(orders=1_000_000)`` is the long form, of some minutes: its outcome, as a text, has the figures.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from bowstring.core.components import Collector, Emit, Executor, Guard, on
from bowstring.core.engine import Engine
from bowstring.core.messages import Action, ActionRefused, Addressed, CollectorDown, ComponentFailed, Event, Together
from bowstring.market.events import BookLost, Quote, StreamStale
from bowstring.testing.simulation import simulate, simulated_clock
from bowstring.trading.executor import OrderExecutor
from bowstring.trading.guards import (
    AllowedSymbols,
    DailyLoss,
    ExecutionThrottle,
    MaxExposure,
    MaxNotional,
    MaxOpenOrders,
    MaxPosition,
    MaxQuantity,
    NoDuplicates,
    NoSelfCross,
    OrderRate,
    PriceCollar,
    ReserveBalance,
)
from bowstring.trading.journal.memory import MemoryJournal
from bowstring.trading.messages import CancelOrder, Fill, PlaceOrder, Position, ReplaceOrder, RiskStateChanged, Side
from bowstring.trading.orders import Order
from bowstring.trading.strategy import Strategy
from tests.trading.breaches.ledger import DAY, SECOND, Ledger, Limits
from tests.trading.breaches.venue import CENT, FEE, LOT, SYMBOLS, WORTH, FastVenue

LIMITS = Limits()
VENUES = ("here", "there")
STRATEGIES = ("one", "two", "three")
MIDDLE = {"BTC/USDT": 10_000, "ETH/USDT": 1_000, "XRP/USDT": 100}  # cents
HELD = {"USDT": 25_000_000, "BTC": 2_500, "ETH": 25_000, "XRP": 50_000}
BATCH = 2_000  # orders between two restarts

Guards = Callable[[], Sequence[Guard]]


def guards() -> list[Guard]:
    """One of each, at the limits of the ledger."""
    return [
        AllowedSymbols(*LIMITS.symbols),
        MaxQuantity("BTC/USDT", LIMITS.quantity * LOT),
        MaxNotional(LIMITS.notional * WORTH),
        PriceCollar(Decimal(LIMITS.collar_percent) / 100, stale_after_s=LIMITS.fresh / SECOND),
        MaxOpenOrders(LIMITS.open_orders),
        MaxPosition("BTC/USDT", LIMITS.position * LOT),
        MaxExposure("USDT", LIMITS.exposure * WORTH),
        ReserveBalance(),
        NoSelfCross(),
        NoDuplicates(within_s=LIMITS.duplicate_window / SECOND),
        DailyLoss("USDT", LIMITS.loss * WORTH),
        ExecutionThrottle(LIMITS.executions, within_s=LIMITS.executions_window / SECOND),
        OrderRate(LIMITS.rate, per_s=LIMITS.rate_window / SECOND),
    ]


@dataclass
class Outcome:
    """What came of a run: ``refused`` counts by guard, or executor, and ``breaches`` by rule.

    ``failures`` of components make it worthless: a guard that has failed refuses all.
    """

    seed: int
    orders: int = 0
    accepted: int = 0
    fills: int = 0
    restarts: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list[str])
    refused: Counter[str] = field(default_factory=Counter[str])
    breaches: Counter[str] = field(default_factory=Counter[str])
    first: dict[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        breaches = ", ".join(f"{rule}: {number}" for rule, number in self.breaches.items()) or "0"
        refused = ", ".join(f"{by} {number:,}" for by, number in self.refused.most_common())
        return (
            f"{self.orders:,} random orders, {self.accepted:,} accepted by the venues, {self.fills:,} fills, "
            f"{self.restarts} restarts: {breaches} breaches on the ledger (seed {self.seed}, {self.seconds:.0f} s)\n"
            f"refused: {refused}"
        )


def run(
    *, orders: int, seed: int = 0, guards: Guards = guards, blotters: Callable[[OrderExecutor], None] | None = None
) -> Outcome:
    """So many random orders, with a restart after every 2,000. ``blotters``: what to do to each executor first."""
    began = time.monotonic()
    outcome = Outcome(seed=seed)
    logger = logging.getLogger("bowstring")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # there are thousands of refusals
    try:
        simulate(_run(outcome, orders, guards, blotters), seed=seed)
    finally:
        logger.setLevel(level)
    outcome.seconds = time.monotonic() - began
    return outcome


class Turn(Addressed, frozen=True, kw_only=True):
    """Have a strategy return these actions."""

    actions: tuple[Action, ...]


class Trader(Strategy):
    """Returns what it is told to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.positions: dict[tuple[str, str], tuple[str, str, Decimal]] = {}

    @on(Position)
    def track(self, position: Position) -> None:
        where = position.venue, position.symbol
        self.positions[where] = *where, position.quantity
        if not position.quantity:
            del self.positions[where]

    @on(Turn)
    def act(self, turn: Turn) -> Sequence[Action]:
        return turn.actions


class Feed(Collector):
    """Where the market is told from."""

    emit: Emit

    async def run(self, emit: Emit) -> None:
        self.emit = emit
        await asyncio.Event().wait()


class Teller(Executor):
    """Tells the ledger what the bot is told, as soon as that, and counts."""

    def __init__(self, ledger: Ledger, outcome: Outcome) -> None:
        self._ledger = ledger
        self._outcome = outcome

    @on(Fill)
    def tell(self, fill: Fill) -> None:
        self._outcome.fills += 1
        entry = self._ledger.orders[fill.client_order_id]
        self._ledger.told(
            entry,
            int(fill.quantity / LOT),
            fee=int(fill.fee / FEE),
            time=self.clock.now_ns(),
            filled_at=fill.time_ns,
        )

    @on(ComponentFailed)
    def fail(self, failed: ComponentFailed) -> None:
        self._outcome.failures.append(f"{failed.component}: {failed.reason}")

    @on(ActionRefused)
    def count(self, refused: ActionRefused) -> None:
        self._outcome.refused[refused.by] += 1


class Day:
    """One life of a bot, and all that happens around it, at random."""

    def __init__(self, outcome: Outcome, ledger: Ledger, venues: dict[str, FastVenue], journal: MemoryJournal) -> None:
        self._outcome, self._ledger, self._venues, self._journal = outcome, ledger, venues, journal
        self._random = simulated_clock().random
        self._middles = dict(MIDDLE)
        self._feed = Feed()
        self._traders = {name: Trader(name) for name in STRATEGIES}
        self._issued: list[PlaceOrder] = []

    async def live(self, orders: int, *, guards: Guards, blotters: Callable[[OrderExecutor], None] | None) -> None:
        executors = [
            OrderExecutor(venue, journal=self._journal, on_stop="leave", on_halt="leave", reconcile_every_s=3_600)
            for venue in self._venues.values()
        ]
        for executor in executors:
            (blotters or _leave)(executor)
        for place in self._ledger.quotes:  # the new process has seen nothing yet
            self._ledger.distrust(*place, time=simulated_clock().now_ns())
        self._engine = engine = Engine(
            collectors=[self._feed],
            strategies=list(self._traders.values()),
            guards=guards(),
            executors=[*executors, Teller(self._ledger, self._outcome)],
            clock=simulated_clock(),
        )
        running = asyncio.create_task(engine.run())
        await engine.started.wait()
        await asyncio.sleep(0.001)
        self._emit(
            Quote(
                venue="here", symbol="BNB/USDT", bid=Decimal(299), bid_quantity=LOT, ask=Decimal(301), ask_quantity=LOT
            )
        )
        self._emit(
            Quote(
                venue="there", symbol="BNB/USDT", bid=Decimal(299), bid_quantity=LOT, ask=Decimal(301), ask_quantity=LOT
            )
        )
        last = self._outcome.orders + orders
        while self._outcome.orders < last:
            await self._step()
        await asyncio.sleep(1)  # what is on its way arrives
        engine.stop()
        await running

    async def _step(self) -> None:
        luck = self._random.random()
        self._quote()
        if luck < 0.62:
            self._trade()
        elif luck < 0.85:
            self._fill()
        elif luck < 0.88:
            self._doubt()
        elif luck < 0.90:
            self._look()
        elif luck < 0.901:
            await self._sleep_until_tomorrow()
        elif luck < 0.915:
            await asyncio.sleep(self._random.random() * 3)  # with nothing told meanwhile
        await asyncio.sleep(self._random.random() * 0.06)

    # The market

    def _quote(self, *, crossed: bool = False) -> None:
        venue, symbol = self._random.choice(VENUES), self._random.choice(SYMBOLS)
        usual, middle = MIDDLE[symbol], self._middles[symbol]
        step = self._random.randint(-usual // 300 - 1, usual // 300 + 1) + (usual - middle) // 50
        self._middles[symbol] = middle = middle + step
        spread = 1 + self._random.randrange(usual // 500 + 1)
        bid, ask = (middle + 1, middle - 1) if crossed else (middle - spread, middle + spread)
        self._ledger.quote(venue, symbol, bid=bid, ask=ask, time=simulated_clock().now_ns())
        self._emit(
            Quote(venue=venue, symbol=symbol, bid=bid * CENT, bid_quantity=LOT, ask=ask * CENT, ask_quantity=LOT)
        )

    def _doubt(self) -> None:
        """Something happens after which prices cannot be relied on."""
        venue, symbol = self._random.choice(VENUES), self._random.choice(SYMBOLS)
        kind = self._random.randrange(4)
        if kind == 0:
            self._quote(crossed=True)
            return
        for place in [(venue, symbol)] if kind < 3 else list(self._ledger.quotes):
            self._ledger.distrust(*place, time=simulated_clock().now_ns())
        if kind == 1:
            self._emit(BookLost(venue=venue, symbol=symbol, reason="gap"))
        elif kind == 2:
            self._emit(StreamStale(venue=venue, stream="quotes", symbol=symbol, silent_s=1.0))
        else:
            self._emit(CollectorDown(collector="quotes", reason="reset", retry_in_s=1.0))

    def _fill(self) -> None:
        if self._ledger.open:
            entry = self._random.choice(list(self._ledger.open.values()))
            part = self._random.choice([1, 1, 2, 4])
            self._venues[entry.venue].fill(entry, -(-entry.left // part))

    def _look(self) -> None:
        """A human looks, and lets trading go on."""
        self._ledger.looked()
        active = RiskStateChanged(state="active", by="a human")
        self._journal.write([active])
        self._emit(active)
        self._engine.rearm()

    async def _sleep_until_tomorrow(self) -> None:
        now = simulated_clock().now_ns()
        await asyncio.sleep((DAY - now % DAY) / SECOND + self._random.random())

    # The strategies

    def _trade(self) -> None:
        trader = self._traders[self._random.choice(STRATEGIES)]
        actions = [self._action(trader) for _ in range(self._random.choice([1, 1, 1, 2, 3]))]
        self._outcome.orders += sum(not isinstance(action, CancelOrder) for action in actions)
        replaced = [action.client_order_id for action in actions if not isinstance(action, PlaceOrder)]
        together = len(actions) > 1 and len(set(replaced)) == len(replaced) and self._random.random() < 0.3
        self._emit(Turn(strategy=trader.name, actions=(Together(actions),) if together else tuple(actions)))

    def _action(self, trader: Trader) -> PlaceOrder | ReplaceOrder | CancelOrder:
        luck = self._random.random()
        orders = list(trader.orders.values())
        if orders and luck < 0.25:
            old = self._random.choice(orders)
            return CancelOrder(client_order_id=old.client_order_id) if luck < 0.17 else self._replacement(old)
        if self._issued and luck < 0.30:
            return _again(self._random.choice(self._issued))
        if trader.positions and luck < 0.36:
            return self._way_out(*self._random.choice(list(trader.positions.values())))
        order = self._order(trader)
        self._issued = [*self._issued[-5:], order]
        return order

    def _order(self, trader: Trader) -> PlaceOrder:
        symbol = self._random.choices(SYMBOLS, [56, 40, 4])[0]
        side: Side = self._random.choice(["buy", "sell"])
        return PlaceOrder(
            venue=self._random.choice(VENUES),
            symbol=symbol,
            side=side,
            quantity=self._quantity(symbol),
            price=self._price(symbol, side),
            reduces=self._random.random() < 0.2,
        )

    def _way_out(self, venue: str, symbol: str, quantity: Decimal) -> PlaceOrder:
        """Leave a position, as far as one order can."""
        side: Side = "sell" if quantity > 0 else "buy"
        most = LIMITS.notional // self._middles[symbol] * 9 // 10 * LOT
        return PlaceOrder(
            venue=venue,
            symbol=symbol,
            side=side,
            quantity=min(abs(quantity), most),
            price=self._price(symbol, side),
            reduces=True,
        )

    def _replacement(self, order: Order) -> ReplaceOrder:
        return ReplaceOrder(
            client_order_id=order.client_order_id,
            quantity=self._quantity(order.symbol),
            price=self._price(order.symbol, order.side),
        )

    def _quantity(self, symbol: str) -> Decimal:
        """Mostly within the limits, sometimes at one or a lot beside it."""
        most = LIMITS.notional // self._middles[symbol]
        if symbol == "BTC/USDT" and self._random.random() < 0.1:
            return (LIMITS.quantity + self._random.randint(-1, 1)) * LOT
        if self._random.random() < 0.1:
            return (most + self._random.randint(-2, 2)) * LOT
        return self._random.randint(1, most * 41 // 40) * LOT

    def _price(self, symbol: str, side: Side) -> Decimal:
        """Mostly on the order's own side of the market, sometimes at the edge of the collar."""
        middle = self._middles[symbol]
        if self._random.random() < 0.1:
            edge = middle * LIMITS.collar_percent // 100
            return (middle + self._random.choice([-1, 1]) * edge + self._random.randint(-2, 2)) * CENT
        away = self._random.randint(-middle // 500, middle // 40)
        return (middle - away if side == "buy" else middle + away) * CENT

    def _emit(self, event: Event) -> None:
        self._feed.emit(event)


async def _run(outcome: Outcome, orders: int, guards: Guards, blotters: Callable[[OrderExecutor], None] | None) -> None:
    ledger = Ledger(LIMITS, held={venue: dict(HELD) for venue in VENUES})
    journal = MemoryJournal()
    venues = {
        venue: FastVenue(venue, ledger, random=simulated_clock().random, replaces_natively=venue == "there")
        for venue in VENUES
    }
    for batch in _batches(orders):
        await Day(outcome, ledger, venues, journal).live(batch, guards=guards, blotters=blotters)
        outcome.restarts += 1
    outcome.accepted = ledger.accepted
    outcome.breaches, outcome.first = ledger.breaches, ledger.first


def _batches(orders: int) -> Iterator[int]:
    while orders > 0:
        yield min(orders, BATCH)
        orders -= BATCH


def _again(order: PlaceOrder) -> PlaceOrder:
    return PlaceOrder(
        venue=order.venue,
        symbol=order.symbol,
        side=order.side,
        quantity=order.quantity,
        price=order.price,
        reduces=order.reduces,
    )


def _leave(_executor: OrderExecutor) -> None:
    """As it is."""
