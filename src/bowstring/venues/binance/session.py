"""One connection to Binance's WebSocket API: logged on, subscribed to user data, and a way to send orders.

Requests are written in the caller's stack and matched to their answers by id. What an answer proves: a result is the
venue's word; a 4xx with the venue's own error is a "no"; everything else, and none at all, leaves the outcome unknown.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from msgspec import Raw

from bowstring.core.errors import BadMessage, Disconnected, NotSent, Rejected
from bowstring.core.supervision import cause_of
from bowstring.market.instrument import Instrument
from bowstring.net.budget import LIMITED, Charge, Kind, WeightBudget
from bowstring.net.websocket import WebSocket, connect
from bowstring.trading.gateway import OrderReport
from bowstring.venues.binance.refusal import SKEWED, read_pause_s, read_refusal
from bowstring.venues.binance.signing import Params, Stamp, Window, frame
from bowstring.venues.binance.user_data import (
    Answer,
    Execution,
    Holdings,
    Shutdown,
    StreamTerminated,
    Unused,
    parse_message,
)
from bowstring.venues.binance.venue_time import VenueTime

T = TypeVar("T")

Event = Execution | Holdings | Shutdown | Unused

CONNECT_WEIGHT = 6  # connecting 2, logging on 2, subscribing 2
IDLE_AFTER_S = 10.0  # without any message; then a ping, as the venue itself sends one only every 20 s
ANSWER_TIMEOUT_S = 5.0
CLOSE_S = 0.4  # an executor gives it half a second
MAX_PENDING = 10_000  # requests without an answer; above what the executor leaves unanswered, cancels included

log = logging.getLogger(__name__)


class Session:
    """A session. It is opened once; ``on_event`` gets what user data tells, in the read callback.

    ``symbols`` are the instruments by the venue's names. Whoever opened it awaits `closed`, which is where requests
    learn that no answer will come.
    """

    def __init__(
        self,
        name: str,
        *,
        stamp: Stamp,
        time: VenueTime,
        budget: WeightBudget,
        symbols: Mapping[str, Instrument],
        on_event: Callable[[Event], None],
    ) -> None:
        self._name = name
        self._stamp, self._time, self._budget = stamp, time, budget
        self._symbols, self._on_event = symbols, on_event
        self._make_valid = stamp.signed  # until it is logged on
        self._websocket: WebSocket | None = None
        self._broken = ""
        self._last_id = 0
        self._pending: dict[int, _Pending[Any]] = {}

    async def open(self, url: str) -> None:
        """Connect, log on and subscribe. Raises `Disconnected`, `Rejected` or `NotSent`; it is closed then."""
        charge = self._budget.take(CONNECT_WEIGHT)
        try:
            self._websocket = await connect(
                f"{url}?returnRateLimits=false",  # they would be longer than the rest of an answer
                on_message=self._receive,
                name=self._name,
                idle_after_s=IDLE_AFTER_S,
                probe_timeout_s=ANSWER_TIMEOUT_S,
            )
        except Disconnected as refused:
            if refused.status in LIMITED:
                self._budget.obey(refused.status, refused.pause_s)
            raise
        finally:
            self._budget.settle(charge)
        if self._broken:
            self._websocket.abort(self._broken)
        try:
            await self._begin()
        except BaseException:
            await self.close()
            raise

    def send(
        self,
        method: str,
        params: Params,
        *,
        kind: Kind,
        read: Callable[[Raw], OrderReport],
        on_rejected: Callable[[Rejected], OrderReport] | None = None,
        window: Window | None = None,
    ) -> "asyncio.Future[OrderReport]":
        """Write a request about an order, in the caller's stack; ``read`` makes its result of the answer's.

        ``on_rejected`` makes it of a "no", or raises that.

        Raises `NotSent` if not one byte of it left: no connection, a peer that does not read, no room in the budget, no
        time left by its ``window``.
        Else raises, or its future does: `Rejected` if the venue said no, `Disconnected` or `BadMessage` where the
        outcome is unknown.
        """
        charge = self._budget.take(1, kind=kind)
        pending = _Pending(method, read, on_rejected=on_rejected, charge=charge)
        try:
            return self._write(pending, self._make_valid(params, now_ms=self._time.now_ms(), window=window))
        except NotSent:
            self._budget.settle(charge, is_free=True)
            raise
        except BaseException:
            self._budget.settle(charge)
            raise

    @property
    def can_send(self) -> bool:
        """Whether a request would leave now, if the budget has room for it."""
        return self._websocket is not None and not self._websocket.obstacle and len(self._pending) < MAX_PENDING

    def unanswered(self) -> "list[asyncio.Future[OrderReport]]":
        """The futures of the requests that wait for an answer."""
        return [pending.answer for pending in self._pending.values()]

    async def closed(self) -> None:
        """Wait for the end: returns if `close` brought it, else raises `Disconnected`."""
        try:
            await self._connected().closed()
        except Disconnected as error:
            self._give_up(str(error))
            raise
        self._give_up("the connection was closed")

    async def close(self) -> None:
        """Disconnect. Of requests without an answer, the outcome is unknown."""
        try:
            if self._websocket is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(CLOSE_S):
                        await self._websocket.close()
        finally:
            self._give_up("the connection was closed")

    async def _begin(self) -> None:
        """Log on and subscribe. Raises `Disconnected` when there is no answer."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S), asyncio.TaskGroup() as tasks:
                end = tasks.create_task(self.closed())
                await self._subscribe()
                end.cancel()
        except TimeoutError:
            raise Disconnected(f"{self._name}: no answer to the logon within {ANSWER_TIMEOUT_S:g} s") from None
        except BaseExceptionGroup as errors:
            raise cause_of(errors) from None

    async def _subscribe(self) -> None:
        identified = self._stamp.signed({}, now_ms=self._time.now_ms())
        if not self._stamp.logs_on:
            await self._write(_Pending("userDataStream.subscribe.signature", _ignore), identified)
            return
        await self._write(_Pending("session.logon", _ignore), identified)
        await self._write(_Pending("userDataStream.subscribe", _ignore), {})
        self._make_valid = self._stamp.timed

    def _write(self, pending: "_Pending[T]", params: Params) -> "asyncio.Future[T]":
        if len(self._pending) >= MAX_PENDING:
            raise NotSent(f"{self._name}: {MAX_PENDING} requests are unanswered")
        self._last_id += 1
        self._connected().send(frame(self._last_id, pending.method, params))
        self._pending[self._last_id] = pending
        return pending.answer

    def _connected(self) -> WebSocket:
        if self._websocket is None:
            raise NotSent(f"{self._name}: not connected")
        return self._websocket

    def _receive(self, message: str | bytes) -> None:
        try:
            told = parse_message(message, self._symbols)
        except BadMessage as error:
            self._end(f"a message could not be read, so that something may be missing: {error}")
            return
        if isinstance(told, Answer):
            self._take(told)
        elif isinstance(told, StreamTerminated):
            self._end("the venue ended the subscription to user data")
        else:
            self._on_event(told)

    def _take(self, answer: Answer) -> None:
        pending = None if answer.id is None else self._pending.pop(answer.id, None)
        is_granted = answer.status == HTTPStatus.OK
        if pending is not None:
            self._settle(pending, is_free=is_granted)
            pending.resolve(answer.result) if is_granted else pending.fail(self._failure(pending.method, answer))
        elif answer.id is None:  # so it tells that the key is not valid any more
            self._end(str(self._failure("the session", answer)))
        else:
            log.warning("%s: an answer to no request", self._name)

    def _failure(self, method: str, answer: Answer) -> Exception:
        """What an answer proves that is none of success."""
        refusal, status = read_refusal(answer.error), answer.status
        message = f"{method}: {status}: {f'{refusal.text} ({refusal.code})' if refusal else 'no reason given'}"
        if status in LIMITED:
            writes_only = refusal is not None and refusal.orders_only
            self._budget.obey(status, read_pause_s(answer.error), writes_only=writes_only)
            return Rejected(message, code=refusal.code if refusal else "")
        if refusal is None or not 400 <= status < 500 or status == HTTPStatus.REQUEST_TIMEOUT:
            return Disconnected(f"{message}; the outcome is unknown")
        if refusal.code == SKEWED:
            self._time.doubt()
        return Rejected(message, code=refusal.code)

    def _end(self, reason: str) -> None:
        log.warning("%s: %s", self._name, reason)
        self._broken = self._broken or reason
        if self._websocket is not None:
            self._websocket.abort(reason)

    def _give_up(self, reason: str) -> None:
        """No answer will come any more."""
        while self._pending:
            _, pending = self._pending.popitem()
            self._settle(pending)
            pending.fail(Disconnected(f"{pending.method}: {reason}; the outcome is unknown"))
            if not pending.answer.cancelled():
                pending.answer.exception()  # nobody need be left to hear it

    def _settle(self, pending: "_Pending[Any]", *, is_free: bool = False) -> None:
        if pending.charge is not None:
            self._budget.settle(pending.charge, is_free=is_free)  # the venue counts only what it refuses


class _Pending(Generic[T]):
    """A request, and the future of its answer."""

    __slots__ = ("_on_rejected", "_read", "answer", "charge", "method")

    def __init__(
        self,
        method: str,
        read: Callable[[Raw], T],
        *,
        on_rejected: Callable[[Rejected], T] | None = None,
        charge: Charge | None = None,
    ) -> None:
        self.method = method
        self.charge = charge
        self.answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._read, self._on_rejected = read, on_rejected

    def resolve(self, result: Raw) -> None:
        self._finish(partial(self._read, result))

    def fail(self, error: Exception) -> None:
        if isinstance(error, Rejected) and self._on_rejected is not None:
            self._finish(partial(self._on_rejected, error))
        elif not self.answer.done():
            self.answer.set_exception(error)

    def _finish(self, make: Callable[[], T]) -> None:
        if self.answer.done():
            return
        try:
            self.answer.set_result(make())
        except (BadMessage, Rejected) as error:
            self.answer.set_exception(error)


def _ignore(result: Raw) -> None:
    """What matters is that there was a result."""
