"""F21: a second process for the account of a bot that runs: on the same journal, and on another one.

It refuses to start, says so by its exit code, and sends no order; the first one goes on. Of several that start at the
same moment one at most gets through.
"""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import Random

from msgspec.structs import replace

from faults.bot import Script
from faults.bots import Bot, bot, tail
from faults.crowd import crowd
from faults.exchange import Exchange, exchange
from faults.figures import Note, Outcome, Zero
from faults.oracle import Finding, settle
from faults.row import Bench, Row

ACCOUNT = "alice"
REFUSED = 2  # exit code
AT_ONCE = 3


def run(bench: Bench) -> Outcome:
    folder, random, findings = bench.room("twins"), Random(f"twins {bench.seed}"), list[Finding]()
    seconds, races = bench.many(short=2, long=20), bench.many(short=1, long=20)
    with exchange(folder) as running, crowd(running, random):
        script = Script(
            cast="faults.load",
            addresses=running.addresses,
            account=running.account(ACCOUNT),
            folder=str(folder),
            mutant=bench.mutant,
        )
        findings += _beside(script, running, times=seconds)
        findings += [finding for _ in range(races) for finding in _race(script)]
    tries = 2 * seconds + races
    started, raced = sum(one.rule == "I1" for one in findings), sum(one.rule == "race" for one in findings)
    return Outcome(
        figures=[
            Note(f"{2 * seconds} second instances, {races} races of three"),
            Zero(
                "second instances that started, and races with two winners or none",
                started + raced,
                tries,
            ),
            Zero("other violations", sum(one.rule not in {"I1", "race"} for one in findings), tries),
        ],
        findings=[str(finding) for finding in findings],
    )


def _beside(script: Script, running: Exchange, *, times: int) -> list[Finding]:
    """While the first one trades, others try, and then ledger and journal agree."""
    findings = list[Finding]()
    with bot(script) as first:
        first.heard("recovered")
        first.say("go")
        first.heard("loaded")
        for number in range(times):
            findings += _second(_elsewhere(script, f"same-{number}", journal=f"../{script.journal}"))
            findings += _second(_elsewhere(script, f"other-{number}", journal="journal"))
        first.say("rest")
        if first.process.poll() is not None:
            findings.append(Finding("I11", f"the first one ended with {first.process.returncode}"))
        findings += settle(running.ledger, ACCOUNT, Path(script.folder) / script.journal).findings
        first.stop()
    return findings


def _second(script: Script) -> list[Finding]:
    with bot(script) as second:
        return [] if _is_refused(second) else [_started(script, second)]


def _started(script: Script, second: Bot) -> Finding:
    code = second.process.poll()
    return Finding("I1", f"{script.folder}: it was not refused, code {code}: {tail(Path(script.folder), lines=2)}")


def _race(script: Script) -> list[Finding]:
    """Several on the same journal start at once: who loses is refused."""
    scripts = [_elsewhere(script, f"race-{number}", journal=f"../{script.journal}") for number in range(AT_ONCE)]
    started = [Bot(one) for one in scripts]
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            winners = [*pool.map(_is_refused, started)].count(False)
    finally:
        for one in started:
            one.close()
    return [] if winners == 1 else [Finding("race", f"{winners} of {AT_ONCE} got through")]


def _is_refused(started: Bot) -> bool:
    """Whether it ended so; one that goes on, recovered or not, was let in."""
    with suppress(subprocess.TimeoutExpired):
        return started.lines.until("recovered", within_s=30) is None and started.process.wait(30) == REFUSED
    return False


def _elsewhere(script: Script, name: str, *, journal: str) -> Script:
    folder = Path(script.folder) / name
    folder.mkdir(exist_ok=True)
    return replace(script, folder=str(folder), journal=journal)


ROW = Row(
    id="F21",
    fault="two instances on one account",
    how="a second process on the same journal, and on another; three that start at once",
    promise="second refuses",
    run=run,
)
