"""The private stream: reports as they come, and after a break first those that were missed, each once."""

import asyncio
from collections import deque
from collections.abc import Callable

from bowstring.core.errors import Disconnected
from bowstring.core.supervision import keep_running
from bowstring.trading.desk import Desk, given
from bowstring.trading.gateway import Report
from bowstring.trading.reconciliation import Reconciliation

MAX_HELD = 10_000
READY_S = 30.0


class PrivateStream:
    """Keeps a gateway's private stream running.

    ``up`` is set once it was up. The desk is ``down`` until the stream is up and all that was missed is known;
    ``on_change(reason, retry_in_s)`` is called when that changes.
    """

    def __init__(self, desk: Desk, *, reconciliation: Reconciliation, on_change: Callable[[str, float], None]) -> None:
        self.up = asyncio.Event()
        self._desk = desk
        self._reconciliation = reconciliation
        self._on_change = on_change
        self._held: deque[Report] | None = None

    async def run(self) -> None:
        """Run until cancelled."""
        await keep_running(self._attempt, clock=self._desk.clock, down=self._on_down)

    async def _attempt(self) -> None:
        # In a task of its own: before Python 3.13 a TaskGroup leaves the one it fails in marked as cancelled.
        await asyncio.get_running_loop().create_task(self._connection())

    async def _connection(self) -> None:
        """One connection's life: what it reports is held back until what was missed has been caught up with."""
        self._held = deque()
        ready = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(ready.set))
            async with asyncio.timeout(READY_S):
                await ready.wait()
            pauses = self._desk.pauses
            await self._catch_up()
            self._release_held()
            self._desk.down = ""
            self._desk.go_on(pauses=pauses)
            self.up.set()
            self._on_change("", 0.0)

    async def _listen(self, ready: Callable[[], None]) -> None:
        await given(self._desk.gateway.stream(self._receive, ready))
        raise Disconnected("the private stream ended")

    async def _catch_up(self) -> None:
        """Ask for all that may have happened meanwhile. Whatever cannot be had leaves the stream down."""
        if self._desk.blotter.symbols_with_fills_to_come():
            await asyncio.sleep(self._desk.gateway.query_lag_s)  # questions need not show it before
        await self._reconciliation.run()

    def _release_held(self) -> None:
        held = self._held or deque()
        if len(held) > MAX_HELD:
            raise Disconnected(f"more than {MAX_HELD} reports came before those that were missed")
        while held:  # what comes in meanwhile waits its turn
            self._desk.take(held.popleft())
        self._held = None

    def _receive(self, report: Report) -> None:
        if self._held is None:
            self._desk.take(report)
        elif len(self._held) <= MAX_HELD:
            self._held.append(report)

    def _on_down(self, reason: str, retry_in_s: float) -> None:
        self._desk.down = f"its private stream is down: {reason}"
        self._on_change(reason, retry_in_s)
