"""One fault that was switched on: how often it has happened, and whether it still does."""

import asyncio
from contextlib import suppress
from random import Random
from typing import Protocol

from msgspec import Struct

from bowstring.local_exchange.faults.kinds import AnyFault, Fault, Repeated


class State(Struct, frozen=True, kw_only=True):
    """What is told of a switch. ``hits``: how often it has happened. ``mix``: of which mix it is a part."""

    id: int
    fault: AnyFault
    hits: int = 0
    is_done: bool = False
    mix: int | None = None


class Switch:
    """``is_done``: it will not happen any more. ``cleared`` is set when it was switched off."""

    def __init__(self, number: int, fault: Fault, *, mix: int | None = None) -> None:
        self.id, self.fault, self.mix = number, fault, mix
        self.hits, self.is_done = 0, False
        self.cleared = asyncio.Event()
        repeated = fault if isinstance(fault, Repeated) else Repeated()
        self._count, self._chance = repeated.count, repeated.chance
        self._random = Random(f"{type(fault).__name__} {repeated.seed}")

    def fires(self) -> bool:
        """Whether it happens now, which is counted."""
        if self.is_done or (self._chance < 1 and self._random.random() >= self._chance):
            return False
        self.hits += 1
        self.is_done = self.hits == self._count
        return True

    def happened(self, times: int = 1) -> None:
        """Once and for all."""
        self.hits, self.is_done = times, True

    async def wait(self, seconds: float | None) -> None:
        """Until so much time is over, or it is cleared."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.cleared.wait()

    def state(self) -> State:
        """As it is now."""
        assert isinstance(self.fault, AnyFault)
        return State(id=self.id, fault=self.fault, hits=self.hits, is_done=self.is_done, mix=self.mix)


class Panel(Protocol):
    """Where faults of some kinds are switched on and off."""

    def check(self, fault: Fault) -> None:
        """Raise `ConfigError` if the fault names something that there is not."""
        ...

    def on(self, switch: Switch) -> None:
        """From now on."""
        ...

    def off(self, switch: Switch) -> None:
        """Never again; what was kept back goes on."""
        ...
