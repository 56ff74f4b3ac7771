"""``python -m benchmarks``: all benchmarks, or those that are named, as tables on the terminal and as JSON."""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import dispatch
from benchmarks.figures import TESTED, Table, environment, pin


def main() -> None:
    arguments = _parse()
    around = environment()
    print("\n".join(f"{name}: {value}" for name, value in around.items()))
    pin(TESTED)
    tables: list[Table] = []
    for name in arguments.names or BENCHMARKS:
        for table in BENCHMARKS[name](arguments):
            print("", *table.lines(), sep="\n", flush=True)
            tables.append(table)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    report = {"environment": around, "tables": [table.as_json() for table in tables]}
    arguments.json.write_text(json.dumps(report, indent=1))
    print(f"\nall runs: {arguments.json}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--runs", type=int, default=5, help="the tables show the median of so many (%(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each single measurement (%(default)s)")
    parser.add_argument("--json", type=Path, default=Path("build/benchmarks.json"), help="%(default)s")
    parser.add_argument(
        "--peer", action="append", default=[], metavar="NAME=PYTHON", help="nautilus or basana, in their environments"
    )
    return parser.parse_args()


def _dispatch(arguments: argparse.Namespace) -> Iterator[Table]:
    peers = dict(peer.split("=", 1) for peer in arguments.peer)
    return dispatch.run(runs=arguments.runs, seconds=arguments.seconds, peers=peers)


BENCHMARKS: dict[str, Callable[[argparse.Namespace], Iterator[Table]]] = {"dispatch": _dispatch}

if __name__ == "__main__":
    main()
