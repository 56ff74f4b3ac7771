"""From the tick to the trade, over loopback: a venue process sends a quote and times the order that answers it.

Every client has a connection for quotes and one for orders, reads the same frames on uvloop, and answers each with an
order at its bid, which the venue checks. The venue sends 500 quotes a second, unevenly, from a core of its own.

*bare* is a picows callback with msgspec. *bowstring* is a bot with a strategy, a guard and an executor that sends the
frame, *spinning* the same with ``spin=True``, *unwatched* the same without a watchdog; *orders* has bowstring's
`OrderExecutor` and `MaxNotional` instead, and *controlled* besides looks for a human's commands.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from tempfile import TemporaryDirectory

from benchmarks.feed import ROOT
from benchmarks.figures import OTHER, Ratio, Sample, Table, alternate, latency, pin
from benchmarks.venue import Venue

CLIENTS = {
    "bare": ["bare"],
    "bowstring": ["bot"],
    "spinning": ["bot", "spin"],
    "unwatched": ["bot", "unwatched"],
    "orders": ["order_executor"],
    "controlled": ["order_executor", "memory", "{folder}/bot"],
    "ccxt": ["ccxt_pro"],
}
TARGETS = (
    Ratio(column="p50 us", variant="bowstring", beside="bare", at_most=1.15),
    Ratio(column="p50 us", variant="spinning", beside="bare", at_most=0.5),
    Ratio(column="p50 us", variant="bowstring", beside="ccxt", at_most=0.2),
    Ratio(column="p50 us", variant="spinning", beside="ccxt"),
    Ratio(column="p99 us", variant="bowstring", beside="bare"),
    Ratio(column="p50 us", variant="orders", beside="bare"),
    Ratio(column="p50 us", variant="bowstring", beside="unwatched"),
    Ratio(column="p99 us", variant="bowstring", beside="unwatched"),
    Ratio(column="p50 us", variant="controlled", beside="orders"),
    Ratio(column="p99 us", variant="controlled", beside="orders"),
)


def run(*, runs: int, seconds: float, clients: Sequence[str] = tuple(CLIENTS)) -> Iterator[Table]:
    """Yield one table. ``clients``: some of `CLIENTS`."""
    pin(OTHER)
    with Venue() as venue:
        variants = {client: partial(_measure, venue, client, seconds) for client in clients}
        yield Table(
            title="tick to trade on loopback",
            samples=alternate(variants, runs=runs),
            ratios=[ratio for ratio in TARGETS if {ratio.variant, ratio.beside} <= set(clients)],
        )


def _measure(venue: Venue, client: str, seconds: float) -> Sample:
    module, *arguments = CLIENTS[client]
    with TemporaryDirectory() as folder:
        filled_in = [argument.format(folder=folder) for argument in arguments]
        command = [sys.executable, "-m", f"benchmarks.clients.{module}", venue.url, *filled_in]
        with subprocess.Popen(command, cwd=ROOT) as process:
            return latency(venue.measure(process, seconds=seconds))
