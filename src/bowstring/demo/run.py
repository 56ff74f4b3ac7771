"""The demo: a bot and an exchange, two processes that trade over real sockets, and the bot is killed in the middle.

The bot signs on at the local exchange by its keys and trades there as it would on Binance. At the end what the exchange
has in its ledger is compared with what the bot has in its journal.
"""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bowstring.demo.bot import SYMBOLS
from bowstring.demo.comparison import compare
from bowstring.demo.exchange import local_exchange
from bowstring.demo.journal import read_journal
from bowstring.demo.ledger import of_ledger
from bowstring.demo.lives import Lives
from bowstring.local_exchange.audit import replay
from bowstring.trading.journal.commands import verify

DISAGREES = 1  # exit code


def demo(*, seconds: float, kills: int) -> None:
    """Run it. Raises ``SystemExit`` with the bot's exit code, if that is not 0, or 1 where the two do not agree."""
    with TemporaryDirectory(prefix="bowstring-demo-") as folder:
        ledger, journal = Path(folder) / "ledger.jsonl", Path(folder) / "bot.journal"
        with local_exchange(*(symbol.replace("/", "") for symbol in SYMBOLS), ledger=ledger) as exchange:
            print(f"exchange: {exchange.ready.rest} {exchange.ready.ws} (process {exchange.process_id})", flush=True)
            lives = Lives(exchange, journal=journal)
            code = asyncio.run(lives.run(seconds=seconds, kills=kills))
            trouble = exchange.stop()
        print("\nthe exchange's ledger, and the bot's journal")
        if lives.was_ready:
            agree = _compare(ledger, journal, account=exchange.ready.accounts[0].name)
        else:
            print("  there is nothing to compare: the bot ended before it had signed on")
            agree = False
    if trouble:
        print(f"bowstring: {trouble}", file=sys.stderr)
    if code < 0:
        print(f"bowstring: the bot was ended by signal {-code}", file=sys.stderr)
    if code or trouble or not agree:
        raise SystemExit(code if code > 0 else DISAGREES)


def _compare(ledger: Path, journal: Path, *, account: str) -> bool:
    """Print the two beside each other; returns whether they agree."""
    audit = replay(ledger)
    comparison = compare(
        of_ledger(audit, account),
        read_journal(journal).record(),
        contradictions=audit.findings,
        findings=verify(journal),
    )
    print(*comparison.lines(), sep="\n", flush=True)
    return not comparison.differences
