"""What users write: collectors, strategies, guards and executors, and `@on`, which declares their handlers."""

import asyncio
import inspect
from collections.abc import AsyncIterable, Awaitable, Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Never, Protocol, TypeVar

from msgspec import Struct

from bowstring.core.clock import Clock
from bowstring.core.errors import ConfigError, WiringError
from bowstring.core.messages import Action, Actions, Event, Events, Message

if TYPE_CHECKING:
    from bowstring.core.subscriber import Account

M = TypeVar("M", bound=Message)
S = TypeVar("S")
Returns = Action | Event | Actions | Events | str | None
R = TypeVar("R", bound=Returns | Awaitable[Returns] | AsyncIterable[Action] | AsyncIterable[Event])


class Emit(Protocol):
    """How a collector or an executor publishes events from outside."""

    def __call__(self, event: Event, /) -> None:
        """Publish now, in this call stack. Never raises because of what a subscriber does."""
        ...

    def drained(self) -> Awaitable[None]:
        """Wait until no running subscriber has anything waiting: for sources that can be paused."""
        ...


class Running(Protocol):
    """What an executor can do to the bot that it is in, as a human does: its `Engine`.

    ``shared`` is what executors leave for each other to find; ``started`` is set once everything has started.
    """

    shared: list[object]
    started: asyncio.Event

    def kill(self, reason: str, *, by: str) -> None:
        """See `Engine.kill`."""
        ...

    def refuse_risk(self, reason: str) -> None:
        """See `Engine.refuse_risk`."""
        ...

    def rearm(self) -> None:
        """See `Engine.rearm`."""
        ...

    def resume(self, name: str) -> None:
        """See `Engine.resume`."""
        ...

    def accounts(self) -> "Sequence[Account]":
        """See `Engine.accounts`."""
        ...


def on(message_type: type[M], *more: Never, all: bool = False) -> Callable[[Callable[[S, M], R]], Callable[[S, M], R]]:
    """Declare a method as the handler of a message type and of all types below it.

    ``all=True``: of `Addressed` events, also those for other strategies.
    """
    _check_declared(message_type, more)

    def declare(method: Callable[[S, M], R]) -> Callable[[S, M], R]:
        if hasattr(method, "__handles__"):
            raise WiringError(f"{method.__qualname__} has two @on: write one method for each type")
        method.__handles__ = (message_type, all)  # type: ignore[attr-defined]  # read by Component.handlers
        return method

    return declare


def _check_declared(declared: object, more: tuple[object, ...]) -> None:
    if inspect.isroutine(declared):
        raise WiringError(f"@on before {declared.__qualname__} names no message type: write @on(SomeMessage)")
    if more:
        types = ", ".join(getattr(one, "__name__", repr(one)) for one in (declared, *more))
        raise WiringError(f"@on({types}): one type a method; write one method for each, or name a base of them all")


class Handler(Struct, frozen=True):
    """One declared handler: the message type, whether it sees other strategies' messages, and the method."""

    type: type[Message]
    all: bool
    name: str
    call: Callable[[Message], object]

    @property
    def is_async(self) -> bool:
        """Whether the method is declared with ``async def``."""
        return inspect.iscoroutinefunction(self.call) or inspect.isasyncgenfunction(self.call)


class Component:
    """What collectors, strategies, guards and executors share.

    ``name`` is the class name unless you set it; it must be unique in its engine. ``clock`` is the engine's, set
    before anything runs.
    """

    built_in: ClassVar[frozenset[str]] = frozenset()
    """Handlers that a base class of bowstring declares for its own book-keeping."""
    name: str = ""
    clock: Clock

    def handlers(self) -> Iterator[Handler]:
        """The handlers declared with `@on`, base classes first, in the order of their definition."""
        declared: dict[str, tuple[object, bool]] = {}
        for cls in reversed(type(self).__mro__):
            for name, method in vars(cls).items():
                handles = getattr(method, "__handles__", None)
                if handles is not None:
                    declared[name] = handles
        for name, (message_type, all_) in declared.items():
            if not (isinstance(message_type, type) and issubclass(message_type, Message)):
                raise WiringError(f"{type(self).__name__}.{name}: @on({message_type!r}) needs an Event or Action class")
            yield Handler(message_type, all_, name, getattr(self, name))


class Collector(Component):
    """Turns something external into events.

    It is restarted when ``run`` raises or returns; with ``finite = True`` its return is the end of its data. With
    ``stall_after_s``, not publishing anything for that long counts as failed too. ``symbols``, when set before the
    engine is built, are all that its events may have: where every collector tells, a strategy's that none brings is
    warned of.
    """

    finite: bool = False
    stall_after_s: float | None = None
    symbols: Collection[str] | None = None

    async def run(self, emit: Emit) -> None:
        """Publish events with ``emit(event)`` until cancelled."""
        raise ConfigError(f"{type(self).__name__} publishes nothing: give it an `async def run(self, emit)`")


class Strategy(Component):
    """Turns events into actions, by methods declared with ``@on(SomeEvent)``.

    ``symbols``, when set before the engine is built, filters every event that has a symbol.
    """

    symbols: Collection[str] | None = None
    told_of: ClassVar[tuple[type[Action], ...]] = ()
    """The types of actions, each with all below it, for which `publishing` is called."""

    async def start(self) -> None:
        """Called before any collector runs."""

    def stop(self) -> Actions | Awaitable[Actions]:
        """Called once at a regular stop; may return last actions. Actions that add risk are refused by then."""
        return ()

    def publishing(self, actions: Sequence[Action]) -> None:
        """Called with all that a handler returned, if any of it is ``told_of``, before a guard sees the first.

        Of a `Together` these are its members.
        Raise `PublishError` to have none of what the handler returned published, and the strategy halted.
        """


class Guard(Component):
    """The risk control: sees events before strategies do, and refuses actions.

    A handler of an action type returns None, or the reason why not. Its handlers are ``def``. One that raises
    refuses the action; one that raises on an event leaves the guard refusing all that adds risk, until resumed.
    """

    async def start(self) -> None:
        """Called before any strategy starts."""


class Executor(Component):
    """Carries out actions, by methods declared with ``@on(SomeAction)``, which may return events.

    ``venue``, when set, is the venue whose actions it owns. A handler that waits is ``async def``, or a ``def`` that
    starts at once and returns an awaitable; at most ``max_in_flight`` of them run, ``capacity`` actions wait, more
    are refused. It may handle events too, and sees them before strategies do. ``strategies`` are the
    names of the bot's, and ``engine`` is what runs it, from the building of the engine on.
    """

    venue: str = ""
    strategies: Sequence[str] = ()
    engine: Running
    max_in_flight: int = 16
    capacity: int = 1024

    async def start(self, emit: Emit) -> None:
        """Called first of all; ``emit`` publishes events that come later than the handler's return."""

    async def stop(self) -> None:
        """Called last of all at a stop."""

    def admit(self, actions: Sequence[Action]) -> None:
        """Called with all that one handler's return brings to this executor, before the first is carried out.

        Raise to have all of them closed as failed, proven not carried out.
        """
