"""F7: lines break in every way there is: with a reset, in order, without a word, or so that they only drip.

Orders are filled meanwhile, also while the line is down. Of a line that fell silent the bot has to find out by itself.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from msgspec import Struct, field

import bowstring as bs
from bowstring.local_exchange.faults.kinds import DelayRequest, MuteConnections, ResetConnections, Restart, SlowDrip
from bowstring.venues.binance import Binance, line, session
from faults import hands, witness
from faults.bot import Cast, Say, Stage
from faults.counterparty import GONE, Counterparty
from faults.figures import Figure, Note, Outcome, Within
from faults.haste import HASTE
from faults.moving_quotes import moving_quotes
from faults.oracle import Finding
from faults.row import Bench, Row
from faults.trial import ACCOUNT, Trial, hear_all, outcome, trial, zeros
from faults.witness import Fills, Witness

SHORT_S = 1.0
"""In short a line is asked after so much silence, and given so much time for an answer."""
STALE_AFTER_S = 1.5
FOUND_S = 15.0
DRIPS_S = 1.5
LOGS_ON_S = 0.3
"""So long a logon is held back after a close, so that orders are filled before the bot is back."""
BACK_S = 10.0
"""Within that the exchange takes orders again."""


class Times(Struct):
    """In seconds: how late each silence of the private stream was found, and each of the quotes, beyond its budget."""

    private: list[float] = field(default_factory=list[float])
    quotes: list[float] = field(default_factory=list[float])


class Part(Struct, frozen=True):
    """What one bot came to. ``made``: the fills that the row made at each break, ``closed``: those told as recovered
    after each close in order.
    """

    findings: Sequence[Finding]
    times: Times
    fills: Fills
    made: Sequence[int]
    closed: Sequence[int]


class Listener(bs.Strategy):
    """Says when the private stream is ``down``, and quotes are ``stale``, with the time, and when ``quotes`` are up."""

    @bs.on(bs.CollectorDown)
    def fall(self, down: bs.CollectorDown) -> bs.Actions:
        if down.collector.startswith("orders "):
            yield Say(line=f"down {self.clock.now_ns()}")

    @bs.on(bs.CollectorUp)
    def rise(self, up: bs.CollectorUp) -> bs.Actions:
        if "bookTicker" in up.collector:
            yield Say(line="quotes")

    @bs.on(bs.StreamStale)
    def miss(self, _stale: bs.StreamStale) -> bs.Actions:
        yield Say(line=f"stale {self.clock.now_ns()}")


def run(bench: Bench) -> Outcome:
    bots, rounds = bench.many(short=1, long=bench.workers), bench.many(short=1, long=10)
    with ThreadPoolExecutor(bots) as pool:
        parts = [*pool.map(partial(_part, bench, rounds=rounds), range(bots))]
    findings = [finding for part in parts for finding in part.findings]
    figures: Sequence[Figure] = [
        Note(f"{bots * rounds} times each: reset, closed in order, silent, dripping"),
        Within("fills made at each break", [n for part in parts for n in part.made], 1, "fills", least=True),
        Within(
            "closed in order with a fill meanwhile, told as recovered",
            [sum(n > 0 for part in parts for n in part.closed)],
            bots * rounds // 4,  # of one it need not
            "times",
            least=True,
        ),
        *witness.figures([part.fills for part in parts]),
        Within("private stream silent, found after its budget", [s for p in parts for s in p.times.private], 1),
        Within("quotes silent, found after their budget", [s for p in parts for s in p.times.quotes], 1),
        *zeros(findings, of=sum(part.fills.count for part in parts)),
    ]
    return outcome(figures, findings)


def _part(bench: Bench, number: int, *, rounds: int) -> Part:
    words = {**HASTE, "in_short": "yes"} if bench.form == "short" else HASTE
    times = Times()
    with (
        trial(bench, f"bot-{number}", cast="faults.broken_lines", words=words) as on_trial,
        moving_quotes(on_trial.running),
    ):
        breaks = _Breaks(on_trial, times, is_short=bench.form == "short")
        stuck = on_trial.attempt(partial(breaks.all_kinds, rounds))
        breaks.close()
        judgement = on_trial.settled()
        return Part([*stuck, *judgement.findings], times, witness.fills(on_trial), breaks.made, breaks.closed)


class _Breaks:
    """Breaks lines, and has orders filled meanwhile: ``made``, ``closed`` as in `Part`."""

    def __init__(self, on_trial: Trial, times: Times, *, is_short: bool) -> None:
        self.made, self.closed = list[int](), list[int]()
        self._on_trial = on_trial
        self._bot, self._faults = on_trial.bot, on_trial.running.faults
        self._taker = Counterparty(on_trial.running.addresses, on_trial.running.account("bob"))
        self._times = times
        self._budget_s = 2 * SHORT_S if is_short else session.IDLE_AFTER_S + session.ANSWER_TIMEOUT_S

    def all_kinds(self, rounds: int) -> None:
        for break_ in (self._reset, self._close, self._mute, self._drip) * rounds:
            self.made.append(0)
            self._bot.say(f"make 3 m{len(self.made)}")
            self._bot.heard("closed")
            break_()

    def close(self) -> None:
        self._taker.close()

    def _reset(self) -> None:
        self._fill()
        self._faults.add(ResetConnections(interface="ws-api", account=ACCOUNT))
        self._faults.add(ResetConnections(interface="streams"))
        self._fill()
        hear_all(self._bot, "up", "quotes")

    def _close(self) -> None:
        self._fill()
        before = witness.recovered(self._on_trial)
        with self._faults.during(DelayRequest(calls="session", seconds=LOGS_ON_S)):
            self._faults.add(Restart(announced=True, down_s=0.2))
            self._fill()
            hear_all(self._bot, "up", "quotes")
        self.closed.append(witness.recovered(self._on_trial) - before)

    def _mute(self) -> None:
        began_ns = time.time_ns()
        with (
            self._faults.during(MuteConnections(interface="ws-api", account=ACCOUNT)),
            self._faults.during(MuteConnections(interface="streams")),
        ):
            self._fill()
            self._bot.say(f"make 1 lost{len(self.made)}")
            told = hear_all(self._bot, "down", "stale", "up", "quotes", within_s=self._budget_s + FOUND_S)
        self._times.private.append((int(told["down"][0]) - began_ns) / 1e9 - self._budget_s)
        self._times.quotes.append((int(told["stale"][0]) - began_ns) / 1e9 - STALE_AFTER_S)

    def _drip(self) -> None:
        with self._faults.during(SlowDrip(interface="ws-api", bytes=20, every_s=0.01)):
            for _ in range(4):
                self._fill()
            time.sleep(DRIPS_S)

    def _fill(self) -> None:
        """Have an order filled, as soon as the exchange is there: a connection from before a restart is dead."""
        deadline = time.monotonic() + BACK_S
        while (status := self._take()) is None:
            if time.monotonic() > deadline:
                raise ChildProcessError(f"the exchange has not been there for {BACK_S:g} s")
            time.sleep(0.005)
        self.made[-1] += status == "FILLED"

    def _take(self) -> str | None:
        try:
            return self._taker.place("ETHUSDT", "SELL", "0.01", hands.PRICE, tif="IOC")
        except GONE:
            self._taker.close()
            return None


def cast(stage: Stage) -> Cast:
    if "in_short" in stage.script.words:
        session.IDLE_AFTER_S = session.ANSWER_TIMEOUT_S = line.IDLE_AFTER_S = line.ANSWER_TIMEOUT_S = SHORT_S
    addresses = stage.script.addresses
    venue = Binance("local", rest_url=addresses.rest, ws_url=addresses.ws, ws_api_url=addresses.ws_api)
    return Cast(
        collectors=[venue.quotes("BTC/USDT", stale_after_s=STALE_AFTER_S)],
        strategies=[*hands.cast(stage).strategies, Witness(stage), Listener()],
    )


ROW = Row(
    id="F7",
    fault="reset, clean close, half-open silence, slow drip",
    how="exchange switches on the private stream and on the quotes; orders are filled meanwhile",
    promise="0 missed fills; silence found within budget + 1 s",
    run=run,
    is_timed=True,
)
