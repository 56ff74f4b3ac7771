"""One life of a bot: from the start of its process to its stop, or its death."""

import asyncio
from collections.abc import Callable, Sequence
from random import Random

from bowstring.core.components import Guard
from bowstring.core.engine import Engine
from bowstring.core.errors import StopIncomplete
from bowstring.core.messages import Event
from bowstring.testing.simulation import SimulatedClock, SimulatedLoop
from bowstring.trading.executor import OrderExecutor
from bowstring.trading.gateway import FillReport, Gateway, OrderRef, Report
from bowstring.trading.guards.max_notional import MaxNotional
from bowstring.trading.guards.max_open_orders import MaxOpenOrders
from bowstring.trading.guards.max_position import MaxPosition
from bowstring.trading.guards.no_self_cross import NoSelfCross
from bowstring.trading.guards.order_rate import OrderRate
from bowstring.trading.messages import PlaceOrder
from simulation.character import Character
from simulation.disk import JournalOfProcess
from simulation.exchange import SYMBOLS
from simulation.gateway import SimulatedGateway
from simulation.process import Process
from simulation.traders import Feed, SlowTrader, Trader
from simulation.transcript import Delivered, Entry, Sent, Shown, Told, Witness


class Life:
    """A running bot. ``entries`` is what it said and did; ``error`` what its engine raised, ``left`` what it complained
    of at its stop.
    """

    def __init__(
        self,
        number: int,
        *,
        character: Character,
        process: Process,
        journal: JournalOfProcess,
        epoch_shift_ns: int,
        trace: Callable[..., None],
    ) -> None:
        self.number = number
        self.process = process
        self.journal = journal
        self.entries: list[Entry] = []
        self.error: BaseException | None = None
        self.left = ""
        self.has_ended = self.was_killed = False
        self.ended_ns = 0
        self.gateways: dict[str, SimulatedGateway] = {}
        self._character = character
        self._trace = trace
        self._feed = Feed()
        self._loop = _loop()
        self._now_ns = self._loop.clock.now_ns
        self.began_ns = self._now_ns()
        self.clock = _clock(self._loop, f"{character.seed}/{number}", epoch_shift_ns)
        self.traders = [self._trader(name) for name in character.names]

    def begin(self, gateways: Sequence[SimulatedGateway], *, then: Callable[[], None]) -> None:
        """Start the bot; ``then`` is called when it has ended, unless it dies."""
        self.gateways = {gateway.venue: gateway for gateway in gateways}
        self._executors = [self._executor(gateway) for gateway in gateways]
        self.engine = Engine(
            collectors=[self._feed],
            strategies=self.traders,
            guards=self._guards(),
            executors=[*self._executors, Witness(self._note_told)],
            clock=self.clock,
        )
        self._task = self.process.run(self._run(then))

    @property
    def has_started(self) -> bool:
        """Whether it got as far as to tell its strategies anything."""
        return self.engine.started.is_set()

    @property
    def is_up(self) -> bool:
        """Whether its collectors run."""
        return self.process.is_alive and not self.has_ended and self._feed.is_open and not self.engine.stopping

    def call(self, method: Callable[..., object], *arguments: object) -> None:
        """Have the bot's process call something, if it is up."""
        if self.is_up:
            self.process.call_soon(method, *arguments)

    def tell(self, event: Event) -> None:
        """Publish an event in the bot, if it is up."""
        self.call(self._emit, event)

    def release_locks(self) -> None:
        """Give back what the system takes back from a dead process."""
        for executor in self._executors:
            connection = getattr(executor, "_connection", None)  # it has none before its start
            if connection is not None:
                connection._lock.release()  # as the system does

    def note_sent(self, venue: str, method: str, order: PlaceOrder | OrderRef) -> None:
        """A gateway is handed a request."""
        is_on_record, held = self.journal.what_is_known(venue, order)
        age_ns = self.clock.now_ns() - order.received_ns if isinstance(order, PlaceOrder) else 0
        is_guarded = self._character.dead_man_s is None or self.gateways[venue].is_guarded
        self.entries.append(Sent(self._now_ns(), venue, method, order, age_ns, is_on_record, is_guarded, held))

    def note_delivered(self, venue: str, report: Report) -> None:
        """A gateway is told something on the private stream."""
        if isinstance(report, FillReport):
            self.entries.append(Delivered(self._now_ns(), venue, report))

    def note_shown(self, venue: str, asked_ns: int) -> None:
        """A gateway has shown what orders are open."""
        self.entries.append(Shown(self._now_ns(), venue, asked_ns))

    def _emit(self, event: Event) -> None:
        self._feed.emit(event)

    async def _run(self, then: Callable[[], None]) -> None:
        try:
            await self.engine.run()
        except StopIncomplete as left:
            self.left = str(left)
        except Exception as error:  # noqa: BLE001  # whatever keeps it from starting
            self.error = error
        if self.process.is_alive:
            self.has_ended = True
            then()

    def _note_told(self, event: Event) -> None:
        if self.process.is_alive:
            age_ns = self.clock.now_ns() - event.received_ns
            self.entries.append(Told(self._now_ns(), event, age_ns, self.journal.has_on_record(event)))
            self._trace("told", event)

    def _trader(self, name: str) -> Trader:
        kind = SlowTrader if name in self._character.slow else Trader
        random = Random(f"{self._character.seed}/{self.number}/{name}")
        return kind(
            name,
            random=random,
            eagerness=self._character.eagerness,
            is_stubborn=self._character.is_stubborn,
            block=self._loop.block,
        )

    def _guards(self) -> list[Guard]:
        limits: list[Guard] = [MaxPosition(symbol, self._character.max_position) for symbol in SYMBOLS]
        for limit, symbol in zip(limits, SYMBOLS, strict=True):
            limit.name = f"MaxPosition {symbol}"
        limits += [MaxNotional(self._character.max_notional), MaxOpenOrders(self._character.max_open), OrderRate(20)]
        return limits if self._character.may_cross else [*limits, NoSelfCross()]

    def _executor(self, gateway: SimulatedGateway) -> OrderExecutor:
        return OrderExecutor(
            _protocol(gateway),
            journal=self.journal,
            on_stop=self._character.on_stop,
            on_halt=self._character.on_halt,
            reconcile_every_s=self._character.reconcile_every_s,
            dead_man_s=self._character.dead_man_s if gateway.offers_cancel_after else None,
        )


def _clock(loop: SimulatedLoop, seed: str, epoch_shift_ns: int) -> SimulatedClock:
    """A machine's clocks: the monotonic one counts from its boot, the other one is as wrong as it was at the start."""
    boot_ns = Random(seed).randrange(10**15)

    def monotonic_ns() -> int:
        return loop.clock.monotonic_ns() + boot_ns

    return SimulatedClock(monotonic_ns, seed=seed, epoch_ns=loop.clock.epoch_ns - boot_ns + epoch_shift_ns)


def _loop() -> SimulatedLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimulatedLoop)
    return loop


def _protocol(gateway: SimulatedGateway) -> Gateway:
    return gateway  # checked by the type checkers: it is one
