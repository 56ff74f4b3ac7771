"""`react`: what a strategy does on some events, without an engine, a mock or an exchange."""

from collections.abc import Sequence
from typing import TypeVar, overload

from msgspec.structs import replace

from bowstring.core.components import Executor, Strategy, on
from bowstring.core.messages import Action, Addressed, ComponentFailed, Event
from bowstring.core.queue import EventQueue
from bowstring.core.routing import Wiring, give_names
from bowstring.testing.simulation import SimulatedClock, simulate, simulated_clock

A = TypeVar("A", bound=Action)


class StrategyFailed(AssertionError):
    """The strategy under test raised, or returned what cannot be published: in a bot it would be halted."""


@overload
def react(strategy: Strategy, *events: Event) -> Sequence[Action]: ...
@overload
def react(strategy: Strategy, *events: Event, expect: type[A]) -> Sequence[A]: ...
def react(strategy: Strategy, *events: Event, expect: type[Action] = Action) -> Sequence[Action]:
    """Give the events to the strategy in order, and return the actions that it published, in order.

    This is the engine's own dispatch code, so filters, addressing and ``self.orders`` work as in the bot; async
    handlers run to their end, in virtual time. Events are copied, and addressed ones without an addressee are for this
    strategy. Client order ids count from 1. Raises `StrategyFailed` when a bot would halt the strategy, and
    AssertionError when an action is none of the type to ``expect``.
    """
    actions = simulate(_react(strategy, events))
    for action in actions:
        assert isinstance(action, expect), f"expected {expect.__name__}s only, got {action}"
    return actions


async def _react(strategy: Strategy, events: Sequence[Event]) -> Sequence[Action]:
    capture = _Capture()
    give_names([strategy, capture])
    strategy.clock = clock = _CountingClock(simulated_clock().monotonic_ns, seed=0)
    queue = EventQueue(Wiring([], [capture], [strategy]), clock=clock)
    for event in events:
        queue.publish(_copy(event, strategy.name))
        await queue.idle()
    if capture.failure is not None:
        raise StrategyFailed(capture.failure)
    return capture.actions


def _copy(event: Event, strategy: str) -> Event:
    if isinstance(event, Addressed) and not event.strategy:
        return replace(event, seq=0, strategy=strategy)
    return replace(event, seq=0)


class _Capture(Executor):
    """Carries out every action by keeping it."""

    def __init__(self) -> None:
        self.actions: list[Action] = []
        self.failure: str | None = None

    @on(Action)
    def keep(self, action: Action) -> None:
        self.actions.append(action)

    @on(ComponentFailed)
    def note(self, failed: ComponentFailed) -> None:
        self.failure = self.failure or failed.reason


class _CountingClock(SimulatedClock):
    """Ids without a prefix: 1, 2, 3."""

    def new_prefix(self) -> str:
        return ""
