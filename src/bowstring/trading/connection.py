"""The connection: what an executor of orders holds at a venue, from its start to its stop."""

import asyncio
import logging
from collections.abc import Sequence

from bowstring.core.errors import ConfigError, Disconnected, Rejected
from bowstring.market.instrument import Instrument, InstrumentListed
from bowstring.trading.dead_man import DeadMan
from bowstring.trading.desk import Desk, given
from bowstring.trading.journal.account_lock import AccountLock
from bowstring.trading.messages import GuardState

FATAL = ConfigError, Rejected  # another attempt does not mend a key that is refused, or a second bot
OPEN_S = 30.0
CLOSE_S = 0.5

log = logging.getLogger(__name__)


class Connection:
    """A gateway that is open, the account's lock, a dead-man switch. ``is_made``: it has the first two."""

    def __init__(self, desk: Desk, *, dead_man: DeadMan | None) -> None:
        self.is_made = False
        self._desk = desk
        self._dead_man = dead_man
        self._lock = AccountLock()

    async def make(self) -> None:
        """Connect, however often that has to be tried, and tell what can be traded.

        Raises `ConfigError` where another process trades on the account, or the journal is of another account, and
        `Rejected` where the venue says no.
        """
        desk = self._desk
        instruments = await desk.insist(self._open, "connected", fatal=FATAL)
        self._lock.acquire(desk.gateway.account, now_ns=desk.clock.now_ns())
        self._check_account()
        self.is_made = True
        desk.blotter.instruments = {instrument.symbol: instrument for instrument in instruments}
        desk.tell(InstrumentListed(symbol=instrument.symbol, instrument=instrument) for instrument in instruments)
        if self._dead_man is not None:
            await desk.insist(self._dead_man.arm, "guarded by its dead-man switch", fatal=FATAL)

    async def end(self, *, is_guard_needed: bool) -> str:
        """Disconnect, and disarm the dead-man switch unless it is needed; returns what is left behind, if anything."""
        desk, left = self._desk, ""
        if self._dead_man is not None:
            left = await self._dead_man.stand_down(is_needed=is_guard_needed)
        await desk.close(within_s=CLOSE_S)
        try:
            async with asyncio.timeout(CLOSE_S):
                await given(desk.gateway.close())
        except Exception as error:  # whatever a gateway raises: what is left matters more
            log.error("%s: failed to close", desk.gateway.venue, exc_info=error)
        self._lock.release()
        return left

    def _check_account(self) -> None:
        """What is on record, of orders and positions, is of one account at the venue: it says nothing of another."""
        desk = self._desk
        venue, account = desk.gateway.venue, desk.gateway.account
        kept = GuardState(guard=f"account at {venue}", state=account)
        known = desk.journal.guard_states().get(kept.guard)
        if known is None:
            desk.keep([kept])
        elif known != account:
            what = [f"account {one}" if one else "an account on paper" for one in (known, account)]
            raise ConfigError(f"the journal is of {what[0]}, and this is {what[1]}: give {venue} a journal of its own")

    async def _open(self) -> Sequence[Instrument]:
        try:
            async with asyncio.timeout(OPEN_S):
                return await given(self._desk.gateway.open())
        except TimeoutError:
            raise Disconnected(f"no answer within {OPEN_S:g} s") from None
