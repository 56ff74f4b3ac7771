"""ccxt.pro in `benchmarks.tick_to_trade`: its lightest stream of quotes, and an order sent on its own connection.

The order is what its ``create_order_ws`` comes down to, without the checks, the signature and the wait for an answer.
"""
# pyright: basic, reportMissingImports=false, reportOperatorIssue=false
# mypy: disable-error-code="import-not-found,import-untyped"
# ccxt is installed for `make bench` alone.

import sys
from itertools import count

import ccxt.pro
import uvloop

from benchmarks.clients.order import QUANTITY
from benchmarks.figures import TESTED, pin

SYMBOL = "BTC/USDT"


async def main(url: str) -> None:
    exchange = ccxt.pro.binance({"enableRateLimit": False})
    exchange.urls["api"]["ws"]["spot"] = f"{url}/stream"
    exchange.set_markets([exchange.safe_market_structure(_MARKET)])
    orders = exchange.client(f"{url}/orders")
    await orders.connect(exchange.session)
    for number in count(1):
        ticker = (await exchange.watch_bids_asks([SYMBOL]))[SYMBOL]
        if ticker["bid"] < ticker["ask"]:
            await orders.send(_order(number, ticker["info"]["b"]))


def _order(number: int, price: str) -> dict[str, object]:
    params = {"price": price, "quantity": str(QUANTITY), "symbol": "BTCUSDT"}
    params |= {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    return {"id": str(number), "method": "order.place", "params": params}


_MARKET = {
    "id": "BTCUSDT",
    "lowercaseId": "btcusdt",
    "symbol": SYMBOL,
    "base": "BTC",
    "quote": "USDT",
    "baseId": "BTC",
    "quoteId": "USDT",
    "type": "spot",
    "spot": True,
    "active": True,
}

if __name__ == "__main__":
    pin(TESTED)
    uvloop.run(main(sys.argv[1]))
