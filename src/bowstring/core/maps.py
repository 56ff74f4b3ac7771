"""Transform or drop what a collector emits, or what an executor is asked to do, as artemis does."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar, cast

from msgspec.structs import force_setattr

from bowstring.core.components import Collector, Emit, Executor, Handler
from bowstring.core.errors import Refused, WiringError
from bowstring.core.messages import Action, Event, Message
from bowstring.core.supervision import CollectorEmitter

A = TypeVar("A", bound=Action)


class CollectorMap(Collector):
    """A collector whose every event goes through ``transform``; None drops the event."""

    def __init__(self, collector: Collector, transform: Callable[[Event], Event | None]) -> None:
        self.name = collector.name or type(collector).__name__
        self.finite = collector.finite
        self.stall_after_s = collector.stall_after_s
        self._collector = collector
        self._transform = transform

    async def run(self, emit: Emit) -> None:
        """Run the collector inside, until it ends or ``transform`` raises, which counts as its failure."""
        self._collector.name, self._collector.clock = self.name, self.clock
        mapped = _MappedEmit(emit, self._transform)
        running = asyncio.ensure_future(self._collector.run(mapped))
        try:
            await asyncio.wait({running, mapped.failure}, return_when=asyncio.FIRST_COMPLETED)
            await (mapped.failure if mapped.failure.done() else running)
        finally:
            mapped.failure.cancel()
            running.cancel()
            await asyncio.wait({running})


class _MappedEmit:
    def __init__(self, emit: Emit, transform: Callable[[Event], Event | None]) -> None:
        self._emit = emit
        self._transform = transform
        self.drained = emit.drained
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __call__(self, event: Event, /) -> None:
        if self.failure.done():
            return  # what comes until the collector has ended
        try:
            mapped = self._transform(event)
        except Exception as error:  # noqa: BLE001  # the user's function, called in a callback of the network
            self.failure.set_exception(error)
            return
        if mapped is None:
            self.note_dropped()
            return
        if event.received_ns:
            force_setattr(mapped, "received_ns", event.received_ns)
        self._emit(mapped)

    def note_dropped(self) -> None:
        """A source whose events are dropped has not stalled."""
        if isinstance(self._emit, CollectorEmitter | _MappedEmit):
            self._emit.note_dropped()


class ExecutorMap(Executor, Generic[A]):
    """An executor that is given ``transform(action)`` for each action of ``action_type``; None refuses the action.

    Actions of other types reach it as they are. Guards have judged the action, and do not see what becomes of it: so
    what adds risk cannot come out of a transformation, only go in unchanged.
    """

    def __init__(self, executor: Executor, action_type: type[A], transform: Callable[[A], Action | None]) -> None:
        self.name = executor.name or type(executor).__name__
        self.venue = executor.venue
        self.max_in_flight = executor.max_in_flight
        self.capacity = executor.capacity
        self._executor = executor
        self._type = action_type
        self._transform = transform
        self._inner = sorted(executor.handlers(), key=lambda handler: len(handler.type.__mro__), reverse=True)

    def handlers(self) -> Iterator[Handler]:
        """One handler of the outer action type, and those that the executor inside has for other messages."""
        yield Handler(self._type, False, "transform", self._carry_out)
        yield from (handler for handler in self._executor.handlers() if not issubclass(handler.type, self._type))

    async def start(self, emit: Emit) -> None:
        """Start the executor inside."""
        self._executor.name, self._executor.clock = self.name, self.clock
        self._executor.strategies, self._executor.engine = self.strategies, self.engine
        await self._executor.start(emit)

    async def stop(self) -> None:
        """Stop the executor inside."""
        await self._executor.stop()

    def admit(self, actions: Sequence[Action]) -> None:
        """Show the executor inside what reaches it as it is; what is transformed it is shown one by one."""
        unmapped = [action for action in actions if not isinstance(action, self._type)]
        if unmapped:
            self._executor.admit(unmapped)

    def _carry_out(self, action: Message) -> object:
        mapped = self._transform(cast("A", action))
        if mapped is None:
            raise Refused(f"{self.name} was given no action in its place")
        handler = next((handler for handler in self._inner if isinstance(mapped, handler.type)), None)
        if handler is None:
            raise WiringError(f"{self.name} does not carry out {type(mapped).__name__}: map to what it handles")
        if mapped.adds_risk and mapped is not action:
            raise Refused(f"no guard has seen this {type(mapped).__name__}: return it from the strategy instead")
        for field in ("seq", "cause", "received_ns", "depth", "strategy"):
            force_setattr(mapped, field, getattr(action, field))
        self._executor.admit([mapped])
        return handler.call(mapped)
