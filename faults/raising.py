"""F13: strategies raise at some event, each in its own way. The others miss nothing, and nothing is left of theirs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random

from msgspec import Struct

import bowstring as bs
from bowstring.trading.messages import Recovered
from faults import hands
from faults.bot import Cast, Say, Stage, Told
from faults.figures import Figure, Note, Outcome, Zero
from faults.oracle import Finding
from faults.row import Bench, Row
from faults.trial import Trial, hear_all, outcome, trial, zeros

RAISERS = 100
TICKS = 1000
BURST = 5
NEVER = "never"
"""The orders of handlers that then raise are named so."""
ONLOOKERS = ("first", "last")
NOTHING = ("0", "0", "0")
"""What is taken for the word of an onlooker who says none: it has missed everything."""
EACH_S = 60.0
LATE_S = 0.01


class Tick(bs.Event, frozen=True):
    """The n-th event."""

    number: int


class Ticker(bs.Collector):
    """Tells `TICKS` events, and then says that there are no more."""

    async def run(self, emit: bs.Emit) -> None:
        for number in range(1, TICKS + 1):
            emit(Tick(number=number))
            if number % BURST == 0:
                await asyncio.sleep(0.002)
        await asyncio.sleep(10 * LATE_S)  # who raises after a wait has done so
        emit(Over())
        await asyncio.get_running_loop().create_future()


class Over(bs.Event, frozen=True):
    """There are no more."""


class Raiser(bs.Strategy):
    """Has an order in the market, and raises at the n-th event."""

    def __init__(self, number: int, *, at: int) -> None:
        self.name = f"Raiser{number}"
        self._number, self._at = number, at

    @bs.on(Recovered)
    def begin(self, _recovered: Recovered) -> bs.Actions:
        yield self._order(f"r{self._number}")

    def _order(self, name: str) -> bs.PlaceOrder:
        return bs.PlaceOrder(
            client_order_id=name, symbol=hands.MADE, side="buy", quantity=hands.QUANTITY, price=hands.PRICE
        )


class RaisesAtOnce(Raiser):
    """In a plain handler."""

    @bs.on(Tick)
    def fail(self, tick: Tick) -> None:
        if tick.number == self._at:
            raise ValueError(f"at {tick.number}")


class RaisesHalfway(Raiser):
    """After it has returned an order."""

    @bs.on(Tick)
    def fail(self, tick: Tick) -> bs.Actions:
        if tick.number == self._at:
            yield self._order(f"{NEVER}{self._number}")
            raise LookupError(f"at {tick.number}")


class RaisesLater(Raiser):
    """After it has waited."""

    @bs.on(Tick)
    async def fail(self, tick: Tick) -> None:
        if tick.number == self._at:
            await asyncio.sleep(LATE_S)
            raise OSError(f"at {tick.number}")


class RaisesInBetween(Raiser):
    """After it has returned an order, and waited."""

    @bs.on(Tick)
    async def fail(self, tick: Tick) -> AsyncIterator[bs.Action]:
        if tick.number == self._at:
            yield self._order(f"{NEVER}{self._number}")
            await asyncio.sleep(LATE_S)
            raise RuntimeError(f"at {tick.number}")


class RecursesForEver(Raiser):
    """Until Python has enough of it."""

    @bs.on(Tick)
    def fail(self, tick: Tick) -> None:
        if tick.number == self._at:
            self.fail(tick)


class Cancels(Raiser):
    """Raises what ends tasks."""

    @bs.on(Tick)
    def fail(self, tick: Tick) -> None:
        if tick.number == self._at:
            raise asyncio.CancelledError


KINDS: Sequence[Callable[..., Raiser]] = (
    RaisesAtOnce,
    RaisesHalfway,
    RaisesLater,
    RaisesInBetween,
    RecursesForEver,
    Cancels,
)


class Onlooker(bs.Strategy):
    """Counts what it is told, and says so in the end: events, those not in their order, and who failed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._ticks = self._gaps = 0
        self._failed: dict[str, int] = {}

    @bs.on(Tick)
    def count(self, tick: Tick) -> None:
        self._ticks += 1
        self._gaps += tick.number != self._ticks

    @bs.on(bs.ComponentFailed)
    def note(self, failed: bs.ComponentFailed) -> None:
        if failed.halted:
            self._failed[failed.component] = self._failed.get(failed.component, 0) + 1

    @bs.on(Told)
    def answer(self, told: Told) -> bs.Actions:
        if told.word == "count":
            once = sum(count == 1 for count in self._failed.values())
            yield Say(line=f"{self.name} {self._ticks} {self._gaps} {once}")

    @bs.on(Over)
    def end(self, _over: Over) -> bs.Actions:
        if self.name == ONLOOKERS[0]:
            yield Say(line="over")


class Part(Struct, frozen=True):
    """What one bot came to: of so many ``raised`` strategies, those not told once, orders left, and orders sent."""

    findings: Sequence[Finding]
    raised: int
    events: int
    missed: int
    untold: int
    left: int
    sent: int


def run(bench: Bench) -> Outcome:
    bots = bench.many(short=1, long=10)
    with ThreadPoolExecutor(2) as pool:
        parts = [*pool.map(partial(_part, bench), range(bots))]
    findings = [finding for part in parts for finding in part.findings]
    raised, events = sum(part.raised for part in parts), sum(part.events for part in parts)
    figures: Sequence[Figure] = [
        Note(f"{raised:,} strategies raised, in {len(KINDS)} ways, in {bots} processes"),
        Zero("processes that did not live on", sum(finding.rule == "I11" for finding in findings), bots),
        Zero("events missed by others, or out of order", sum(part.missed for part in parts), events),
        Zero("halts not told once", sum(part.untold for part in parts), raised),
        Zero("orders left in the market", sum(part.left for part in parts), raised),
        Zero("orders sent of handlers that raised", sum(part.sent for part in parts), raised),
        *zeros(findings, of=raised),
    ]
    return outcome(figures, findings)


def _part(bench: Bench, number: int) -> Part:
    told: dict[str, Sequence[str]] = {}

    def provoke() -> None:
        bot = on_trial.bot
        bot.heard("over", within_s=EACH_S)
        bot.say("count")
        told.update(hear_all(bot, *ONLOOKERS))
        bot.say("make 1 after")
        bot.heard("closed", within_s=EACH_S)

    with trial(bench, f"bot-{number}", cast="faults.raising", words={"number": f"{number}"}) as on_trial:
        stuck = on_trial.attempt(provoke)
        judgement = on_trial.settled()
        left, sent = _orders(on_trial)
    counts = [list(map(int, told.get(name, NOTHING))) for name in ONLOOKERS]
    return Part(
        [*stuck, *judgement.findings],
        raised=RAISERS,
        events=TICKS * len(ONLOOKERS),
        missed=sum(abs(TICKS - ticks) + gaps for ticks, gaps, _failed in counts),
        untold=max((RAISERS - failed for _ticks, _gaps, failed in counts), default=RAISERS),
        left=left,
        sent=sent,
    )


def _orders(on_trial: Trial) -> tuple[int, int]:
    """Orders of halted strategies that are open, and orders that should never have been sent."""
    orders = on_trial.running.ledger.audit.orders.values()
    own = [order for order in orders if order.client_order_id.startswith("r")]
    never = [order for order in orders if order.client_order_id.startswith(NEVER)]
    return sum(order.is_open for order in own) + RAISERS - len(own), len(never)


def cast(stage: Stage) -> Cast:
    random = Random(f"{stage.script.seed} {stage.script.words['number']}")
    raisers = [KINDS[number % len(KINDS)](number, at=random.randint(1, TICKS)) for number in range(RAISERS)]
    first, last = map(Onlooker, ONLOOKERS)
    return Cast(collectors=[Ticker()], strategies=[first, *raisers, *hands.cast(stage).strategies, last])


ROW = Row(
    id="F13",
    fault="strategy raises at the n-th event",
    how=f"{RAISERS} strategies a bot, each with an order in the market, raise in {len(KINDS)} ways at random events",
    promise="process alive, others miss nothing",
    run=run,
)
