"""The heart: the broadcast queue of events, delivered in the publisher's call stack.

* **Run to completion.** `EventQueue.publish` delivers before it returns: collector -> guards -> strategy -> guards ->
  executor is one chain of calls. An event published meanwhile waits until the present delivery is over, so every
  subscriber sees its events in the order of their ``seq``.
* **Actions first.** What a handler returns is judged and carried out before the next subscriber gets the event.
* **Isolation.** While an async handler is suspended, its subscriber's events wait in its inbox; all others go on.
  A strategy that raises is halted; all others go on.
* **Fairness.** After 1,000 events or 5 ms the loop gets its turn, and nothing newer overtakes what is left.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from itertools import count
from types import GeneratorType
from typing import Any

from msgspec.structs import force_setattr

from bowstring.core.actions import ActionQueue
from bowstring.core.clock import Clock
from bowstring.core.errors import PublishError
from bowstring.core.inbox import Call
from bowstring.core.messages import ComponentFailed, Event, Lagged, Message, Resumed
from bowstring.core.routing import Route, Wiring
from bowstring.core.subscriber import Account, Subscriber
from bowstring.core.tasks import FAILURES, TURN_EVENTS, TURN_NS, Turn, as_list, awaitable, start

MAX_DEPTH = 64
MAX_CHAINED = 10_000
BACKLOG = 1024  # as much as an inbox holds
END_NS = 1 << 63  # the year 2262: an age has a counter in the histogram

log = logging.getLogger(__name__)


class EventQueue:
    """The event queue of one engine and, as ``actions``, its action queue. For the event loop's thread only.

    A ``held`` queue keeps everything until its `release`.
    """

    def __init__(self, wiring: Wiring, *, clock: Clock, held: bool = False) -> None:
        self.next_seq = count(1).__next__
        self.actions = ActionQueue(wiring, self, clock=clock)
        self._wiring = wiring
        self._clock = clock
        self._monotonic_ns = clock.monotonic_ns
        self._epoch_ns = clock.epoch_ns
        self._routes: dict[type, Route] = {}
        self._pending: deque[Event] = deque()
        self._active = held
        self._waiters: list[asyncio.Future[None]] = []
        self.maybe_behind = True  # whether `drained` has to look
        self._nothing_to_wait_for: asyncio.Future[None]
        self._pulled = 0
        self._break_ns = 0

    def publish(self, event: Event) -> None:
        """Publish an event from outside: deliver it now, or after the delivery that is under way.

        Raises `PublishError` for what is no event or was published before; never what a subscriber raises.
        """
        route = self._routes.get(event.__class__)
        if route is None or event.seq:
            route = self._check(event)
        if not event.received_ns:
            force_setattr(event, "received_ns", self._monotonic_ns() + self._epoch_ns)
        elif not 0 < event.received_ns < END_NS:
            raise PublishError(f"received_ns is {event.received_ns}: give nanoseconds since 1970, or nothing")
        force_setattr(event, "seq", self.next_seq())
        if self._active or self._pending:
            self._pending.append(event)
            if len(self._pending) > BACKLOG and not self._active:
                self.turn(_nothing)  # its source is ahead of the queue, and waits here as it does without a backlog
            return
        self._active = True
        try:
            self._deliver(event, route)
            if self._pending:
                self._drain()
        finally:
            self._active = False

    def reply(self, events: Iterable[Event], *, cause: Message, fresh: bool = False) -> None:
        """Publish events that a message caused; ``fresh``: it took time, so they count as received now.

        Raises `PublishError` when one cannot be published; then none is.
        """
        checked = list(events)
        for event in checked:
            self._check(event)
            force_setattr(event, "seq", self.next_seq())
            force_setattr(event, "cause", cause.seq)
            force_setattr(event, "received_ns", self._clock.now_ns() if fresh else cause.received_ns)
            if not fresh:
                force_setattr(event, "depth", cause.depth + 1)
        self._pending.extend(checked)

    def release(self) -> None:
        """Deliver what was published while the queue was ``held``, and from now on everything at once."""
        self._active = False
        self.turn(_nothing)

    def turn(self, work: Callable[..., None], *args: object) -> None:
        """Do some work that publishes, then deliver what it published; from within a handler: as soon as it is over."""
        if self._active:
            asyncio.get_running_loop().call_soon(self.turn, work, *args)
            return
        self._active = True
        try:
            work(*args)
            self._drain()
        finally:
            self._active = False
        if self._waiters and not self._is_behind():
            self._wake()

    def fail(self, subscriber: Subscriber, error: BaseException, *, cause: Message) -> None:
        """Tell that a component raised. That halts a strategy; a guard that raised on an event refuses new risk."""
        log.error("%s: failed, %r", subscriber.name, error, exc_info=error)
        if subscriber.role != "observer" and isinstance(cause, Event):
            subscriber.halted = True
        elif isinstance(cause, ComponentFailed):
            return  # or a failure to hear of failures would be told for ever
        subscriber.settle()
        role = "executor" if subscriber.role == "observer" else subscriber.role
        failed = ComponentFailed(
            component=subscriber.name, role=role, reason=str(error) or repr(error), halted=subscriber.halted
        )
        self.reply([failed], cause=cause, fresh=subscriber.halted)  # who answers a halt continues no chain
        if self._waiters:
            asyncio.get_running_loop().call_soon(self.turn, _nothing)

    def resume(self, name: str) -> None:
        """Let a halted strategy or guard go on, with what waits for it first. Raises KeyError if none has this name.

        One whose inbox is ``frozen`` goes on as soon as no delivery is under way; what waits for it is let go.
        Of a strategy, `Resumed` tells.
        """
        named = {subscriber.name: subscriber for subscriber in self._wiring.subscribers if subscriber.halted}
        subscriber = named[name]
        if subscriber.frozen:
            self.turn(self._renew, subscriber)
            return
        subscriber.halted = False
        self.maybe_behind = True
        self.turn(self._go_on_resumed, subscriber)

    @property
    def is_clear(self) -> bool:
        """Whether all that was published has been given to its subscribers, or to their inboxes."""
        return not self._pending

    def accounts(self) -> Iterator[Account]:
        """Where every message went, for each subscriber and each executor."""
        yield from (subscriber.account() for subscriber in self._wiring.subscribers)
        yield from (worker.account() for worker in self._wiring.workers)

    def drained(self) -> Awaitable[None]:
        """Wait until no running component has anything waiting, and give the loop its turn when it is due."""
        self._pulled += 1
        if self._pulled & 15 and not self.maybe_behind:  # the clock is read for one in 16, which ask once an event
            return self._nothing_to_wait_for
        return self._drained()

    async def _drained(self) -> None:
        if self._pulled >= TURN_EVENTS or self._monotonic_ns() > self._break_ns:
            await asyncio.sleep(0)
            self._pulled = 0
            self._break_ns = self._monotonic_ns() + TURN_NS
        while self._is_behind():
            await self._next_quiet()
        self.maybe_behind = False
        self._nothing_to_wait_for = asyncio.get_running_loop().create_future()
        self._nothing_to_wait_for.set_result(None)

    async def idle(self) -> None:
        """Wait until, besides, no handler is suspended."""
        while self._is_behind() or self._is_busy():
            await self._next_quiet()

    async def cancel(self) -> None:
        """Cancel every handler that is suspended, and wait for its end."""
        tasks = [task for subscriber in self._wiring.subscribers if (task := subscriber.task)]
        tasks += [task for worker in self._wiring.workers for task in worker.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _deliver(self, event: Event, route: Route) -> None:
        targets = route.find(event) if route.key else route.rest
        targets.published += 1
        received_ns = event.received_ns - self._epoch_ns
        monotonic_ns = self._monotonic_ns
        for subscriber, calls in targets.entries:
            if subscriber.blocked:
                self._hold(subscriber, event, calls)
            else:
                subscriber.ages[(monotonic_ns() - received_ns).bit_length()] += 1
                self._handle(subscriber, event, calls)

    def _handle(self, subscriber: Subscriber, event: Event, calls: tuple[Call, ...]) -> None:
        for call in calls:
            try:
                result = call(event)
                if result is None:
                    continue
                if result.__class__ is GeneratorType:
                    results = list(result)
                else:
                    work = awaitable(result)
                    if work is not None:
                        task = start(work)
                        if not task.done():
                            self._suspend(subscriber, event, calls[calls.index(call) + 1 :], task)
                            return
                        result = task.result()
                    results = as_list(result)
                if results:
                    self._publish_results(subscriber, event, results)
            except FAILURES as error:
                self.fail(subscriber, error, cause=event)
                return
            except SystemExit as exit_:  # ends the bot, but not before the others have the event
                asyncio.get_running_loop().call_soon(_raise, exit_)
                return

    def _publish_results(self, subscriber: Subscriber, event: Event, results: list[Any]) -> None:
        """Publish what a handler returned, all or nothing."""
        if event.depth and (event.depth >= MAX_DEPTH or len(self._pending) > BACKLOG):
            self._check_chain(subscriber, event, len(results))
        if subscriber.publishing is not None:
            self.actions.act(subscriber, results, event)
        else:
            self.reply(results, cause=event)

    def _check_chain(self, subscriber: Subscriber, event: Event, new: int) -> None:
        """Raise `PublishError` for a subscriber that goes on answering the answers to its own messages.

        An event that it only overhears continues the chain of another one, which is stopped.
        """
        if event.depth >= MAX_DEPTH and getattr(event, "strategy", subscriber.name) == subscriber.name:
            raise PublishError(f"a chain of {event.depth} messages, each the cause of the next, without waiting")
        if event.received_ns != subscriber.chain_ns:
            subscriber.chain_ns, subscriber.chained = event.received_ns, 0
        subscriber.chained += new
        if subscriber.chained > MAX_CHAINED:
            raise PublishError(f"{subscriber.chained} messages, all caused by one event from outside, without waiting")

    def _suspend(
        self, subscriber: Subscriber, event: Event, rest: tuple[Call, ...], task: "asyncio.Future[object]"
    ) -> None:
        subscriber.task = task
        subscriber.blocked = True
        task.add_done_callback(partial(self.turn, self._go_on, subscriber, event, rest))

    def _go_on(
        self, subscriber: Subscriber, event: Event, rest: tuple[Call, ...], task: "asyncio.Future[object]"
    ) -> None:
        """After an async handler: publish its result, call the event's other handlers, then catch up."""
        subscriber.task = None
        try:
            results = as_list(task.result())
            if subscriber.halted:
                log.warning("%s: halted while its handler waited, so what it returned is void", subscriber.name)
            else:
                if results:
                    self._publish_results(subscriber, event, results)
                self._handle(subscriber, event, rest)
        except FAILURES as error:
            self.fail(subscriber, error, cause=event)
        self._catch_up(subscriber)

    def _go_on_resumed(self, subscriber: Subscriber) -> None:
        self._catch_up(subscriber)
        self._tell_resumed(subscriber, missed=0)

    def _renew(self, subscriber: Subscriber) -> None:
        """Resume without what waits, once all that was published before `Resumed` is delivered, or not, to it."""
        self._drain()
        if self._pending:
            asyncio.get_running_loop().call_soon(self.turn, self._renew, subscriber)
        elif subscriber.frozen:  # else it was asked for twice
            self._tell_resumed(subscriber, missed=subscriber.renew())

    def _tell_resumed(self, subscriber: Subscriber, *, missed: int) -> None:
        if subscriber.role == "strategy":
            self.publish(Resumed(strategy=subscriber.name, missed=missed))

    def _catch_up(self, subscriber: Subscriber) -> None:
        turn = Turn(self._monotonic_ns)
        inbox = subscriber.inbox
        while inbox and subscriber.task is None and not subscriber.halted:
            if turn.is_over():
                asyncio.get_running_loop().call_soon(self.turn, self._catch_up, subscriber)
                return
            lagged = inbox.take_lag()
            if lagged is not None:
                self._tell(subscriber, lagged)
                continue
            event, calls = inbox.take()
            subscriber.ages[(self._clock.now_ns() - event.received_ns).bit_length()] += 1
            self._handle(subscriber, event, calls)
        subscriber.settle()

    def _tell(self, subscriber: Subscriber, lagged: Lagged) -> None:
        """Deliver what only this subscriber is told; it is no part of the accounts."""
        force_setattr(lagged, "seq", self.next_seq())
        force_setattr(lagged, "received_ns", self._clock.now_ns())
        for other, calls in self._route(Lagged).rest.entries:
            if other is subscriber:
                self._handle(subscriber, lagged, calls)

    def _hold(self, subscriber: Subscriber, event: Event, calls: tuple[Call, ...]) -> None:
        if not subscriber.frozen and subscriber.inbox.put(event, calls):
            self.maybe_behind = True
            return
        subscriber.undelivered += 1
        if subscriber.halted:
            subscriber.frozen = True  # what is in the inbox is without a gap
        else:
            subscriber.frozen = subscriber.role != "observer"
            self.fail(subscriber, OverflowError(f"its inbox is full, {len(subscriber.inbox)} events wait"), cause=event)

    def _drain(self) -> None:
        turn = Turn(self._monotonic_ns)
        pending = self._pending
        while pending:
            if turn.is_over():
                self.maybe_behind = True
                asyncio.get_running_loop().call_soon(self.turn, _nothing)
                return
            event = pending.popleft()
            self._deliver(event, self._routes[event.__class__])

    def _is_behind(self) -> bool:
        return (
            bool(self._pending)
            or any(subscriber.inbox and not subscriber.halted for subscriber in self._wiring.subscribers)
            or any(worker.waiting for worker in self._wiring.workers)
        )

    def _is_busy(self) -> bool:
        return any(subscriber.task for subscriber in self._wiring.subscribers) or any(
            worker.tasks for worker in self._wiring.workers
        )

    async def _next_quiet(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _check(self, event: object) -> Route:
        if not isinstance(event, Event):
            raise PublishError(f"{event!r} is no Event: return events, an iterable of them, or None")
        if event.seq:
            raise PublishError(f"{type(event).__name__} {event.seq} is published a second time: make a new one")
        return self._route(type(event))

    def _route(self, event_type: type[Event]) -> Route:
        route = self._routes.get(event_type)
        if route is None:
            route = self._routes[event_type] = self._wiring.route(event_type)
        return route


def _nothing() -> None:
    pass


def _raise(exit_: SystemExit) -> None:
    raise exit_
