"""A bot that is killed, and the one that begins from what it left: the journal, and the venue."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy

from bowstring.trading.executor import Policy
from bowstring.trading.journal.memory import MemoryJournal
from tests.trading.bot import Bot
from tests.trading.scripted import ScriptedGateway


class Lives:
    """The lives of one bot, each with the journal and the venue as the one before left them."""

    def __init__(self, gateway: ScriptedGateway | None = None) -> None:
        self.gateway = gateway or ScriptedGateway()
        self.ledger = self.gateway.ledger
        self.journal = MemoryJournal()
        self._dying: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def life(
        self,
        *,
        names: Sequence[str] = ("trader",),
        on_stop: Policy = "cancel",
        reconcile_every_s: float = 30.0,
        dead_man_s: float | None = None,
    ) -> AsyncGenerator[Bot]:
        """One that ends with its stop, unless `kill` was called."""
        bot = Bot(
            self.gateway,
            names=names,
            journal=self.journal,
            on_stop=on_stop,
            reconcile_every_s=reconcile_every_s,
            dead_man_s=dead_man_s,
        )
        async with bot:
            yield bot
        await asyncio.gather(*self._dying)

    def kill(self, bot: Bot) -> None:
        """End a life at once: nothing more of it reaches the venue or the journal."""
        self.gateway.die()
        self.journal = deepcopy(self.journal)
        self.journal.close()
        self.gateway = ScriptedGateway(
            ledger=self.ledger,
            replaces_natively=self.gateway.replaces_natively,
            keeps_order=self.gateway.keeps_order,
            validity_s=self.gateway.validity_s,
            query_lag_s=self.gateway.query_lag_s,
            offers_cancel_after=self.gateway.offers_cancel_after,
        )
        self._dying.append(asyncio.create_task(bot.stop()))
