"""F20: SIGTERM at a random moment: of a start, under load, with the exchange there or gone.

The process ends in time, and its exit code is right: 0 where no order of its own is open or in doubt, 3 where it has
named each one that may be, and no other. Orders of others stay. Only one that has not begun to run its bot may end as
any program does, by the signal.
"""

import re
import signal
import time
from collections import Counter
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from subprocess import TimeoutExpired

from msgspec import Struct, field
from msgspec.structs import replace

from bowstring.local_exchange.faults.kinds import DelayReply, DelayRequest, Restart
from faults.bot import Script
from faults.bots import STOP_S, Bot, bot, tail
from faults.counterparty import Counterparty
from faults.crowd import crowd
from faults.exchange import Exchange, exchange
from faults.figures import Note, Outcome, Within, Zero
from faults.gateway import Truth
from faults.leaks import leaks
from faults.oracle import Finding, settle
from faults.record import ENDS, read
from faults.row import Bench, Row

ACCOUNT = "alice"
LEFT_BEHIND, NOT_BEGUN = 3, -signal.SIGTERM
WHILE_STARTING, EXCHANGE_GONE = 0.25, 0.15  # of the stops
HELD_S, BUSY_S = 0.3, 1.0
SAID_S = 1.0
"""Until what a process that has ended said is read, up to the end."""
FOREIGN = ("foreign-1", "foreign-2")


class Stops(Struct):
    """What the stops of one journal were like."""

    seconds: list[float] = field(default_factory=list[float])
    codes: list[int] = field(default_factory=list[int])
    gone: int = 0
    survivors: int = 0
    findings: list[Finding] = field(default_factory=list[Finding])


def run(bench: Bench) -> Outcome:
    count, journals = bench.many(short=6, long=200), 2 if bench.form == "short" else bench.workers
    each = -(-count // journals)
    with ThreadPoolExecutor(journals) as pool:
        return _outcome([*pool.map(partial(_journal, bench, stops=each), range(journals))])


def _journal(bench: Bench, number: int, *, stops: int) -> Stops:
    told, folder, random = Stops(), bench.room(f"journal-{number}"), Random(f"stops {bench.seed} {number}")
    with exchange(folder) as running, crowd(running, random):
        _place_foreign(running)
        running.faults.add(DelayReply(calls="orders", account=ACCOUNT, seconds=0.1, chance=0.5, seed=1))
        running.faults.add(DelayRequest(calls="orders", account=ACCOUNT, seconds=HELD_S, chance=0.1, seed=2))
        script = Script(
            cast="faults.load",
            addresses=running.addresses,
            account=running.account(ACCOUNT),
            folder=str(folder),
            truth=Truth(held_s=HELD_S + BUSY_S),
            on_stop="cancel",
            mutant=bench.mutant,
        )
        for _ in range(stops):
            with bot(replace(script, seed=random.getrandbits(31))) as started, _back_again(running):
                try:
                    has_begun = _stop(started, running, told, random)
                except (TimeoutExpired, ChildProcessError) as error:
                    told.findings.append(Finding("I11", str(error)))
                    continue
            told.findings += _misnamed(script, running, told, has_begun=has_begun)
        with bot(script) as started:
            started.heard("recovered")
            told.findings += settle(
                running.ledger, ACCOUNT, Path(script.folder) / script.journal, foreign=FOREIGN
            ).findings
        told.findings += leaks(folder, script.account)
    return told


@contextmanager
def _back_again(running: Exchange) -> Generator[None]:
    """At the end the exchange is there again."""
    try:
        yield
    finally:
        for state in running.faults.listed():
            if isinstance(state.fault, Restart):
                running.faults.clear(state.id)


def _place_foreign(running: Exchange) -> None:
    with closing(Counterparty(running.addresses, running.account(ACCOUNT))) as owner:
        for name in FOREIGN:
            owner.place("BTCUSDT", "BUY", "0.001", "50000", name=name)


def _stop(started: Bot, running: Exchange, told: Stops, random: Random) -> bool:
    """Send the signal at a random moment; returns whether the bot had begun, as it says when it heeds signals."""
    is_starting = random.random() < WHILE_STARTING
    if is_starting:
        time.sleep(random.uniform(0, 2))
    else:
        started.heard("recovered")
        started.say("go")
        started.heard("loaded")
        time.sleep(random.uniform(0, 0.5))
        if random.random() < EXCHANGE_GONE:
            running.faults.add(Restart(down_s=None))
            told.gone += 1
    code, seconds = started.stop(within_s=STOP_S + 5)
    told.codes.append(code)
    told.seconds.append(seconds)
    return not is_starting or started.lines.until("begun", within_s=SAID_S) is not None


def _misnamed(script: Script, running: Exchange, told: Stops, *, has_begun: bool) -> list[Finding]:
    """What the exit code or the names do not tell."""
    time.sleep(HELD_S)  # what is held back by the exchange comes in
    code = told.codes[-1]
    named = _named(script) if code == LEFT_BEHIND else set[str]()
    told.survivors += len(named)
    audit = running.ledger.read().audit
    alive = {order.client_order_id for order in audit.orders.values() if order.account == ACCOUNT and order.is_open}
    alive -= {*FOREIGN}
    doubted = {
        order.client_order_id for order in read(Path(script.folder) / script.journal).orders if order.status not in ENDS
    }
    if code == NOT_BEGUN and not has_begun:
        return []
    if code not in (0, LEFT_BEHIND):
        return [Finding("exit", f"ended with {code}: {tail(Path(script.folder), lines=2)}")]
    may_live = alive | doubted
    return [
        *(Finding("exit", f"{name} may be alive, and is not named, code {code}") for name in may_live - named),
        *(Finding("exit", f"{name} is named, and has ended") for name in named - may_live),
        *([Finding("exit", f"ended with {code}, and nothing is left behind")] if code and not may_live else []),
    ]


def _named(script: Script) -> set[str]:
    last = [line for line in tail(Path(script.folder), lines=50).splitlines() if "left behind" in line][-1]
    return set(re.findall(r"(\S+) \(\S+, \w+\)", last))


def _outcome(journals: Sequence[Stops]) -> Outcome:
    findings = [finding for told in journals for finding in told.findings]
    codes = Counter(code for told in journals for code in told.codes)
    stops, wrong = codes.total(), sum(finding.rule == "exit" for finding in findings)
    return Outcome(
        figures=[
            Note(
                f"{stops} stops: {codes[0]} with exit code 0, {codes[LEFT_BEHIND]} with {LEFT_BEHIND},"
                f" {codes[NOT_BEGUN]} before the bot had begun; {sum(told.gone for told in journals)} with the exchange"
                f" gone; {sum(told.survivors for told in journals)} orders named as left"
            ),
            Within("from SIGTERM to the end", [one for told in journals for one in told.seconds], STOP_S),
            Zero("wrong exit codes, orders not named, or named for nothing", wrong, stops),
            Zero("foreign orders touched", sum(finding.rule == "foreign" for finding in findings), stops),
            Zero("other violations", sum(finding.rule not in {"exit", "foreign"} for finding in findings), stops),
        ],
        findings=[str(finding) for finding in findings],
    )


ROW = Row(
    id="F20",
    fault="SIGTERM at a random moment",
    how="the signal while starting, under load, with the exchange gone; foreign orders on the account",
    promise="ends in 10 s, exit code right, each order that may be alive named, and no other",
    run=run,
    is_timed=True,
)
