"""What happens to a bot and its venues while they are in trouble, some twice a second."""

from contextlib import suppress
from functools import partial

from bowstring.core.engine import Engine
from bowstring.core.messages import LoopBlocked
from bowstring.trading.messages import RiskAlarm, Side
from simulation.exchange import SYMBOLS, Exchange
from simulation.supervisor import Supervisor
from simulation.traders import Block, Raise
from simulation.venue_orders import LOT, TICK, No, Wanted
from simulation.world import World


class Trouble:
    """Has the faults strike that come by themselves."""

    def __init__(self, world: World, supervisor: Supervisor) -> None:
        self._world = world
        self._fate = world.fate
        self._random = world.random
        self._supervisor = supervisor
        self._foreign = 0

    def happen(self) -> None:
        """Let some time's worth of trouble happen."""
        venue = self._random.choice(list(self._world.exchanges))
        self._happen_to_venue(venue)
        self._happen_to_account(self._world.exchanges[venue])
        self._happen_to_process()
        self._happen_to_strategies()

    def _happen_to_venue(self, venue: str) -> None:
        world, exchange = self._world, self._world.exchanges[venue]
        if self._fate.strikes("stream breaks"):
            world.break_streams(venue)
        if self._fate.strikes("stream falls silent"):
            world.break_streams(venue, silently=True)
        if self._fate.strikes("venue restarts"):
            self._down(exchange, 0.5)
        if self._fate.strikes("venue down"):
            self._down(exchange, 20)
        if self._fate.strikes("venue's clock steps"):
            exchange.ahead_ns += self._random.randint(0, 30_000_000_000)

    def _down(self, exchange: Exchange, most_s: float) -> None:
        exchange.is_down = True
        self._world.break_streams(exchange.venue)
        self._world.after(self._random.uniform(0, most_s), setattr, exchange, "is_down", False)
        if self._supervisor.life.is_up and self._fate.strikes("stop while the venue is down"):
            self._supervisor.stop()

    def _happen_to_account(self, exchange: Exchange) -> None:
        own = [order for order in exchange.open.values() if order.by == "bot"]
        foreign = [order for order in exchange.open.values() if order.by == "human"]
        if own and self._fate.strikes("venue ends an order"):
            exchange.end(self._random.choice(own), self._random.choice(["cancelled", "expired"]), by="venue")
        if self._fate.strikes("foreign order"):
            if foreign and self._random.random() < 0.5:
                exchange.cancel(self._random.choice(foreign).wanted.name, by="human")
            else:
                self._place_foreign(exchange)

    def _place_foreign(self, exchange: Exchange) -> None:
        self._foreign += 1
        symbol = self._random.choice(SYMBOLS)
        price = (exchange.crowds[symbol].bid + self._random.randint(-20, 20)) * TICK
        side: Side = self._random.choice(["buy", "sell"])
        wanted = Wanted(symbol, f"web-{self._foreign}", side, self._random.randint(1, 99) * LOT, price)
        with suppress(No):
            exchange.place(wanted, by="human")

    def _happen_to_process(self) -> None:
        supervisor, process = self._supervisor, self._supervisor.life.process
        if not self._supervisor.life.is_up:
            return
        if self._fate.strikes("process stopped"):
            process.pause()
            self._world.after(self._random.uniform(0.5, 8), process.resume)
        if self._fate.strikes("stop"):
            supervisor.stop()
        if self._fate.strikes("second instance"):
            supervisor.bear_rival()
        if self._fate.strikes("killed"):
            process.kill()

    def _happen_to_strategies(self) -> None:
        life, random = self._supervisor.life, self._random
        name = random.choice([trader.name for trader in life.traders])
        if self._fate.strikes("strategy raises"):
            life.tell(Raise(strategy=name))
        if self._fate.strikes("loop blocked"):
            seconds = random.uniform(0.1, 4)
            life.tell(Block(strategy=name, seconds=seconds))
            life.tell(LoopBlocked(handler=f"{name}.block", blocked_s=seconds))
            self._world.move()  # what a bot hears first is what went on meanwhile
        if self._fate.strikes("kill switch"):
            life.call(partial(life.engine.kill, "enough", by="a human"))
        if self._fate.strikes("alarm"):
            life.tell(RiskAlarm(state=random.choice(["reducing", "halted"]), reason="a loss", by="a guard"))
        if random.random() < 0.1:
            self.resume_halted()

    def has_halted(self) -> bool:
        """Whether some strategy or guard is halted."""
        return bool(self._halted())

    def resume_halted(self) -> None:
        """Let halted ones go on."""
        life = self._supervisor.life
        for name in self._halted():
            life.call(_resume, life.engine, name)

    def _halted(self) -> list[str]:
        return [account.name for account in self._supervisor.life.engine.accounts() if account.halted]


def _resume(engine: Engine, name: str) -> None:
    with suppress(LookupError):  # it may go on already
        engine.resume(name)
