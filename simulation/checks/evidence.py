"""What a world's truth is, by its ledger, and what is on record of it: the two that the checks hold against each other.

Nothing here asks the engine, and nothing here computes as the bot does.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from bowstring.core.messages import Event
from bowstring.trading.journal.port import Journal
from bowstring.trading.messages import RiskState
from bowstring.trading.orders import Order
from simulation.character import Character
from simulation.disk import Record
from simulation.exchange import Exchange
from simulation.ledger import Accepted, Ended, Ledger, Traded
from simulation.life import Life
from simulation.transcript import Told

ZERO = Decimal(0)
Key = tuple[str, str]
"""A venue and a client order id."""
TradeKey = tuple[str, str, str]
"""A venue, a symbol and a trade id."""
Fates = dict[Key, tuple[str, Decimal]]
"""What became of orders: the status of each, and how much of it filled."""
LATER = 1 << 63


class Evidence:
    """What is known of a world, and of the lives that are over.

    ``risk`` is the state in which the last one left it, ``sent`` how often each order was sent, ``told`` the fills that
    were told.
    """

    def __init__(self, character: Character, ledger: Ledger, record: Record, exchanges: Mapping[str, Exchange]) -> None:
        self.character = character
        self.ledger = ledger
        self.record = record
        self.exchanges = exchanges
        self.risk: RiskState = "active"
        self.sent: Counter[Key] = Counter()
        self.told: set[TradeKey] = set()

    def accepted(self) -> list[Accepted]:
        """The bot's orders that were accepted."""
        return [entry for entry in self.ledger.all(Accepted) if entry.by == "bot"]

    def trades(self) -> list[Traded]:
        """The fills of the bot's orders."""
        own = {(entry.venue, entry.name) for entry in self.accepted()}
        return [entry for entry in self.ledger.all(Traded) if (entry.venue, entry.name) in own]

    def owner(self, venue: str, name: str) -> str:
        """The strategy of an order that is on record."""
        intent = self.record.intents.get((venue, name))
        return intent.order.strategy if intent else ""

    def positions(self, trades: Iterable[Traded] | None = None) -> defaultdict[str, dict[Key, Decimal]]:
        """What each strategy holds, by venue and symbol: what these fills make, or all there were."""
        positions: defaultdict[str, dict[Key, Decimal]] = defaultdict(dict)
        for trade in self.trades() if trades is None else trades:
            held = positions[self.owner(trade.venue, trade.name)]
            signed = (trade.quantity if trade.side == "buy" else -trade.quantity) - base_fee(trade)
            held[trade.venue, trade.symbol] = held.get((trade.venue, trade.symbol), ZERO) + signed
        return positions

    def fates(self, *, until_ns: int = LATER) -> Fates:
        """What had become of each of the bot's orders by then."""
        wanted: dict[Key, Decimal] = {}
        fates: Fates = {}
        for entry in self.ledger:
            if entry.time_ns > until_ns:
                break
            if isinstance(entry, Accepted) and entry.by == "bot":
                wanted[entry.venue, entry.name] = entry.quantity
                fates[entry.venue, entry.name] = "open", ZERO
            elif isinstance(entry, Traded | Ended) and (entry.venue, entry.name) in fates:
                key = entry.venue, entry.name
                status, filled = fates[key]
                if isinstance(entry, Traded):
                    filled += entry.quantity
                    status = "filled" if filled == wanted[key] else status
                fates[key] = (entry.status if isinstance(entry, Ended) else status), filled
        return fates

    def orders(self, journal: Journal) -> Iterator[Order]:
        """All orders that are on record."""
        for venue in self.exchanges:
            remembered = journal.recall(venue)
            yield from (*remembered.live, *remembered.finished)


def base_fee(trade: Traded) -> Decimal:
    """What was taken off the position itself."""
    return trade.fee if trade.fee_currency == trade.symbol.split("/")[0] else ZERO


def told(life: Life) -> list[Event]:
    """All that was told in a life, but for market data."""
    return [entry.event for entry in life.entries if isinstance(entry, Told)]
