"""The private stream: reports as they come, and after a break first those that were missed, each once."""

import asyncio
from collections.abc import Callable

from bowstring.core.clock import Clock
from bowstring.core.errors import Disconnected
from bowstring.core.supervision import keep_running
from bowstring.trading.blotter import Blotter
from bowstring.trading.gateway import FillReport, Gateway, Report
from bowstring.trading.resolution import look_up, missed_fills

MAX_HELD = 10_000


class PrivateStream:
    """Keeps a gateway's private stream running.

    ``take(report, recovered)`` is called for each report. ``down`` says why no new risk may be taken, ``""`` while the
    stream is up and all that was missed is known. ``on_change(reason, retry_in_s)`` is called when that changes.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        blotter: Blotter,
        clock: Clock,
        take: Callable[[Report, bool], None],
        on_change: Callable[[str, float], None],
    ) -> None:
        self.down = "its private stream is not up yet"
        self.up = asyncio.Event()
        self._gateway = gateway
        self._blotter = blotter
        self._clock = clock
        self._take = take
        self._on_change = on_change
        self._held: list[Report] | None = None
        self._down_ns = clock.now_ns()

    async def run(self) -> None:
        """Run until cancelled."""
        await keep_running(self._connection, clock=self._clock, down=self._on_down)

    async def _connection(self) -> None:
        """One connection's life: what it reports is held back until what was missed has been caught up with."""
        self._held = []
        ready = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(ready.set))
            await ready.wait()
            await self._catch_up()
            self.down = ""
            self.up.set()
            self._on_change("", 0.0)

    async def _listen(self, ready: Callable[[], None]) -> None:
        await self._gateway.stream(self._receive, ready)
        raise Disconnected("the private stream ended")

    async def _catch_up(self) -> None:
        live = list(self._blotter.live.values())
        silent_ns = self._clock.now_ns() - self._down_ns
        symbols = sorted({order.symbol for order in live})
        for fill in await missed_fills(symbols, gateway=self._gateway, silent_ns=silent_ns):
            self._take(fill, True)
        for order in live:
            await look_up(order, gateway=self._gateway, take=self._take)
        held, self._held = self._held or [], None
        for report in held:
            self._take(report, False)

    def _receive(self, report: Report) -> None:
        if self._held is None:
            self._take(report, False)
        elif len(self._held) < MAX_HELD:
            self._held.append(report)
        else:
            raise Disconnected(f"{MAX_HELD} reports came before those that were missed")

    def _on_down(self, reason: str, retry_in_s: float) -> None:
        self.down = f"its private stream is down: {reason}"
        self._down_ns = self._clock.now_ns()
        self._on_change(reason, retry_in_s)
