"""`in_process`: a strategy in a process of its own, for handlers that burn CPU.

In the bot its place is taken by a proxy, which is a strategy like any other: it sends each event to the child and
returns an awaitable of the answer, so that it is treated as an async strategy is. It gets one event at a time, and
what it returns is published when it is there. The child is in `bowstring.core.child`.
"""

import asyncio
import logging
import multiprocessing
import pickle
import signal
import socket
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from multiprocessing.context import SpawnProcess
from typing import cast

import msgspec

from bowstring.core.child import Answer, Handle, Request, Start, Stop, frame, live
from bowstring.core.codec import decode, encode
from bowstring.core.components import Handler, Strategy
from bowstring.core.errors import BadMessage, BowstringError, WiringError
from bowstring.core.messages import Action, Message, Together

START_S = 30.0
STOP_S = 0.9  # the engine gives a strategy 1 s
GRACE_S = 2.0  # to end by itself, then again after SIGTERM; then SIGKILL

log = logging.getLogger(__name__)
_answers = msgspec.msgpack.Decoder(Answer)


class ProcessFailed(BowstringError):
    """A strategy in a process of its own raised, did not answer in time, or its process ended."""


def in_process(strategy: Strategy, *, name: str = "") -> Strategy:
    """The same strategy, in a spawned process: with its own GIL and event loop, at some 160 us more per event.

    It is copied there by pickle, as it is now; the one given here stays as it is. A script that does this must run
    the bot under ``if __name__ == "__main__":``. Raises `WiringError` when the strategy cannot be pickled.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # as multiprocessing itself asks
        raise WiringError('a spawned process imports the script again: run the bot under `if __name__ == "__main__":`')
    return ProcessStrategy(strategy, name=name or strategy.name or type(strategy).__name__)


class ProcessStrategy(Strategy):
    """The proxy in the parent."""

    told_of = (Action,)

    def __init__(self, strategy: Strategy, *, name: str) -> None:
        self.name = name
        self.symbols = strategy.symbols
        self._strategy = strategy
        self._pickled = _pickle(strategy, name=name)
        self._child: _Child | None = None
        self._handled = 0
        self._is_over = False
        self._seqs: list[int] = []
        self._told: set[type[Message]] = set()

    def handlers(self) -> Iterator[Handler]:
        """Those of the strategy: the child calls all that are meant, and what one raised is raised after its answer.

        So what the handlers before it returned is published, as it is without a process.
        """
        for handler in self._strategy.handlers():
            for call in (self._handle, self._raise_failure):
                yield Handler(handler.type, handler.all, handler.name, call)

    async def start(self) -> None:
        """Start the process, and the strategy in it. Raises `ProcessFailed` unless that works within 30 s."""
        self._child = await _spawn(self.name)
        try:
            start = Start(name=self.name, epoch_ns=self.clock.epoch_ns, strategy=self._pickled)
            await self._answer(start, within_s=START_S)
        except BaseException:
            self._child.end()
            raise

    async def stop(self) -> Sequence[Action]:
        """Get the strategy's last actions, and have its process end: by itself, or soon by force."""
        child = self._running()
        try:
            return await self._answer(Stop(), within_s=STOP_S)
        finally:
            self._is_over = True
            child.end()

    async def close(self) -> None:
        """End the process, whatever it does, and wait for that."""
        if self._child is not None:
            self._child.end()
            await self._child.ended

    def publishing(self, actions: Sequence[Action]) -> None:
        """Note their numbers: the child, where the strategy's own ``publishing`` ran, is told with the next event."""
        self._seqs += [action.seq for action in actions]

    def _handle(self, event: Message) -> "asyncio.Future[list[Action]] | None":
        if self._is_over or event.seq == self._handled:  # routing calls each ``all=True`` handler by its own function
            return None
        self._handled = event.seq
        new_type = b"" if type(event) in self._told else pickle.dumps(type(event))
        request = Handle(event=msgspec.Raw(encode(event)), new_type=new_type, seqs=self._seqs)
        answer = self._running().ask(request)
        self._told.add(type(event))
        self._seqs = []
        return answer

    def _raise_failure(self, event: Message) -> None:
        failure = "" if self._is_over else self._running().take_failure()
        if failure:
            raise ProcessFailed(failure)

    async def _answer(self, request: Request, *, within_s: float) -> Sequence[Action]:
        child = self._running()
        try:
            async with asyncio.timeout(within_s):
                actions = await child.ask(request)
        except TimeoutError:
            raise ProcessFailed(f"{type(request).__name__}: no answer within {within_s} s") from None
        failure = child.take_failure()
        if failure:
            raise ProcessFailed(failure)
        return actions

    def _running(self) -> "_Child":
        if self._child is None:
            raise ProcessFailed("its process was not started")
        return self._child


class _Child(asyncio.Protocol):
    """The parent's end of the socket, with the process behind it. It answers in the order of the requests.

    ``ended`` is a future of how the process ended.
    """

    def __init__(self, process: SpawnProcess, *, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[str] = self._loop.create_future()
        self._process = process
        self._name = name
        self._is_meant_to_end = False
        self._waiting: deque[asyncio.Future[list[Action]]] = deque()
        self._received = bytearray()
        self._failure = ""
        self._force: list[asyncio.TimerHandle] = []

    def ask(self, request: Request) -> "asyncio.Future[list[Action]]":
        """Send a request; the answer's actions come with the future, a failure stays for `take_failure`."""
        if self.ended.done():
            raise ProcessFailed(self.ended.result())
        answer: asyncio.Future[list[Action]] = self._loop.create_future()
        self._waiting.append(answer)
        self._transport.write(frame(request))
        return answer

    def take_failure(self) -> str:
        """What the strategy raised for the last answer, with its traceback; empty if nothing."""
        failure, self._failure = self._failure, ""
        return failure

    def end(self) -> None:
        """Hang up: the child then ends, or is made to."""
        self._is_meant_to_end = True
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        while len(received) >= 4 and len(received) >= (end := 4 + int.from_bytes(received[:4], "little")):
            self._take(bytes(received[4:end]))
            del received[:end]

    def connection_lost(self, exc: Exception | None) -> None:
        self._force = [
            self._loop.call_later(GRACE_S, self._process.terminate),
            self._loop.call_later(2 * GRACE_S, self._process.kill),
        ]
        self._loop.add_reader(self._process.sentinel, self._reap)

    def _take(self, data: bytes) -> None:
        waiting = self._waiting.popleft()
        if waiting.done():  # cancelled
            return
        try:
            answer = _answers.decode(data)
            actions = [decode(action, Action) for action in answer.actions]
        except (msgspec.DecodeError, BadMessage, WiringError) as error:
            waiting.set_exception(ProcessFailed(f"its process answered what cannot be read: {error}"))
        else:
            self._failure = answer.failure
            waiting.set_result(list(_grouped(actions)))

    def _reap(self) -> None:
        """The process has ended: say how, to all who wait for it."""
        self._loop.remove_reader(self._process.sentinel)
        for timer in self._force:
            timer.cancel()
        self._process.join()
        reason = f"its process ended with {_exit(self._process.exitcode or 0)}"
        self._process.close()
        if not self._is_meant_to_end:
            log.error("%s: %s", self._name, reason)
        self.ended.set_result(reason)
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(ProcessFailed(reason))


async def _spawn(name: str) -> _Child:
    ours, theirs = socket.socketpair()
    process = multiprocessing.get_context("spawn").Process(target=live, args=(theirs,), name=name, daemon=True)
    try:
        process.start()
        loop = asyncio.get_running_loop()
        _transport, child = await loop.create_unix_connection(lambda: _Child(process, name=name), sock=ours)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return child


def _grouped(actions: Iterable[Action]) -> Iterator[Action]:
    """The actions as the strategy returned them: groups have been unfolded where it is."""
    for number, members in groupby(actions, key=lambda action: action.group):
        if number:
            yield Together(list(members))
        else:
            yield from members


def _exit(exitcode: int) -> str:
    return f"exit code {exitcode}" if exitcode >= 0 else f"signal {-exitcode} ({signal.strsignal(-exitcode)})"


def _pickle(strategy: Strategy, *, name: str) -> bytes:
    try:
        return pickle.dumps(strategy)
    except Exception as error:  # whatever the user's own state raises when it is pickled
        raise WiringError(f"{name} cannot go to another process: {_culprit(strategy) or error}") from error


def _culprit(strategy: Strategy) -> str:
    """The first attribute that cannot be pickled."""
    for attribute, value in vars(strategy).items():
        try:
            pickle.dumps(value)
        except Exception as error:  # noqa: BLE001  # as above
            return f"its {attribute}: {error}"
    return ""
