"""`react`: what a strategy does on some events, without an engine, a mock or an exchange."""

from collections.abc import Sequence
from typing import TypeVar, overload

from msgspec.structs import replace

from bowstring.core.checks import check
from bowstring.core.components import Executor, Strategy, on
from bowstring.core.errors import UnknownInstrument, WiringError
from bowstring.core.messages import Action, Addressed, Event, Message
from bowstring.core.queue import EventQueue
from bowstring.core.routing import Wiring, give_names
from bowstring.core.subscriber import Subscriber
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
    strategy. Client order ids count from 1. Raises `StrategyFailed` when a bot would halt the strategy,
    AssertionError when an action is none of the type to ``expect``, and `WiringError` for what is no strategy or event.
    """
    check(strategy, Strategy, where="react")
    for event in events:
        _check_event(event)
    actions = simulate(_react(strategy, events))
    for action in actions:
        assert isinstance(action, expect), f"expected {expect.__name__}s only, got {action}"
    return actions


async def _react(strategy: Strategy, events: Sequence[Event]) -> Sequence[Action]:
    capture = _Capture()
    give_names([strategy, capture])
    strategy.clock = clock = _CountingClock(simulated_clock().monotonic_ns, seed=0)
    queue = _Queue(Wiring([], [capture], [strategy]), clock=clock)
    for event in events:
        queue.publish(_copy(event, strategy.name))
        await queue.idle()
    if queue.failure is not None:
        raise _failed(queue.failure) from queue.failure
    return capture.actions


def _failed(error: BaseException) -> StrategyFailed:
    failed = StrategyFailed(str(error) or repr(error))
    if isinstance(error, UnknownInstrument):
        failed.add_note('tell it first: react(strategy, instrument("BTC/USDT"), ...), from bowstring.testing')
    return failed


def _check_event(given: object) -> None:
    if not isinstance(given, Event):
        raise WiringError(f"react: {given!r} is no Event: give events one by one, as in react(strategy, quote(...))")


def _copy(event: Event, strategy: str) -> Event:
    if isinstance(event, Addressed) and not event.strategy:
        return replace(event, seq=0, strategy=strategy)
    return replace(event, seq=0)


class _Capture(Executor):
    """Carries out every action by keeping it."""

    def __init__(self) -> None:
        self.actions: list[Action] = []

    @on(Action)
    def keep(self, action: Action) -> None:
        self.actions.append(action)


class _Queue(EventQueue):
    """Keeps what was raised first."""

    failure: BaseException | None = None

    def fail(self, subscriber: Subscriber, error: BaseException, *, cause: Message) -> None:
        self.failure = self.failure or error
        super().fail(subscriber, error, cause=cause)


class _CountingClock(SimulatedClock):
    """Ids without a prefix: 1, 2, 3."""

    def new_prefix(self) -> str:
        return ""
