"""What the groups of checks have in common: where they get the venue from."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from bowstring.core.errors import ConfigError
from bowstring.testing.conformance.desk import Desk
from bowstring.testing.conformance.venue import VenueUnderTest


class Checks:
    """Checks are methods whose names begin with ``test_``; each has a venue of its own."""

    deadline_s: float = 5.0
    """How long the suite waits for an answer or a report."""

    def venue(self) -> AbstractAsyncContextManager[VenueUnderTest]:
        """Give a venue to test, and put it away afterwards."""
        raise ConfigError(
            f"{type(self).__name__} tests nothing: give it an `async def venue(self)` that yields a venue"
        )

    @asynccontextmanager
    async def opened(self, *, listening: bool = True) -> AsyncGenerator[Desk]:
        """An open gateway whose private stream is ready."""
        async with self.venue() as venue:
            desk = Desk(venue, deadline_s=self.deadline_s)
            await desk.open()
            try:
                if listening:
                    await desk.listen()
                yield desk
            finally:
                await desk.close()
