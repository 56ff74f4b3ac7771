"""The demo: a bot and an exchange, two processes that trade over real sockets.

The bot signs on at the local exchange by its keys and trades there as it would on Binance. At the end what the exchange
has in its ledger is compared with what the bot was told.
"""

import sys
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import bowstring as bs
from bowstring.demo.bots import Bidder, Maker
from bowstring.demo.comparison import compare
from bowstring.demo.exchange import Exchange, local_exchange
from bowstring.demo.monitor import Monitor, Session, Terminal, summary
from bowstring.demo.record import Told, of_ledger
from bowstring.local_exchange.audit import replay
from bowstring.venues.binance import Binance

SYMBOLS = ("BTC/USDT", "ETH/USDT")
BOTS = ("Bidder", "Maker")
DISAGREES = 1  # exit code


def demo(*, seconds: float) -> None:
    """Run it. Raises ``SystemExit`` with 1 where ledger and bot do not agree, else what `run_engine` raises."""
    told = Told()
    with TemporaryDirectory(prefix="bowstring-demo-") as folder:
        ledger = Path(folder) / "ledger.jsonl"
        with local_exchange(*(symbol.replace("/", "") for symbol in SYMBOLS), ledger=ledger) as exchange:
            print(f"exchange: {exchange.ready.rest} {exchange.ready.ws} (process {exchange.process_id})")
            ended = _trade(exchange, told, seconds=seconds)
            trouble = exchange.stop()
        agree = _compare(ledger, told, account=exchange.ready.accounts[0].name)
    if trouble:
        print(f"bowstring: {trouble}", file=sys.stderr)
    if ended is not None:
        raise ended
    if trouble or not agree:
        raise SystemExit(DISAGREES)


def _trade(exchange: Exchange, told: Told, *, seconds: float) -> SystemExit | None:
    """Run the bot, and print what it does; returns the exit that it was to end with if something was left behind."""
    ready = exchange.ready
    venue = Binance("local", rest_url=ready.rest, ws_url=ready.ws, ws_api_url=ready.ws_api)
    monitor = Monitor(SYMBOLS, bots=BOTS)
    engine = bs.Engine(
        collectors=[venue.quotes(*SYMBOLS), venue.trades(*SYMBOLS), bs.Every(1), Session(seconds, exchange=exchange)],
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
        executors=[venue.executor(keys=ready.accounts[0].keys()), told, Terminal()],
    )
    print(monitor.heading(), flush=True)
    ended = None
    try:
        bs.run_engine(engine)
    except SystemExit as left_behind:
        ended = left_behind
    print("\nsummary", *summary(monitor, engine.accounts()), sep="\n", flush=True)
    return ended


def _compare(ledger: Path, told: Told, *, account: str) -> bool:
    """Print what the ledger says of the account beside what the bot was told; returns whether they agree."""
    print("\nthe exchange's ledger, and what the bot was told")
    if not told.has_signed_on:
        print("  there is nothing to compare: the bot ended before it had signed on")
        return False
    audit = replay(ledger)
    comparison = compare(of_ledger(audit, account), told.record(), contradictions=audit.findings)
    print(*comparison.lines(), sep="\n", flush=True)
    return not comparison.differences
