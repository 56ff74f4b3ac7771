"""A venue's own books, and what they say of every limit: in whole numbers, by rules written down a second time.

Nothing of bowstring is imported here. Prices are in cents, quantities in lots of a thousandth, so worth is in units of
a hundred thousandth. What is checked is what was *accepted*; what a bot can know only once it is told, a loss or how
often it was executed, is reckoned by what it was told.
"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
MOST_WAITING = 4 * SECOND  # an order is valid for two
BNB = 30  # the worth of a millionth, which is what fees are in, at 300 USDT

Place = tuple[str, str]
"""A venue and a symbol."""

Quote = tuple[int, int, int]
"""The time, bid and ask; both are 0 from the time on at which none can be relied on."""


@dataclass(frozen=True)
class Limits:
    """The limits, in the ledger's units."""

    symbols: frozenset[str] = frozenset({"BTC/USDT", "ETH/USDT"})
    quantity: int = 700  # of BTC
    notional: int = 8_000_000  # 80 USDT
    collar_percent: int = 5
    fresh: int = 2 * SECOND
    open_orders: int = 12
    position: int = 1_600  # of BTC, over all venues
    exposure: int = 80_000_000  # 800 USDT
    rate: int = 15
    rate_window: int = SECOND
    duplicate_window: int = SECOND // 2
    loss: int = 150_000  # 1.50 USDT
    executions: int = 4
    executions_window: int = 3 * SECOND


@dataclass
class Entry:
    """An order that was accepted at ``time``, and asked for before: it may have waited for the end of another."""

    venue: str
    symbol: str
    buys: bool
    price: int
    quantity: int
    strategy: str
    name: str
    reduces: bool
    asked: int
    time: int
    filled: int = 0
    is_open: bool = True

    @property
    def left(self) -> int:
        return self.quantity - self.filled

    @property
    def sign(self) -> int:
        return 1 if self.buys else -1

    @property
    def place(self) -> Place:
        return self.venue, self.symbol


@dataclass
class Ledger:
    """All venues' books. ``breaches`` counts by rule, ``first`` tells of the first of each."""

    limits: Limits
    held: dict[str, dict[str, int]]  # by venue and currency: USDT in worth, all else in lots
    accepted: int = 0
    breaches: Counter[str] = field(default_factory=Counter[str])
    first: dict[str, str] = field(default_factory=dict[str, str])
    orders: dict[str, Entry] = field(default_factory=dict[str, Entry])
    open: dict[str, Entry] = field(default_factory=dict[str, Entry])
    positions: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    quotes: dict[Place, deque[Quote]] = field(default_factory=dict[Place, "deque[Quote]"])
    prices: dict[Place, int] = field(default_factory=dict[Place, int])  # doubled: bid and ask together
    _recent: deque[Entry] = field(default_factory=deque[Entry])
    _day: int = 0
    _cash: int = 0  # doubled, since midnight, as far as it was told
    _opening: int = 0  # doubled
    _known: Counter[Place] = field(default_factory=Counter[Place])
    _runs: dict[tuple[str, str], tuple[bool, list[tuple[int, str]]]] = field(
        default_factory=dict[tuple[str, str], tuple[bool, list[tuple[int, str]]]]
    )
    _stopped: dict[tuple[str, str], bool] = field(default_factory=dict[tuple[str, str], bool])

    # What happens

    def quote(self, venue: str, symbol: str, *, bid: int, ask: int, time: int) -> None:
        """A quote was published, and seen."""
        self._turn(time)
        self._note(venue, symbol, (time, bid, ask))
        if bid < ask:
            self.prices[venue, symbol] = bid + ask

    def distrust(self, venue: str, symbol: str, *, time: int) -> None:
        """What was published of a symbol cannot be relied on any more."""
        self._note(venue, symbol, (time, 0, 0))

    def accept(self, entry: Entry) -> None:
        """An order is accepted: now every limit must hold."""
        self._turn(entry.time)
        for rule, text in self._broken(entry):
            self.breaches[rule] += 1
            self.first.setdefault(rule, f"{text}; {entry}")
        self.accepted += 1
        self.orders[entry.name] = self.open[entry.name] = entry
        self._recent.append(entry)

    def fill(self, entry: Entry, quantity: int) -> None:
        """Some of an order is filled, at its own price."""
        entry.filled += quantity
        self.positions[entry.strategy, entry.venue, entry.symbol] += entry.sign * quantity
        held, base = self.held[entry.venue], entry.symbol.partition("/")[0]
        held["USDT"] -= entry.sign * quantity * entry.price
        held[base] = held.get(base, 0) + entry.sign * quantity
        if not entry.left:
            self.end(entry)

    def end(self, entry: Entry) -> None:
        """An order is open no more."""
        entry.is_open = False
        del self.open[entry.name]

    def told(self, entry: Entry, quantity: int, *, fee: int, time: int, filled_at: int) -> None:
        """The bot is told of a fill."""
        self._turn(time)
        self._cash -= 2 * entry.sign * quantity * entry.price + 2 * fee * BNB
        self._known[entry.place] += entry.sign * quantity
        self.prices.setdefault(entry.place, 2 * entry.price)
        key = entry.strategy, entry.symbol
        if key in self._stopped:
            return
        side, run = self._runs.get(key, (entry.buys, []))
        if side != entry.buys:
            run = []
        if all(name != entry.name for _, name in run):
            run = [*((at, name) for at, name in run if filled_at - at < self.limits.executions_window)]
            run.append((filled_at, entry.name))
        self._runs[key] = entry.buys, run
        if len(run) >= self.limits.executions:
            self._stopped[key] = entry.buys

    def looked(self) -> None:
        """A human has looked, and lets trading go on."""
        self._runs.clear()
        self._stopped.clear()

    def locked(self, venue: str, currency: str) -> int:
        """What the open orders at a venue may need of a currency."""
        return sum(
            entry.left * entry.price if currency == "USDT" else entry.left
            for entry in self.open.values()
            if entry.venue == venue and currency == ("USDT" if entry.buys else entry.symbol.partition("/")[0])
        )

    @property
    def loss(self) -> int:
        """What the bot knows to have lost since midnight, doubled."""
        return self._opening - self._cash - self._worth()

    # What must hold

    def _broken(self, new: Entry) -> Iterator[tuple[str, str]]:
        limits = self.limits
        yield from self._broken_by_itself(new)
        yield from self._broken_by_price(new)
        if len(self.open) + 1 > limits.open_orders:
            yield "MaxOpenOrders", f"{len(self.open)} are open"
        if new.symbol == "BTC/USDT" and (reach := self._reach(new)) > limits.position:
            yield "MaxPosition", f"it could reach {reach}"
        if (exposure := self._exposure(new)) > 2 * limits.exposure:
            yield "MaxExposure", f"it could reach {exposure / 2}"
        currency = "USDT" if new.buys else new.symbol.partition("/")[0]
        needed = self.locked(new.venue, currency) + (new.quantity * new.price if new.buys else new.quantity)
        if needed > self.held[new.venue].get(currency, 0):
            yield "ReserveBalance", f"{needed} {currency} are needed"
        yield from self._broken_by_time(new)
        yield from self._broken_by_knowledge(new)

    def _broken_by_itself(self, new: Entry) -> Iterator[tuple[str, str]]:
        if new.symbol not in self.limits.symbols and not new.reduces:
            yield "AllowedSymbols", new.symbol
        if new.symbol == "BTC/USDT" and new.quantity > self.limits.quantity:
            yield "MaxQuantity", str(new.quantity)
        if new.quantity * new.price > self.limits.notional:
            yield "MaxNotional", str(new.quantity * new.price)
        for other in self.open.values():
            if other.place == new.place and other.buys != new.buys and (new.price - other.price) * new.sign >= 0:
                yield "NoSelfCross", str(other)
        if new.reduces and self._flips(new):
            yield "reduces", "it could turn the position around"

    def _broken_by_price(self, new: Entry) -> Iterator[tuple[str, str]]:
        seen = [quote for quote in self.quotes.get(new.place, ()) if quote[0] <= new.asked]
        time, bid, ask = seen[-1] if seen else (0, 0, 0)
        if bid >= ask or new.asked - time > self.limits.fresh:
            if not new.reduces:
                yield "PriceCollar", f"there is no price: {bid}, {ask}, {new.asked - time}"
        elif abs(2 * new.price - bid - ask) * 100 > self.limits.collar_percent * (bid + ask):
            yield "PriceCollar", f"{bid}, {ask}"

    def _broken_by_time(self, new: Entry) -> Iterator[tuple[str, str]]:
        """By when orders were asked for: that is when they were let pass."""
        while self._recent and new.time - self._recent[0].time >= MOST_WAITING:
            self._recent.popleft()
        asked = sorted(one.asked for one in (*self._recent, new))
        if any(
            last - first < self.limits.rate_window
            for first, last in zip(asked, asked[self.limits.rate :], strict=False)
        ):
            yield "OrderRate", f"{asked}"
        terms = new.strategy, new.place, new.buys, new.price, new.quantity
        for old in self._recent:
            near = abs(new.asked - old.asked) < self.limits.duplicate_window
            if near and (old.strategy, old.place, old.buys, old.price, old.quantity) == terms:
                yield "NoDuplicates", str(old)

    def _broken_by_knowledge(self, new: Entry) -> Iterator[tuple[str, str]]:
        if new.reduces or new.asked != new.time:
            return
        if self.loss > 2 * self.limits.loss:
            yield "DailyLoss", f"{self.loss / 2} is lost"
        if self._stopped.get((new.strategy, new.symbol)) == new.buys:
            yield "ExecutionThrottle", "it was executed too often"

    def _reach(self, new: Entry) -> int:
        """How far the position can come over all venues, in the direction of an order."""
        held = sum(quantity for (_, _, symbol), quantity in self.positions.items() if symbol == new.symbol)
        orders = [one for one in (*self.open.values(), new) if one.symbol == new.symbol and one.buys == new.buys]
        return new.sign * held + sum(one.left for one in orders)

    def _flips(self, new: Entry) -> bool:
        """Whether a position could be turned around by what claims to reduce it."""
        mine = (new.strategy, new.venue, new.symbol)
        orders = [one for one in self.open.values() if (one.strategy, one.venue, one.symbol) == mine]
        left = sum(one.left for one in (*orders, new) if one.buys == new.buys)
        return left + new.sign * self.positions[mine] > 0

    def _exposure(self, new: Entry) -> int:
        """What all that could come is worth, doubled; 0 for an order that can only bring a position closer to 0."""
        sides: Counter[tuple[Place, bool]] = Counter()
        worth: Counter[tuple[Place, bool]] = Counter()
        for one in (*self.open.values(), new):
            sides[one.place, one.buys] += one.left
            worth[one.place, one.buys] += one.left * max(2 * one.price, self.prices.get(one.place, 0))
        held: Counter[Place] = Counter()
        for (_, venue, symbol), quantity in self.positions.items():
            held[venue, symbol] += quantity
        if sides[new.place, new.buys] + new.sign * held[new.place] <= 0:
            return 0

        def reached(place: Place, *, buys: bool) -> int:
            return (1 if buys else -1) * held[place] * self.prices.get(place, 0) + worth[place, buys]

        others = {*held, *(place for place, _ in sides)} - {new.place}
        rest = sum(max(reached(place, buys=True), reached(place, buys=False)) for place in others)
        return reached(new.place, buys=new.buys) + rest

    def _note(self, venue: str, symbol: str, quote: Quote) -> None:
        notes = self.quotes.setdefault((venue, symbol), deque())
        notes.append(quote)
        while len(notes) > 1 and quote[0] - notes[1][0] > MOST_WAITING:
            notes.popleft()

    def _turn(self, time: int) -> None:
        """Begin a new day where it is one."""
        if time // DAY != self._day:
            self._day = time // DAY
            self._cash, self._opening = 0, self._worth()

    def _worth(self) -> int:
        return sum(quantity * self.prices.get(place, 0) for place, quantity in self._known.items())
