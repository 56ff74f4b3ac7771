"""Notifications to people: the action `Notify`, and the executor `Notifier`, which needs the extra ``notify``."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable
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


class Service(Protocol):
    """What a notifier sends with."""

    async def start(self) -> str:
        """Get ready; returns the name of the service."""
        ...

    async def deliver(self, *, text: str, title: str, level: Level) -> None:
        """Send. Raises `Disconnected` if that failed, `NotSent` once it is closed."""
        ...

    async def close(self) -> None:
        """End, whatever it does."""
        ...


class Notifier(Executor):
    """Sends each `Notify` to the service behind ``url``, which is one of apprise's (https://appriseit.com).

    For several services a bot has several notifiers, which share nothing: each has its queue, its pace and its count of
    what is lost, and a process of its own, so that neither a slow service nor apprise delays anything else. One
    notification is sent at a time, and tried ``attempts`` times in all where the service fails, or needs more than
    ``deadline_s``, after pauses of about ``backoff_s``, doubling up to 30 s. So a notification may arrive twice. The
    service is asked ``per_minute`` times at most.

    Up to ``max_waiting`` wait. One more is closed as `ActionRefused`, one that could not be delivered as
    `ActionFailed`; both are counted in ``lost``, and the next that is delivered says in its text how many were lost
    before it. When the bot stops, waiting ones have 5 s. Raises `ConfigError` for numbers that make no sense; at the
    start for a URL that apprise does not know. The URL contains tokens: it is shown nowhere, and reaches the process by
    a pipe. ``service`` takes the place of apprise, for tests.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "",
        per_minute: int = 20,  # Telegram takes so many in a group
        max_waiting: int = 100,
        deadline_s: float = 15.0,
        attempts: int = 3,
        backoff_s: float = 1.0,
        service: Service | None = None,
    ) -> None:
        if not url:
            raise ConfigError("Notifier needs a URL to send to")
        if min(per_minute, max_waiting, attempts) < 1 or not 0 < deadline_s < float("inf"):
            raise ConfigError("Notifier: per_minute, max_waiting and attempts are from 1, deadline_s is above 0")
        self.name = name
        self.lost = 0
        self.max_in_flight = max_waiting + 2  # so that one too many comes here, and is counted
        self._told = 0  # of the lost ones
        self._per_minute, self._max_waiting = per_minute, max_waiting
        self._attempts, self._backoff_s = attempts, backoff_s
        self._service: Service = service or NotifyProcess(url, deadline_s=deadline_s)
        self._service_name = ""
        self._sent_at = deque[float](maxlen=per_minute)
        self._turn = asyncio.Lock()
        self._stopped = asyncio.Event()
        self._under_way = UnderWay()

    async def start(self, emit: Emit) -> None:
        self._service_name = await self._service.start()
        log.info("%s: sends to %s", self.name, self._service_name)

    async def stop(self) -> None:
        """Give what waits a little time."""
        await self._under_way.ended(within_s=FLUSH_S)
        if unsent := self._under_way.count:
            log.warning("%s: %d notifications are not sent, as the bot stops", self.name, unsent)
        if lost := self.lost + unsent:
            log.warning("%s: %d notifications to %s were lost in all", self.name, lost, self._service_name)
        self._stopped.set()
        await self._service.close()

    @on(Notify)
    def notify(self, notify: Notify) -> Awaitable[None]:
        """Send it when its turn has come."""
        if self._under_way.count > self._max_waiting:
            self.lost += 1
            raise Refused(f"{self._max_waiting} notifications to {self._service_name} wait already")
        self._under_way.begin()
        return self._send(notify)

    async def _send(self, notify: Notify) -> None:
        is_delivered = False
        try:
            async with self._turn:
                await self._deliver(notify)
            is_delivered = True
        finally:
            self.lost += not is_delivered
            self._under_way.end()

    async def _deliver(self, notify: Notify) -> None:
        lost, failure = self.lost - self._told, ""
        text = f"{notify.text}\n({lost} notifications before this one were lost)" if lost else notify.text
        for attempt in range(self._attempts):
            if attempt:
                pause_s = min(self._backoff_s * 2 ** (attempt - 1), LONGEST_PAUSE_S)
                await self._pause(pause_s * self.clock.random.uniform(0.5, 1.0))
            await self._keep_pace()
            try:
                await self._service.deliver(text=text, title=notify.title, level=notify.level)
            except Disconnected as error:
                failure = str(error)
            else:
                self._told += lost
                return
        raise Disconnected(f"not delivered to {self._service_name} in {self._attempts} attempts: {failure}")

    async def _keep_pace(self) -> None:
        now = asyncio.get_running_loop().time()
        if len(self._sent_at) == self._per_minute:
            await self._pause(self._sent_at[0] + MINUTE_S - now)
        self._sent_at.append(asyncio.get_running_loop().time())

    async def _pause(self, seconds: float) -> None:
        """Wait. Raises `NotSent` once the bot has stopped."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return
        raise NotSent("the bot has stopped")
