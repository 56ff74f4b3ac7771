"""``python -m faults``: the fault matrix, all of it or the rows that are named. Exit code 1: a promise is broken.

Processes and sockets are real; the judge is the ledger of the local exchange. What a row leaves behind is in
``build/faults``, and stays there where something was found.
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

from faults.figures import Outcome
from faults.row import Bench, Row
from faults.rows import ROWS

FOLDER = Path("build/faults")


def main() -> None:
    arguments = _parse()
    began, bad = time.monotonic(), list[str]()
    for name in arguments.rows or ROWS:
        outcome = _run(ROWS[name], arguments)
        if not outcome.is_good:
            bad.append(name)
    print(f"\n{time.monotonic() - began:.0f} s; broken: {', '.join(bad) or 'nothing'}")
    sys.exit(1 if bad else 0)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--short", action="store_true", help="every row for a moment, as in CI")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn at random (default: %(default)s)")
    parser.add_argument("--mutant", default="", help="run the rows with this one, which they have to find")
    parser.add_argument("--workers", type=int, default=6, help="bots at once (default: %(default)s)")
    arguments = parser.parse_args()
    if unknown := set(arguments.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    return arguments


def _run(row: Row, arguments: argparse.Namespace) -> Outcome:
    bench = Bench(
        folder=FOLDER.absolute() / row.id,
        form="short" if arguments.short else "long",
        seed=arguments.seed,
        workers=arguments.workers,
        mutant=arguments.mutant,
    )
    print(f"\n{row.id}  {row.fault}\n    how: {row.how}\n    promised: {row.promise}", flush=True)
    began = time.monotonic()
    outcome = row.run(bench)
    for line in outcome.lines():
        print(f"    {line}")
    print(f"    {'holds' if outcome.is_good else 'BROKEN'}, {time.monotonic() - began:.1f} s", flush=True)
    if outcome.is_good:
        shutil.rmtree(bench.folder, ignore_errors=True)
    return outcome


if __name__ == "__main__":
    main()
