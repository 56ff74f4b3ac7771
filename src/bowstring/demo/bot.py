"""The demo's bot: a program of its own, that may be killed at any time and started again.

Its keys are in the environment. It stops in order on SIGTERM, and when its standard input ends.
"""

import sys
from decimal import Decimal
from pathlib import Path

from msgspec import Struct
from msgspec.json import decode

import bowstring as bs
from bowstring.demo.bots import Bidder, Maker
from bowstring.demo.journal import read_journal
from bowstring.demo.monitor import Monitor, Terminal, summary
from bowstring.venues.binance import Binance

SYMBOLS = ("BTC/USDT", "ETH/USDT")
BOTS = ("Bidder", "Maker")


class Settings(Struct, frozen=True, kw_only=True):
    """Its one argument, in JSON: where the exchange is, where the journal, and since when it trades.

    ``began_ns`` is on the monotonic clock; 0: it has not begun.
    """

    rest: str
    ws: str
    ws_api: str
    journal: str
    began_ns: int = 0


def run(settings: Settings) -> None:
    """Trade until told to stop. Raises what `run_engine` raises."""
    venue = Binance("local", rest_url=settings.rest, ws_url=settings.ws, ws_api_url=settings.ws_api)
    monitor = Monitor(SYMBOLS, bots=BOTS, past=read_journal(Path(settings.journal)), began_ns=settings.began_ns)
    terminal = Terminal()
    engine = bs.Engine(
        collectors=[venue.quotes(*SYMBOLS), venue.trades(*SYMBOLS), bs.Every(1)],
        strategies=[
            Bidder("BTC/USDT", size=Decimal("0.001"), max_position=Decimal("0.01")),
            Maker("ETH/USDT", size=Decimal("0.1"), patience=Decimal("0.50")),
            monitor,
        ],
        guards=[
            bs.MaxNotional(Decimal(500)),
            bs.MaxPosition("BTC/USDT", Decimal("0.02")),
            bs.MaxPosition("ETH/USDT", Decimal(2)),
            bs.OrderRate(90, per_s=10),  # the venue's limit: 100
        ],
        executors=[terminal, venue.executor(journal=settings.journal)],
    )
    try:
        bs.run_engine(engine)
    finally:
        if not terminal.is_alone:
            print(*summary(monitor), sep="\n", flush=True)


if __name__ == "__main__":
    run(decode(sys.argv[1], type=Settings))
