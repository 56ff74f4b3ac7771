"""F17: the journal's disk is full, its writes fail, somebody else has locked it, or it is not what was written.

An order is sent only where its intent is on record; what is open can be cancelled all the same. A file that cannot be
trusted is refused, and stays as it is.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

import apsw
from msgspec import Struct, field
from msgspec.structs import replace

from bowstring.trading.journal.commands import verify
from bowstring.trading.journal.file import Durability
from faults.bot import Script
from faults.bots import Bot, bot, tail
from faults.exchange import Exchange, exchange
from faults.figures import Figure, Note, Outcome, Zero
from faults.oracle import Finding, settle
from faults.record import Kept, read
from faults.row import Bench, Row

ACCOUNT = "alice"
REFUSED = 2  # exit code
SMALL, LARGE = "600k", "64m"
ENDS_S, FAILS_S = 60.0, 30.0
HELD_S = 1.0
BUSY_MS = 5_000
FLIPS = 32


Trouble = Callable[[Script, Exchange, "Tried", Bench], None]


class Tried(Struct):
    """What was done, and what came of it. Refused were ``damaged`` files, and ``unwritten`` ones, for a write failed.

    ``harmless`` damages are those that a start does not meet, of which ``history`` are found by `verify`.
    """

    orders: int = 0
    failures: int = 0
    cancelled: int = 0
    damaged: int = 0
    unwritten: int = 0
    harmless: int = 0
    history: int = 0
    findings: list[Finding] = field(default_factory=list[Finding])


def run(bench: Bench) -> Outcome:
    durabilities: Sequence[Durability] = ("process", "power") if bench.form == "long" else ("process",)
    troubles = [trouble for trouble in (_full, _failing, _locked, _corrupt) if trouble not in _impossible()]
    cases = [(trouble, durability) for durability in durabilities for trouble in troubles]
    with ThreadPoolExecutor(bench.workers) as pool:
        return _outcome([*pool.map(partial(_case, bench), *zip(*cases, strict=True))])


def _impossible() -> dict[Trouble, str]:
    """What cannot be done here, and why."""
    impossible: dict[Trouble, str] = {}
    if os.geteuid():
        impossible[_full] = "a full disk: only root can mount a small one"
    if shutil.which("strace") is None:
        impossible[_failing] = "writes that fail: strace is not installed"
    return impossible


def _case(bench: Bench, trouble: Trouble, durability: Durability) -> Tried:
    """One kind of trouble, at an exchange and with a journal of its own."""
    tried, folder = Tried(), bench.room(f"{trouble.__name__}-{durability}")
    with exchange(folder) as running:
        script = Script(
            cast="faults.stubborn",
            addresses=running.addresses,
            account=running.account(ACCOUNT),
            folder=str(folder),
            durability=durability,
            mutant=bench.mutant,
        )
        try:
            trouble(script, running, tried, bench)
        except (ChildProcessError, subprocess.SubprocessError) as error:
            tried.findings.append(Finding("I11", f"{folder.name}: {error}"))
        tried.orders = sum(order.account == ACCOUNT for order in running.ledger.read().audit.orders.values())
        tried.cancelled = running.ledger.audit.lines["cancel"]
    return tried


def _full(script: Script, running: Exchange, tried: Tried, _bench: Bench) -> None:
    """On a small disk, which then gets larger."""
    script = replace(script, journal="small/journal")
    with small_disk(Path(script.folder) / "small") as enlarge:
        with bot(script) as started:
            _fails(started, running, tried)
        enlarge()
        _recovers(script, running, tried, after="the disk was full")


def _failing(script: Script, running: Exchange, tried: Tried, bench: Bench) -> None:
    """From the n-th write to the journal on, all fail."""
    numbers = [*range(1, 60, 2)] if bench.form == "long" else [25]
    for number in numbers:
        with bot(script, wrapper=_failing_from(number)) as started:
            if started.lines.until("recovered", within_s=ENDS_S) is not None:
                _fails(started, running, tried, is_greeted=True)
            else:
                tried.failures += 1
                tried.unwritten += _is_refused(started, script, tried, f"write {number} failed at the start")
        _recovers(script, running, tried, after=f"write {number} failed")


def _failing_from(number: int) -> Sequence[str]:
    """A command that has writes to files of SQLite's fail: sockets and logs are written to by other calls."""
    inject = f"inject=pwrite64:error=EIO:when={number}+"
    return ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64", "-e", inject]


def _locked(script: Script, running: Exchange, tried: Tried, _bench: Bench) -> None:
    """Another program begins to write to it, and takes its time."""
    with bot(script) as started:
        started.heard("recovered")
        other = apsw.Connection(str(Path(script.folder) / script.journal))
        other.set_busy_timeout(BUSY_MS)  # the bot may be writing
        other.execute("BEGIN IMMEDIATE")
        _fails(started, running, tried, is_greeted=True)
        other.close()
    _recovers(script, running, tried, after="it was locked")


def _fails(started: Bot, running: Exchange, tried: Tried, *, is_greeted: bool = False) -> None:
    """Load until no order goes out any more: all that is open can be cancelled then."""
    if not is_greeted:
        started.heard("recovered")
    started.say("go")
    tried.failures += 1
    if started.lines.until("refused", within_s=FAILS_S) is None:
        tried.findings.append(Finding("I7", f"orders go on being sent, the journal has failed {FAILS_S:g} s ago"))
        return started.kill()
    started.say("rest")
    started.say("cancel")
    started.heard("none", within_s=FAILS_S)
    code, _seconds = started.stop()
    if code:
        tried.findings.append(Finding("I11", f"a bot without orders ended with {code} as its journal had failed"))
    audit = running.ledger.read().audit
    left = [order.client_order_id for order in audit.orders.values() if order.is_open]
    tried.findings += [Finding("cancels", f"{name} could not be cancelled") for name in left]
    return None


def _recovers(script: Script, running: Exchange, tried: Tried, *, after: str) -> None:
    """On a disk that works again, the next process finds everything in order."""
    with bot(script) as started:
        started.heard("recovered")
        judgement = settle(running.ledger, ACCOUNT, Path(script.folder) / script.journal)
        started.stop()
    tried.findings += [Finding(one.rule, f"{one.text} [after {after}]") for one in judgement.findings]


def _corrupt(script: Script, _running: Exchange, tried: Tried, bench: Bench) -> None:
    """Copies of a good journal, each with one thing wrong with it."""
    path = Path(script.folder) / script.journal
    with bot(script) as started:
        started.heard("recovered")
        started.say("go")
        time.sleep(1)
        started.stop()
    good, kept = path.read_bytes(), read(path)
    for name, content in _damages(good, Random(bench.seed), flips=bench.many(short=2, long=FLIPS)):
        _put(path, content)
        with bot(script) as started:
            if started.lines.until("recovered", within_s=ENDS_S) is None:
                is_refused = _is_refused(started, script, tried, name)
                tried.damaged += _is_unchanged(path, content, tried, name) and is_refused
            else:
                tried.harmless += 1
                _expect_harmless(path, kept, tried, name)


def _put(path: Path, content: bytes) -> None:
    """Have this content only: what an earlier process left in its log would be put over it."""
    for log in (Path(f"{path}-wal"), Path(f"{path}-shm")):
        log.unlink(missing_ok=True)
    path.write_bytes(content)


def _damages(good: bytes, random: Random, *, flips: int) -> Iterator[tuple[str, bytes]]:
    yield "cut in half", good[: len(good) // 2]
    yield "a page of zeros", good[:4096] + bytes(4096) + good[8192:]
    yield "a text", b"what is this?\n" * 1000
    for _ in range(flips):
        place = random.randrange(len(good))
        changed = bytearray(good)
        changed[place] ^= 1 << random.randrange(8)
        yield f"a bit of byte {place} of {len(good)} flipped", bytes(changed)


def _is_refused(started: Bot, script: Script, tried: Tried, what: str) -> bool:
    code = started.process.wait(ENDS_S)
    if code != REFUSED:
        said = tail(Path(script.folder), lines=3)
        tried.findings.append(Finding("start", f"{what}: the bot ended with {code}, not {REFUSED}: {said}"))
    return code == REFUSED


def _is_unchanged(path: Path, content: bytes, tried: Tried, what: str) -> bool:
    is_unchanged = path.exists() and path.read_bytes() == content
    if not is_unchanged:
        tried.findings.append(Finding("start", f"{what}: the file was refused, and changed"))
    return is_unchanged


def _expect_harmless(path: Path, kept: Kept, tried: Tried, what: str) -> None:
    """What a start reads is as it was. The history of reports, which it does not read, is for `verify` to find."""
    now = read(path)
    if replace(now, setbacks=kept.setbacks) != kept:
        tried.findings.append(Finding("start", f"{what}: the file was taken for good, and reads otherwise than it did"))
    elif any(verify(path)):
        tried.history += 1
    elif now != kept:
        tried.findings.append(Finding("start", f"{what}: verify does not find it"))


@contextmanager
def small_disk(folder: Path) -> Generator[Callable[[], None]]:
    """A file system of its own in that folder; what this gives makes it larger. For root only."""
    folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(folder))
    try:
        yield lambda: _run("mount", "-o", f"remount,size={LARGE}", str(folder))
    finally:
        _run("umount", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _outcome(cases: Sequence[Tried]) -> Outcome:
    findings = [finding for tried in cases for finding in tried.findings]
    unknown = sum(finding.rule == "I2" for finding in findings)
    failures, orders = sum(tried.failures for tried in cases), sum(tried.orders for tried in cases)
    cancelled = sum(tried.cancelled for tried in cases)
    damaged, unwritten = sum(tried.damaged for tried in cases), sum(tried.unwritten for tried in cases)
    harmless, history = sum(tried.harmless for tried in cases), sum(tried.history for tried in cases)
    figures: list[Figure] = [
        Note(f"{failures} times the storage failed, {cancelled} orders were cancelled all the same"),
        Zero("orders without an intent on record", unknown, orders),
        Zero("other violations", len(findings) - unknown, failures + damaged + harmless),
        Note(
            f"{damaged} damaged files refused, and unchanged; {unwritten} starts refused, as the file could not be"
            f" written; {harmless} damages that a start does not meet, of which bowstring journal verify finds"
            f" {history}, and the others change nothing"
        ),
    ]
    figures += [Note(f"left out: {why}") for why in _impossible().values()]
    return Outcome(
        figures=figures,
        findings=[str(finding) for finding in findings],
    )


ROW = Row(
    id="F17",
    fault="disk full, EIO at the n-th write, corrupt journal, locked journal",
    how="a small tmpfs, strace inject, changed files, a second writer",
    promise="0 orders without a durable intent; a corrupt file refused, not overwritten",
    run=run,
)
