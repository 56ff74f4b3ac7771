"""A week of the local exchange on a fast clock: ``python -m benchmarks.week``, by itself.

Participants make the market, and clients with fees trade in it at random. Each hour all balances and fees are added up
and the resident set is measured; at the end the ledger is replayed and held against the exchange. ``--speed 1`` is as
much as the exchange has in life, and takes a quarter of an hour a day.
"""

import argparse
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from benchmarks.memory import slope
from bowstring.local_exchange.audit import Audit, replay
from bowstring.local_exchange.bookkeeper import Bookkeeper
from bowstring.local_exchange.clerk import Clerk
from bowstring.local_exchange.clock import Clock
from bowstring.local_exchange.feed import MARKETS
from bowstring.local_exchange.ledger import LedgerFile
from bowstring.local_exchange.matching.accounts import Account
from bowstring.local_exchange.matching.exchange import Cancel, Exchange
from bowstring.local_exchange.matching.market import Market
from bowstring.local_exchange.matching.orders import NewOrder, OrderType, Prevention, Refused
from bowstring.local_exchange.matching.rules import UNIT, Rules, number
from bowstring.local_exchange.participants import Participants
from bowstring.local_exchange.streams.hub import Hub
from bowstring.local_exchange.streams.market_data import MarketData

SYMBOLS = ("BTCUSDT", "ETHUSDT", "ETHBTC")
START_US = 1_700_000_000_000_000
HOUR_S, DAY_S = 3600, 86_400
CLIENTS_EVERY_S = 30.0
_KINDS: tuple[OrderType, ...] = (
    "LIMIT",
    "LIMIT",
    "LIMIT",
    "MARKET",
    "LIMIT_MAKER",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT_LIMIT",
)
_MODES: tuple[Prevention, ...] = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT")


class Client:
    """Places random orders of all kinds, most of them near the touch, and cancels some."""

    def __init__(self, account: Account, week: "Week", *, random: Random) -> None:
        self._account, self._week, self._random = account, week, random
        self.placed = self.refused = 0

    def act(self) -> None:
        """One order or one cancel."""
        random, exchange = self._random, self._week.exchange
        if self._account.open and random.random() < 0.4:
            order = random.choice([*self._account.open.values()])
            exchange.cancel(
                self._account, Cancel(symbol=order.new.symbol, new_client_order_id="cancel", order_id=order.id)
            )
        else:
            self._place(exchange.market(random.choice(SYMBOLS)))
        self._week.clerk.settle()

    def _place(self, market: Market) -> None:
        random, rules, kind = self._random, market.rules, self._random.choice(_KINDS)
        near = int(market.last_price * random.gauss(1, 0.0005)) // rules.tick * rules.tick
        quantity = int(random.uniform(1, 20) * rules.min_notional * UNIT / market.last_price) // rules.lot * rules.lot
        stop = int(market.last_price * random.gauss(1, 0.002)) // rules.tick * rules.tick
        new = NewOrder(
            symbol=rules.symbol,
            side=random.choice(("BUY", "SELL")),
            type=kind,
            client_order_id=f"{self._account.name}-{self.placed + self.refused}",
            quantity=quantity,
            price=0 if kind == "MARKET" else near,
            stop_price=stop if kind.endswith("_LIMIT") else 0,
            time_in_force=random.choice(("GTC", "GTC", "IOC", "FOK")) if kind == "LIMIT" else "GTC",
            prevention=random.choice(_MODES),
        )
        try:
            self._week.exchange.place(self._account, new)
        except Refused:
            self.refused += 1
        else:
            self.placed += 1


class Week:
    """The exchange, its participants and clients, and what is known of them hour by hour."""

    def __init__(self, ledger: Path, *, speed: float, seed: int) -> None:
        listings = [MARKETS[symbol] for symbol in SYMBOLS]
        self.clock = Clock()
        self.clock.set(START_US)
        self.exchange = Exchange([Rules.of(one.instrument) for one in listings], now_us=self.clock)
        self._keeper = Bookkeeper(LedgerFile(ledger), self.exchange, time_us=START_US)
        self.clerk = Clerk(self.exchange, ledger=self._keeper)
        self._participants = Participants(self.exchange, self.clerk, listings=listings, seed=seed, speed=speed)
        self._data = MarketData(self.exchange, Hub(), now_us=self.clock)
        self.clerk.listeners.append(self._data.take)
        random = Random(seed)
        self.clients = [Client(self._open(name), self, random=random) for name in ("alice", "bob", "carol")]
        self._deposits = self._held()
        self._now_s, self._due_s = 0.0, 60.0
        self._random = random
        self.samples: list[tuple[float, float]] = []

    def run(self, seconds: float) -> Iterator[str]:
        """Let time pass; a line for each hour whose money does not add up."""
        hour_s = 0.0
        while self._now_s < seconds:
            self.clock.set(START_US + int(self._now_s * 1e6))
            self._now_s += self._participants.step()
            if self._now_s > self._due_s:
                self._random.choice(self.clients).act()
                self._due_s = self._now_s + self._random.expovariate(1 / CLIENTS_EVERY_S)
            if self._now_s >= hour_s:
                hour_s += HOUR_S
                self._data.tick()
                self.samples.append((self._now_s, _rss_mib()))
                if self._held() != self._deposits:
                    yield f"{self._now_s / HOUR_S:.0f} h: {self._held() - self._deposits} appeared"
        self._keeper.close(time_us=self.clock())

    def balances(self) -> dict[str, dict[str, str]]:
        """What everybody has."""
        return {
            name: {asset: number(one.free + one.locked) for asset, one in account.balances.items()}
            for name, account in self.exchange.accounts.items()
        }

    def _held(self) -> Counter[str]:
        held = Counter(self.exchange.fees)
        for account in self.exchange.accounts.values():
            for asset, balance in account.balances.items():
                held[asset] += balance.free + balance.locked
        return held

    def _open(self, name: str) -> Account:
        return self.exchange.open_account(
            name, balances={"BTC": 5 * UNIT, "ETH": 100 * UNIT, "USDT": 500_000 * UNIT}, taker_fee=UNIT // 900
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.week")
    parser.add_argument("--days", type=float, default=7.0, help="default: %(default)s")
    parser.add_argument("--speed", type=float, default=0.05, help="times the usual events (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder, suppress(BrokenPipeError):
        for line in _report(Path(folder) / "ledger", arguments):
            print(line, flush=True)


def _report(ledger: Path, arguments: argparse.Namespace) -> Iterator[str]:
    began, week = time.perf_counter(), Week(ledger, speed=arguments.speed, seed=arguments.seed)
    wrong = list(week.run(arguments.days * DAY_S))
    took_s = time.perf_counter() - began
    trades = sum(market.next_trade_id - 1 for market in week.exchange.markets.values())
    placed, refused = (sum(getattr(one, name) for one in week.clients) for name in ("placed", "refused"))
    yield f"{arguments.days:g} days in {took_s:.0f} s: {trades:,} trades"
    yield f"clients: {placed:,} orders, {refused:,} refused"
    yield from wrong
    yield f"money: {'WRONG' if wrong else 'exact'} each hour"
    yield from _memory(week.samples)
    began, audit = time.perf_counter(), replay(ledger, forgets=True)
    took_s = time.perf_counter() - began
    yield f"ledger: {audit.lines.total():,} lines, {ledger.stat().st_size / 1e6:,.0f} MB, replayed in {took_s:.0f} s"
    yield from audit.findings
    yield f"ledger: {len(audit.findings)} findings; balances {'equal' if _same(audit, week) else 'NOT equal'}"


def _memory(samples: list[tuple[float, float]]) -> Iterator[str]:
    """Without the first day, or the first half of a shorter time: until then, what is kept of the past fills up."""
    warm = [sample for sample in samples if sample[0] >= min(DAY_S, samples[-1][0] / 2)]
    first, last = warm[0][1], warm[-1][1]
    yield f"rss: {samples[0][1]:.1f} MiB at the start, {first:.1f} MiB when it was warm, {last:.1f} MiB at the end"
    if len(warm) > 10:
        per_s, margin = slope([at for at, _ in warm], [mib for _, mib in warm])
        yield f"rss slope: {per_s * DAY_S:+.2f} MiB a day, 95 % within {margin * DAY_S:.2f} of that"


def _same(audit: Audit, week: Week) -> bool:
    told = {name: {asset: f"{held:.8f}" for asset, held in one.held.items()} for name, one in audit.accounts.items()}
    return {name: _without_zeros(one) for name, one in told.items()} == {
        name: _without_zeros(one) for name, one in week.balances().items()
    }


def _without_zeros(amounts: dict[str, str]) -> dict[str, str]:
    return {asset: amount for asset, amount in amounts.items() if amount != "0.00000000"}


def _rss_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
