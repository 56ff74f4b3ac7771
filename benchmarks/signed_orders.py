"""From the tick to a signed order on the local exchange, and to its answer: one order at a time.

The exchange, in a process on another core, sends best prices as its participants change them, and each client answers
one with a limit order at the bid, immediate or cancel. ``written`` is from the read callback of the frame with the
price until the kernel has the order's bytes, ``answered`` until the frame with the answer is there, both in
microseconds; then the medians of parts of the way: signing, encoding (from the order to bytes) and writing to the
socket. What remains is decoding, the strategy, and of bowstring its queue, guard, intents and order states.

*session* is bowstring logged on with Ed25519, so that orders need no signature; *ed25519* and *hmac* sign each;
*rest* signs each with HMAC and sends it by HTTP. *bare* is picows with JSON made by hand, on a session or with HMAC;
*ccxt* is ccxt.pro's ``create_order_ws``, with HMAC. It hears of a tick later, when its own client has taken the frame.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial

from msgspec.json import decode

from benchmarks.feed import ROOT
from benchmarks.figures import Ratio, Sample, Table, alternate
from benchmarks.local_exchange import local_exchange

SPEED = "100"  # some hundred best prices a second
START_S = 60.0
CLIENTS = {
    "session": ["signed_bot", "session"],
    "hmac": ["signed_bot", "hmac"],
    "ed25519": ["signed_bot", "ed25519"],
    "rest": ["signed_bot", "rest"],
    "bare session": ["signed_bare", "session"],
    "bare hmac": ["signed_bare", "hmac"],
    "ccxt": ["signed_ccxt"],
}
RATIOS = (
    Ratio(column="written p50", variant="session", beside="bare session"),
    Ratio(column="answered p50", variant="session", beside="bare session"),
    Ratio(column="written p50", variant="hmac", beside="bare hmac"),
    Ratio(column="written p50", variant="hmac", beside="ccxt"),
    Ratio(column="answered p50", variant="hmac", beside="ccxt"),
    Ratio(column="answered p50", variant="rest", beside="hmac"),
)


def run(*, runs: int, seconds: float, clients: Sequence[str] = tuple(CLIENTS)) -> Iterator[Table]:
    """Yield one table. ``clients``: some of `CLIENTS`."""
    with local_exchange("--symbols", "BTCUSDT", "--speed", SPEED) as told:
        variants = {client: partial(_measure, told, client, seconds) for client in clients}
        yield Table(
            title="tick to signed order on the local exchange, us",
            samples=alternate(variants, runs=runs),
            ratios=[ratio for ratio in RATIOS if {ratio.variant, ratio.beside} <= set(clients)],
        )


def _measure(told: bytes, client: str, seconds: float) -> Sample:
    module, *arguments = CLIENTS[client]
    command = [sys.executable, "-m", f"benchmarks.clients.{module}", *arguments, str(seconds)]
    client_run = subprocess.run(
        command, cwd=ROOT, check=True, input=told, stdout=subprocess.PIPE, timeout=START_S + seconds
    )
    return decode(client_run.stdout, type=Sample)
