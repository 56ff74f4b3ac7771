"""What one life of a bot said and did, in order: the material that the checks judge."""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from bowstring.core.components import Executor, on
from bowstring.core.messages import Event
from bowstring.market.events import MarketEvent
from bowstring.trading.gateway import FillReport, OrderRef
from bowstring.trading.messages import PlaceOrder


class Told(NamedTuple):
    """An event was told to the whole bot, ``age_ns`` after it came; by then it ``is_on_record``, if it has to be."""

    time_ns: int
    event: Event
    age_ns: int
    is_on_record: bool


class Sent(NamedTuple):
    """A request was handed to a gateway, ``age_ns`` after its cause.

    By then its order ``is_on_record``, and its account ``is_guarded`` if it was to be. ``held`` is what its strategy
    held then, by what is on record.
    """

    time_ns: int
    venue: str
    method: str
    order: PlaceOrder | OrderRef
    age_ns: int
    is_on_record: bool
    is_guarded: bool
    held: Decimal


class Delivered(NamedTuple):
    """The private stream delivered a fill."""

    time_ns: int
    venue: str
    fill: FillReport


class Shown(NamedTuple):
    """A venue has shown what orders are open, which it was asked ``asked_ns``."""

    time_ns: int
    venue: str
    asked_ns: int


Entry = Told | Sent | Delivered | Shown


class Witness(Executor):
    """Hears all that is told, in its order, but for market data."""

    def __init__(self, note: Callable[[Event], None]) -> None:
        self.name = "witness"
        self._note = note

    @on(Event)
    def hear(self, event: Event) -> None:
        if not isinstance(event, MarketEvent):
            self._note(event)
