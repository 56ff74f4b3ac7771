import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any, cast

import pytest

from bowstring.cli import cli
from bowstring.collectors.timer import Every
from bowstring.core.components import Collector, Emit, on
from bowstring.core.engine import Engine
from bowstring.core.errors import ConfigError, NotSent, Rejected
from bowstring.core.messages import Actions, Event
from bowstring.market.events import Quote
from bowstring.trading.messages import Fill, OrderUpdate, PlaceOrder, Position
from bowstring.trading.strategy import Strategy
from bowstring.venues.binance import Binance, BinanceFutures
from bowstring.venues.binance import venue as venue_module
from bowstring.venues.binance.gateway import OrdersOver
from bowstring.venues.binance.markets import SPOT
from bowstring.venues.binance.venue import Mode
from tests.venues.binance.account_facts import FILL, told
from tests.venues.binance.facts import BTC, TICKER_FRAME, TRADE_FRAME
from tests.venues.binance.fake import FakeBinance
from tests.venues.binance.fake_account import KEY, SECRET, FakeAccount, keys
from tests.venues.binance.feeds import Feed, running


class Beat(Event, frozen=True):
    """There is something to do."""


@pytest.fixture
async def account() -> AsyncIterator[FakeAccount]:
    async with FakeAccount() as fake:
        yield fake


class Buyer(Strategy):
    """Buys once, at the first quote, at the price and size that the instrument allows; remembers what it saw."""

    def __init__(self, *, price: str) -> None:
        self.seen: list[Quote | Fill] = []
        self._price = Decimal(price)
        self._changed = asyncio.Event()

    @on(Quote)
    def buy(self, quote: Quote) -> Actions:
        if not self.seen:
            rules = self.instrument(quote.symbol)
            price, size = rules.floor_price(self._price), rules.floor_quantity(Decimal("0.1234567"))
            yield PlaceOrder(symbol=quote.symbol, side="buy", quantity=size, price=price)
        self._see(quote)

    @on(Fill)
    def keep(self, fill: Fill) -> None:
        self._see(fill)

    async def until(self, count: int) -> list[Quote | Fill]:
        """Wait until it has seen that many events."""
        async with asyncio.timeout(10):
            while len(self.seen) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.seen

    def _see(self, event: Quote | Fill) -> None:
        self.seen.append(event)
        self._changed.set()


OFFER = TICKER_FRAME.replace(b'"A":"0.00000000"', b'"A":"0.10000000"')


async def test_a_bot_trades_on_paper_what_the_venue_shows(binance: FakeBinance) -> None:
    venue = Binance("paper", rest_url=binance.rest_url, ws_url=binance.ws_url)
    buyer = Buyer(price="100.509")
    engine = Engine(
        collectors=[venue.quotes("BTC/USDT")],
        strategies=[buyer],
        executors=[venue.executor(balances={"USDT": Decimal(1000)}, taker_fee=Decimal("0.01"))],
    )

    async with asyncio.TaskGroup() as group:
        group.create_task(engine.run())
        await binance.until(lambda: binance.streams)
        await binance.send(OFFER)
        await buyer.until(1)
        await binance.send(OFFER)
        fill = (await buyer.until(3))[1:]
        engine.stop()

    fills = [event for event in fill if isinstance(event, Fill)]
    assert [(one.venue, one.symbol, one.liquidity) for one in fills] == [("binance", "BTC/USDT", "taker")]
    assert [fills[0].price, fills[0].quantity, fills[0].fee] == [Decimal("100.5"), Decimal("0.1"), Decimal("0.001")]
    assert len(binance.requests) == 1  # the collector and the executor share the instruments


async def test_a_paper_account_sees_the_quotes_and_trades_of_its_own_venue_only(binance: FakeBinance) -> None:
    own, other = (
        Binance("paper", account=account, rest_url=binance.rest_url, ws_url=binance.ws_url) for account in ("", "other")
    )
    buyer = Buyer(price="100.20")  # rests below the ask
    engine = Engine(
        collectors=[own.stream(quotes=["BTC/USDT"], trades=["BTC/USDT"]), other.quotes("BTC/USDT")],
        strategies=[buyer],
        executors=[own.executor()],
    )

    async with asyncio.TaskGroup() as group:
        group.create_task(engine.run())
        await binance.until(lambda: len(binance.streams) == 2)
        ours = [len(streams) for streams in binance.streams].index(2)
        await binance.send(OFFER, to=ours)
        await buyer.until(1)
        await binance.send(OFFER.replace(b"100.50000000", b"100.10000000"), to=1 - ours)
        await buyer.until(2)
        await binance.send(TRADE_FRAME, to=ours)  # a sale at 100.10
        seen = await buyer.until(3)
        engine.stop()

    assert [type(event) for event in seen] == [Quote, Quote, Fill]
    assert isinstance(seen[2], Fill)
    assert (seen[2].liquidity, seen[2].price) == ("maker", Decimal("100.20"))


class Trader(Strategy):
    """Buys when it is told to; remembers what it was told about its orders."""

    def __init__(self) -> None:
        self.told: list[OrderUpdate | Fill | Position] = []
        self._changed = asyncio.Event()

    @on(Beat)
    def buy(self, beat: Beat) -> Actions:
        yield PlaceOrder(symbol="BTC/USDT", side="buy", quantity=Decimal(1), price=Decimal("0.10"))

    @on(OrderUpdate)
    def note_order(self, update: OrderUpdate) -> None:
        self._note(update)

    @on(Fill)
    def note_fill(self, fill: Fill) -> None:
        self._note(fill)

    @on(Position)
    def note_position(self, position: Position) -> None:
        self._note(position)

    def _note(self, event: OrderUpdate | Fill | Position) -> None:
        self.told.append(event)
        self._changed.set()

    async def until(self, count: int) -> list[OrderUpdate | Fill | Position]:
        async with asyncio.timeout(10):
            while len(self.told) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.told


class OneBeat(Collector):
    finite = False

    async def run(self, emit: Emit) -> None:
        emit(Beat())
        await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("orders_over", ["ws", "rest"])
async def test_a_bot_trades_on_the_venues_account(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch, orders_over: OrdersOver
) -> None:
    monkeypatch.setenv("BOWSTRING_BINANCE_HEDGE_KEY", KEY)
    monkeypatch.setenv("BOWSTRING_BINANCE_HEDGE_SECRET", SECRET)
    venue = Binance(
        "local",
        account="hedge",
        rest_url=account.rest_url,
        ws_url=account.rest_url.replace("http", "ws"),
        instruments=[BTC],
    )
    trader = Trader()
    engine = Engine(collectors=[OneBeat()], strategies=[trader], executors=[venue.executor(orders_over=orders_over)])

    async with asyncio.TaskGroup() as group:
        group.create_task(engine.run())
        await account.until(lambda: account.open_orders)
        (client_order_id,) = account.open_orders
        await trader.until(1)
        fill = FILL.replace('"c":"a-1"', f'"c":"{client_order_id}"').replace("4293153", "1").replace("0.75", "0.25")
        await account.send(told(fill))
        await trader.until(4)
        engine.stop()

    opened, filled, position, changed, cancelled = trader.told
    assert isinstance(opened, OrderUpdate)
    assert (opened.venue, opened.status, opened.venue_order_id) == ("binance:hedge", "open", "1")
    assert isinstance(filled, Fill)
    assert (filled.quantity, filled.fee_currency, filled.liquidity) == (Decimal("0.25"), "BTC", "maker")
    assert isinstance(position, Position)
    assert position.quantity == Decimal("0.24975")
    assert isinstance(changed, OrderUpdate)
    assert (changed.status, changed.filled) == ("open", Decimal("0.25"))
    assert isinstance(cancelled, OrderUpdate)
    assert cancelled.status == "cancelled"
    assert account.open_orders == {}  # as it stopped


@pytest.mark.parametrize("mode", ["local", "testnet", "live"])
def test_without_keys_nobody_trades(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("BOWSTRING_BINANCE"):
            monkeypatch.delenv(name)
    venue = Binance(mode, rest_url="http://127.0.0.1:1", ws_url="ws://127.0.0.1:1", ws_api_url="ws://127.0.0.1:1")

    with pytest.raises(ConfigError, match="no keys to trade at binance: set BOWSTRING_BINANCE_KEY to an API key, and"):
        venue.executor()


@pytest.mark.parametrize(("mode", "urls"), [("testnet", {"rest_url": "http://x"}), ("live", {"ws_url": "ws://x"})])
def test_orders_never_go_to_binance_when_another_server_was_given(mode: Mode, urls: dict[str, str]) -> None:
    venue = Binance(mode, **urls)  # type: ignore[arg-type]  # mypy does not see which

    with pytest.raises(ConfigError, match=rf'Binance\("{mode}"\) trades where its rest_url and its ws_api_url say'):
        venue.executor(keys=keys())


async def test_the_executor_says_how_long_a_request_is_valid() -> None:
    venue = Binance("live", account="hedge")

    gateway = venue.gateway(keys=keys(), recv_window_s=5.0)

    assert (gateway.venue, gateway.validity_s, gateway.replaces_natively) == ("binance:hedge", 15.0, True)
    for window in (0.0, -1.0, 61.0, float("nan")):
        with pytest.raises(ConfigError, match=r"Binance recv_window_s is .*: give seconds, up to 60"):
            venue.executor(keys=keys(), recv_window_s=window)
    with pytest.raises(ConfigError, match='Binance orders_over is \'fix\': give "ws" or "rest"'):
        venue.executor(keys=keys(), orders_over=cast("OrdersOver", "fix"))


@pytest.mark.parametrize(
    ("mode", "account", "journal"),
    [
        ("testnet", "", "binance.journal"),
        ("live", "hedge", "binance_hedge.journal"),
        ("local", "", None),
    ],
)
def test_orders_on_an_account_that_lasts_are_recorded_in_a_file(
    mode: Mode, account: str, journal: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[object] = []

    def make(_gateway: object, *, journal: object, **_others: object) -> None:
        recorded.append(journal)

    monkeypatch.setattr(venue_module, "OrderExecutor", make)
    Binance(mode, account=account).executor(keys=keys())
    Binance(mode, account=account).executor(keys=keys(), journal="mine.journal")

    assert recorded == [journal, "mine.journal"]


def test_futures_give_market_data_only() -> None:
    futures = BinanceFutures("paper", account="hedge")

    assert futures.name == "binance_futures:hedge"
    with pytest.raises(ConfigError, match="BinanceFutures gives market data; in this version only Binance Spot exec"):
        futures.executor()


def test_futures_collectors_are_named_by_the_kinds_of_their_streams() -> None:
    futures, symbol = BinanceFutures("paper"), "BTC/USDT:USDT"
    collectors = [
        futures.quotes(symbol),
        futures.trades(symbol),
        futures.books(symbol),
        futures.depth(symbol, levels=5),
        futures.candles(symbol, interval="4h"),
        futures.daily_stats(symbol),
        futures.mark_prices(symbol),
        futures.liquidations(symbol),
    ]

    assert [collector.name for collector in collectors] == [
        f"binance_futures {kind}:{symbol}"
        for kind in (
            "bookTicker", "aggTrade", "depth@100ms", "depth5@100ms", "kline_4h", "miniTicker", "markPrice@1s",
            "forceOrder",
        )
    ]  # fmt: skip


def paper() -> Any:
    """A venue whose arguments no type checker looks at."""
    return Binance("paper")


def wrong_mode() -> Binance:
    return Binance("real")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # what mypy would refuse


MISTAKES: list[tuple[Callable[[], object], str]] = [
    (wrong_mode, "Binance mode 'real': give one of paper, local, testnet, live"),
    (
        lambda: Binance("local", rest_url="http://127.0.0.1:1"),
        'Binance("local"): give both its rest_url and its ws_url',
    ),
    (lambda: Binance("local", ws_url="ws://127.0.0.1:1"), 'Binance("local"): give both its rest_url and its ws_url'),
    (lambda: BinanceFutures("local"), 'BinanceFutures("local"): give both its rest_url and its ws_url'),
    (lambda: Binance("paper", rest_url="127.0.0.1:1"), 'Binance rest_url is no URL: give a URL such as "http://'),
    (lambda: Binance("paper", rest_url="http://[::1"), "url must be http://host[:port]/path"),
    (lambda: Binance("paper", ws_url="https://x"), 'Binance ws_url is https://...: give a URL such as "ws://'),
    (lambda: Binance("paper").stream(trades=["A/B"], agg_trades=["A/B"]), "would each tell every trade of A/B"),
    (
        lambda: paper().quotes(["A/B"]),
        "binance quotes: ['A/B'] is no symbol: give each as a string, \"BTC/USDT\", with",
    ),
    (lambda: paper().trades(None), "binance trades: None is no symbol: give each as a string, "),
    (lambda: paper().stream(quotes="A/B"), 'binance quotes is one string: write ["A/B"]'),
    (lambda: paper().stream(agg_trades=7), 'binance agg_trades is 7: write a list of symbols, as in ["BTC/USDT"]'),
    (
        lambda: paper().executor(balances={"USDT": 10000}),
        "binance balance of USDT is 10000: give a Decimal made from a",
    ),
    (
        lambda: paper().executor(dead_man_s=10),
        'Binance("paper") with dead_man_s: Binance Spot has no dead-man switch; only the local exchange has one',
    ),
    (lambda: Binance("live").executor(dead_man_s=10, keys=keys()), 'Binance("live") with dead_man_s: Binance Spot has'),
    (lambda: Binance("local").executor(dead_man_s=0, keys=keys()), "dead_man_s is 0: give seconds, 1 or more, or None"),
    (lambda: paper().executor(maker_fee="0"), "binance maker_fee is '0': give a Decimal made from a string, "),
    (lambda: paper().executor(taker_fee=0.001), 'taker_fee is 0.001: give a Decimal made from a string, Decimal("0.0'),
]


@pytest.mark.parametrize(("make", "reason"), MISTAKES)
def test_a_wrong_setting_is_named_with_what_it_may_be(make: Callable[[], object], reason: str) -> None:
    with pytest.raises(ConfigError) as refused:
        make()
    assert reason in str(refused.value)


@pytest.mark.parametrize("url", ["https://bot:s3cret@x", "wss://bot:s3cret@x", "wss://x/stream?key=s3cret", "s3cret"])
@pytest.mark.parametrize("setting", ["rest_url", "ws_url"])
def test_a_wrong_url_is_refused_and_not_shown(setting: str, url: str) -> None:
    with pytest.raises(ConfigError, match=f"Binance {setting} is .* without credentials, query or fragment") as refused:
        Binance("paper", **{setting: url})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # by name
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("missing", ["aiohttp", "picows"])
def test_importing_it_without_its_packages_says_what_to_install(missing: str) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "try: import bowstring.venues.binance\n"
        "except ModuleNotFoundError as error: print(error.name, error, sep=': ')"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert process.stdout == f"{missing}: binance needs {missing}: pip install '/path/to/bowstring[binance]'\n"


@pytest.fixture
def _no_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of tests before, whose servers may have had the same port, nor for those after."""
    monkeypatch.setattr("bowstring.venues.binance.budgets._budgets", {})


@pytest.mark.usefixtures("_no_budgets")
async def test_what_the_venue_grants_an_address_all_of_a_process_share(binance: FakeBinance) -> None:
    binance.failures.append((429, '{"code":-1003,"msg":"Too many requests"}', {"Retry-After": "600"}))
    one, other = (
        Binance("paper", account=account, rest_url=binance.rest_url, ws_url=binance.ws_url) for account in "ab"
    )
    futures = BinanceFutures("paper", rest_url=binance.rest_url, ws_url=binance.ws_url)

    async with asyncio.timeout(10):
        with pytest.raises(Rejected, match="Too many requests"):
            await Feed(one.quotes("BTC/USDT")).task
        with pytest.raises(NotSent, match="the server asked to wait"):
            await Feed(other.quotes("BTC/USDT")).task
    assert len(binance.requests) == 1
    async with running(futures.quotes("BTC/USDT:USDT"), binance):
        assert len(binance.requests) == 2  # they are counted apart


@pytest.mark.usefixtures("_no_budgets")
def test_a_host_has_one_weight_limit_whoever_names_it() -> None:
    Binance("paper", weight_limit=12_000)
    Binance("paper", account="hedge")
    Binance("paper", weight_limit=12_000)
    Binance("live", weight_limit=6_000)  # another host

    with pytest.raises(
        ConfigError,
        match=r"weight_limit 6000: in this process data-api\.binance\.vision has one of 12000 already; give all the",
    ):
        Binance("paper", weight_limit=6_000)


@pytest.mark.usefixtures("_no_budgets")
def test_a_host_is_the_same_however_it_is_written() -> None:
    Binance("live", weight_limit=12_000)

    for url in ("https://API.binance.com", "https://api.binance.com:443/"):
        with pytest.raises(ConfigError, match=r"api\.binance\.com has one of 12000 already"):
            Binance("live", rest_url=url, weight_limit=6_000)


@pytest.mark.usefixtures("_no_budgets")
def test_a_weight_limit_without_room_is_refused_and_forgotten() -> None:
    with pytest.raises(ConfigError, match="a budget of 0 with a reserve of 600"):
        Binance("live", weight_limit=0)
    Binance("live", weight_limit=12_000)


async def test_given_instruments_become_those_of_the_venue_and_its_account(binance: FakeBinance) -> None:
    venue = Binance("paper", account="hedge", ws_url=binance.ws_url, instruments=[BTC])
    buyer = Buyer(price="1")
    engine = Engine(collectors=[venue.quotes("BTC/USDT")], strategies=[buyer], executors=[venue.executor()])

    async with asyncio.TaskGroup() as group:
        group.create_task(engine.run())
        await binance.until(lambda: binance.streams)
        await binance.send(OFFER)
        (quote,) = await buyer.until(1)
        engine.stop()

    assert quote.venue == "binance:hedge"
    assert binance.requests == []


def test_a_strategy_for_a_symbol_that_no_stream_brings_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    venue = Binance("paper")
    buyer = Buyer(price="1")
    buyer.symbols = {"BTC/USDT", "ETH/USTD"}

    Engine(collectors=[venue.stream(quotes=["BTC/USDT"], trades=["ETH/USDT"]), Every(1)], strategies=[buyer])

    assert caplog.messages == ["Buyer.symbols has ETH/USTD, which no collector brings; did you mean ETH/USDT?"]


def test_local_is_where_the_local_exchange_listens() -> None:
    port = next(option.default for option in cli.commands["exchange"].params if option.name == "port")

    assert Binance("local").gateway(keys=keys()) is not None
    assert SPOT.urls["local"] == (f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}")
