"""A bot that is killed, and the one that begins from what it left: the journal, and the venue."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from pathlib import Path
from shutil import copyfile

from bowstring.trading.executor import Policy
from bowstring.trading.journal.file import JournalFile
from bowstring.trading.journal.memory import MemoryJournal
from tests.trading.bot import Bot
from tests.trading.scripted import ScriptedGateway


class Lives:
    """The lives of one bot, each with the journal and the venue as the one before left them.

    The journal is in memory unless there is a ``file`` for it: what a kill leaves is a copy of that beside it.
    """

    def __init__(self, gateway: ScriptedGateway | None = None, *, file: Path | None = None) -> None:
        self.gateway = gateway or ScriptedGateway()
        self.ledger = self.gateway.ledger
        self.journal = JournalFile(file, threads=False) if file else MemoryJournal()
        self._file = file
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
        self.journal = self._left()
        self.gateway = ScriptedGateway(
            ledger=self.ledger,
            replaces_natively=self.gateway.replaces_natively,
            keeps_order=self.gateway.keeps_order,
            validity_s=self.gateway.validity_s,
            query_lag_s=self.gateway.query_lag_s,
            offers_cancel_after=self.gateway.offers_cancel_after,
        )
        self._dying.append(asyncio.create_task(bot.stop()))

    def _left(self) -> MemoryJournal | JournalFile:
        """The journal as it stands now, not open."""
        if self._file is None:
            journal = deepcopy(self.journal)
            journal.close()
            return journal
        left = self._file.with_name(f"{self._file.name} left")
        for end in ("", "-wal"):
            if (there := Path(f"{self._file}{end}")).exists():
                copyfile(there, f"{left}{end}")
        self._file = left
        return JournalFile(left, threads=False)
