"""What the tests of the core share: messages, a clock that the test sets, and components that do as the test says."""

from collections.abc import Callable, Hashable
from random import Random
from typing import Any, ClassVar, TypeVar

from bowstring.core.clock import Clock
from bowstring.core.components import Component, Executor, Guard, Strategy, on
from bowstring.core.messages import Action, ActionClosed, Addressed, ComponentFailed, Delivery, Event
from bowstring.core.queue import EventQueue
from bowstring.core.routing import Wiring, give_names

E = TypeVar("E", bound=Event)
Reaction = Callable[[Any], Any]
"""What a handler does: return, raise, or whatever a handler may return."""


class Tick(Event, frozen=True, kw_only=True):
    """Lossless."""

    n: int = 0


class Echo(Event, frozen=True, kw_only=True):
    """What executors and guards answer with."""

    n: int = 0


class Level(Event, frozen=True, kw_only=True):
    """Market data of which the latest counts."""

    delivery: ClassVar[Delivery] = "latest"

    symbol: str = ""
    n: int = 0

    def conflation_key(self) -> Hashable:
        return self.symbol


class Print(Event, frozen=True, kw_only=True):
    """Market data of which the oldest go."""

    delivery: ClassVar[Delivery] = "recent"

    n: int = 0


class Note(Addressed, frozen=True, kw_only=True):
    """An event for one strategy."""

    n: int = 0


class Do(Action, frozen=True, kw_only=True):
    """Something that every executor of it does."""

    n: int = 0


class Risk(Action, frozen=True, kw_only=True):
    """Something that adds risk."""

    @property
    def adds_risk(self) -> bool:
        return True


class Order(Action, frozen=True, kw_only=True):
    """Something that one venue's executor does."""

    venue: str = ""


class FakeClock(Clock):
    """Stands still until the test moves it."""

    def __init__(self) -> None:
        self.at_ns = 1_000_000
        self.monotonic_ns = lambda: self.at_ns
        self.epoch_ns = 10**18
        self.random = Random(0)


def silent(message: object) -> None:
    """Do nothing."""


class Bot(Strategy):
    """Keeps what it is given, and answers each `Tick` with what ``react`` returns."""

    def __init__(self, react: Reaction = silent, *, name: str = "bot") -> None:
        self.name = name
        self.react = react
        self.seen: list[Event] = []

    @on(Tick)
    def decide(self, tick: Tick) -> Any:
        self.seen.append(tick)
        return self.react(tick)


class Reader(Strategy):
    """Keeps every event that it is given, its own and nobody else's addressed ones included."""

    def __init__(self, *, name: str = "reader") -> None:
        self.name = name
        self.seen: list[Event] = []

    @on(Event)
    def read(self, event: Event) -> None:
        self.seen.append(event)


class Witness(Guard):
    """Sees every event first, and whatever it is."""

    def __init__(self) -> None:
        self.seen: list[Event] = []

    @on(Event)
    def note(self, event: Event) -> None:
        self.seen.append(event)

    def of(self, event_type: type[E]) -> list[E]:
        """Return the events of a type."""
        return [event for event in self.seen if isinstance(event, event_type)]

    @property
    def closings(self) -> list[tuple[str, str, str]]:
        """Return how actions ended, by whom, and why."""
        return [(type(closed).__name__, closed.by, closed.reason) for closed in self.of(ActionClosed)]

    @property
    def failures(self) -> list[tuple[str, str, bool]]:
        """Return what failed, its role, and whether it was halted."""
        return [(failed.component, failed.role, failed.halted) for failed in self.of(ComponentFailed)]


class Doer(Executor):
    """Keeps the actions that it is given, and does with each `Do` what ``react`` says."""

    def __init__(self, react: Reaction = silent, *, name: str = "doer") -> None:
        self.name = name
        self.react = react
        self.given: list[Action] = []

    @on(Do)
    def do(self, action: Do) -> Any:
        self.given.append(action)
        return self.react(action)

    @on(Risk)
    def dare(self, action: Risk) -> Any:
        self.given.append(action)
        return self.react(action)


class Judge(Guard):
    """Judges each action by ``verdict``."""

    def __init__(self, verdict: Callable[[Action], str | None], *, name: str = "judge") -> None:
        self.name = name
        self.verdict = verdict
        self.judged: list[Action] = []

    @on(Action)
    def judge(self, action: Action) -> str | None:
        self.judged.append(action)
        return self.verdict(action)


def queue_of(*components: Component, clock: Clock | None = None, **options: bool) -> EventQueue:
    """Build the queue of some components, each kind in the order given."""
    guards = [component for component in components if isinstance(component, Guard)]
    executors = [component for component in components if isinstance(component, Executor)]
    strategies = [component for component in components if isinstance(component, Strategy)]
    give_names(components)
    return EventQueue(Wiring(guards, executors, strategies), clock=clock or FakeClock(), **options)
