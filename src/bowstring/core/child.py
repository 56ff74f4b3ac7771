"""The child's side of `in_process`: the strategy in an event queue of its own, and what is said over the socket.

Requests and answers are msgpack, each after its length in 4 bytes. The child answers every request, in order.
"""

import asyncio
import multiprocessing
import os
import pickle
import signal
import socket
import traceback
from collections.abc import Iterable

import msgspec
from msgspec.structs import force_setattr

from bowstring.core.clock import Clock
from bowstring.core.codec import decode, encode
from bowstring.core.components import Executor, Strategy, on
from bowstring.core.messages import Action, Event, Message
from bowstring.core.queue import EventQueue
from bowstring.core.routing import Wiring
from bowstring.core.subscriber import Subscriber
from bowstring.core.tasks import FAILURES, as_list, awaitable, start


class Start(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """Start the strategy, pickled, under its name and by the parent's clock."""

    name: str
    epoch_ns: int
    strategy: bytes


class Handle(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """Handle an event, as it is stamped.

    ``new_type`` is its class, pickled, when it is the first of it: unpickling imports the module. ``seqs`` are the
    numbers that the actions of the last answer got when they were published.
    """

    event: msgspec.Raw
    new_type: bytes
    seqs: list[int]


class Stop(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Stop the strategy."""


Request = Start | Handle | Stop


class Answer(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What the strategy returned, and what it raised after that, with the traceback."""

    actions: list[msgspec.Raw]
    failure: str


_requests = msgspec.msgpack.Decoder[Request](Request)


def frame(message: Request | Answer) -> bytes:
    """The bytes that the other side reads."""
    data = msgspec.msgpack.encode(message)
    return len(data).to_bytes(4, "little") + data


def live(connection: socket.socket) -> None:
    """Serve the parent until it hangs up or dies. What becomes of Ctrl-C is for the parent to decide."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection.set_inheritable(False)
    clock = Clock()
    clock.start_thread(_die_with_parent, name="parent")
    asyncio.run(_serve(connection, clock))


def _die_with_parent() -> None:
    """For when a handler is in an endless loop; when none is, the end of the socket is the end."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)  # pragma: no cover  # nothing is left to tell of it


async def _serve(connection: socket.socket, clock: Clock) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=connection)
    host = _Host(clock)
    try:
        while True:
            size = int.from_bytes(await reader.readexactly(4), "little")
            request = _requests.decode(await reader.readexactly(size))
            writer.write(frame(await host.answer(request)))
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


class _Host:
    """Runs one strategy as its parent asks."""

    _strategy: Strategy
    _subscriber: Subscriber
    _queue: "_Queue"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._taken = _Taken()
        self._answered: list[Action] = []

    async def answer(self, request: Request) -> Answer:
        """Do as asked, and tell what came of it."""
        try:
            if isinstance(request, Handle):
                await self._handle(request)
            elif isinstance(request, Start):
                await self._start(request)
            else:
                await self._stop()
            return Answer(actions=self._take_actions(), failure=self._queue.take_failure())
        except FAILURES as error:
            return Answer(actions=[], failure=_describe(error))

    async def _start(self, request: Start) -> None:
        strategy: Strategy = pickle.loads(request.strategy)
        self._clock.epoch_ns = request.epoch_ns
        strategy.name, strategy.clock = request.name, self._clock
        wiring = Wiring((), (self._taken,), (strategy,))
        self._strategy, self._subscriber = strategy, wiring.strategies[0]
        self._queue = _Queue(wiring, clock=self._clock)
        await strategy.start()

    async def _handle(self, request: Handle) -> None:
        for action, seq in zip(self._answered, request.seqs, strict=False):
            force_setattr(action, "seq", seq)
        if request.new_type:
            pickle.loads(request.new_type)
        self._queue.relay(decode(request.event, Event))
        await self._queue.idle()

    async def _stop(self) -> None:
        result: object = self._strategy.stop()
        work = awaitable(result)
        actions = as_list(result if work is None else await start(work))
        self._queue.actions.act(self._subscriber, actions, Event(received_ns=self._clock.now_ns()))

    def _take_actions(self) -> list[msgspec.Raw]:
        self._answered, self._taken.actions = self._taken.actions, []
        for action in self._answered:
            force_setattr(action, "seq", 0)
        return [msgspec.Raw(encode(action)) for action in self._answered]


class _Taken(Executor):
    """Takes all actions, for the parent to publish."""

    def __init__(self) -> None:
        self.actions: list[Action] = []

    @on(Action)
    def take(self, action: Action) -> None:
        self.actions.append(action)


class _Queue(EventQueue):
    """The engine's queue for one strategy; whatever comes of its actions and failures, the parent's queue tells."""

    failure = ""

    def relay(self, event: Event) -> None:
        """Deliver an event with the stamps of the parent's queue."""
        self.turn(self._deliver, event, self._route(type(event)))

    def take_failure(self) -> str:
        failure, self.failure = self.failure, ""
        return failure

    def reply(self, events: Iterable[Event], *, cause: Message, fresh: bool = False) -> None:
        pass

    def fail(self, subscriber: Subscriber, error: BaseException, *, cause: Message) -> None:
        self.failure = _describe(error)


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}\n{''.join(traceback.format_exception(error))}"
