"""The desk: what the parts of an `OrderExecutor` share."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from decimal import Decimal
from typing import TypeVar

from msgspec import Struct
from msgspec.json import decode, encode

from bowstring.core.clock import Clock
from bowstring.core.errors import Disconnected
from bowstring.core.messages import Event
from bowstring.core.supervision import pauses
from bowstring.trading.blotter import Blotter
from bowstring.trading.gateway import BalanceReport, FillReport, Gateway, OrderReport, Report
from bowstring.trading.journal.port import Cursor, Journal, News
from bowstring.trading.messages import Balance, GuardState, ReconcileMismatch

T = TypeVar("T")

ANSWER_S = 5.0
SHORT = "short"  # begins the key of a disagreement about a balance: balances are not compared each time
HISTORY_S, LONGEST_HISTORY_S = 30.0, 600.0
Work = asyncio.Future[None] | asyncio.Future[OrderReport]

log = logging.getLogger(__name__)


class Problem(Struct, frozen=True, kw_only=True):
    """In what the two sides disagree, by how much if that can be told.

    The same ``key`` is the same disagreement, and it has lasted as long as the ``sign`` of it is the same, too.
    """

    key: str
    symbol: str
    reason: str
    amount: Decimal = Decimal(0)
    sign: str = ""

    @property
    def doubt(self) -> tuple[str, str]:
        """What stays the same while it lasts."""
        return self.key, self.sign


class Desk:
    """One gateway and one blotter, one way in for reports and one way out for events, and the owner of all tasks.

    ``closed`` says why nothing new may be sent but cancels; ``down``, of the private stream, and ``paused``, until the
    venue was asked how things stand, why no new risk may be taken; ``""`` where it may. ``killed()`` is like the
    first, ``unguarded()``, where the venue is to act if this bot cannot, like the others. ``disputed`` says by symbol
    why no new risk may be taken in it; ``problems`` are all present disagreements, by their keys.
    ``balances`` are the latest, and ``balances_told`` counts those that the private stream told, and fills, which
    change them; ``filled_ns`` says by symbol when the latest fill was told. While ``is_asking`` the venue is asked how
    things stand, until it has told; ``reconciled_ns`` is when it last did, -1: never. Both are on the monotonic clock.
    ``answer_s`` is how long a request may go unanswered: at least as long as the venue may still accept it.
    ``journal_failure`` says why no new order is sent at all, ``unrecorded`` why the latest one was not.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        blotter: Blotter,
        journal: Journal,
        emit: Callable[[Event], None],
        clock: Clock,
    ) -> None:
        self.gateway = gateway
        self.blotter = blotter
        self.journal = journal
        self.clock = clock
        self.answer_s = max(ANSWER_S, gateway.validity_s)
        self.closed = "it has not started"
        self.killed: Callable[[], str] = lambda: ""
        self.down = "its private stream is not up yet"
        self.paused = ""
        self.pauses = 0
        self.unguarded: Callable[[], str] = lambda: ""
        self.disputed: dict[str, str] = {}
        self.problems: dict[str, Problem] = {}
        self._settled: dict[str, Decimal] = {}
        self.balances: dict[str, BalanceReport] = {}
        self.balances_told = 0
        self.filled_ns: dict[str, int] = {}
        self.is_asking = False
        self.reconciled_ns = -1
        self._history_s: dict[str, float] = {}
        self._is_over = self._is_closed = False
        self.journal_failure = self.unrecorded = ""
        self._emit = emit
        self._outbox: deque[Event] = deque()
        self._changed = asyncio.Event()
        self._tasks: dict[Work, None] = {}

    def take(self, report: Report, *, recovered: bool = False) -> None:
        """Take in a report, and tell what is new; none any more once it is closed, when others may have the journal."""
        if self._is_closed:
            return
        self.balances_told += isinstance(report, BalanceReport | FillReport)
        self.tell(self.news(report, recovered=recovered))
        self.notice()

    def news(self, report: Report, *, recovered: bool = False) -> list[Event]:
        """Take in a report; returns what is new, to be told."""
        if isinstance(report, OrderReport):
            return self.blotter.take_report(report)
        if isinstance(report, FillReport):
            events = self.blotter.take_fill(report, recovered=recovered)
            if events:
                self.filled_ns[report.symbol] = self.clock.monotonic_ns()
            return events
        self.balances[report.currency] = report
        venue = self.gateway.venue
        return [Balance(venue=venue, currency=report.currency, free=report.free, locked=report.locked)]

    def tell(self, events: Iterable[Event], *, cursor: Cursor | None = None) -> None:
        """Put events on record, then publish them; those that this brings about come after the last of them."""
        told = list(events)
        self.keep([*told, cursor] if cursor else told)
        self.publish(told)

    def publish(self, events: Iterable[Event]) -> None:
        """Publish events that are on record."""
        for event in events:
            if isinstance(event, ReconcileMismatch):
                log.error("%s: no new risk in %s, %s", event.venue, event.symbol, event.reason)
                self.disputed[event.symbol] = event.reason
            self._outbox.append(event)
        while self._outbox:
            self._emit(self._outbox.popleft())

    def keep(self, news: Sequence[News]) -> None:
        """Put something on record. Where that fails the journal takes no order any more, but what is open goes on."""
        try:
            self.journal.write(news)
        except Exception as error:  # noqa: BLE001  # whatever the storage raises: what happened is told
            if not self.journal_failure:
                log.critical("%s: the journal failed, %r; no new order is sent", self.gateway.venue, error)
            self.journal_failure = f"the journal failed, {error!r}"

    def pause(self, why: str) -> None:
        """Take no new risk before the venue was asked, from now on."""
        self.paused = why
        self.pauses += 1
        self.notice()

    def go_on(self, *, pauses: int) -> None:
        """The venue was asked since there had been so many pauses."""
        if self.pauses == pauses:
            self.paused = ""

    def is_settled(self, key: str, amount: Decimal) -> bool:
        """Whether a human has accepted that disagreement, by that amount at least."""
        return key in self._settled and amount <= self._settled[key]

    def settle(self, symbol: str) -> GuardState:
        """Accept all disagreements there are in a symbol; returns what is to be kept of it."""
        now = {problem.key: problem.amount for problem in self.problems.values() if problem.symbol == symbol}
        kept = {key: amount for key, amount in self._settled.items() if key in self.problems or key.startswith(SHORT)}
        self._settled = kept | now
        return GuardState(guard=self._settled_name(), state=encode(self._settled).decode())

    def recall_settled(self) -> None:
        """Know what humans have accepted in former lives."""
        kept = self.journal.guard_states().get(self._settled_name())
        self._settled = decode(kept, type=dict[str, Decimal]) if kept else {}

    def _settled_name(self) -> str:
        return f"reconciliation {self.gateway.venue}"

    def notice(self) -> None:
        """Have every `until` look again."""
        self._changed.set()
        self._changed.clear()

    async def until(self, condition: Callable[[], object], *, timeout_s: float | None = None) -> None:
        """Wait until something is the case, for ``timeout_s`` at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not condition():
                    await self._changed.wait()

    async def ask(self, answer: Awaitable[T]) -> T:
        """The venue's answer to a question. Raises TimeoutError when it takes too long, and what the gateway raises."""
        async with asyncio.timeout(self.answer_s):
            return await given(answer)

    async def fills_since(self, symbol: str, time_ns: int) -> Sequence[FillReport]:
        """The account's fills in a symbol. There may be many pages of them, so it may take long."""
        within_s = self._history_s.pop(symbol, max(self.answer_s, HISTORY_S))
        try:
            async with asyncio.timeout(within_s):
                return await given(self.gateway.fills_since(symbol, time_ns))
        except TimeoutError:
            self._history_s[symbol] = min(2 * within_s, LONGEST_HISTORY_S)  # for the next attempt
            raise

    async def insist(
        self, attempt: Callable[[], Awaitable[T]], what: str, *, fatal: tuple[type[Exception], ...] = ()
    ) -> T:
        """What comes of an attempt, which is made again until it succeeds. Raises what is ``fatal``."""
        pauses_s = pauses(self.clock)
        while True:
            try:
                return await attempt()
            except fatal:
                raise
            except Exception as error:  # noqa: BLE001  # whatever a gateway raises: it is asked again
                pause_s = next(pauses_s)
                log.warning("%s: not %s, %r; again in %.1f s", self.gateway.venue, what, error, pause_s)
            await asyncio.sleep(pause_s)

    def own(self, work: Coroutine[object, object, None]) -> None:
        """Do some work that ends by itself or with the desk; none any more when that is closed."""
        if self._is_over:
            work.close()
        else:
            self.adopt(asyncio.get_running_loop().create_task(work))

    def adopt(self, work: Work) -> None:
        """See to it that a task ends with the desk, if not by itself. Where it is a mere future, there is no task."""
        if isinstance(work, asyncio.Task):
            self._tasks[work] = None
            work.add_done_callback(self._let_go)

    async def close(self, *, within_s: float) -> None:
        """Cancel all work, and wait for its end, for so many seconds at most."""
        self._is_over = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=within_s)
        self._is_closed = True

    def _let_go(self, task: Work) -> None:
        del self._tasks[task]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.info("%s: %r", self.gateway.venue, error)


async def given(answer: Awaitable[T]) -> T:
    """An answer; raises `Disconnected` where the gateway gave up: a cancellation would say that this task is over."""
    try:
        return await answer
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise Disconnected("it was given up") from None
