"""``python -m benchmarks``: all benchmarks, or those that are named, as tables on the terminal and as JSON.

`benchmarks.soak` and `benchmarks.isolation` are run by themselves.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import (
    accounting,
    decode,
    dispatch,
    durability,
    exchange_orders,
    market_streams,
    matching,
    signed_orders,
    tick_to_trade,
)
from benchmarks.figures import Table, environment


def main() -> None:
    arguments = _parse()
    around = environment()
    print("\n".join(f"{name}: {value}" for name, value in around.items()))
    tables: list[Table] = []
    for name in arguments.names or BENCHMARKS:
        for table in BENCHMARKS[name](arguments):
            print("", *table.lines(), sep="\n", flush=True)
            tables.append(table)
    report = {"environment": around, "tables": [table.as_json() for table in tables]}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(report, indent=1))
    print(f"\nevery run: {arguments.json}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--runs", type=int, default=5, help="the tables show the medians (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement (default: %(default)s)")
    parser.add_argument("--json", type=Path, default=Path("build/benchmarks.json"), help="default: %(default)s")
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME=PYTHON",
        help="dispatch: nautilus or basana, decode: cryptofeed; and its Python",
    )
    parser.add_argument(
        "--clients", nargs="+", default=list(tick_to_trade.CLIENTS), choices=tick_to_trade.CLIENTS, help="tick-to-trade"
    )
    parser.add_argument(
        "--traders",
        nargs="+",
        default=list(signed_orders.CLIENTS),
        choices=signed_orders.CLIENTS,
        help="signed-orders",
    )
    parser.add_argument("--orders", type=int, default=100_000, help="durability: that a start finds on record")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    return arguments


def _peers(arguments: argparse.Namespace) -> dict[str, str]:
    return dict(peer.split("=", 1) for peer in arguments.peer)


def _dispatch(arguments: argparse.Namespace) -> Iterator[Table]:
    peers = {name: python for name, python in _peers(arguments).items() if name in dispatch.PEERS}
    return dispatch.run(runs=arguments.runs, seconds=arguments.seconds, peers=peers)


def _accounting(arguments: argparse.Namespace) -> Iterator[Table]:
    return accounting.run(runs=arguments.runs, seconds=arguments.seconds)


def _decode(arguments: argparse.Namespace) -> Iterator[Table]:
    return decode.run(runs=arguments.runs, seconds=arguments.seconds, peers=_peers(arguments))


def _tick_to_trade(arguments: argparse.Namespace) -> Iterator[Table]:
    return tick_to_trade.run(runs=arguments.runs, seconds=arguments.seconds, clients=arguments.clients)


def _durability(arguments: argparse.Namespace) -> Iterator[Table]:
    return durability.run(runs=arguments.runs, seconds=arguments.seconds, orders=arguments.orders)


def _signed_orders(arguments: argparse.Namespace) -> Iterator[Table]:
    return signed_orders.run(runs=arguments.runs, seconds=arguments.seconds, clients=arguments.traders)


def _market_streams(arguments: argparse.Namespace) -> Iterator[Table]:
    return market_streams.run(runs=arguments.runs, seconds=arguments.seconds)


def _matching(arguments: argparse.Namespace) -> Iterator[Table]:
    return matching.run(runs=arguments.runs, seconds=arguments.seconds)


def _exchange_orders(arguments: argparse.Namespace) -> Iterator[Table]:
    return exchange_orders.run(runs=arguments.runs, seconds=arguments.seconds)


BENCHMARKS: dict[str, Callable[[argparse.Namespace], Iterator[Table]]] = {
    "dispatch": _dispatch,
    "accounting": _accounting,
    "decode": _decode,
    "tick-to-trade": _tick_to_trade,
    "durability": _durability,
    "signed-orders": _signed_orders,
    "market-streams": _market_streams,
    "matching": _matching,
    "exchange-orders": _exchange_orders,
}

if __name__ == "__main__":
    main()
