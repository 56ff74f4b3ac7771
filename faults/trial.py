"""One bot at one exchange: started, put to the test, brought to rest, judged."""

import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import TimeoutExpired

from msgspec import Struct, convert
from msgspec.structs import replace

from bowstring.venues.binance.gateway import OrdersOver
from faults.bot import Script
from faults.bots import Bot, bot
from faults.exchange import Exchange, exchange
from faults.figures import Figure, Outcome, Zero
from faults.gateway import Truth
from faults.ledger import Ledger, Line
from faults.oracle import Finding, Judgement, judge
from faults.record import read
from faults.row import Bench

ACCOUNT = "alice"
SETTLE_S = 20.0
LOOK_EVERY_S = 0.25
HEAR_S = 60.0
PLACING = frozenset({"order.place", "POST /api/v3/order", "order.cancelReplace", "POST /api/v3/order/cancelReplace"})


class Trial(Struct, frozen=True):
    """A bot that has recovered, and the exchange that it trades at."""

    running: Exchange
    script: Script
    bot: Bot

    def attempt(self, provoke: Callable[[], object]) -> Sequence[Finding]:
        """Provoke the bot; returns what there is to say if it gets stuck by that."""
        try:
            provoke()
        except ChildProcessError as error:
            return [Finding("I11", str(error))]
        return []

    def judge(self) -> Judgement:
        """What the oracle says now; also of intents that were sent more than once, accepted or not."""
        journal = Path(self.script.folder) / self.script.journal
        judgement = judge(self.running.ledger.read(), self.script.account.name, read(journal))
        return replace(judgement, findings=[*judgement.findings, *sent_twice(self.running.ledger, ACCOUNT)])

    def settled(self, *, within_s: float = SETTLE_S) -> Judgement:
        """Wait until ledger and journal agree, then stop the bot, which leaves its orders, and judge for good."""
        deadline = time.monotonic() + within_s
        while self.judge().findings and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)
        wrong_end = self._stop()
        judgement = self.judge()
        return replace(judgement, findings=[*judgement.findings, *wrong_end])

    def _stop(self) -> Sequence[Finding]:
        try:
            code, _seconds = self.bot.stop()
        except TimeoutExpired as error:
            return [Finding("I11", f"the bot did not end within {error.timeout:g} s")]
        return [Finding("I11", f"a bot with nothing in doubt ended with {code}")] if code else []


@contextmanager
def trial(
    bench: Bench,
    name: str,
    *,
    cast: str,
    truth: Truth = Truth(),  # noqa: B008  # frozen
    words: Mapping[str, str] | None = None,
    orders_over: OrdersOver = "ws",
    reconcile_every_s: float = 30.0,
    symbols: Sequence[str] = ("BTCUSDT", "ETHUSDT"),
    speed: float = 0,
    weight_limit: int | None = None,
) -> Generator[Trial]:
    """Run both; the bot trades as `ACCOUNT`, and says ``recovered`` first of all.

    With a ``weight_limit``, which the bot knows, the exchange has the limits that Binance has, else none.
    """
    folder = bench.room(name)
    options = ("--seed", f"{bench.seed}") if weight_limit else ()  # without any, it has no limits
    with exchange(folder, symbols=symbols, speed=speed, options=options) as running:
        script = Script(
            cast=cast,
            addresses=running.addresses,
            account=running.account(ACCOUNT),
            folder=str(folder),
            truth=truth,
            orders_over=orders_over,
            weight_limit=weight_limit,
            seed=bench.seed,
            reconcile_every_s=reconcile_every_s,
            mutant=bench.mutant,
            words=dict(words or {}),
        )
        with bot(script) as started:
            started.heard("recovered")
            yield Trial(running, script, started)


def hear_all(bot: Bot, *words: str, within_s: float = HEAR_S) -> Mapping[str, Sequence[str]]:
    """Wait for lines with all of these words, in whatever order; returns the rest of each.

    Raises `ChildProcessError`.
    """
    deadline = time.monotonic() + within_s
    heard: dict[str, Sequence[str]] = {}
    while missing := [word for word in words if word not in heard]:
        line = bot.lines.next(within_s=deadline - time.monotonic())
        if line is None:
            raise ChildProcessError(f"the bot did not say {', '.join(missing)} within {within_s:g} s")
        word, *rest = line.split()
        heard.setdefault(word, rest)
    return heard


def sent_twice(ledger: Ledger, account: str) -> Sequence[Finding]:
    """Intents that came to the exchange more than once, whatever it made of them."""
    requests = [convert(line["params"], dict[str, str]) for line in placed(ledger, account)]
    names = Counter(params.get("newClientOrderId", "") for params in requests)
    return [Finding("I1", f"{name} was sent {count} times") for name, count in names.items() if count > 1]


def placed(ledger: Ledger, account: str) -> Sequence[Line]:
    """All requests of an account that were to place an order, let in or not."""
    return [
        line
        for line in ledger.lines
        if line["kind"] in {"request", "refused"} and line["account"] == account and line["method"] in PLACING
    ]


def outcome(figures: Sequence[Figure], findings: Sequence[Finding]) -> Outcome:
    """What came of a row."""
    return Outcome(figures=figures, findings=[*map(str, findings)])


def zeros(findings: Sequence[Finding], *, of: int) -> Sequence[Figure]:
    """What must not happen to orders, out of so many chances of it."""

    def zero(what: str, *rules: str) -> Zero:
        return Zero(what, sum(finding.rule in rules for finding in findings), of)

    return [
        zero("orders duplicated, or sent twice", "I1"),
        zero("orders unknown to the journal", "I2"),
        zero("orders lost, or in another state than at the exchange", "I3"),
        zero("fills, positions or balances that differ", "I4"),
        zero("intents without one outcome", "I5"),
    ]
