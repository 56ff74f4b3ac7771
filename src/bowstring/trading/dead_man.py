"""The dead-man switch: the venue cancels all orders of the account when it has heard nothing of this bot for some time.

All of them, others' too: it is the account's. It is renewed only while this bot can look after orders: while its event
loop runs on time, its private stream is up, and the venue was asked in full not long ago.
"""

import asyncio
import logging

from bowstring.core.errors import ConfigError, Disconnected, NotSent, Rejected
from bowstring.trading.desk import Desk, given
from bowstring.trading.gateway import Gateway

PARTS = 3  # so often it is renewed within its time; Binance's example: every 30 s of 120
SOONER = 4  # so many times as soon it is tried again
ARRIVAL = 6  # the part of its time that an order is given to arrive in before the venue may act
LATE_S = 1.0
PERIODS = 3  # of reconciliation: what is known is old then
DISARM_S = 1.0
LAPSED = "its dead-man switch was not renewed in time, and all orders of the account may have been cancelled"

log = logging.getLogger(__name__)


def check_dead_man(seconds: float | None, gateway: Gateway) -> None:
    """Raise `ConfigError` for a time that is none, or where the venue does not offer it."""
    if seconds is None:
        return
    if not 1 <= seconds < float("inf"):
        raise ConfigError(f"dead_man_s is {seconds}: give seconds, 1 or more, or None")
    if not gateway.offers_cancel_after:
        raise ConfigError(f"dead_man_s: {gateway.venue} does not cancel orders by itself; leave dead_man_s out")


class DeadMan:
    """Has a venue count down ``seconds``, and begin anew before they are over. ``is_armed``: it may be counting."""

    def __init__(self, desk: Desk, *, seconds: float, reconcile_every_s: float) -> None:
        self.is_armed = False
        self._desk = desk
        self._seconds = seconds
        self._old_s = PERIODS * reconcile_every_s
        self._period_s = seconds / PARTS
        self._acts_ns = 0  # not before, as it has confirmed
        self._has_acted_ns = 0  # by then, if it heard nothing after that
        self._noted_ns = 0
        self._looking = 0
        self._problem = ""
        self._calls: set[asyncio.Task[None]] = set()
        self._is_over = False
        self._renewing: asyncio.Task[None] | None = None

    async def arm(self) -> None:
        """Have the venue count, and go on renewing. Raises what the gateway raises, `Disconnected` for no answer."""
        try:
            await self._asked()
        except (NotSent, Rejected) as error:
            error.add_note("it was asked for a dead-man switch: dead_man_s")
            raise
        except TimeoutError:
            waited = f"within {self._desk.answer_s:g} s"
            raise Disconnected(f"{self._desk.gateway.venue} did not confirm its dead-man switch {waited}") from None
        self._desk.unguarded = self.unguarded
        self._renewing = asyncio.get_running_loop().create_task(self._keep_on())
        self._desk.adopt(self._renewing)

    async def stand_down(self, *, is_needed: bool) -> str:
        """Renew no more, and disarm it unless it ``is_needed``; returns what is left behind, if anything."""
        self._is_over = True  # a start that is still under way arms it no more
        if self._renewing is not None:
            self._renewing.cancel()
        if self.is_armed and not is_needed:
            try:
                async with asyncio.timeout(DISARM_S):
                    await self._disarm()
            except Exception as error:  # whatever a gateway raises: it is told that the venue may count on
                log.error("%s: the dead-man switch is not disarmed", self._desk.gateway.venue, exc_info=error)
        if not self.is_armed:
            return ""
        return f"its dead-man switch is armed: it is to cancel all orders of the account in {self._seconds:g} s"

    def unguarded(self) -> str:
        """Why no new risk may be taken; ``""`` where the venue will act if this bot cannot."""
        if self._problem:
            return self._problem
        arrives_ns = self._now_ns() + int(self._seconds / ARRIVAL * 1e9)
        return LAPSED if self._looking or arrives_ns >= self._acts_ns else ""

    async def _disarm(self) -> None:
        while self._calls:  # one that came in after this would arm it again
            await asyncio.wait(self._calls)
        await given(self._desk.gateway.cancel_after(0))
        self.is_armed = False

    async def _keep_on(self) -> None:
        """Renew while that is right; where it was not done in time, see what came of that."""
        now_ns = self._now_ns()
        while True:
            pause_s = self._period_s / (SOONER if self._problem else 1)
            due_ns = max(now_ns + int(pause_s * 1e9), self._now_ns())
            await asyncio.sleep((due_ns - self._now_ns()) / 1e9)
            now_ns = self._now_ns()
            if self._noted_ns < self._acts_ns and self._has_acted_ns <= now_ns:
                self._noted_ns = self._acts_ns
                self._desk.own(self._look())
            if why := self._unfit(late_s=(now_ns - due_ns) / 1e9):
                log.warning("%s: the dead-man switch is not renewed, %s", self._desk.gateway.venue, why)
            else:
                await self._renew()

    def _unfit(self, *, late_s: float) -> str:
        """Why this bot cannot look after orders."""
        if late_s > min(LATE_S, self._period_s / 2):
            return f"the event loop was {late_s:.1f} s late"
        if self._desk.down:
            return self._desk.down
        age_s = (self._now_ns() - self._desk.reconciled_ns) / 1e9
        return f"the venue has not told in full for {age_s:.0f} s how things stand" if age_s > self._old_s else ""

    async def _renew(self) -> None:
        """Have the venue begin to count anew. Until that is confirmed no new risk is taken, if it takes too long."""
        call = self._asked()
        await asyncio.wait({call}, timeout=self._period_s)
        if failure := self._failure(call):
            self._problem = f"its dead-man switch was not renewed: {failure}"
            log.error("%s: %s", self._desk.gateway.venue, self._problem)

    def _asked(self) -> "asyncio.Task[None]":
        """A call that `_disarm` waits for."""
        call = asyncio.get_running_loop().create_task(self._desk.ask(self._call()))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        self._desk.adopt(call)
        return call

    def _failure(self, call: "asyncio.Task[None]") -> str:
        if not call.done():
            return f"no answer within {self._period_s:.1f} s"
        if call.cancelled():
            return "it was given up"
        error = call.exception()
        if isinstance(error, TimeoutError):
            return f"no answer within {self._desk.answer_s:.1f} s"
        return str(error) or repr(error) if error else ""

    async def _call(self) -> None:
        """Ask once, and note what an answer proves, however late it comes."""
        if self._is_over:
            raise NotSent("the bot is stopping")
        sent_ns, time_ns = self._now_ns(), int(self._seconds * 1e9)
        was_armed, self.is_armed = self.is_armed, True
        try:
            await self._desk.gateway.cancel_after(self._seconds)
        except (NotSent, Rejected):
            self.is_armed = was_armed  # an earlier call may have arrived
            raise
        if 0 < self._acts_ns <= self._now_ns():  # it may have acted before it heard this
            self._desk.own(self._look())
        self._acts_ns = max(self._acts_ns, sent_ns + time_ns)
        self._has_acted_ns = self._now_ns() + time_ns
        self._problem = ""

    async def _look(self) -> None:
        """Take no new risk before the venue was asked what is left."""
        self._looking += 1
        try:
            await asyncio.sleep(self._desk.gateway.query_lag_s)  # questions need not show it before
        finally:
            self._looking -= 1
        self._desk.pause(LAPSED)

    def _now_ns(self) -> int:
        return self._desk.clock.monotonic_ns()
