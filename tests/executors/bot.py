"""A bot whose strategy does what the test says, and keeps how its actions ended."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager

from bowstring.core.components import Collector, Emit, Executor, Strategy, on
from bowstring.core.engine import Engine
from bowstring.core.messages import Action, ActionClosed, Event


class Ask(Event, frozen=True):
    """Have the strategy return these actions."""

    actions: list[Action]


class Asker(Strategy):
    """Returns what it is asked to, and keeps the closings."""

    def __init__(self) -> None:
        self.closed: list[ActionClosed] = []
        self.last: list[Action] = []
        self._changed = asyncio.Event()

    @on(Ask)
    def act(self, ask: Ask) -> Iterable[Action]:
        return ask.actions

    @on(ActionClosed)
    def keep(self, closed: ActionClosed) -> None:
        self.closed.append(closed)
        self._changed.set()

    def stop(self) -> Iterable[Action]:
        return self.last

    def endings(self) -> list[str]:
        """How the actions ended, in that order."""
        return [type(closed).__name__ for closed in self.closed]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until what was closed makes the condition true."""
        async with asyncio.timeout(30):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


class Mouth(Collector):
    """Publishes what the test says."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self._emit: Emit | None = None

    async def run(self, emit: Emit) -> None:
        self._emit = emit
        self.ready.set()
        await asyncio.Event().wait()

    def ask(self, *actions: Action) -> None:
        assert self._emit is not None
        self._emit(Ask(list(actions)))


@asynccontextmanager
async def bot_with(*executors: Executor) -> AsyncGenerator[tuple[Asker, Mouth]]:
    """Run a bot with these executors until the end of the block."""
    asker, mouth = Asker(), Mouth()
    engine = Engine(collectors=[mouth], strategies=[asker], executors=executors)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(engine.run())
        await asyncio.wait({running, tasks.create_task(mouth.ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
        try:
            if not running.done():
                yield asker, mouth
        finally:
            mouth.ready.set()
            engine.stop()
