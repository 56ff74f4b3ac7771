"""F8: the private stream breaks, and what the bot has in the market is filled before it is back. Again and again.

Meanwhile a strategy tries to take new risk, from when it is told that the stream is down until it is up again. None of
that may be accepted: half of the bots send their orders over REST, where nothing but the bot itself keeps them back.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random

from msgspec import Struct

import bowstring as bs
from bowstring.local_exchange.faults.kinds import ResetConnections
from bowstring.venues.binance.gateway import OrdersOver
from faults import hands, witness
from faults.bot import Cast, Pulse, Stage
from faults.counterparty import Counterparty
from faults.figures import Figure, Outcome, Within, Zero
from faults.haste import HASTE
from faults.histories import histories
from faults.oracle import Finding
from faults.row import Bench, Row
from faults.trial import ACCOUNT, Trial, outcome, trial, zeros
from faults.witness import Fills, Witness

EACH_S = 60.0
WAYS: tuple[OrdersOver, ...] = ("rest", "ws")
DARED = "dared"
"""The names of orders that are tried while the stream is down begin so."""
DARES_EVERY_S = 0.02
FAR = Decimal(2000)
"""Below all bids that are filled."""
TRIES = 2  # for each cycle: the bot may be back before there is a fill


class Daring(bs.Strategy):
    """While it knows that the private stream is down, it orders at each pulse. Its orders' names tell which break."""

    def __init__(self) -> None:
        self._breaks = self._tries = 0
        self._is_down = False

    @bs.on(bs.CollectorDown)
    def fall(self, down: bs.CollectorDown) -> bs.Actions:
        if down.collector.startswith("orders "):
            self._breaks += not self._is_down
            self._is_down = True
            yield from self._dare()

    @bs.on(bs.CollectorUp)
    def rise(self, up: bs.CollectorUp) -> None:
        if up.collector.startswith("orders "):
            self._is_down = False

    @bs.on(Pulse)
    def press(self, _pulse: Pulse) -> bs.Actions:
        if self._is_down:
            yield from self._dare()

    def _dare(self) -> bs.Actions:
        self._tries += 1
        yield bs.PlaceOrder(
            client_order_id=f"{DARED}{self._breaks}-{self._tries}",
            symbol=hands.MADE,
            side="buy",
            quantity=hands.QUANTITY,
            price=FAR,
        )


class Part(Struct, frozen=True):
    """What one bot came to. ``cycles``: those in which there was a fill while it was disconnected.

    ``dared``: the breaks in which new risk was tried to be taken, ``taken``: those in which it was.
    """

    findings: Sequence[Finding]
    cycles: int
    fills: Fills
    dared: int
    taken: int


def run(bench: Bench) -> Outcome:
    cycles, bots = bench.many(short=10, long=1000), bench.many(short=2, long=4)
    with ThreadPoolExecutor(bots) as pool:
        parts = [*pool.map(partial(_part, bench, cycles=cycles // bots), range(bots))]
    findings = [finding for part in parts for finding in part.findings]
    done = sum(part.cycles for part in parts)
    figures: Sequence[Figure] = [
        Within("with a fill while disconnected", [done], cycles, "cycles", least=True),
        Zero(
            "breaks in which new risk was taken while the private stream was known to be down",
            sum(part.taken for part in parts),
            sum(part.dared for part in parts),
        ),
        *witness.figures([part.fills for part in parts]),
        *zeros(findings, of=sum(part.fills.count for part in parts)),
    ]
    return outcome(figures, findings)


def _part(bench: Bench, number: int, *, cycles: int) -> Part:
    random, done = Random(f"{bench.seed} {number}"), list[bool]()
    way = WAYS[number % len(WAYS)]
    with trial(bench, f"bot-{number}", cast="faults.missed_fills", words=HASTE, orders_over=way) as on_trial:
        counterparty = Counterparty(on_trial.running.addresses, on_trial.running.account("bob"))

        def provoke() -> None:
            on_trial.bot.say("go")
            while sum(done) < cycles and len(done) < TRIES * cycles:
                done.append(_cycle(on_trial, counterparty, f"c{len(done)}", random))

        stuck = on_trial.attempt(provoke)
        counterparty.close()
        judgement = on_trial.settled()
        dared, taken = _dared(on_trial)
        gate = [Finding("I7", f"{name} was accepted while the private stream was down") for name in taken]
        return Part(
            [*stuck, *gate, *judgement.findings],
            sum(done),
            witness.fills(on_trial),
            dared=len(set(map(_break, dared))),
            taken=len(set(map(_break, taken))),
        )


def _dared(on_trial: Trial) -> tuple[Sequence[str], Sequence[str]]:
    """The orders that were tried while the stream was down, by the journal, and those accepted, by the ledger."""
    dared = [name for name in histories(Path(on_trial.script.folder) / on_trial.script.journal) if _is_dared(name)]
    orders = on_trial.running.ledger.read().audit.orders.values()
    return dared, [order.client_order_id for order in orders if _is_dared(order.client_order_id)]


def _is_dared(name: str) -> bool:
    return name.startswith(DARED)


def _break(name: str) -> str:
    return name.partition("-")[0]


def _cycle(on_trial: Trial, counterparty: Counterparty, name: str, random: Random) -> bool:
    """Fill orders around a break of the stream; returns whether some were while it was down."""
    bot = on_trial.bot
    bot.say(f"make {random.randint(2, 4)} {name}")
    bot.heard("closed", within_s=EACH_S)
    for _ in range(random.randint(0, 2)):  # so that a report may be lost on its way
        _fill(counterparty, random)
    on_trial.running.faults.add(ResetConnections(interface="ws-api", account=ACCOUNT))
    before = witness.recovered(on_trial)
    for _ in range(random.randint(1, 3)):
        _fill(counterparty, random)
    bot.heard("up", within_s=EACH_S)
    return witness.recovered(on_trial) > before


def _fill(counterparty: Counterparty, random: Random) -> None:
    counterparty.place("ETHUSDT", "SELL", f"{random.randint(5, 30) / 1000:.3f}", hands.PRICE, tif="IOC")


def cast(stage: Stage) -> Cast:
    return Cast(strategies=[*hands.cast(stage).strategies, Witness(stage), Daring()], every_s=DARES_EVERY_S)


ROW = Row(
    id="F8",
    fault="fills while disconnected",
    how=(
        "the private stream reset, its orders filled before and while it is down; what a strategy is told is in a file;"
        " another one orders whenever it knows that the stream is down"
    ),
    promise="1,000 cycles: 0 missed, 0 doubled; no new risk while the private stream is down",
    run=run,
)
