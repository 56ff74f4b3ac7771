"""`UnderWay`: what an executor has begun and not ended, so that it can wait for it when the bot stops."""

import asyncio


class UnderWay:
    """The ``count`` of actions between their `begin` and their `end`."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = asyncio.Event()

    def begin(self) -> None:
        """One more."""
        self.count += 1

    def end(self) -> None:
        """One less."""
        self.count -= 1
        self._changed.set()

    async def ended(self, *, within_s: float) -> bool:
        """Wait until nothing is under way; returns whether that came in time."""
        try:
            async with asyncio.timeout(within_s):
                while self.count:
                    self._changed.clear()
                    await self._changed.wait()
                    await asyncio.sleep(0)  # for the engine to begin what waited for this
        except TimeoutError:
            return False
        return True
