"""A loop for tests of what takes time: real sockets, and a time that the test sets."""

import asyncio


class SteppedLoop(asyncio.SelectorEventLoop):
    """A loop with real sockets whose time passes only by ``step``."""

    _now = 0.0

    def time(self) -> float:
        return self._now

    async def step(self, seconds: float) -> None:
        """Let the time pass, then all that is due happen."""
        self._now += seconds
        for _ in range(20):
            await asyncio.sleep(0)
