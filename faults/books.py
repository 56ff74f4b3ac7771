"""F10: messages of a book are lost or wrong, and snapshots are old. Nobody may read what is not true.

A strategy reads its books at every event and in between, and writes down what it saw. That is held against what it
received, replayed by other code, and against what the exchange shows of the same updates.
"""

import http.client
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.json import decode

import bowstring as bs
from bowstring.local_exchange.faults.kinds import CrossBook, Fault, GapBook, StaleSnapshot
from bowstring.market.book import OrderBook
from bowstring.market.events import BookChanged, BookLost
from bowstring.net.recorder import Recorder
from bowstring.trading.messages import Recovered
from bowstring.venues.binance import Binance
from faults.book_replay import TOP, Replay, Snapshot, digest, replayed
from faults.bot import Cast, Pulse, Say, Stage
from faults.exchange import Exchange
from faults.figures import Figure, Note, Outcome, Zero
from faults.oracle import Finding
from faults.row import Bench, Row
from faults.trial import Trial, outcome, trial

SYMBOLS = ("BTCUSDT", "ETHUSDT")
UNIFIED = {"BTC/USDT": "BTCUSDT", "ETH/USDT": "ETHUSDT"}
SPEED = 3
READS_EVERY_S = 0.005
POLL_EVERY_S = 0.02
OLD_S = 0.2
"""For so long snapshots are old, where they are."""
BACK_S = 30.0
TRIES, LOST_S = 5, 3.0
READS, RECORDING = "reads", "recording"


class Reader(bs.Strategy):
    """Reads its books whenever it can, and writes that down; says when one is ``lost``, and ``valid`` again."""

    def __init__(self, stage: Stage, recorder: Recorder) -> None:
        self._path = Path(stage.script.folder) / READS
        self._recorder = recorder
        self._books: dict[str, OrderBook] = {}
        self._was_valid: dict[str, bool] = {}

    async def start(self) -> None:
        self._file = self._path.open("w")

    def stop(self) -> bs.Actions:
        self._file.close()
        self._recorder.close()
        return ()

    @bs.on(Recovered)
    def greet(self, _recovered: Recovered) -> bs.Actions:
        yield Say(line="recovered")

    @bs.on(BookLost)
    def lose(self, lost: BookLost) -> bs.Actions:
        self._file.write(f"{self.clock.now_ns()} {UNIFIED[lost.symbol]} lost\n")
        self._was_valid[lost.symbol] = False
        yield Say(line=f"lost {UNIFIED[lost.symbol]}")

    @bs.on(BookChanged)
    def see(self, changed: BookChanged) -> bs.Actions:
        self._books[changed.symbol] = changed.book
        self._read(changed.book)
        if changed.book.is_valid and not self._was_valid.get(changed.symbol):
            self._was_valid[changed.symbol] = True
            yield Say(line=f"valid {UNIFIED[changed.symbol]}")

    @bs.on(Pulse)
    def look(self, _pulse: Pulse) -> None:
        for book in self._books.values():
            self._read(book)

    def _read(self, book: OrderBook) -> None:
        now_ns = self.clock.now_ns()
        bids, asks = book.bids(TOP), book.asks(TOP)
        seen = "nothing" if bids is None or asks is None else f"{book.update_id} {digest(bids, asks)}"
        self._file.write(f"{now_ns} {UNIFIED[book.symbol]} {seen}\n")


class Part(Struct, frozen=True):
    """What was found. ``found_s``: from a message that shows a fault to its loss being told."""

    findings: Sequence[Finding]
    faults: Mapping[str, int]
    stale: int
    reads: int
    empty: int
    wrong: int
    differing: int
    late: int
    common: int
    untrue: int


def run(bench: Bench) -> Outcome:
    with (
        trial(bench, "bot", cast="faults.books", symbols=SYMBOLS, speed=SPEED) as on_trial,
        _polled(on_trial.running) as true,
    ):
        stuck = on_trial.attempt(partial(_provoke, on_trial, bench))
        time.sleep(0.5)  # so that the last books are polled, too
        on_trial.bot.stop()
        part = _judged(Path(on_trial.script.folder), true, stuck)
    faults = sum(part.faults.values())
    figures: Sequence[Figure] = [
        Note(
            f"{', '.join(f'{count:,} times {reason}' for reason, count in sorted(part.faults.items()))},"
            f" {part.stale:,} snapshots too old"
        ),
        Zero("faults not found at the message that shows them", part.late, faults),
        Zero("reads that told of a book while it was invalid", part.wrong, part.reads),
        Zero("reads that differ from what was received", part.differing, part.reads),
        Zero("reads that differ from the exchange's book of the same update", part.untrue, part.common),
    ]
    return outcome(figures, part.findings)


def _provoke(on_trial: Trial, bench: Bench) -> None:
    """One fault after the other, each once both books are valid."""
    random, bot = Random(bench.seed), on_trial.bot
    for _ in SYMBOLS:
        bot.heard("valid", within_s=BACK_S)
    bot.say("go")
    for number in range(bench.many(short=9, long=600)):
        symbol = random.choice(SYMBOLS)
        kinds: Sequence[Sequence[Fault]] = (
            [GapBook(symbol=symbol, count=1)],
            [CrossBook(symbol=symbol, count=1)],
            [StaleSnapshot(symbol=symbol), GapBook(symbol=symbol, count=1)],
        )
        _strike(on_trial, kinds[number % len(kinds)])
        bot.heard("valid", within_s=BACK_S)


def _strike(on_trial: Trial, kinds: Sequence[Fault]) -> None:
    """Bring faults about, until a book is lost by them: they may meet a message of a stream that nobody hears."""
    for _ in range(TRIES):
        with ExitStack() as switched:
            for fault in kinds:
                switched.enter_context(on_trial.running.faults.during(fault))
            if on_trial.bot.lines.until("lost", within_s=LOST_S) is not None:
                time.sleep(OLD_S if len(kinds) > 1 else 0)
                return
    raise ChildProcessError(f"no book was lost in {TRIES} times {LOST_S:g} s, by {kinds}")


Digests = dict[tuple[str, int], int]


@contextmanager
def _polled(running: Exchange) -> Generator[Digests]:
    """What the exchange shows of its books, by symbol and update, asked for all the time."""
    url, over = urlsplit(running.addresses.rest), threading.Event()
    true: Digests = {}

    def poll() -> None:
        # From an address of its own: what it asks for does not count towards the bot's limits.
        connection = http.client.HTTPConnection(
            url.hostname or "", url.port, timeout=10, source_address=("127.0.0.2", 0)
        )
        while not over.wait(POLL_EVERY_S):
            for symbol in SYMBOLS:
                connection.request("GET", f"/api/v3/depth?symbol={symbol}&limit={TOP}")
                shown = decode(connection.getresponse().read(), type=Snapshot)
                true[symbol, shown.lastUpdateId] = digest(_exact(shown.bids), _exact(shown.asks))
        connection.close()

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield true
    finally:
        over.set()
        thread.join()


def _exact(levels: Sequence[tuple[str, str]]) -> Sequence[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(quantity)) for price, quantity in levels]


class Read(Struct, frozen=True):
    """One reading. ``digest`` None: there was nothing to read; ``is_loss``: that was told."""

    time_ns: int
    symbol: str
    update_id: int = 0
    digest: int | None = None
    is_loss: bool = False


def _judged(folder: Path, true: Digests, stuck: Sequence[Finding]) -> Part:
    replays, reads = replayed(folder / RECORDING), [*_reads(folder / READS)]
    told = [read for read in reads if not read.is_loss]
    seen = [read for read in told if read.digest is not None]
    wrong = [read for read in seen if (state := replays[read.symbol].at(read.time_ns)) and state.digest is None]
    differing = [read for read in seen if not _agrees(read, replays[read.symbol])]
    common = [
        read
        for read in {(one.symbol, one.update_id): one for one in seen}.values()
        if (read.symbol, read.update_id) in true
    ]
    untrue = [read for read in common if true[read.symbol, read.update_id] != read.digest]
    late = [f"{symbol}: {reason}" for symbol, replay in replays.items() for reason in _late(symbol, replay, reads)]
    return Part(
        [
            *stuck,
            *(Finding("I9", f"{read} was read while the book was invalid") for read in wrong),
            *(Finding("I9", f"{read} is not what was received") for read in differing if read not in wrong),
            *(Finding("I9", f"{read} is not what the exchange shows") for read in untrue),
            *(Finding("I9", f"not found at once: {text}") for text in late),
        ],
        faults=_counted(replays),
        stale=sum(replay.stale for replay in replays.values()),
        reads=len(told),
        empty=len(told) - len(seen),
        wrong=len(wrong),
        differing=len(differing),
        late=len(late),
        common=len(common),
        untrue=len(untrue),
    )


def _agrees(read: Read, replay: Replay) -> bool:
    state = replay.at(read.time_ns)
    return state is not None and (state.update_id, state.digest) == (read.update_id, read.digest)


def _late(symbol: str, replay: Replay, reads: Sequence[Read]) -> Iterator[str]:
    """The faults that were not told before the next message."""
    losses = [read.time_ns for read in reads if read.is_loss and read.symbol == symbol]
    for fault in replay.faults:
        next_ns = next((time_ns for time_ns in replay.messages_ns if time_ns > fault.time_ns), None)
        if not any(fault.time_ns <= loss and (next_ns is None or loss < next_ns) for loss in losses):
            yield f"{fault.reason} after update {fault.update_id}"


def _counted(replays: Mapping[str, Replay]) -> Mapping[str, int]:
    reasons = [fault.reason for replay in replays.values() for fault in replay.faults]
    return {reason: reasons.count(reason) for reason in set(reasons)}


def _reads(path: Path) -> Iterator[Read]:
    for line in path.read_text().splitlines():
        time_ns, symbol, *rest = line.split()
        if rest == ["lost"]:
            yield Read(int(time_ns), symbol, is_loss=True)
        elif rest == ["nothing"]:
            yield Read(int(time_ns), symbol)
        else:
            yield Read(int(time_ns), symbol, int(rest[0]), int(rest[1]))


def cast(stage: Stage) -> Cast:
    addresses = stage.script.addresses
    recorder = Recorder(Path(stage.script.folder) / RECORDING, max_bytes=1 << 40)
    venue = Binance(
        "local", rest_url=addresses.rest, ws_url=addresses.ws, ws_api_url=addresses.ws_api, recorder=recorder
    )
    return Cast(
        collectors=[venue.books(*UNIFIED, levels=100)], strategies=[Reader(stage, recorder)], every_s=READS_EVERY_S
    )


ROW = Row(
    id="F10",
    fault="book gap, stale snapshot, crossed book",
    how="exchange switches; a strategy reads at every event and every 5 ms, the messages are replayed by other code",
    promise="found at the next message; 0 reads while invalid",
    run=run,
)
