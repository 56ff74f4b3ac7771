"""The demo's bot as its parent has it: a process that is started, listened to, killed or stopped."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress

from msgspec.json import encode

from bowstring.demo.bot import Settings

STOP_S = 15.0  # it ends within 10 s, whatever the exchange does


class BotProcess:
    """A running bot. ``ready`` is done with the first line that it prints, ``ended``, its exit code, after its last."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.id = process.pid
        self.ready = asyncio.get_running_loop().create_future()
        self._process = process
        self.ended = asyncio.ensure_future(self._relay())

    def kill(self) -> None:
        """SIGKILL, unless it has ended: it cannot be caught, and nothing is tidied up."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def stop(self) -> int:
        """Have it stop in order; returns its exit code."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                return await asyncio.shield(self.ended)
        except TimeoutError:
            self.kill()
            return await self.ended

    async def _relay(self) -> int:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            print(line.decode(), end="", flush=True)
            if not self.ready.done():
                self.ready.set_result(None)
        return await self._process.wait()


@asynccontextmanager
async def bot_process(settings: Settings, *, keys: Mapping[str, str]) -> AsyncGenerator[BotProcess]:
    """Start one, and kill it at the end, if it has not ended by then.

    A Ctrl-C in the terminal does not reach it, as it is in a group of its own; but when this process ends, however it
    does, so does its input, and then it stops.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bowstring.demo.bot",
        encode(settings).decode(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        process_group=0,
        env=os.environ | keys,
    )
    bot = BotProcess(process)
    try:
        yield bot
    finally:
        bot.kill()
        await bot.ended
