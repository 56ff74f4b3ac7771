"""The sessions of an account, one after the other: the next begins before the venue ends the last."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial

from bowstring.core.errors import Disconnected, NotSent, Rejected
from bowstring.core.supervision import cause_of
from bowstring.venues.binance.refusal import SKEWED
from bowstring.venues.binance.session import Event, Session
from bowstring.venues.binance.user_data import Execution, Holdings, Shutdown
from bowstring.venues.binance.venue_time import VenueTime

ROTATE_AFTER_S = 23 * 3600.0  # the venue ends a connection after 24 h
ROTATE_AGAIN_S = 60.0  # when no new session could be had
OVERLAP_S = 2.0  # how far the old connection may be behind the new one
DRAIN_S = 15.0  # for answers on the old one: the venue gives up on a request after 10 s

Tell = Callable[[Execution | Holdings, bool], None]
"""Takes an event, and whether it comes from the newest session."""

log = logging.getLogger(__name__)


class Sessions:
    """Keeps one session open, ``current``; while one follows another, both tell all that happens.

    ``on_retired`` is called with the old session as soon as ``current`` is the new one.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        make: Callable[[Callable[[Event], None]], Session],
        time: VenueTime,
        tell: Tell,
        on_retired: Callable[[Session], None],
    ) -> None:
        self.current: Session | None = None
        self._name, self._url = name, url
        self._make, self._time = make, time
        self._tell, self._on_retired = tell, on_retired
        self._newest = 0
        self._rotate_after_s = ROTATE_AFTER_S
        self._rotation: asyncio.Timeout | None = None  # while it is waited for

    async def run(self, ready: Callable[[], None]) -> None:
        """Open one after the other; ``ready`` is called when the first is. Raises `Disconnected` when one ends early,
        and what `Session.open` raises.
        """
        session = await self._open()
        try:
            self.current = session
            ready()
            while True:
                await self._until_due(session)
                session = await self._next(session)
        finally:
            self.current = None
            await session.close()

    async def _open(self) -> Session:
        try:
            return await self._attempt()
        except Rejected as rejection:
            if rejection.code != SKEWED:
                raise
        await self._time.measure()
        return await self._attempt()

    async def _attempt(self) -> Session:
        session = self._make(partial(self._take, self._newest + 1))
        await session.open(self._url)
        self._newest += 1
        self._rotate_after_s = ROTATE_AFTER_S
        return session

    async def _until_due(self, session: Session) -> None:
        """Wait until it is time for the next session. Raises `Disconnected` when this one ends before."""
        try:
            async with asyncio.timeout(self._rotate_after_s) as self._rotation:
                await session.closed()
        except TimeoutError:
            return
        finally:
            self._rotation = None
        raise Disconnected(f"{self._name}: closed from here")

    async def _next(self, old: Session) -> Session:
        """The session that follows; the old one, if there is none."""
        try:
            new = await self._open()
        except (Disconnected, Rejected, NotSent) as error:
            log.warning("%s: no new session before the old one ends, %s", self._name, error)
            self._rotate_after_s = ROTATE_AGAIN_S
            return old
        self.current = new
        self._on_retired(old)
        try:
            await self._retire(old, new)
        except BaseException:
            self.current = None
            await new.close()
            raise
        log.info("%s: went over to a new session", self._name)
        return new

    async def _retire(self, old: Session, new: Session) -> None:
        """Close the old session once it has nothing more to bring.

        Raises `Disconnected` when it ends before that, as something may be missing, or when the new one ends.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                end = tasks.create_task(new.closed())
                await self._drain(old)
                await old.close()
                end.cancel()
        except BaseExceptionGroup as errors:
            raise cause_of(errors) from None

    async def _drain(self, old: Session) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OVERLAP_S):
                await old.closed()
        unanswered = old.unanswered()  # which is all that it still has to bring
        if unanswered:
            async with asyncio.TaskGroup() as tasks:
                end = tasks.create_task(_ended(old))
                await asyncio.wait(unanswered, timeout=DRAIN_S)
                end.cancel()

    def _take(self, number: int, event: Event) -> None:
        if isinstance(event, Execution | Holdings):
            self._tell(event, number == self._newest)
        elif isinstance(event, Shutdown) and number >= self._newest:
            log.warning("%s: the venue announced that it will end this connection", self._name)
            self._rotate_after_s = 0.0
            if self._rotation is not None and not self._rotation.expired():
                self._rotation.reschedule(asyncio.get_running_loop().time())


async def _ended(session: Session) -> None:
    """Wait for its end, however it ends."""
    with contextlib.suppress(Disconnected):
        await session.closed()
