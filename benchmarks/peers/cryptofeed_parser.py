"""cryptofeed for `benchmarks.decode`: `message_handler` of its Binance class, with its books and empty callbacks.

Run as ``python -m benchmarks.peers.cryptofeed_parser FILE SECONDS`` in an environment with cryptofeed; prints a sample
as JSON. It gets the same combined frames.
"""
# pyright: basic, reportMissingImports=false
# mypy: disable-error-code="import-not-found"
# cryptofeed is installed in an environment of its own.

import json
import time
from decimal import Decimal

from cryptofeed.defines import ASK, BID, L2_BOOK, TICKER, TRADES
from cryptofeed.exchanges import Binance
from cryptofeed.symbols import Symbols
from cryptofeed.types import OrderBook

from benchmarks.peers.parsing import Input, Pass, moved_on, report


async def ignore(*_args: object) -> None:
    pass


def make(given: Input) -> Pass:
    names = sorted({json.loads(frame)["stream"].split("@")[0].upper() for frame in given["frames"]})
    pairs = {f"{name[:3]}-{name[3:]}": name for name in names}
    Symbols.set(Binance.id, dict(pairs), {"instrument_type": dict.fromkeys(pairs, "spot")})
    callbacks = {L2_BOOK: ignore, TICKER: ignore, TRADES: ignore}
    feed = Binance(symbols=list(pairs), channels=list(callbacks), callbacks=callbacks)

    async def run_pass(given: Input) -> int:
        feed._reset()
        for pair, name in pairs.items():
            if name in given["snapshots"]:
                snapshot = json.loads(given["snapshots"][name], parse_float=Decimal)
                sides = {BID: _levels(snapshot["bids"]), ASK: _levels(snapshot["asks"])}
                feed._l2_book[pair] = OrderBook(
                    feed.id, pair, max_depth=feed.max_depth, bids=sides[BID], asks=sides[ASK]
                )
                feed.last_update_id[pair] = snapshot["lastUpdateId"]
        handle = feed.message_handler
        began = time.perf_counter_ns()
        for frame in given["frames"]:
            await handle(frame, None, 1.0)
        took_ns = time.perf_counter_ns() - began
        moved_on(given, {name: feed.last_update_id.get(pair, 0) for pair, name in pairs.items()})
        return took_ns

    return run_pass


def _levels(levels: list[list[str]]) -> dict[Decimal, Decimal]:
    return {Decimal(price): Decimal(amount) for price, amount in levels}


if __name__ == "__main__":
    report(make)
