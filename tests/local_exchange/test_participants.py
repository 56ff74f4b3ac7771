"""Participants make a market: deep, lively, the same each time, and with nothing but what they had."""

import asyncio
import hashlib
from collections import Counter
from time import process_time

import pytest

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.clerk import Clerk
from bowstring.local_exchange.clock import Clock
from bowstring.local_exchange.feed import MARKETS
from bowstring.local_exchange.matching.accounts import Order
from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.matching.market import Market
from bowstring.local_exchange.matching.orders import NewOrder
from bowstring.local_exchange.matching.record import Happened, Report
from bowstring.local_exchange.matching.rules import UNIT, Rules
from bowstring.local_exchange.participants import Participants
from tests.net.stepped_loop import SteppedLoop

SYMBOLS = ("BTCUSDT", "ETHUSDT", "XRPUSDT")
START_US = 1_700_000_000_000_000
DAY_S = 86_400.0


class Town:
    """An exchange with participants, on a clock that goes as fast as they do."""

    def __init__(self, *symbols: str, seed: int = 1, speed: float = 1.0) -> None:
        listings = [MARKETS[symbol] for symbol in symbols or SYMBOLS]
        self.clock = Clock(lambda: START_US)
        self.exchange = Exchange([Rules.of(one.instrument) for one in listings], now_us=self.clock)
        self.clerk = Clerk(self.exchange)
        self.participants = Participants(self.exchange, self.clerk, listings=listings, seed=seed, speed=speed)
        self.passed_s = 0.0
        self.steps = 0

    @property
    def market(self) -> Market:
        return next(iter(self.exchange.markets.values()))

    def step(self) -> None:
        self.clock.set(START_US + int(self.passed_s * 1e6))
        self.passed_s += self.participants.step()
        self.steps += 1

    def live(self, seconds: float) -> None:
        """Let time pass."""
        end_s = self.passed_s + seconds
        while self.passed_s < end_s:
            self.step()

    def total(self) -> Counter[str]:
        """What there is of each asset: of everybody, and the fees."""
        total = Counter[str](self.exchange.fees)
        for account in self.exchange.accounts.values():
            for asset, balance in account.balances.items():
                total[asset] += balance.free + balance.locked
        return total


def opened(*symbols: str, seed: int = 1, speed: float = 1.0) -> Town:
    """A town whose book has been filled: first of all each maker places a quote."""
    town = Town(*symbols, seed=seed, speed=speed)
    town.live(1e-9)
    return town


def told(town: Town, seconds: float) -> str:
    """A digest of all that happens."""
    digest = hashlib.sha256()

    def note(happened: Happened) -> None:
        for change in happened.changes:
            if isinstance(change, Report):
                order = change.order
                digest.update(f"{change.change}{order.id}{order.new}{change.executed}{change.time_us}".encode())
            else:
                digest.update(repr(change).encode())

    town.clerk.listeners.append(note)
    town.live(seconds)
    return digest.hexdigest()


def test_the_same_seed_gives_the_same_flow_and_another_one_another() -> None:
    first, again, other = (told(Town(seed=seed), 30) for seed in (1, 1, 2))

    assert first == again != other


def test_what_happens_to_a_symbol_does_not_depend_on_the_others() -> None:
    alone, among = Town("ETHUSDT"), Town()
    alone.live(30)
    among.live(30)
    prices = [
        [(trade.price, trade.quantity) for trade in town.exchange.markets["ETHUSDT"].trades] for town in (alone, among)
    ]

    shorter = min(map(len, prices))
    assert shorter > 20
    assert prices[0][:shorter] == prices[1][:shorter]


@pytest.mark.parametrize("symbol", MARKETS)
def test_the_book_has_20_levels_a_side_at_all_times(symbol: str) -> None:
    town = opened(symbol)
    book = town.market.book
    levels: list[int] = []
    while town.passed_s < 120:
        town.step()
        levels.append(min(len(book.bids.levels), len(book.asks.levels)))
        assert book.bids.best is not None
        assert book.asks.best is not None
        assert book.bids.best < book.asks.best

    assert min(levels) >= 20
    assert town.participants.refused == 0


@pytest.mark.parametrize("symbol", MARKETS)
def test_there_are_several_trades_and_changes_a_second_and_the_spread_is_small(symbol: str) -> None:
    town = opened(symbol)
    market, spreads = town.market, list[float]()
    began_id = market.book.update_id
    for _ in range(120):
        town.live(1)
        bid, ask = market.book.bids.best, market.book.asks.best
        assert bid is not None
        assert ask is not None
        spreads.append((ask - bid) / max(market.rules.tick, bid * 0.5e-4))

    assert 2 < market.next_trade_id / 120 < 12
    assert 10 < (market.book.update_id - began_id) / 120 < 40
    assert sorted(spreads)[60] <= 3  # ticks, or half basis points


def test_trades_come_in_bursts() -> None:
    town = opened("BTCUSDT")
    town.live(600)
    seconds = Counter(trade.time_us // 1_000_000 for trade in town.market.trades)
    counts = [seconds[START_US // 1_000_000 + second] for second in range(600)]
    mean = sum(counts) / 600

    assert sum((count - mean) ** 2 for count in counts) / 600 > 2 * mean


def test_there_are_market_orders_for_base_and_quote_and_orders_that_take_at_a_price() -> None:
    town, kinds = opened("BTCUSDT"), Counter[tuple[str, str, bool]]()

    def note(happened: Happened) -> None:
        for change in happened.changes:
            if isinstance(change, Report) and change.change == "NEW":
                new = change.order.new
                kinds[new.type, new.time_in_force, bool(new.quote_quantity)] += 1

    town.clerk.listeners.append(note)
    town.live(300)

    assert set(kinds) == {
        ("LIMIT_MAKER", "GTC", False),
        ("LIMIT", "IOC", False),
        ("MARKET", "GTC", False),
        ("MARKET", "GTC", True),
    }


def test_at_ten_times_the_speed_ten_times_as_much_happens_and_prices_move_as_fast() -> None:
    slow, fast = opened("XRPUSDT"), opened("XRPUSDT", speed=10)
    for town in (slow, fast):
        town.live(100)

    assert 6 < fast.market.next_trade_id / slow.market.next_trade_id < 15
    assert abs(fast.market.last_price / slow.market.last_price - 1) < 0.02


def test_in_a_day_no_coin_is_made_or_lost_and_nobody_runs_dry() -> None:
    town = Town("BTCUSDT", "XRPUSDT", speed=0.02)
    before = town.total()
    low = {name: dict(before) for name in town.exchange.accounts}
    while town.passed_s < DAY_S:
        town.live(600)
        assert town.total() == before
        for account in town.exchange.accounts.values():
            for asset, balance in account.balances.items():
                low[account.name][asset] = min(low[account.name][asset], balance.free)

    assert all(amount > before[asset] * 0.4 for of in low.values() for asset, amount in of.items())
    assert town.participants.refused == 0


def test_open_orders_and_the_past_of_participants_do_not_grow() -> None:
    town = Town("XRPUSDT")
    town.live(300)

    for account in town.exchange.accounts.values():
        assert len(account.open) <= 100
        assert not account.fills
        assert not list(account.orders("XRPUSDT"))[101:]


def test_a_customer_who_takes_everything_finds_quotes_again_soon() -> None:
    town = opened("BTCUSDT")
    whale = town.exchange.open_account("whale", balances={"USDT": 10**9 * UNIT})
    order = town.exchange.place(whale, buy_all(town))
    town.clerk.settle()
    assert order.executed > 0
    assert town.market.book.asks.best is None
    town.live(5)

    assert len(town.market.book.asks.levels) >= 20


def buy_all(town: Town) -> NewOrder:
    asks = town.market.book.asks
    return NewOrder(
        symbol="BTCUSDT",
        side="BUY",
        type="LIMIT",
        client_order_id="all",
        quantity=sum(level.quantity for level in asks.levels.values()),
        price=max(asks.levels),
        time_in_force="IOC",
    )


def test_a_customers_quote_at_a_better_price_is_taken() -> None:
    town = opened("BTCUSDT")
    customer = town.exchange.open_account("customer", balances={"USDT": 10**9 * UNIT})
    best = town.market.book.asks.best
    assert best is not None
    order: Order = town.exchange.place(
        customer,
        NewOrder(
            symbol="BTCUSDT",
            side="BUY",
            type="LIMIT_MAKER",
            client_order_id="mine",
            quantity=UNIT // 100,
            price=best - town.market.rules.tick,
        ),
    )
    town.clerk.settle()
    town.live(30)

    assert order.status == "FILLED"


def test_warming_up_makes_a_past_that_ends_now() -> None:
    town = Town("BTCUSDT")
    town.participants.warm_up(120, clock=town.clock)

    minutes = town.market.candles.of("1m")
    assert START_US - 120_000_000 <= town.market.trades[0].time_us < START_US - 110_000_000
    assert START_US - 10_000_000 < town.market.trades[-1].time_us <= START_US
    assert len(minutes) >= 2
    assert town.clock() == START_US
    assert len(town.market.book.bids.levels) >= 20


def test_steps_are_cheap() -> None:
    town = opened("BTCUSDT")
    steps = town.steps
    began = process_time()
    town.live(60)

    assert (process_time() - began) / (town.steps - steps) < 200e-6  # 25 us on an idle machine


def test_run_steps_as_time_passes() -> None:
    town, same = opened("BTCUSDT"), opened("BTCUSDT")
    same.live(60)

    async def run(loop: SteppedLoop) -> None:
        running = asyncio.create_task(town.participants.run())
        for _ in range(600):
            await loop.step(0.1)
        running.cancel()

    with asyncio.Runner(loop_factory=SteppedLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, SteppedLoop)
        runner.run(run(loop))
    assert town.market.next_trade_id == pytest.approx(same.market.next_trade_id, abs=20)
    assert [one.price for one in town.market.trades][:150] == [one.price for one in same.market.trades][:150]


def test_run_does_not_make_up_for_a_long_pause() -> None:
    town = opened("BTCUSDT")
    before = town.market.book.update_id

    async def run(loop: SteppedLoop) -> None:
        running = asyncio.create_task(town.participants.run())
        await loop.step(3600)
        running.cancel()

    with asyncio.Runner(loop_factory=SteppedLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, SteppedLoop)
        runner.run(run(loop))
    assert town.market.book.update_id - before < 500


@pytest.mark.parametrize("speed", [0, -1, float("inf"), float("nan")])
def test_a_speed_must_be_a_positive_number(speed: float) -> None:
    with pytest.raises(ConfigError, match="is no positive number"):
        Town(speed=speed)
