"""What is around the bot: venues, their market, and the connections to them."""

from collections.abc import Callable
from random import Random

from bowstring.market.events import Quote
from bowstring.testing.simulation import SimulatedLoop
from bowstring.trading.gateway import Report
from simulation.connection import WORLD
from simulation.exchange import SYMBOLS, Exchange
from simulation.fate import Fate, is_belated
from simulation.gateway import SimulatedGateway
from simulation.ledger import Accepted, Ledger
from simulation.traits import Traits, draw_traits
from simulation.venue_orders import TICK

TICK_S = 0.5
QUIET_TICK_S = 5.0


class World:
    """The venues of one seed. ``gateways`` are the connections that hear of the account, by venue."""

    def __init__(self, seed: int, *, loop: SimulatedLoop, fate: Fate, trace: Callable[..., None]) -> None:
        self.seed = seed
        self.loop = loop
        self.fate = fate
        self.trace = trace
        self.ledger = Ledger()
        self.random = random = Random(f"{seed}/world")
        venues = ["north", "south"][: random.choice([1, 1, 1, 2])]
        self.traits: dict[str, Traits] = {venue: draw_traits(random, is_patient=is_belated(seed)) for venue in venues}
        self.exchanges = {venue: self._exchange(venue) for venue in venues}
        self.gateways: dict[str, list[SimulatedGateway]] = {venue: [] for venue in venues}
        self.is_quiet = False
        self.on_quote: Callable[[Quote], None] = lambda _quote: None

    def tick(self) -> None:
        """Let the markets move, now and from now on."""
        self.move()
        self.after(QUIET_TICK_S if self.is_quiet else TICK_S, self.tick)

    def move(self) -> None:
        """Let the markets move."""
        for exchange in self.exchanges.values():
            for symbol in SYMBOLS:
                exchange.tick(symbol)
                if not exchange.is_down:
                    self.on_quote(_quote(exchange, symbol))

    def accepted(self) -> list[Accepted]:
        """The bot's orders that were accepted."""
        return [entry for entry in self.ledger.all(Accepted) if entry.by == "bot"]

    def after(self, seconds: float, call: Callable[..., None], *args: object) -> None:
        """Have something happen later, whatever becomes of the bot."""
        self.loop.call_later(seconds, call, *args, context=WORLD)

    def break_streams(self, venue: str, *, silently: bool = False) -> None:
        """Have all connections that hear of the account end."""
        for gateway in self.gateways[venue]:
            gateway.break_stream(silently=silently)

    def _exchange(self, venue: str) -> Exchange:
        exchange = Exchange(venue, seed=self.seed, ledger=self.ledger, now_ns=self.loop.clock.now_ns)
        exchange.publish = lambda report: self._publish(venue, report)
        exchange.after = self.after
        return exchange

    def _publish(self, venue: str, report: Report) -> None:
        self.trace("venue", venue, report)
        for gateway in self.gateways[venue]:
            gateway.hear(report)


def _quote(exchange: Exchange, symbol: str) -> Quote:
    crowd = exchange.crowds[symbol]
    return Quote(
        venue=exchange.venue,
        symbol=symbol,
        bid=crowd.bid * TICK,
        bid_quantity=crowd.size,
        ask=crowd.ask * TICK,
        ask_quantity=crowd.size,
        time_ns=exchange.now_ns(),
    )
