"""``python -m faults``: the fault matrix, all of it or the rows that are named. Exit code 1: a promise is broken.

Processes and sockets are real; the judge is the ledger of the local exchange. What a row leaves behind is in
``build/faults``, and stays there where something was found. ``--mutants`` runs the rows with broken classes, each of
which has to be found by each of its rows: exit code 1 if one is not.
"""

import argparse
import shutil
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from faults import mutants
from faults.figures import Outcome
from faults.row import Bench, Row
from faults.rows import ROWS

FOLDER = Path("build/faults")


def main() -> None:
    arguments = _parse()
    began = time.monotonic()
    bad = [*(_uncaught(arguments) if arguments.mutants or arguments.mutant else _broken(arguments))]
    what = "not found" if arguments.mutants or arguments.mutant else "broken"
    print(f"\n{time.monotonic() - began:.0f} s; {what}: {', '.join(bad) or 'nothing'}")
    sys.exit(1 if bad else 0)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--short", action="store_true", help="every row, or mutant, for a moment, as in CI")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn at random (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=6, help="bots at once (default: %(default)s)")
    parser.add_argument("--mutants", action="store_true", help="run the rows with what is broken on purpose")
    parser.add_argument("--mutant", choices=mutants.MUTANTS, metavar="NAME", help=", ".join(mutants.MUTANTS))
    arguments = parser.parse_args()
    if unknown := set(arguments.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    return arguments


def _broken(arguments: argparse.Namespace) -> Iterator[str]:
    """Run the rows; yields those that do not hold."""
    for name in arguments.rows or ROWS:
        row, bench = ROWS[name], _bench(name, arguments)
        print(f"\n{row.id}  {row.fault}\n    how: {row.how}\n    promised: {row.promise}", flush=True)
        if not _run(row, bench, good="holds", bad="BROKEN").is_good:
            yield name


def _uncaught(arguments: argparse.Namespace) -> Iterator[str]:
    """Run the rows of mutants, as short as can be; yields mutants with the rows that have not found them."""
    for name, mutant in mutants.MUTANTS.items():
        is_meant = name == arguments.mutant if arguments.mutant else mutant.is_quick or not arguments.short
        for row in mutant.rows if is_meant else ():
            if row in ROWS and row in (arguments.rows or ROWS):
                print(f"\n{name} breaks: {mutant.breaks}; to be found by {row}", flush=True)
                bench = replace(_bench(row, arguments), form="short", mutant=name)
                if _run(ROWS[row], bench, good="NOT FOUND", bad="found").is_good:
                    yield f"{name} by {row}"


def _bench(name: str, arguments: argparse.Namespace) -> Bench:
    return Bench(
        folder=FOLDER.absolute() / name,
        form="short" if arguments.short else "long",
        seed=arguments.seed,
        workers=arguments.workers,
    )


def _run(row: Row, bench: Bench, *, good: str, bad: str) -> Outcome:
    began = time.monotonic()
    try:
        outcome = row.run(bench)
    except Exception as error:  # noqa: BLE001  # whatever a row did not foresee: the others are run, and this is told
        traceback.print_exc()
        outcome = Outcome(figures=(), findings=[repr(error)])
    for line in outcome.lines():
        print(f"    {line}")
    if outcome.is_good or bench.mutant:
        shutil.rmtree(bench.folder, ignore_errors=True)
    else:
        print(f"    kept in {bench.folder}")
    print(f"    {good if outcome.is_good else bad}, {time.monotonic() - began:.1f} s", flush=True)
    return outcome


if __name__ == "__main__":
    main()
