"""Binance Spot as a venue: what a bot's author asks for collectors and an executor."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Literal, get_args

from msgspec import structs

from bowstring.core.clock import Clock
from bowstring.core.errors import ConfigError
from bowstring.market.decimals import checked_decimal
from bowstring.market.instrument import Instrument
from bowstring.trading.executor import Policy
from bowstring.trading.paper.executor import PaperExecutor
from bowstring.trading.paper.gateway import PaperGateway
from bowstring.venues.binance.client import RestClient
from bowstring.venues.binance.listing import Listing
from bowstring.venues.binance.stream import BinanceStream

Mode = Literal["paper", "local", "testnet", "live"]

# REST and websocket; Binance's documents "Market Data Only URLs", "General API Information" and "SPOT Testnet".
URLS = {
    "paper": ("https://data-api.binance.vision", "wss://data-stream.binance.vision"),
    "testnet": ("https://testnet.binance.vision", "wss://stream.testnet.binance.vision"),
    "live": ("https://api.binance.com", "wss://stream.binance.com:9443"),
}
FEE = Decimal("0.001")  # of an account without discounts, maker and taker
BALANCES = {"USDT": Decimal(100_000)}


class Binance:
    """Binance Spot.

    ``mode``: ``"paper"`` is live market data and simulated orders. The others give market data only, in this
    version: ``"testnet"`` and ``"live"`` Binance's own, ``"local"`` that of a server whose URLs you give.
    ``rest_url`` and ``ws_url`` point any mode at another server, such as `bowstring play`. ``account`` tells
    several accounts apart: with ``"hedge"`` the venue of all messages is ``binance:hedge``. ``instruments``, when
    given, are not fetched. ``strict`` has frames with undocumented fields reported as `BadData`: for tests.
    """

    def __init__(
        self,
        mode: Mode,
        *,
        account: str = "",
        rest_url: str | None = None,
        ws_url: str | None = None,
        instruments: Iterable[Instrument] | None = None,
        strict: bool = False,
    ) -> None:
        if mode not in get_args(Mode):
            raise ConfigError(f"Binance mode {mode!r}: give one of {', '.join(get_args(Mode))}")
        default_rest_url, default_ws_url = URLS.get(mode, ("", ""))
        self.name = f"binance:{account}" if account else "binance"
        self._mode = mode
        self._strict = strict
        self._ws_url = _checked_url("ws_url", ws_url or default_ws_url, schemes=("ws", "wss"))
        if instruments is None:
            url = _checked_url("rest_url", rest_url or default_rest_url, schemes=("http", "https"))
            self._listing = Listing(self.name, client=RestClient(url))
        else:
            self._listing = Listing(self.name, given=[structs.replace(one, venue=self.name) for one in instruments])

    def quotes(self, *symbols: str, stale_after_s: float | None = 30.0) -> BinanceStream:
        """`Quote` on every change of the best bid or ask; `StreamStale` after ``stale_after_s`` without one."""
        return self.stream(quotes=symbols, quotes_stale_after_s=stale_after_s)

    def trades(self, *symbols: str, aggregate: bool = False, stale_after_s: float | None = None) -> BinanceStream:
        """Every public `Trade`; with ``aggregate``, what one taker order traded at one price is one."""
        return self.stream(
            trades=() if aggregate else symbols,
            agg_trades=symbols if aggregate else (),
            trades_stale_after_s=stale_after_s,
        )

    def stream(
        self,
        *,
        quotes: Sequence[str] = (),
        trades: Sequence[str] = (),
        agg_trades: Sequence[str] = (),
        quotes_stale_after_s: float | None = 30.0,
        trades_stale_after_s: float | None = None,
    ) -> BinanceStream:
        """Several kinds on one connection."""
        for kind, symbols in {"quotes": quotes, "trades": trades, "agg_trades": agg_trades}.items():
            _check_symbols(symbols, f"{self.name} {kind}")
        if both := set(trades) & set(agg_trades):
            raise ConfigError(f"{self.name}: trades and agg_trades would each tell every trade of {', '.join(both)}")
        budgets_s = {
            "bookTicker": quotes_stale_after_s,
            "trade": trades_stale_after_s,
            "aggTrade": trades_stale_after_s,
        }
        return BinanceStream(
            self.name,
            ws_url=self._ws_url,
            listing=self._listing,
            subscriptions={"bookTicker": quotes, "trade": trades, "aggTrade": agg_trades},
            stale_after_s={kind: budget_s for kind, budget_s in budgets_s.items() if budget_s is not None},
            strict=self._strict,
        )

    def executor(
        self,
        *,
        balances: Mapping[str, Decimal] = BALANCES,
        maker_fee: Decimal = FEE,
        taker_fee: Decimal = FEE,
        latency_s: float = 0.0,
        on_stop: Policy = "cancel",
        on_halt: Policy = "cancel",
    ) -> PaperExecutor:
        """Executes orders on a paper account with these ``balances``, filled by what this venue's collectors show.

        Fees are shares of what is received. An order arrives ``latency_s`` after it was sent. Raises `ConfigError`
        unless the mode is ``"paper"``.
        """
        if self._mode != "paper":
            raise ConfigError(
                f'Binance("{self._mode}") gives market data; in this version only "paper" executes orders'
            )
        for currency, amount in balances.items():
            checked_decimal(amount, f"{self.name} balance of {currency}")
        gateway = PaperGateway(
            self.name,
            clock=Clock(),
            instruments=self._listing.wanted,
            balances=balances,
            latency_s=latency_s,
            maker_fee=checked_decimal(maker_fee, f"{self.name} maker_fee"),
            taker_fee=checked_decimal(taker_fee, f"{self.name} taker_fee"),
        )
        return PaperExecutor(gateway, on_stop=on_stop, on_halt=on_halt)


def _check_symbols(symbols: object, where: str) -> None:
    if isinstance(symbols, str):
        raise ConfigError(f'{where} is one string: write ["{symbols}"]')
    if not isinstance(symbols, Iterable):
        raise ConfigError(f'{where} is {symbols!r}: write a list of symbols, as in ["BTC/USDT"]')
    for symbol in symbols:  # pyright: ignore[reportUnknownVariableType]  # whatever was given
        if not isinstance(symbol, str):
            raise ConfigError(f'{where}: {symbol!r} is no symbol: give each as a string, "BTC/USDT", without brackets')


def _checked_url(setting: str, url: str, *, schemes: tuple[str, str]) -> str:
    if url.partition("://")[0] not in schemes:
        raise ConfigError(f'Binance {setting} {url!r}: give a URL such as "{schemes[0]}://127.0.0.1:9000"')
    return url
