"""Notifications to people: the action `Notify`, and the executor `Notifier`, which needs the extra ``notify``."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Sequence
from typing import Protocol

from bowstring.core.components import Emit, Executor, on
from bowstring.core.errors import ConfigError, Disconnected, NotSent, Refused
from bowstring.core.messages import Action
from bowstring.executors.notify_child import Level
from bowstring.executors.notify_process import NotifyProcess
from bowstring.executors.under_way import UnderWay

FLUSH_S = 5.0  # for the last notifications of a bot that stops; the engine gives an executor 7 s
LONGEST_PAUSE_S = 30.0
MINUTE_S = 60.0

log = logging.getLogger(__name__)


class Notify(Action, frozen=True):
    """Tell people a text, with a title if there is one. Services show the ``level`` by colour or icon."""

    text: str
    title: str = ""
    level: Level = "info"


class Services(Protocol):
    """What a notifier sends with."""

    async def start(self) -> Sequence[str]:
        """Get ready; returns the names of the services."""
        ...

    async def deliver(self, service: int, *, text: str, title: str, level: Level) -> None:
        """Send to one of them. Raises `Disconnected` if that failed, `NotSent` once it is closed."""
        ...

    async def close(self) -> None:
        """End, whatever it does."""
        ...


class Notifier(Executor):
    """Sends each `Notify` to the services behind ``urls``, which are apprise's (https://appriseit.com).

    In a process of its own, so that neither a slow service nor apprise delays anything else. One notification is sent
    at a time; where a service fails, or needs more than ``deadline_s``, it is tried ``attempts`` times in all, after
    pauses of about ``backoff_s``, doubling up to 30 s. So a notification may arrive twice. A service is asked
    ``per_minute`` times at most.

    Up to ``max_waiting`` wait. One more is closed as `ActionRefused`, one that could not be delivered to all services
    as `ActionFailed`; the next that is delivered says in its text how many were lost before it. When the bot stops,
    waiting ones have 5 s. Raises `ConfigError` for numbers that make no sense; at the start for a URL that apprise does
    not know. URLs contain tokens: they are shown nowhere, and reach the process by a pipe. ``services`` takes the place
    of apprise, for tests.
    """

    def __init__(
        self,
        *urls: str,
        per_minute: int = 20,  # Telegram takes so many in a group
        max_waiting: int = 100,
        deadline_s: float = 15.0,
        attempts: int = 3,
        backoff_s: float = 1.0,
        services: Services | None = None,
    ) -> None:
        if not urls and services is None:
            raise ConfigError("Notifier needs a URL to send to")
        if min(per_minute, max_waiting, attempts) < 1 or not 0 < deadline_s < float("inf"):
            raise ConfigError("Notifier: per_minute, max_waiting and attempts are from 1, deadline_s is above 0")
        self.max_in_flight = max_waiting + 2  # so that one too many comes here, and is counted
        self._per_minute, self._max_waiting = per_minute, max_waiting
        self._attempts, self._backoff_s = attempts, backoff_s
        self._services: Services = services or NotifyProcess(urls, deadline_s=deadline_s)
        self._names: Sequence[str] = ()
        self._sent_at = deque[float](maxlen=per_minute)
        self._turn = asyncio.Lock()
        self._stopped = asyncio.Event()
        self._under_way = UnderWay()
        self._lost = 0

    async def start(self, emit: Emit) -> None:
        self._names = await self._services.start()
        log.info("%s: sends to %s", self.name, ", ".join(self._names))

    async def stop(self) -> None:
        """Give what waits a little time."""
        if not await self._under_way.ended(within_s=FLUSH_S):
            log.warning("%s: %d notifications are not sent, as the bot stops", self.name, self._under_way.count)
        self._stopped.set()
        await self._services.close()

    @on(Notify)
    def notify(self, notify: Notify) -> Awaitable[None]:
        """Send it when its turn has come."""
        if self._under_way.count > self._max_waiting:
            self._lost += 1
            raise Refused(f"{self._max_waiting} notifications wait already")
        self._under_way.begin()
        return self._send(notify)

    async def _send(self, notify: Notify) -> None:
        try:
            async with self._turn:
                await self._deliver(notify)
        finally:
            self._under_way.end()

    async def _keep_pace(self) -> None:
        now = asyncio.get_running_loop().time()
        if len(self._sent_at) == self._per_minute:
            await self._pause(self._sent_at[0] + MINUTE_S - now)
        self._sent_at.append(asyncio.get_running_loop().time())

    async def _deliver(self, notify: Notify) -> None:
        lost, failures = self._lost, dict.fromkeys(range(len(self._names)), "")
        text = f"{notify.text}\n({lost} notifications before this one were lost)" if lost else notify.text
        for attempt in range(self._attempts):
            if attempt:
                pause_s = min(self._backoff_s * 2 ** (attempt - 1), LONGEST_PAUSE_S)
                await self._pause(pause_s * self.clock.random.uniform(0.5, 1.0))
            await self._keep_pace()
            failures = {
                service: failure
                for service in failures
                if (failure := await self._try(service, text=text, title=notify.title, level=notify.level))
            }
            if not failures:
                self._lost -= lost
                return
        self._lost += 1
        told = "; ".join(f"{self._names[service]}: {reason}" for service, reason in failures.items())
        raise Disconnected(f"not delivered in {self._attempts} attempts: {told}")

    async def _try(self, service: int, *, text: str, title: str, level: Level) -> str:
        """Send to one service; returns why that failed, or ``""``."""
        try:
            await self._services.deliver(service, text=text, title=title, level=level)
        except Disconnected as error:
            return str(error)
        return ""

    async def _pause(self, seconds: float) -> None:
        """Wait. Raises `NotSent` once the bot has stopped."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return
        raise NotSent("the bot has stopped")
