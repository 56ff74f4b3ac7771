"""F14: a strategy that keeps the event loop from running: it sleeps, computes, or waits in C.

It is named, by component and handler, while it does, and told of once it is over. C code that keeps the interpreter to
itself cannot be named before it is over: for how long after that, if at all, is told apart. It keeps the loop for more
than a second: that is told whoever is named, and until then nothing that adds risk is done.
"""

import hashlib
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from random import Random

from msgspec import Struct, field

import bowstring as bs
from bowstring.core.messages import LoopBlocked
from bowstring.trading.messages import Recovered
from faults.bot import Cast, Say, Script, Stage, Told
from faults.bots import Bot, bot
from faults.exchange import exchange
from faults.figures import Note, Outcome, Within, Zero
from faults.row import Bench, Row

ACCOUNT = "alice"
BLOCK_S = 0.5
LIMIT_S = 0.25
KEEPS_S = 2.0
LONG_S = 1.04  # a second, and until the next heartbeat
TRIED = 5_000_000
HANDLER = "Blocker.obey"


def _sleep() -> None:
    time.sleep(BLOCK_S)


def _compute() -> None:
    ends_ns = time.monotonic_ns() + int(BLOCK_S * 1e9)
    while time.monotonic_ns() < ends_ns:
        pass


def _wait_in_c() -> None:
    ends_ns = time.monotonic_ns() + int(BLOCK_S * 1e9)
    while time.monotonic_ns() < ends_ns:
        hashlib.pbkdf2_hmac("sha256", b"", b"", 100_000)  # some 50 ms without the interpreter's lock


def _keep() -> None:
    """Keep it for some `KEEPS_S`, with what takes as long here as it has just taken."""
    began_ns = time.monotonic_ns()
    sum(range(TRIED))
    sum(range(int(TRIED * KEEPS_S * 1e9 / (time.monotonic_ns() - began_ns))))


KINDS: dict[str, Callable[[], None]] = {"sleep": _sleep, "compute": _compute, "wait": _wait_in_c, "keep": _keep}
NAMED_MEANWHILE = "sleep", "compute", "wait"


class Dare(bs.Action, frozen=True):
    """Take a risk."""

    @property
    def adds_risk(self) -> bool:
        return True


class Daredevil(bs.Executor):
    """Says when it takes one."""

    @bs.on(Dare)
    def dare(self, dare: Dare) -> None:
        _say("dared")


class Blocker(bs.Strategy):
    """Blocks as it is told to, and says when that begins and is over. Then it dares something."""

    @bs.on(Recovered)
    def greet(self, recovered: Recovered) -> bs.Actions:
        yield Say(line="recovered")

    @bs.on(Told)
    def obey(self, told: Told) -> bs.Actions:
        _say("begin")
        KINDS[told.word]()
        _say("end")
        yield Dare()

    @bs.on(LoopBlocked)
    def tell(self, blocked: LoopBlocked) -> bs.Actions:
        yield Say(line=f"told {blocked.handler} {blocked.blocked_s}")


class Named(logging.Handler):
    """Says at once what the watchdog logs, in its thread."""

    def emit(self, record: logging.LogRecord) -> None:
        handler, what, *_rest = record.getMessage().split()
        if what == "blocks":
            _say(f"named {handler}")


def cast(_stage: Stage) -> Cast:
    logging.getLogger("bowstring.core.watchdog").addHandler(Named())
    return Cast(strategies=[Blocker()], executors=[Daredevil()])


def _say(line: str) -> None:
    word, *rest = line.split()
    os.write(1, f"{' '.join([word, str(time.monotonic_ns()), *rest])}\n".encode())  # by whatever thread, as a whole


class Blocks(Struct):
    """How long it took to name each block, in seconds, and what went wrong.

    ``long`` is how many lasted for `LONG_S`, ``dared`` after how many of these there was new risk before all were told.
    """

    named_s: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    long: int = 0
    dared: int = 0
    findings: list[str] = field(default_factory=list[str])


def run(bench: Bench) -> Outcome:
    folder, random, blocks = bench.room("blocked"), Random(f"blocked {bench.seed}"), Blocks()
    times = bench.many(short=3, long=50)
    with exchange(folder) as running:
        script = Script(
            cast=__name__,
            addresses=running.addresses,
            account=running.account(ACCOUNT),
            folder=str(folder),
            mutant=bench.mutant,
        )
        with bot(script) as started:
            started.heard("recovered")
            for _ in range(times):
                for kind in KINDS:
                    time.sleep(random.uniform(0.1, 0.3))
                    _block(started, kind, blocks)
            started.stop()
    return _outcome(blocks, times=times)


def _block(started: Bot, kind: str, blocks: Blocks) -> None:
    """Have it block, and note what is said until it is over."""
    started.say(kind)
    said: dict[str, list[str]] = {}
    while "told" not in said:
        line = started.lines.next(within_s=5 * (KEEPS_S if kind == "keep" else BLOCK_S))
        if line is None and kind == "keep" and not _is_long(said):
            return
        if line is None:
            blocks.findings.append(f"{kind}: nobody was told of it; what was said: {said}")
            return
        word, *rest = line.split()
        said[word] = rest
    if "begin" not in said:
        blocks.findings.append(f"{kind}: it was told of one before; what was said: {said}")
        return
    if _is_long(said):
        blocks.long += 1
        blocks.dared += "dared" in said
    if kind == "keep" and ("named" not in said or HANDLER not in said["told"]):
        return  # the thread may see it a moment after all were told
    if "named" not in said or HANDLER not in said["named"] or HANDLER not in said["told"]:
        blocks.findings.append(f"{kind}: it was not named; what was said: {said}")
        return
    since = "end" if kind == "keep" else "begin"
    named_s = (int(said["named"][0]) - int(said[since][0])) / 1e9
    blocks.named_s.setdefault(kind, []).append(named_s)


def _is_long(said: Mapping[str, Sequence[str]]) -> bool:
    return "end" in said and int(said["end"][0]) - int(said["begin"][0]) >= LONG_S * 1e9


def _outcome(blocks: Blocks, *, times: int) -> Outcome:
    kept_s = blocks.named_s.pop("keep", [])
    late = f"{len(kept_s)} of {times}, at most {max(kept_s, default=0) * 1000:.0f} ms after its end"
    return Outcome(
        figures=[
            *(Within(f"{kind}: named within", named_s, LIMIT_S) for kind, named_s in blocks.named_s.items()),
            Note(f"C code that keeps the interpreter's lock, of which nothing is promised: named {late}"),
            Zero("blocks that were not named, or not told", len(blocks.findings), times * len(KINDS)),
            Zero("long blocks with new risk before all were told", blocks.dared, blocks.long),
        ],
        findings=blocks.findings,
    )


ROW = Row(
    id="F14",
    fault="strategy blocks the loop",
    how=f"time.sleep, a loop of Python, C code that lets go of the interpreter's lock, C that keeps it for {KEEPS_S} s",
    promise="named within 250 ms; after a second no new risk, whoever it was",
    run=run,
    is_timed=True,
)
