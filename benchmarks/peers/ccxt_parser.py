"""ccxt.pro for `benchmarks.decode`: `handle_message` of its Binance class, with its books and caches.

Run as ``python -m benchmarks.peers.ccxt_parser FILE SECONDS`` in an environment with ccxt; prints a sample as JSON. It
gets the same combined frames, decodes them as its client does, and resolves no future, as nobody waits.
"""
# pyright: basic, reportMissingImports=false, reportOptionalSubscript=false
# mypy: disable-error-code="import-not-found,import-untyped"
# ccxt is installed for `make bench` alone.

import json
import time

import ccxt.pro

from benchmarks.peers.parsing import Input, Pass, moved_on, report

URL = "wss://stream.binance.com:9443/ws"


def make(given: Input) -> Pass:
    exchange = ccxt.pro.binance({"enableRateLimit": False})
    names = {json.loads(frame)["stream"].split("@")[0].upper() for frame in given["frames"]}
    exchange.set_markets([exchange.safe_market_structure(_market(name)) for name in sorted(names)])
    client = exchange.client(URL)

    async def run_pass(given: Input) -> int:
        for name, body in given["snapshots"].items():
            snapshot = json.loads(body)
            parsed = exchange.parse_order_book(snapshot, name)
            parsed["nonce"] = snapshot["lastUpdateId"]
            exchange.orderbooks[name] = exchange.order_book(parsed, 1000)
        handle, decode = exchange.handle_message, json.loads
        began = time.perf_counter_ns()
        for frame in given["frames"]:
            handle(client, decode(frame))
        took_ns = time.perf_counter_ns() - began
        moved_on(given, {name: exchange.orderbooks[name]["nonce"] for name in given["snapshots"]})
        return took_ns

    return run_pass


def _market(name: str) -> dict[str, object]:
    return {
        "id": name,
        "lowercaseId": name.lower(),
        "symbol": name,
        "base": name[:3],
        "quote": name[3:],
        "baseId": name[:3],
        "quoteId": name[3:],
        "type": "spot",
        "spot": True,
        "active": True,
    }


if __name__ == "__main__":
    report(make)
