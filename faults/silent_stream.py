"""F11: one stream falls silent, and its socket lives on: orders that need its prices are refused once those are old.

The bot asks for an order in both symbols a hundred times a second. The stream of the one is frozen: the ledger tells
when the last order in it was accepted, the bot when the last price had come. The other symbol's orders go on.
"""

import time
from collections.abc import Iterator, Sequence
from decimal import Decimal

from msgspec import Struct, field

import bowstring as bs
from bowstring.local_exchange.faults.kinds import FreezeStream
from bowstring.trading.guards import PriceCollar
from bowstring.trading.messages import Recovered
from bowstring.venues.binance import Binance
from faults.bot import Cast, Pulse, Say, Stage
from faults.figures import Note, Outcome, Within, Zero
from faults.gauge import Gauge
from faults.row import Bench, Row
from faults.trial import ACCOUNT, Trial, trial

SILENT, ALIVE = "BTC/USDT", "ETH/USDT"
BUDGET_S, GRACE_S = 1.0, 0.1
FROZEN_S, THAWED_S = 2.5, 1.5
SPEED = 3  # a market that has a price several times a second
KEEPERS = ("the guard", "the stream")
"""Who counts the budget: a guard the age of the price, or the collector the silence of the stream."""


class Seen(Struct):
    """``late_s``: from the end of the budget to the last order that was accepted. The others are counts."""

    late_s: list[float] = field(default_factory=list[float])
    accepted: int = 0
    others: int = 0
    findings: list[str] = field(default_factory=list[str])


class Asking(bs.Strategy):
    """Asks for orders that cannot trade, and notes when a price came."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._bids: dict[str, Decimal] = {}

    @bs.on(Recovered)
    def greet(self, _recovered: Recovered) -> bs.Actions:
        yield Say(line="recovered")

    @bs.on(bs.Quote)
    def note(self, quote: bs.Quote) -> None:
        self._bids[quote.symbol] = quote.bid
        if quote.symbol == SILENT:
            self._gauge["quoted_ns"] = quote.received_ns

    @bs.on(Pulse)
    def ask(self, _pulse: Pulse) -> bs.Actions:
        for symbol, bid in self._bids.items():
            price = (bid * Decimal("0.9")).quantize(Decimal("0.01"))
            yield bs.PlaceOrder(symbol=symbol, side="buy", quantity=Decimal("0.01"), price=price, time_in_force="ioc")


def cast(stage: Stage) -> Cast:
    addresses = stage.script.addresses
    by_stream = stage.script.words["keeper"] == "the stream"
    venue = Binance("local", rest_url=addresses.rest, ws_url=addresses.ws, ws_api_url=addresses.ws_api)
    return Cast(
        collectors=[venue.quotes(SILENT, ALIVE, stale_after_s=BUDGET_S if by_stream else None)],
        strategies=[Asking(stage.gauge)],
        guards=[PriceCollar(Decimal("0.5"), stale_after_s=60 if by_stream else BUDGET_S)],
        every_s=0.01,
    )


def run(bench: Bench) -> Outcome:
    seen = [_seen(bench, keeper) for keeper in KEEPERS]
    accepted, others = sum(one.accepted for one in seen), sum(one.others for one in seen)
    findings = [finding for one in seen for finding in one.findings]
    return Outcome(
        figures=[
            *(
                Within(f"counted by {keeper}: last order accepted after the budget", one.late_s, GRACE_S)
                for keeper, one in zip(KEEPERS, seen, strict=True)
            ),
            Note(f"{accepted:,} orders accepted in the symbol, {others:,} in the other one while it was silent"),
            Zero("other findings", len(findings), sum(len(one.late_s) for one in seen)),
        ],
        findings=findings,
    )


def _seen(bench: Bench, keeper: str) -> Seen:
    seen = Seen()
    with trial(
        bench, keeper.replace(" ", "-"), cast="faults.silent_stream", words={"keeper": keeper}, speed=SPEED
    ) as tried:
        tried.bot.say("go")
        for _ in range(bench.many(short=2, long=30)):
            time.sleep(THAWED_S)
            _freeze(tried, seen)
        tried.bot.say("rest")
        seen.findings += map(str, tried.settled().findings)
    return seen


def _freeze(tried: Trial, seen: Seen) -> None:
    """Freeze the stream for a while. In the end some orders must have been refused, and none before nor after."""
    before = _accepted(tried, SILENT)
    with tried.running.faults.during(FreezeStream(stream=f"{_name(SILENT).lower()}@bookTicker")):
        time.sleep(FROZEN_S)
        quoted_us = tried.bot.gauge["quoted_ns"] // 1000
        inside, others = _accepted(tried, SILENT)[len(before) :], _accepted(tried, ALIVE)
    over_us = quoted_us + round(BUDGET_S * 1e6)
    seen.late_s += [max(0.0, (inside[-1] - over_us) / 1e6)] if inside else []
    seen.accepted += len(inside)
    seen.others += sum(time_us > over_us for time_us in others)
    if not inside or not seen.others:
        seen.findings.append(f"{len(inside)} orders in {SILENT}, {seen.others} in {ALIVE}: the bot did not trade")


def _accepted(tried: Trial, symbol: str) -> Sequence[int]:
    """When the bot's orders in a symbol were accepted, in microseconds since the epoch."""
    return [*_times(tried, _name(symbol))]


def _times(tried: Trial, name: str) -> Iterator[int]:
    for order in tried.running.ledger.read().audit.orders.values():
        if order.account == ACCOUNT and order.symbol == name:
            yield order.accepted_us


def _name(symbol: str) -> str:
    return symbol.replace("/", "")


ROW = Row(
    id="F11",
    fault="one stream silent, socket alive",
    how="exchange switch; the budget counted by a guard, or by the collector",
    promise="refused within budget + 0.1 s",
    run=run,
    is_timed=True,
)
