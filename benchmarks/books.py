"""Many order books at once, over several connections that break off again and again: is every reading true?

``python -m benchmarks.books --symbols 1000 --rate 10 --connections 4 --resets 100 --seconds 300``. A process on another
core serves the books (`benchmarks.book_source`), in Binance's format; the bot keeps them, and its strategy compares
each book that it is told of with the truth at the book's update id: the best levels always, every tenth time all of
them. At the end all books must be at the last update. Exit code 1 if one reading was wrong or a book is not there.
"""

import argparse
import asyncio
import resource
import subprocess
import sys
import time
from decimal import Decimal

import uvloop

import bowstring as bs
from benchmarks.book_source import LEVELS, symbol, truth
from benchmarks.feed import ROOT
from benchmarks.figures import TESTED, environment, pin
from bowstring.market.book import OrderBook
from bowstring.market.events import BookChanged, BookLost
from bowstring.venues.binance import Binance

SETTLE_S = 20.0


class Reader(bs.Strategy):
    """Compares what it reads with the truth."""

    def __init__(self) -> None:
        self.readings = self.whole = self.wrong = self.invalid = self.lost = 0
        self.books: dict[str, OrderBook] = {}

    @bs.on(BookChanged)
    def compare(self, changed: BookChanged) -> None:
        book = changed.book
        self.books[book.symbol] = book
        bids, asks = truth(_number(book), book.update_id)
        if not book.is_valid:
            self.invalid += 1
            self.wrong += (book.bid, book.ask, book.bids()) != (None, None, None)
            return
        self.readings += 1
        right = book.bid == bids[0] and book.ask == asks[0]
        if self.readings % 10 == 0:
            self.whole += 1
            right = right and book.bids() == bids and book.asks() == asks
        self.wrong += not right

    @bs.on(BookLost)
    def count(self, _lost: BookLost) -> None:
        self.lost += 1


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.books")
    parser.add_argument("--symbols", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=10.0, help="updates a second of each symbol")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--resets", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=300.0)
    arguments = parser.parse_args()
    print("\n".join(f"{name}: {value}" for name, value in environment().items()))
    source = [arguments.symbols, arguments.rate, arguments.resets, arguments.seconds]
    command = [sys.executable, "-m", "benchmarks.book_source", *map(str, source)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pin(TESTED)
        try:
            is_right = uvloop.run(_run(int(process.stdout.readline()), arguments))
        finally:
            process.terminate()
    sys.exit(0 if is_right else 1)


async def _run(port: int, arguments: argparse.Namespace) -> bool:
    names = [f"{symbol(number)}/X" for number in range(arguments.symbols)]
    venue = Binance(
        "local",
        rest_url=f"http://127.0.0.1:{port}",
        ws_url=f"ws://127.0.0.1:{port}",
        instruments=[_instrument(name) for name in names],
        weight_limit=10**9,  # so many snapshots in so short a time Binance would not give
    )
    per_connection = -(-arguments.symbols // arguments.connections)
    stream = venue.stream(books=names, book_levels=100, max_streams=per_connection)
    reader = Reader()
    engine = bs.Engine(collectors=[stream], strategies=[reader])
    running = asyncio.ensure_future(engine.run())
    await asyncio.sleep(1)
    began, cpu = time.monotonic(), time.process_time()
    await asyncio.sleep(arguments.seconds)
    share = (time.process_time() - cpu) / (time.monotonic() - began)
    is_complete = await _settled(reader, names)
    account = next(one for one in engine.accounts() if one.name == "Reader")
    engine.stop()
    await running
    for line in (
        f"{arguments.symbols} books of {LEVELS} levels, {arguments.rate:g} updates a second each, on "
        f"{arguments.connections} connections, {arguments.resets} resets",
        f"readings: {reader.readings}, of them {reader.whole} of the whole book; wrong: {reader.wrong}",
        f"told as invalid: {reader.invalid}; losses: {reader.lost}; complete at the end: {is_complete}",
        f"CPU share: {share:.0%}; rss: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB at most",
        f"receipt to strategy: p50 {account.age_p50_ns / 1000:.0f} us, p99 {account.age_p99_ns / 1000:.0f} us",
        f"lost by the queue: {account.conflated + account.dropped + account.undelivered}",
    ):
        print(line)
    return is_complete and not reader.wrong and reader.readings > 0


async def _settled(reader: Reader, names: list[str]) -> bool:
    """Whether all books come to be valid and at one last update; nothing changes any more."""
    end = time.monotonic() + SETTLE_S
    while time.monotonic() < end:
        await asyncio.sleep(0.5)
        updates = {book.update_id for book in reader.books.values() if book.is_valid}
        if (
            len(reader.books) == len(names)
            and all(book.is_valid for book in reader.books.values())
            and len(updates) == 1
        ):
            (last,) = updates
            return all((book.bids(), book.asks()) == truth(_number(book), last) for book in reader.books.values())
    return False


def _number(book: OrderBook) -> int:
    return int(book.symbol[1:5])


def _instrument(name: str) -> bs.Instrument:
    base, _, quote = name.partition("/")
    return bs.Instrument(
        venue="binance",
        symbol=name,
        venue_symbol=base,
        base=base,
        quote=quote,
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.001"),
    )


if __name__ == "__main__":
    main()
