"""The bot's end of the process that sends notifications (`bowstring.executors.notify_child`)."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from typing import TypeVar

from msgspec import DecodeError, Struct, json

from bowstring.core.errors import ConfigError, Disconnected, NotSent
from bowstring.executors.notify_child import Delivered, Delivery, Level, Ready, Setup

CHILD = "bowstring.executors.notify_child"
START_S = 30.0  # apprise loads 170 modules

A = TypeVar("A", bound=Struct)


class NotifyProcess:
    """Sends to ``url``, one delivery at a time. A delivery that takes ``deadline_s`` costs the process its life."""

    def __init__(self, url: str, *, deadline_s: float) -> None:
        self._url, self._deadline_s = url, deadline_s
        self._process: Process | None = None
        self._talking = asyncio.Lock()
        self._closed = False

    async def start(self) -> str:
        """Start it, and return the name of the service.

        Raises `ConfigError` for a URL that apprise does not know, and without apprise; `Disconnected` if it does not
        start; `NotSent` once it is closed.
        """
        async with self._talking:
            return await self._start()

    async def deliver(self, *, text: str, title: str, level: Level) -> None:
        """Send, by a new process if the last one ended. Raises `Disconnected` if that failed, `NotSent` once closed."""
        async with self._talking:
            if self._process is None:
                await self._start()
            delivered = await self._ask(Delivery(text, title, level), Delivered, within_s=self._deadline_s)
        if delivered.failure:
            raise Disconnected(delivered.failure)

    async def close(self) -> None:
        """End it, whatever it does, and for ever."""
        self._closed = True
        self._kill()
        async with self._talking:  # who is talking to it learns of its end, and is done
            await self._end()

    async def _start(self) -> str:
        if self._closed:
            raise NotSent("the notifier has stopped")
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", CHILD, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, start_new_session=True
            )
        except OSError as error:
            raise Disconnected(f"no process could be started: {error.strerror}") from None
        service = (await self._ask(Setup(self._url), Ready, within_s=START_S)).service
        if service is None:
            await self._end()
            raise ConfigError("notifications need apprise: pip install '/path/to/bowstring[notify]'")
        if not service:
            await self._end()
            raise ConfigError("its URL is none that apprise knows (it is not shown here)")
        return service

    async def _ask(self, question: Struct, kind: type[A], *, within_s: float) -> A:
        """Ask, and end the process unless it answers in time."""
        is_answered = False
        try:
            async with asyncio.timeout(within_s):
                answer = json.decode(await self._exchange(question), type=kind)
            is_answered = True
        except TimeoutError:
            raise Disconnected(f"no answer within {within_s:g} s") from None
        except (OSError, DecodeError):
            raise Disconnected("the process that sends notifications has ended") from None
        finally:
            if not is_answered:
                await self._end()
        return answer

    async def _exchange(self, question: Struct) -> bytes:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.encode(question) + b"\n")
        await self._process.stdin.drain()
        return await self._process.stdout.readline()

    def _kill(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _end(self) -> None:
        self._kill()
        process, self._process = self._process, None
        if process is not None:
            await process.communicate()
