"""The lives of the demo's bot: started, killed in the middle, started again, and stopped in order at last."""

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bowstring.demo.bot import Settings
from bowstring.demo.bot_process import BotProcess, bot_process
from bowstring.demo.exchange import Exchange
from bowstring.demo.journal import Journal, read_journal

PATIENCE_S = 6.0  # a start takes some 3 s where orders are open, and much longer only until an order is proved absent
IN_ORDER = "the bot stops, cancels its orders, and waits until that is confirmed"
GONE = "the exchange is gone: the bot stops, but it cannot cancel its orders, and tries for some seconds"
SIGNALS = signal.SIGINT, signal.SIGTERM


class Lives:
    """Runs the bot on an exchange. ``was_ready`` says whether it ever was."""

    def __init__(self, exchange: Exchange, *, journal: Path) -> None:
        ready, account = exchange.ready, exchange.ready.accounts[0]
        self.was_ready = False
        self._exchange = exchange
        self._journal = journal
        self._settings = Settings(rest=ready.rest, ws=ready.ws, ws_api=ready.ws_api, journal=str(journal))
        self._keys = {
            "BOWSTRING_BINANCE_KEY": account.ed25519_key,
            "BOWSTRING_BINANCE_PRIVATE_KEY_FILE": account.ed25519_private_key_file,
        }
        self._bot: BotProcess | None = None

    async def run(self, *, seconds: float, kills: int) -> int:
        """Have it trade for so many seconds in all, killed so many times on the way; returns its last exit code.

        It stops before that where the exchange goes, and on SIGINT and SIGTERM. A second signal kills it.
        """
        loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = loop.create_future()
        watch = asyncio.ensure_future(self._watch())
        for number in SIGNALS:
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            return await self._live(leg_s=seconds / (kills + 1), kills=kills)
        finally:
            watch.cancel()
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    async def _live(self, *, leg_s: float, kills: int) -> int:
        about, killed_s = str(self._journal), 0.0
        while True:
            async with bot_process(self._settings, keys=self._keys) as bot:
                print(f"bot: process {bot.id}, journal {about}", flush=True)
                self._bot = bot
                await self._until_ready(bot, killed_s=killed_s)
                await _any(bot.ended, self._over, within_s=leg_s)
                if bot.ended.done() or self._over.done() or not kills:
                    return await self._stop(bot)
                about, killed_s = "as before", time.monotonic()
                await self._kill(bot)
                kills -= 1

    async def _until_ready(self, bot: BotProcess, *, killed_s: float) -> None:
        """Wait for that, for a while even if it is to stop: before that it cannot cancel what it left behind."""
        if not await _any(bot.ready, bot.ended, within_s=PATIENCE_S):
            print(waited_for(read_journal(self._journal)), end="", flush=True)
            await _any(bot.ready, bot.ended, self._over)
        if not bot.ready.done():
            return
        if killed_s and not self._over.done():
            print(f"     it trades again, {time.monotonic() - killed_s:.1f} s after the kill", flush=True)
        if not self.was_ready:
            self._settings = replace(self._settings, began_ns=time.monotonic_ns())
        self.was_ready = True

    async def _kill(self, bot: BotProcess) -> None:
        bot.kill()
        await bot.ended
        journal = read_journal(self._journal)
        unanswered = len(journal.unanswered)
        live = f"{len(journal.live) - unanswered} orders were open and {unanswered} unanswered"
        print(f"kill -9 {bot.id}: by its journal, {live}", flush=True)

    async def _stop(self, bot: BotProcess) -> int:
        if not bot.ended.done():
            self._end(f"the time is over: {IN_ORDER}")
        return await bot.stop()

    async def _watch(self) -> None:
        await self._exchange.gone()
        self._end(GONE)

    def _on_signal(self, number: signal.Signals) -> None:
        if self._over.done() and self._bot is not None:
            self._bot.kill()
        self._end(f"{number.name}: {IN_ORDER}")

    def _end(self, why: str) -> None:
        """Have the bot stop, and say why."""
        if not self._over.done():
            print(why, flush=True)
            self._over.set_result(None)


def waited_for(journal: Journal) -> str:
    """What a long start waits for, if it is for orders; as lines."""
    if not journal.unanswered:
        return ""
    names = ", ".join(journal.unanswered)
    return (
        f"     the exchange has not shown {names} yet: the bot waits for that, or for\n"
        "     proof that it never arrived, which takes some 15 s by Binance's rules\n"
    )


async def _any(*futures: "asyncio.Future[Any]", within_s: float | None = None) -> bool:
    """Wait until one of them is done; False: none was in time."""
    done, _pending = await asyncio.wait(futures, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    return bool(done)
