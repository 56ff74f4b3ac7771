"""What the bot's venues list, for guards whose limit is for one thing by name: misspelt, it would limit nothing."""

from collections.abc import Collection
from difflib import get_close_matches

from bowstring.core.components import Guard, on
from bowstring.core.messages import CollectorDown
from bowstring.market.instrument import InstrumentListed
from bowstring.trading.new_orders import NewOrder
from bowstring.trading.symbols import quote_of


class ListingGuard(Guard):
    """A guard that knows which symbols and quote currencies are listed, as soon as any are."""

    def __init__(self) -> None:
        super().__init__()
        self.listed_symbols: set[str] = set()
        self.listed_currencies: set[str] = set()
        self._last_listing = 0
        self._listed: set[str] = set()
        self._unreached: set[str] = set()

    @on(InstrumentListed)
    def take_listed(self, listed: InstrumentListed) -> None:
        """Note what can be traded."""
        self.listed_symbols.add(listed.symbol)
        self.listed_currencies.add(quote_of(listed.symbol))
        self._last_listing = listed.seq
        self._listed.add(f"orders {listed.instrument.venue}")
        self._unreached.discard(f"orders {listed.instrument.venue}")

    @on(CollectorDown)
    def note_unreached(self, down: CollectorDown) -> None:
        """Note a venue that cannot be reached, and has listed nothing yet: what is misspelt cannot be told then."""
        if down.collector.startswith("orders ") and down.collector not in self._listed:
            self._unreached.add(down.collector)

    def unlisted(self, name: str, *, among: Collection[str], order: NewOrder) -> str | None:
        """Why the limit is for nothing, if it is. An order that answers a listing is judged before the rest is told."""
        if not among or name in among or self._unreached or order.cause <= self._last_listing:
            return None
        what = f'{type(self).__name__}("{name}"): the bot\'s venues list no {name}'
        return f"{what}; {meant(name, among) or 'give one that is listed'}"


def meant(name: str, known: Collection[str]) -> str:
    """What may have been meant by a name that is not known; empty if nothing is like it."""
    near = get_close_matches(name.upper(), known, n=1)
    return f"did you mean {near[0]}?" if near else ""
