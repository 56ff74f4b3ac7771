"""Checks of what a bot's author gives: every mistake is named, with what to write."""

import math
from collections.abc import Iterable
from typing import get_args

from bowstring.core.errors import ConfigError
from bowstring.venues.binance.gateway import OrdersOver

WORDS = {
    "bookTicker": "quotes",
    "trade": "trades",
    "aggTrade": "agg_trades",
    "depth@100ms": "books",
    "markPrice@1s": "mark_prices",
    "forceOrder": "liquidations",
    "miniTicker": "daily_stats",
}
"""What a kind of stream is called here."""


def check_symbols(symbols: object, where: str) -> None:
    """Raise `ConfigError` unless these are strings; ``where`` names the setting."""
    if isinstance(symbols, str):
        raise ConfigError(f'{where} is one string: write ["{symbols}"]')
    if not isinstance(symbols, Iterable):
        raise ConfigError(f'{where} is {symbols!r}: write a list of symbols, as in ["BTC/USDT"]')
    for symbol in symbols:  # pyright: ignore[reportUnknownVariableType]  # whatever was given
        if not isinstance(symbol, str):
            raise ConfigError(f'{where}: {symbol!r} is no symbol: give each as a string, "BTC/USDT", without brackets')


def checked_url(setting: str, url: str, *, schemes: tuple[str, str]) -> str:
    """The URL. Raises `ConfigError` for a wrong one, without showing it: it may hold a secret."""
    scheme, separator, rest = url.partition("://")
    if scheme not in schemes or set("@?#") & set(rest):
        found = f"is {scheme}://..." if separator else "is no URL"
        example = f'such as "{schemes[0]}://127.0.0.1:9000", without credentials, query or fragment'
        raise ConfigError(f"Binance {setting} {found}: give a URL {example}")
    return url


def checked_window(recv_window_s: float) -> float:
    """How long a request is to be valid. Raises `ConfigError` for what the venue does not take."""
    if not 0.001 <= recv_window_s <= 60 or math.isnan(recv_window_s):
        raise ConfigError(f"Binance recv_window_s is {recv_window_s}: give seconds, up to 60")
    return recv_window_s


def check_dead_man(dead_man_s: float | None, *, mode: str) -> None:
    """Raise `ConfigError` where orders cannot be cancelled by the venue itself."""
    if dead_man_s is not None and mode != "local":
        where = 'only the local exchange has one, for Binance("local"); leave dead_man_s out'
        raise ConfigError(f'Binance("{mode}") with dead_man_s: Binance Spot has no dead-man switch; {where}')


def checked_way(orders_over: OrdersOver) -> OrdersOver:
    """How orders are to go. Raises `ConfigError` for another way."""
    if orders_over not in get_args(OrdersOver):
        raise ConfigError(f'Binance orders_over is {orders_over!r}: give "ws" or "rest"')
    return orders_over
