"""A world's story in three acts: trouble, health, and the end, where everything must be right."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from bowstring.testing.simulation import SimulatedLoop
from bowstring.trading.messages import CancelOrder, PlaceOrder, Side
from simulation.character import draw_character
from simulation.checks.end import check_end
from simulation.checks.evidence import Evidence
from simulation.checks.fills import check_found
from simulation.checks.health import check_health, check_last_stop, check_probes, check_rivals, probe_name
from simulation.checks.lives import check_life
from simulation.disk import Disk, Files, Memory, Record
from simulation.exchange import SYMBOLS
from simulation.fate import LINGERING, Fate
from simulation.life import Life
from simulation.process import Boundary, Death
from simulation.supervisor import Supervisor
from simulation.traders import Do, Trader
from simulation.trouble import Trouble
from simulation.venue_orders import LOT, TICK
from simulation.world import World

TROUBLED_S = 10.0, 20.0, 30.0
HEALTHY_S = 12.0
CALM_S = 100.0  # what is unknown is asked about every 30 s at last, and an answer may take 5 s
PROBED_S = 10.0
FOUND_S = 35.0  # a question about fills that was asked before may go unanswered for 30 s
MOST_S = 10_000.0
FILE_SHARE = 0.5  # of worlds that have a journal in a file


class Plot(Struct, frozen=True, kw_only=True):
    """What of a story is not left to fate: faults or none, how long it goes on, and how each life ends."""

    has_faults: bool = True
    troubled_s: float | None = None
    deaths: tuple[Death | None, ...] | None = None
    in_file: bool | None = None


class Story:
    """One world, from its beginning to its end. ``violations`` are what was wrong.

    ``reached`` is how many boundaries each life had while it was in trouble.
    """

    def __init__(self, seed: int, folder: Path, *, loop: SimulatedLoop, trace: Callable[..., None], plot: Plot) -> None:
        self.violations: list[str] = []
        self.reached: list[Counter[Boundary]] = []
        self.world = World(seed, loop=loop, fate=Fate(seed, has_faults=plot.has_faults), trace=trace)
        self._trace = trace
        self._has_faults = plot.has_faults
        self._troubled_s = plot.troubled_s or self.world.random.choice(TROUBLED_S)
        self._files = Files(folder, loop.clock)
        in_file = self.world.random.random() < FILE_SHARE if plot.in_file is None else plot.in_file
        self._disk: Disk = self._files if in_file else Memory()
        character = draw_character(seed)
        self._evidence = Evidence(character, self.world.ledger, Record(), self.world.exchanges)
        self.supervisor = Supervisor(
            self.world,
            character=character,
            disk=self._disk,
            record=self._evidence.record,
            on_end=self._judge_life,
            deaths=plot.deaths,
        )
        self._trouble = Trouble(self.world, self.supervisor)
        self._is_healing = False

    async def run(self) -> None:
        """Tell it."""
        self.supervisor.bear()
        self.world.tick()
        try:
            async with asyncio.timeout(MOST_S):
                await self._be_in_trouble(self._troubled_s)
                await self._heal()
                await self._be_calm()
                await self._probe()
                await self._end()
        finally:
            for life in (*self.supervisor.lives, *self.supervisor.rivals):
                life.process.abandon()
            self._files.close()

    async def _be_in_trouble(self, seconds: float) -> None:
        """Let faults strike for so long as the bot lives."""
        while seconds > 0:
            pause_s = self.world.random.uniform(0.1, 0.9)
            await asyncio.sleep(pause_s)
            if self.supervisor.is_running:
                seconds -= pause_s
                self._trouble.happen()

    async def _heal(self) -> None:
        """From now on nothing goes wrong any more; a human mends what only a human may."""
        self._trace("healed")
        self.reached = [life.process.reached.copy() for life in self.supervisor.lives]
        self.world.fate.healed = self._is_healing = True
        if self._has_faults:
            self.world.fate.lingering = LINGERING
        for exchange in self.world.exchanges.values():
            exchange.is_down = False
            exchange.untold.clear()
        self.supervisor.life.process.spare()
        for trader in self.supervisor.life.traders:
            trader.is_careful = True
        if self.world.random.random() < 0.3:
            self.supervisor.stop()
        is_well = False
        while not is_well:
            await asyncio.sleep(1.0)
            is_well = self.supervisor.life.is_up and self._mend()

    def _mend(self) -> bool:
        """Do what only a human may; False: that takes a while."""
        journal = self.supervisor.life.journal
        if journal.has_failed or journal.risk.state != "active":
            self.supervisor.stop()
            return False
        self._trouble.resume_halted()
        return not self._trouble.has_halted()

    async def _be_calm(self) -> None:
        """Go on until nothing of before may arrive, then have everybody cancel their orders and place no more."""
        life = self.supervisor.life
        await asyncio.sleep(max(HEALTHY_S, *(traits.validity_s + 1 for traits in self.world.traits.values())))
        self.world.is_quiet, self.world.fate.lingering = True, frozenset()
        for exchange in self.world.exchanges.values():
            exchange.end_all(by="human")
        for trader in life.traders:
            trader.is_calm = True
            cancels = tuple(CancelOrder(client_order_id=name) for name in trader.orders)
            life.tell(Do(strategy=trader.name, actions=cancels))
        await self._find_missed()
        self._judge(check_rivals(self.supervisor.rivals))
        self._judge(check_health(self._evidence, life, life.journal))

    async def _find_missed(self) -> None:
        """Wait until it is calm for long, and see that what no stream told is found in time."""
        now_ns = self.world.loop.clock.now_ns
        calm_ns, lag_s = now_ns(), max(traits.query_lag_s for traits in self.world.traits.values())
        soon_s = self._evidence.character.reconcile_every_s + lag_s + FOUND_S
        await asyncio.sleep(soon_s)
        self._judge(check_found(self._evidence, until_ns=calm_ns))
        await asyncio.sleep(CALM_S - soon_s)

    async def _probe(self) -> None:
        """See whether it can trade."""
        life = self.supervisor.life
        for trader in life.traders:
            for venue in self.world.exchanges:
                life.tell(Do(strategy=trader.name, actions=(_probe(venue, trader, life.traders),)))
        await asyncio.sleep(PROBED_S)
        self._judge(check_probes(self._evidence, life))

    async def _end(self) -> None:
        self.supervisor.is_over = True
        self.supervisor.stop()
        began_s = self.world.loop.time()
        await self.supervisor.ended.wait()
        took_s = self.world.loop.time() - began_s
        await asyncio.sleep(1)
        self._judge(check_last_stop(self.supervisor.life, took_s=took_s))
        self._judge(f"bowstring journal verify: {finding}" for finding in self._disk.findings())
        with self._disk.look() as journal:
            self._judge(check_end(self._evidence, self.supervisor.lives, journal))

    def _judge_life(self, life: Life) -> None:
        self._judge(check_life(self._evidence, life))
        if self._is_healing:
            self.supervisor.make_active()
            self._evidence.risk = "active"

    def _judge(self, violations: Iterable[str]) -> None:
        for violation in violations:
            self._trace("VIOLATION", violation)
            self.violations.append(violation)


def _probe(venue: str, trader: Trader, all_traders: Sequence[Trader]) -> PlaceOrder:
    """A small order far from the market, on the side that reduces what all strategies hold, at all venues together."""
    symbol = SYMBOLS[0]
    held = sum(quantity for one in all_traders for (_venue, what), quantity in one.held.items() if what == symbol)
    side: Side = "sell" if held > 0 else "buy"
    return PlaceOrder(
        venue=venue,
        symbol=symbol,
        side=side,
        quantity=LOT,
        price=(12_000 if side == "sell" else 8_000) * TICK,
        client_order_id=probe_name(trader, venue),
        valid_for_s=PROBED_S,
    )
