"""Starts the bot's process, and again whenever it has ended: what systemd would do."""

import asyncio
import math
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial

from bowstring.market.events import Quote
from bowstring.trading.journal.port import Journal
from bowstring.trading.messages import RiskStateChanged
from simulation.character import Character
from simulation.disk import Disk, JournalOfProcess, Record
from simulation.fate import UNTOLD
from simulation.gateway import SimulatedGateway
from simulation.life import Life
from simulation.process import BOUNDARIES, Boundary, Death, Process
from simulation.world import World

MOST_LIVES = 12
USUAL: dict[Boundary, int] = {"await": 700, "journal": 250, "socket": 50}
"""How many boundaries a life has, about."""


class Supervisor:
    """Keeps the bot running until it ``is_over``. ``on_end`` is called with each life that has ended.

    ``deaths`` say where each life is to end; without them that is left to fate. ``rivals`` are second instances.
    ``ended`` is set when it is over, and the last life has ended.
    """

    def __init__(
        self,
        world: World,
        *,
        character: Character,
        disk: Disk,
        record: Record,
        on_end: Callable[[Life], None],
        deaths: Sequence[Death | None] | None = None,
    ) -> None:
        self.lives: list[Life] = []
        self.rivals: list[Life] = []
        self.is_over = False
        self.ended = asyncio.Event()
        self._world = world
        self._character = character
        self._disk = disk
        self._record = record
        self._on_end = on_end
        self._deaths = None if deaths is None else deque(deaths)
        self._epoch_shift_ns = 0
        self._was_long_down = False
        world.on_quote = self._quote

    @property
    def life(self) -> Life:
        """The present life, or the last one."""
        return self.lives[-1]

    @property
    def is_running(self) -> bool:
        """Whether there is a process."""
        return self.life.process.is_alive and not self.life.has_ended

    def bear(self) -> None:
        """Start the process."""
        world, number = self._world, len(self.lives) + 1
        world.is_quiet = False
        if world.fate.strikes("wall clock steps"):
            self._epoch_shift_ns = world.random.randint(-7_200_000_000_000, 7_200_000_000_000)
        process = Process(world.loop, death=self._death(), on_death=self._died)
        self.lives.append(self._life(number, process, self._disk.boot(), self._record))
        world.trace("born", number, process.death)
        gateways = [self._connect(venue, self.life) for venue in world.exchanges]
        world.gateways = {gateway.venue: [gateway] for gateway in gateways}
        self.life.begin(gateways, then=self._ended)
        if number > 1 and world.fate.strikes("stop while it starts"):
            latency_s = max(traits.latency_s for traits in world.traits.values())
            world.after(world.random.uniform(0, 5 * latency_s), self._stop_start, number)

    def bear_rival(self) -> None:
        """Start a second process beside the first, as somebody may by mistake; it is gone after some time."""
        world = self._world
        self._end_rival()
        process = Process(world.loop, death=None, on_death=_nothing)
        self.rivals.append(self._life(-1 - len(self.rivals), process, self._disk.for_rival(), Record()))
        rival = self.rivals[-1]
        world.trace("a second instance")
        rival.begin([self._connect(venue, rival) for venue in world.exchanges], then=_nothing)
        world.after(world.random.uniform(1, 10), self._end_rival)

    def stop(self) -> None:
        """Ask the bot to stop, as SIGTERM does."""
        self._world.trace("asked to stop")
        self._end_rival()
        self.life.process.call_soon(self.life.engine.stop)

    def make_active(self) -> None:
        """Let the bot trade again, as a human may while it is down."""
        with self._disk.look() as journal:
            journal.write([RiskStateChanged(state="active", by="a human")])

    def reached(self) -> Counter[Boundary]:
        """How many boundaries there were at which a life could have ended."""
        return sum((life.process.reached for life in self.lives), Counter[Boundary]())

    def _life(self, number: int, process: Process, journal: Journal, record: Record) -> Life:
        world = self._world
        reached = JournalOfProcess(
            journal,
            record=record,
            life=number,
            process=process,
            fate=world.fate,
            now_ns=world.loop.clock.now_ns,
            trace=world.trace,
        )
        return Life(
            number,
            character=self._character,
            process=process,
            journal=reached,
            epoch_shift_ns=self._epoch_shift_ns,
            trace=world.trace,
        )

    def _connect(self, venue: str, life: Life) -> SimulatedGateway:
        world = self._world
        return SimulatedGateway(
            world.exchanges[venue],
            traits=world.traits[venue],
            fate=world.fate,
            process=life.process,
            who="bot",
            on_send=partial(life.note_sent, venue),
            on_report=partial(life.note_delivered, venue),
            on_shown=partial(life.note_shown, venue),
            trace=world.trace,
        )

    def _stop_start(self, number: int) -> None:
        if self.life.number == number and self.is_running and not self.life.engine.stopping:
            self.stop()

    def _end_rival(self) -> None:
        if self.rivals and self.rivals[-1].process.is_alive:
            self.rivals[-1].process.kill()
            self.rivals[-1].release_locks()

    def _death(self) -> Death | None:
        """Where the next life ends: anywhere, or, as likely, near its beginning, where most is at stake."""
        world = self._world
        if self._deaths is not None:
            return self._deaths.popleft() if self._deaths else None
        if len(self.lives) >= MOST_LIVES:
            return None
        if self._was_long_down and world.fate.strikes("crash while it recovers"):
            return Death("journal", world.random.randint(7, 12))
        if not world.fate.strikes("crash"):
            return None
        boundary: Boundary = world.random.choice([*BOUNDARIES, "journal"])  # what may be torn apart is there
        most = USUAL[boundary]
        anywhere = world.random.uniform(1, most)
        early = math.exp(world.random.uniform(0, math.log(most)))
        return Death(boundary, round(world.random.choice([early, anywhere, anywhere])))

    def _died(self) -> None:
        self._world.trace("killed", self.life.process.death)
        if self._world.fate.strikes(UNTOLD):
            for gateway in self.life.gateways.values():
                gateway.hush()
        self._over(is_killed=True)

    def _ended(self) -> None:
        self._world.trace("ended", repr(self.life.error), self.life.left)
        self.life.process.exit()  # a stop may have left something behind
        self._over(is_killed=False)

    def _over(self, *, is_killed: bool) -> None:
        world, life = self._world, self.life
        self._end_rival()
        self._disk.crash()
        life.release_locks()
        life.was_killed, life.ended_ns = is_killed, world.loop.clock.now_ns()
        self._on_end(life)
        if self.is_over:
            self.ended.set()
        else:
            has_orders = any(order.by == "bot" for venue in world.exchanges.values() for order in venue.open.values())
            self._was_long_down = world.is_quiet = long = has_orders and world.fate.strikes("long downtime")
            world.after(world.random.uniform(60, 300) if long else world.random.uniform(0.1, 5), self.bear)

    def _quote(self, quote: Quote) -> None:
        if self.life.is_up:
            self.life.tell(quote)


def _nothing() -> None:
    pass
