"""ccxt.pro in `benchmarks.signed_orders`: its lightest stream of quotes and ``create_order_ws``, signed with HMAC."""
# pyright: basic, reportMissingImports=false
# mypy: disable-error-code="import-not-found,import-untyped"
# ccxt is installed for `make bench` alone.

import asyncio
import sys
from contextlib import suppress
from urllib.parse import urlsplit

import ccxt.pro
import uvloop
from ccxt.async_support.base.ws.client import Client

from benchmarks.clients.stopwatch import Stopwatch, now_ns
from benchmarks.figures import TESTED, pin
from benchmarks.local_exchange import Told, told

SYMBOL = "BTC/USDT"


async def main(*, seconds: float) -> None:
    exchange, stopwatch = told(sys.stdin.readline()), Stopwatch()
    client = _client(exchange)
    _watch(stopwatch)
    try:
        await client.load_markets()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    ticker = (await client.watch_bids_asks([SYMBOL]))[SYMBOL]
                    stopwatch.begin()
                    await client.create_order_ws(SYMBOL, "limit", "buy", 0.001, ticker["bid"], {"timeInForce": "IOC"})
                    stopwatch.answered()
    finally:
        await client.close()
    stopwatch.print()


def _client(exchange: Told) -> ccxt.pro.binance:
    account = exchange.accounts[1]
    options = {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False}
    client = ccxt.pro.binance(
        {"apiKey": account.key, "secret": account.secret, "enableRateLimit": False, "options": options}
    )
    client.urls["api"] = _moved(client.urls["api"], exchange)
    return client


def _moved(urls: object, exchange: Told) -> object:
    if isinstance(urls, str):
        return (exchange.ws if urls.startswith("ws") else exchange.rest) + urlsplit(urls).path
    assert isinstance(urls, dict)
    return {name: _moved(url, exchange) for name, url in urls.items()}


def _watch(stopwatch: Stopwatch) -> None:
    handle, send = Client.handle_message, Client.send

    def timed_handle(client: Client, message: object) -> None:
        if not stopwatch.awaits:
            stopwatch.frame_ns = now_ns()
        handle(client, message)

    async def timed_send(client: Client, message: object) -> None:
        await send(client, message)
        stopwatch.written()

    for name, function in (("handle_message", timed_handle), ("send", timed_send)):
        setattr(Client, name, function)


if __name__ == "__main__":
    pin(TESTED)
    uvloop.run(main(seconds=float(sys.argv[1])))
