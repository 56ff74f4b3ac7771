"""Where Binance Spot and USDⓈ-M futures differ: addresses, weights, and how symbols are written. Pure."""

from collections.abc import Mapping

from msgspec import Struct

from bowstring.core.errors import ConfigError


class Market(Struct, frozen=True, kw_only=True):
    """One of the two.

    ``urls`` are those of REST and websocket by mode, ``ws_api_urls`` those of the WebSocket API. ``weight_limit`` is
    what requests may weigh in a minute. ``routes`` says by the beginning of a stream's kind under which path of the
    websocket's URL it is served. ``weights`` are those of a snapshot, each for as many levels at most. ``consecutive``
    has the kinds of stream that bring every id, one after the other: a hole in them is a loss.
    """

    venue: str
    title: str
    urls: Mapping[str, tuple[str, str]]
    ws_api_urls: Mapping[str, str]
    exchange_info: str
    exchange_info_weight: int
    weight_limit: int
    depth: str
    weights: tuple[tuple[int, int], ...]
    routes: Mapping[str, str]
    consecutive: tuple[str, ...]
    example: str
    is_futures: bool

    def route(self, kind: str) -> str:
        """The path of a kind of stream; "" if all are served at the root."""
        return next((path for beginning, path in self.routes.items() if kind.startswith(beginning)), "")

    def weight(self, levels: int) -> int:
        """What a snapshot of so many levels costs. Raises `ConfigError` for more than the venue gives."""
        return self._weight(levels)[1]

    def limit(self, levels: int) -> int:
        """How many levels to ask for to get so many: futures have few sizes, and all there are for the same weight.

        Raises `ConfigError` for more than the venue gives.
        """
        return self._weight(levels)[0]

    def _weight(self, levels: int) -> tuple[int, int]:
        for most, weight in self.weights:
            if 0 < levels <= most:
                return most, weight
        raise ConfigError(f"{levels} levels of a book: give 1 to {self.weights[-1][0]}")

    def venue_symbol(self, symbol: str) -> str:
        """What the venue calls a unified symbol. Raises `ConfigError` for one that is none of this market."""
        pair, _, settled_in = symbol.partition(":")
        base, _, quote = pair.partition("/")
        if not base or not quote or settled_in != (quote if self.is_futures else ""):
            raise ConfigError(f'symbol {symbol!r} is no {self.title} symbol such as "{self.example}"')
        return base + quote


# Binance's documents "Market Data Only URLs", "General API Information", "WebSocket API", "SPOT Testnet" and, for the
# paths of futures in force since 2026-04-23, "Important WebSocket Change Notice": a stream at the wrong path is silent,
# with no error.
#
# Ids: Spot's statistics count as many trades as there are ids from "firstId" to "lastId"; block trades and allocations
# have ids of their own. Of futures, "Aggregate Trade Streams" leaves out trades of the insurance fund and of ADL: there
# are holes between the trades that are aggregated, but none between the aggregates (binance-public-data, issue 378).
# "trade" of futures is not documented.
SPOT = Market(
    venue="binance",
    title="spot",
    urls={
        "paper": ("https://data-api.binance.vision", "wss://data-stream.binance.vision"),
        "local": ("http://127.0.0.1:9090", "ws://127.0.0.1:9090"),  # where `bowstring exchange` listens
        "testnet": ("https://testnet.binance.vision", "wss://stream.testnet.binance.vision"),
        "live": ("https://api.binance.com", "wss://stream.binance.com:9443"),
    },
    ws_api_urls={
        "testnet": "wss://ws-api.testnet.binance.vision/ws-api/v3",
        "live": "wss://ws-api.binance.com:443/ws-api/v3",
    },
    exchange_info="/api/v3/exchangeInfo",
    exchange_info_weight=20,
    weight_limit=6000,
    depth="/api/v3/depth",
    weights=((100, 5), (500, 25), (1000, 50), (5000, 250)),
    routes={},
    consecutive=("trade", "aggTrade"),
    example="BTC/USDT",
    is_futures=False,
)
FUTURES = Market(
    venue="binance_futures",
    title="USDⓈ-M perpetual",
    urls={
        "paper": ("https://fapi.binance.com", "wss://fstream.binance.com"),
        "testnet": ("https://demo-fapi.binance.com", "wss://fstream.binancefuture.com"),
        "live": ("https://fapi.binance.com", "wss://fstream.binance.com"),
    },
    ws_api_urls={},
    exchange_info="/fapi/v1/exchangeInfo",
    exchange_info_weight=1,
    weight_limit=2400,
    depth="/fapi/v1/depth",
    weights=((50, 2), (100, 5), (500, 10), (1000, 20)),
    routes={"depth": "/public", "bookTicker": "/public", "": "/market"},
    consecutive=("aggTrade",),
    example="BTC/USDT:USDT",
    is_futures=True,
)
