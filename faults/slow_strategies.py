"""F12: one strategy takes 100 ms for each event, another burns a core in its own process. The others notice nothing.

Three bots are fed in turn, over a socket: one with these two strategies, one in which they are quick, as to be there
and to have a process costs some microseconds, and one without them. How long it takes from the sender to another
strategy is compared in pairs, one right after the other. While the other bots are fed another program burns that
core, and all the time one runs on the others where nothing else would: a core that idles answers later.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from struct import Struct as Layout
from typing import ClassVar

from msgspec import Struct, field

import bowstring as bs
from bowstring.core.components import Strategy as CoreStrategy
from bowstring.core.messages import Delivery
from bowstring.trading.messages import Recovered
from faults.bot import Cast, Say, Stage, Told
from faults.bots import Bot
from faults.figures import Figure, Note, Outcome, Within, Zero
from faults.row import Bench, Row
from faults.trial import Trial, hear_all, outcome, trial

SOCKET = "feed"
EVERY_S = 0.001
BEAT_EVERY = 250  # prices
SLOW_S = 0.1
BURNS_S = 0.02
LONG_LIMIT, SHORT_LIMIT = 1.1, 3.0
"""Of the median ratio of p99s; and of p50s, as a few seconds on a shared machine tell no more."""
OTHERS = ("first", "last")
NAMES = (*OTHERS, "slow", "burner")
KINDS = ALONE, QUICK, SLOW = "alone", "beside quick ones", "beside slow ones"
BURNT = frozenset({max(os.sched_getaffinity(0))})
REST = os.sched_getaffinity(0) - BURNT or BURNT
"""The core that is burnt, and those of everything else, with the two strategies as without them."""
MESSAGE = Layout("qq")  # of a price: when it was sent, on the monotonic clock; and the number of a beat, 0: none


class Price(bs.Event, frozen=True):
    """Market data: who is behind is told the latest. ``sent_ns`` is on the monotonic clock, which processes share."""

    delivery: ClassVar[Delivery] = "latest"

    sent_ns: int


class Beat(bs.Event, frozen=True):
    """What nobody may miss."""

    number: int


class Listening(bs.Event, frozen=True):
    """The feed is expected now."""


class Feed(bs.Collector):
    """Takes prices and beats from a socket."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def run(self, emit: bs.Emit) -> None:
        server = await asyncio.get_running_loop().create_unix_server(lambda: _Receiver(emit), self._path)
        emit(Listening())
        async with server:
            await server.serve_forever()


class _Receiver(asyncio.Protocol):
    def __init__(self, emit: bs.Emit) -> None:
        self._emit = emit
        self._data = b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        whole = len(self._data) // MESSAGE.size * MESSAGE.size
        for sent_ns, beat in MESSAGE.iter_unpack(self._data[:whole]):
            self._emit(Price(sent_ns=sent_ns))
            if beat:
                self._emit(Beat(number=beat))
        self._data = self._data[whole:]


class Counting(bs.Strategy):
    """Counts beats. Told ``count`` it says how many it had, and missed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._beats = self._missed = 0

    @bs.on(Beat)
    def count(self, beat: Beat) -> None:
        self._missed = beat.number - self._beats - 1
        self._beats += 1

    @bs.on(Told)
    def answer(self, told: Told) -> bs.Actions:
        if told.word == "count":
            yield Say(line=f"{self.name} {self._beats} {self._missed}")


class Slow(Counting):
    """Waits for something else, for each event."""

    def __init__(self, name: str, *, for_s: float) -> None:
        super().__init__(name)
        self._for_s = for_s

    @bs.on(Price)
    async def think(self, _price: Price) -> None:
        await asyncio.sleep(self._for_s)


class Burner(Counting):
    """Computes for longer than it takes until the next event, on a core that nobody else here uses."""

    def __init__(self, name: str, *, for_s: float) -> None:
        super().__init__(name)
        self._for_s = for_s

    async def start(self) -> None:
        os.sched_setaffinity(0, BURNT)

    @bs.on(Price)
    def compute(self, _price: Price) -> None:
        ends_ns = time.monotonic_ns() + int(self._for_s * 1e9)
        while time.monotonic_ns() < ends_ns:
            pass


class Punctual(Counting):
    """Measures how long prices take. Told ``report``, the last one says the p50 and p99 since then."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._ages_ns: list[int] = []

    @bs.on(Listening)
    def begin(self, _listening: Listening) -> bs.Actions:
        if self.name == OTHERS[-1]:
            yield Say(line="listening")

    @bs.on(Price)
    def measure(self, price: Price) -> None:
        self._ages_ns.append(self.clock.monotonic_ns() - price.sent_ns)

    @bs.on(Told)
    def report(self, told: Told) -> bs.Actions:
        if told.word == "report" and self.name == OTHERS[-1]:
            ages = sorted(self._ages_ns)
            yield Say(line=f"ages {ages[len(ages) // 2]} {ages[len(ages) * 99 // 100]} {len(ages)}")
        if told.word == "report":
            self._ages_ns.clear()


class Greeter(bs.Strategy):
    """Says that the bot has recovered."""

    @bs.on(Recovered)
    def greet(self, _recovered: Recovered) -> bs.Actions:
        yield Say(line="recovered")


class Ages(Struct, frozen=True):
    """How long prices take, in microseconds, and how many came."""

    p50: float
    p99: float
    count: int


class Fed(Struct):
    """A bot, a connection to it, and how many prices and beats it was sent."""

    bot: Bot
    feed: socket.socket
    prices: int = 0
    beats: int = 0

    def ages(self, *, for_s: float) -> Ages:
        """Feed it for so long; returns what came of that."""
        ends_s = time.monotonic() + for_s
        while time.monotonic() < ends_s:
            time.sleep(EVERY_S)
            self.prices += 1
            is_beat = self.prices % BEAT_EVERY == 0
            self.beats += is_beat
            self.feed.sendall(MESSAGE.pack(time.monotonic_ns(), self.beats if is_beat else 0))
        self.bot.say("report")
        p50, p99, count = map(int, self.bot.heard("ages"))
        return Ages(p50 / 1000, p99 / 1000, count)


class Result(Struct):
    """What was measured: of each bot, time by time; what each strategy of the slow one's has counted."""

    ages: Mapping[str, list[Ages]] = field(default_factory=lambda: {kind: list[Ages]() for kind in KINDS})
    beats: int = 0
    counts: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])


def run(bench: Bench) -> Outcome:
    result = Result()
    is_long = bench.form == "long"
    with ExitStack() as stack:
        trials = {
            kind: stack.enter_context(trial(bench, kind, cast="faults.slow_strategies", words={"kind": kind}))
            for kind in KINDS
        }

        def measure() -> None:
            bots = {kind: _connected(one) for kind, one in trials.items()}
            os.sched_setaffinity(0, REST)  # of this thread, which feeds them
            for_s = 2.0 if is_long else 0.5
            with _busy(REST, as_idle=True):
                for _ in range(bench.many(short=2, long=60)):
                    with _busy(BURNT):
                        for kind in (ALONE, QUICK):
                            result.ages[kind].append(bots[kind].ages(for_s=for_s))
                    result.ages[SLOW].append(bots[SLOW].ages(for_s=for_s))
            for one in bots.values():
                one.feed.close()
            trials[SLOW].bot.say("count")
            result.beats, result.counts = bots[SLOW].beats, hear_all(trials[SLOW].bot, *NAMES)

        stuck = trials[SLOW].attempt(measure)
        judgements = [one.settled() for one in trials.values()]
    findings = [*stuck, *(finding for judgement in judgements for finding in judgement.findings)]
    return outcome(_figures(result, is_long=is_long), findings)


@contextmanager
def _busy(cores: Set[int], *, as_idle: bool = False) -> Generator[None]:
    """Have a program burn a core, ``as_idle`` only while nothing else would run there; not before it does so."""
    idle = "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0));" if as_idle else ""
    program = f"import os; os.sched_setaffinity(0, {set(cores)}); {idle} print(flush=True); exec('while True: pass')"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as busy:
        assert busy.stdout is not None
        busy.stdout.readline()
        try:
            yield
        finally:
            busy.kill()


def _connected(on_trial: Trial) -> Fed:
    on_trial.bot.heard("listening")
    feed = socket.socket(socket.AF_UNIX)
    feed.connect(str(Path(on_trial.script.folder) / SOCKET))
    return Fed(on_trial.bot, feed)


def _figures(result: Result, *, is_long: bool) -> Sequence[Figure]:
    counts = {name: (int(told), int(missed)) for name, (told, missed) in result.counts.items()}
    lost = sum(missed + result.beats - told - missed for told, missed in counts.values())
    return [
        *(Note(_told(kind, ages)) for kind, ages in result.ages.items()),
        _ratio("p50", result, SHORT_LIMIT),
        *([_ratio("p99", result, LONG_LIMIT)] if is_long else []),
        Zero("events dropped that may not be", lost, result.beats * len(counts)),
    ]


def _ratio(name: str, result: Result, limit: float) -> Figure:
    pairs = zip(result.ages[SLOW], result.ages[QUICK], strict=True)
    ratios = [getattr(slow, name) / getattr(quick, name) for slow, quick in pairs]
    what = f"{name} {SLOW} to {name} {QUICK}, the median of {len(ratios)} pairs"
    return Within(what, [median(ratios)] if ratios else [], limit, "times")


def _told(kind: str, ages: Sequence[Ages]) -> str:
    if not ages:
        return f"{kind}: not measured"
    p50, p99 = median(one.p50 for one in ages), median(one.p99 for one in ages)
    count = sum(one.count for one in ages)
    return f"{kind}: {p50:.0f} us (p50), {p99:.0f} us (p99), medians of {len(ages)} times; {count:,} prices"


def cast(stage: Stage) -> Cast:
    os.sched_setaffinity(0, REST)
    kind = stage.script.words["kind"]
    guests: list[CoreStrategy] = []
    if kind != ALONE:
        waits_s, burns_s = (SLOW_S, BURNS_S) if kind == SLOW else (0.0, 0.0)
        guests = [Slow("slow", for_s=waits_s), bs.in_process(Burner("burner", for_s=burns_s))]
    first, last = map(Punctual, OTHERS)
    return Cast(
        collectors=[Feed(str(Path(stage.script.folder) / SOCKET))], strategies=[Greeter(), first, *guests, last]
    )


ROW = Row(
    id="F12",
    fault="strategy awaits 100 ms an event; another burns a core in its own process",
    how="1,000 prices a second over a socket, to a bot with these two and to one with quick ones, in turn",
    promise="others' p99 within 10 % of that beside quick ones; lossless drops 0",
    run=run,
    is_timed=True,
)
