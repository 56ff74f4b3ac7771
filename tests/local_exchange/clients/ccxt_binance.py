"""ccxt and ccxt.pro as they are, but for the addresses that they talk to."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bowstring.local_exchange.credentials import Credentials
from bowstring.testing.exchange import LocalExchange

Ccxt = Any  # most of ccxt is written by a generator, and has no types that a checker would find
errors: Any = import_module("ccxt.base.errors")


def make(library: str, account: Credentials, *, ed25519: bool = False, **settings: object) -> Ccxt:
    """ccxt's client of Binance Spot, still for the real one. It does not wait to stay below limits."""
    keys: dict[str, object] = {"apiKey": account.key, "secret": account.secret}
    if ed25519:
        keys = {"apiKey": account.ed25519_key, "secret": Path(str(account.ed25519_private_key_file)).read_text()}
    options = {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}}
    return import_module(library).binance(keys | {"options": options, "enableRateLimit": False} | settings)


def retarget(client: Ccxt, *, rest: str, ws: str) -> None:
    """Send everything to another exchange: hosts change, paths do not."""

    def moved(urls: Any) -> Any:
        if isinstance(urls, str):
            return (ws if urls.startswith("ws") else rest) + urlsplit(urls).path
        return {name: moved(url) for name, url in urls.items()}

    client.urls["api"] = moved(client.urls["api"])


@asynccontextmanager
async def opened(
    exchange: LocalExchange, account: Credentials, *, library: str = "ccxt.async_support", **settings: Any
) -> AsyncGenerator[Ccxt]:
    """A client of the local exchange."""
    client = make(library, account, **settings)
    retarget(client, rest=exchange.rest, ws=exchange.ws)
    try:
        yield client
    finally:
        await client.close()
