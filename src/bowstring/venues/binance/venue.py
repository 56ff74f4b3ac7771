"""Binance Spot and Binance USDⓈ-M futures as venues: what a bot's author asks for collectors and an executor.

A little over 300 lines: a setting is a line here, with what is said of it, and most are both markets'.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

from msgspec import structs

from bowstring.core.errors import ConfigError
from bowstring.market.instrument import Instrument
from bowstring.net.http import HttpClient
from bowstring.net.recorder import Recorder
from bowstring.trading.executor import OrderExecutor, Policy
from bowstring.trading.hedging import HedgeGroup
from bowstring.trading.journal.port import Journal
from bowstring.venues.binance.advice import how_to_reach
from bowstring.venues.binance.budgets import budget_of
from bowstring.venues.binance.gateway import RECV_WINDOW_S, BinanceGateway, OrdersOver
from bowstring.venues.binance.keys import keys_from_environment
from bowstring.venues.binance.listing import Listing
from bowstring.venues.binance.markets import FUTURES, SPOT, Market
from bowstring.venues.binance.paper import BALANCES, FEE, paper_executor
from bowstring.venues.binance.payloads import INTERVALS
from bowstring.venues.binance.settings import (
    WORDS,
    check_dead_man,
    check_symbols,
    checked_url,
    checked_way,
    checked_window,
)
from bowstring.venues.binance.signing import Keys
from bowstring.venues.binance.snapshots import BinanceClient, Snapshots
from bowstring.venues.binance.stream import MAX_STREAMS, BinanceStream

Mode = Literal["paper", "local", "testnet", "live"]


class _Venue:
    """What both markets have in common."""

    _market: Market

    def __init__(
        self,
        mode: Mode,
        *,
        account: str = "",
        rest_url: str | None = None,
        ws_url: str | None = None,
        ws_api_url: str | None = None,
        instruments: Iterable[Instrument] | None = None,
        strict: bool = False,
        recorder: Recorder | None = None,
        weight_limit: int | None = None,
    ) -> None:
        if mode not in get_args(Mode):
            raise ConfigError(f"{type(self).__name__} mode {mode!r}: give one of {', '.join(get_args(Mode))}")
        default_rest_url, default_ws_url = self._market.urls.get(mode, ("", ""))
        is_elsewhere = bool(rest_url or ws_url)
        is_whole = ws_url and (rest_url or instruments is not None)
        if mode == "local" and (is_elsewhere or not default_ws_url) and not is_whole:
            raise ConfigError(f'{type(self).__name__}("local"): give both its rest_url and its ws_url')
        self.name = ":".join(filter(None, (self._market.venue, account)))
        self._mode = mode
        self._strict = strict
        self._recorder = recorder
        self._ws_url = checked_url("ws_url", ws_url or default_ws_url, schemes=("ws", "wss"))
        self._ws_api_url = ws_api_url or self._ws_api(mode, is_elsewhere=is_elsewhere)
        self._open_client: Callable[[], HttpClient] | None = None
        if instruments is None or rest_url:
            url = checked_url("rest_url", rest_url or default_rest_url, schemes=("http", "https"))
            self._budget = budget_of(self._market, url, limit=weight_limit)
            self._host = urlsplit(url).netloc
            self._open_client = partial(BinanceClient, url, budget=self._budget, recorder=recorder)
        self._listing = Listing(
            self.name,
            market=self._market,
            open_client=self._open_client if instruments is None else None,
            given=[structs.replace(one, venue=self.name) for one in instruments or ()],
            unreachable=how_to_reach(mode),
        )

    def _ws_api(self, mode: Mode, *, is_elsewhere: bool) -> str:
        """Where orders go by default: never to Binance when another server was given for the rest."""
        if mode == "local":
            return f"{self._ws_url.rstrip('/')}/ws-api/v3"
        return "" if is_elsewhere else self._market.ws_api_urls.get(mode, "")

    def quotes(self, *symbols: str, stale_after_s: float | None = 30.0) -> BinanceStream:
        """`Quote` on every change of the best bid or ask; `StreamStale` after ``stale_after_s`` without one."""
        return self._subscribe({"bookTicker": symbols}, {"bookTicker": stale_after_s})

    def books(self, *symbols: str, levels: int = 1000, stale_after_s: float | None = 30.0) -> BinanceStream:
        """`BookChanged` with the live `OrderBook`, every 100 ms at most; `BookLost` when one cannot be trusted.

        A snapshot of ``levels`` a side, or more, is fetched for each; what lies beyond may be missing from the book.
        The more levels, the longer it takes until many books are there: the venue limits the weight of requests by the
        minute.
        """
        return self._subscribe({"depth@100ms": symbols}, {"depth@100ms": stale_after_s}, book_levels=levels)

    def depth(self, *symbols: str, levels: Literal[5, 10, 20] = 20) -> BinanceStream:
        """`Depth`: the best levels, whole in each message, every 100 ms."""
        if levels not in (5, 10, 20):
            raise ConfigError(f"{self.name}: depth of {levels} levels: give 5, 10 or 20, or use books()")
        return self._subscribe({f"depth{levels}@100ms": symbols}, {})

    def candles(self, *symbols: str, interval: str = "1m") -> BinanceStream:
        """`Candle` as it changes, every second or two, and when it is closed."""
        if interval not in INTERVALS:
            raise ConfigError(f"{self.name}: interval {interval!r}: give one of {', '.join(INTERVALS)}")
        return self._subscribe({f"kline_{interval}": symbols}, {})

    def daily_stats(self, *symbols: str) -> BinanceStream:
        """`DailyStats` of the last 24 hours, once a second when it changes."""
        return self._subscribe({"miniTicker": symbols}, {})

    def _subscribe(
        self,
        subscriptions: Mapping[str, Sequence[str]],
        stale_after_s: Mapping[str, float | None],
        *,
        book_levels: int = 1000,
        max_streams: int = MAX_STREAMS,
    ) -> BinanceStream:
        for kind, symbols in subscriptions.items():
            check_symbols(symbols, f"{self.name} {WORDS.get(kind, kind)}")
        if both := set(subscriptions.get("trade", ())) & set(subscriptions.get("aggTrade", ())):
            raise ConfigError(
                f"{self.name}: trades and agg_trades would each tell every trade of {', '.join(sorted(both))}"
            )
        return BinanceStream(
            self.name,
            market=self._market,
            ws_url=self._ws_url,
            listing=self._listing,
            subscriptions=subscriptions,
            stale_after_s={kind: budget_s for kind, budget_s in stale_after_s.items() if budget_s is not None},
            snapshots=Snapshots(self._open_client, market=self._market, levels=book_levels),
            max_streams=max_streams,
            strict=self._strict,
            recorder=self._recorder,
        )


class Binance(_Venue):
    """Binance Spot.

    ``mode``: ``"paper"`` is live market data and simulated orders; ``"testnet"`` and ``"live"`` are Binance's own,
    ``"local"`` is `bowstring exchange` at its usual port, unless you give both URLs. ``rest_url``, ``ws_url`` and, for
    orders, ``ws_api_url`` point any mode at another server, such as `bowstring play`. ``account`` tells several
    accounts apart: with ``"hedge"`` the venue of all messages is ``binance:hedge``. ``instruments``, when given, are
    not fetched. ``strict`` has frames with undocumented fields reported as `BadData`: for tests. A ``recorder`` keeps
    what is received. ``weight_limit`` is what requests may weigh in a minute, if that is not what Binance grants
    everybody. It grants that to an IP address, so the venue objects of a process share it where they ask the same host,
    and have to agree on it.
    """

    _market = SPOT

    def executor(
        self,
        *,
        balances: Mapping[str, Decimal] = BALANCES,
        maker_fee: Decimal = FEE,
        taker_fee: Decimal = FEE,
        latency_s: float = 0.0,
        keys: Keys | None = None,
        journal: Journal | str | Path | None = None,
        recv_window_s: float = RECV_WINDOW_S,
        orders_over: OrdersOver = "ws",
        on_stop: Policy = "cancel",
        on_halt: Policy = "cancel",
        dead_man_s: float | None = None,
        hedges: Sequence[HedgeGroup] = (),
    ) -> OrderExecutor:
        """Executes orders: with ``"paper"`` on a simulated account, else on the venue's.

        The simulated one has these ``balances`` and is filled by what this venue's collectors show. Fees are shares of
        what is received. An order arrives ``latency_s`` after it was sent.

        The venue's is that of the ``keys`` given, or in the environment (`keys_from_environment`). Raises `ConfigError`
        without. Orders are recorded in ``journal``, or the file of that path; without it in ``binance.journal``, named
        like the venue, in the working directory, and with ``"local"`` in memory. The venue refuses a request that it
        gets later than ``recv_window_s``. Orders go over the connection that brings the account's events, and over REST
        where that is down; with ``orders_over="rest"`` always. ``dead_man_s`` is for `"local"` only: Binance Spot has
        no dead-man switch. What the rest means is told by `OrderExecutor`.
        """
        check_dead_man(dead_man_s, mode=self._mode)
        if self._mode == "paper":
            return paper_executor(
                self.name,
                listing=self._listing,
                balances=balances,
                maker_fee=maker_fee,
                taker_fee=taker_fee,
                latency_s=latency_s,
                on_stop=on_stop,
                on_halt=on_halt,
                hedges=hedges,
            )
        gateway = self.gateway(keys=keys, recv_window_s=recv_window_s, orders_over=orders_over)
        if journal is None and self._mode != "local":
            journal = f"{self.name.replace(':', '_')}.journal"
        return OrderExecutor(
            gateway, journal=journal, on_stop=on_stop, on_halt=on_halt, dead_man_s=dead_man_s, hedges=hedges
        )

    def gateway(
        self, *, keys: Keys | None = None, recv_window_s: float = RECV_WINDOW_S, orders_over: OrdersOver = "ws"
    ) -> BinanceGateway:
        """What `executor` trades by, in all modes but ``"paper"``. Raises `ConfigError` where something is missing."""
        if self._open_client is None or not self._ws_api_url:
            raise ConfigError(f'Binance("{self._mode}") trades where its rest_url and its ws_api_url say: give both')
        return BinanceGateway(
            self.name,
            mode=self._mode,
            keys=keys or keys_from_environment(self.name),
            listing=self._listing,
            open_client=self._open_client,
            host=self._host,
            budget=self._budget,
            ws_api_url=checked_url("ws_api_url", self._ws_api_url, schemes=("ws", "wss")),
            recv_window_s=checked_window(recv_window_s),
            orders_over=checked_way(orders_over),
            offers_cancel_after=self._mode == "local",
        )

    def trades(self, *symbols: str, aggregate: bool = False, stale_after_s: float | None = None) -> BinanceStream:
        """Every public `Trade`; with ``aggregate``, what one taker order traded at one price is one."""
        kind = "aggTrade" if aggregate else "trade"
        return self._subscribe({kind: symbols}, {kind: stale_after_s})

    def stream(
        self,
        *,
        quotes: Sequence[str] = (),
        trades: Sequence[str] = (),
        agg_trades: Sequence[str] = (),
        books: Sequence[str] = (),
        quotes_stale_after_s: float | None = 30.0,
        trades_stale_after_s: float | None = None,
        books_stale_after_s: float | None = 30.0,
        book_levels: int = 1000,
        max_streams: int = MAX_STREAMS,
    ) -> BinanceStream:
        """Several kinds in one collector, on as few connections as ``max_streams`` on each allow."""
        return self._subscribe(
            {"bookTicker": quotes, "trade": trades, "aggTrade": agg_trades, "depth@100ms": books},
            {
                "bookTicker": quotes_stale_after_s,
                "trade": trades_stale_after_s,
                "aggTrade": trades_stale_after_s,
                "depth@100ms": books_stale_after_s,
            },
            book_levels=book_levels,
            max_streams=max_streams,
        )


class BinanceFutures(_Venue):
    """Binance USDⓈ-M perpetuals, ``BTC/USDT:USDT``: market data only, in this version. Settings as of `Binance`.

    The venue of all messages is ``binance_futures``.
    """

    _market = FUTURES

    def executor(self) -> OrderExecutor:
        """Raises `ConfigError`: this version trades on Spot only."""
        raise ConfigError("BinanceFutures gives market data; in this version only Binance Spot executes orders")

    def trades(self, *symbols: str, stale_after_s: float | None = None) -> BinanceStream:
        """Every public `Trade`; what takers of one side traded at one price within 100 ms is one."""
        return self._subscribe({"aggTrade": symbols}, {"aggTrade": stale_after_s})

    def mark_prices(self, *symbols: str, stale_after_s: float | None = 15.0) -> BinanceStream:
        """`MarkPrice` with the funding rate, once a second."""
        return self._subscribe({"markPrice@1s": symbols}, {"markPrice@1s": stale_after_s})

    def stream(
        self,
        *,
        quotes: Sequence[str] = (),
        trades: Sequence[str] = (),
        books: Sequence[str] = (),
        mark_prices: Sequence[str] = (),
        liquidations: Sequence[str] = (),
        quotes_stale_after_s: float | None = 30.0,
        trades_stale_after_s: float | None = None,
        books_stale_after_s: float | None = 30.0,
        mark_prices_stale_after_s: float | None = 15.0,
        book_levels: int = 1000,
        max_streams: int = MAX_STREAMS,
    ) -> BinanceStream:
        """Several kinds in one collector. What the venue serves at two addresses takes two connections."""
        return self._subscribe(
            {
                "bookTicker": quotes,
                "aggTrade": trades,
                "depth@100ms": books,
                "markPrice@1s": mark_prices,
                "forceOrder": liquidations,
            },
            {
                "bookTicker": quotes_stale_after_s,
                "aggTrade": trades_stale_after_s,
                "depth@100ms": books_stale_after_s,
                "markPrice@1s": mark_prices_stale_after_s,
            },
            book_levels=book_levels,
            max_streams=max_streams,
        )

    def liquidations(self, *symbols: str) -> BinanceStream:
        """`Liquidation`: of each symbol the latest within a second, so not every one."""
        return self._subscribe({"forceOrder": symbols}, {})
