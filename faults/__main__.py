"""``python -m faults``: the fault matrix, all of it or the rows that are named. Exit code 1: a promise is broken.

Processes and sockets are real; the judge is the ledger of the local exchange. What a row leaves behind is in
``build/faults``, and stays there where something was found. ``--mutants`` runs the rows with broken classes, each of
which has to be found by each of its rows: exit code 1 if one is not.
"""

import argparse
import sys
import time
from pathlib import Path

from msgspec.structs import replace

from faults import mutants
from faults.parts import Mutant
from faults.rows import ROWS
from faults.runner import Runner

FOLDER = Path("build/faults")


def main() -> None:
    arguments = _parse()
    began = time.monotonic()
    runner = Runner(
        folder=FOLDER.absolute(),
        form="short" if arguments.short else "long",
        seed=arguments.seed,
        workers=arguments.workers,
    )
    rows = {name: ROWS[name] for name in arguments.rows or ROWS}
    if arguments.mutants or arguments.mutant:
        bad, what = [*runner.uncaught(_mutants(arguments), rows)], "not found"
    else:
        bad, what = [*runner.broken(rows.values())], "broken"
    print(f"\n{time.monotonic() - began:.0f} s; {what}: {', '.join(bad) or 'nothing'}")
    sys.exit(1 if bad else 0)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--short", action="store_true", help="every row for a moment, and some mutants")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn at random (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=6, help="bots at once in a row (default: %(default)s)")
    parser.add_argument("--mutants", action="store_true", help="run the rows with what is broken on purpose")
    parser.add_argument("--mutant", choices=mutants.MUTANTS, metavar="NAME", help=", ".join(mutants.MUTANTS))
    arguments = parser.parse_args()
    if unknown := set(arguments.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    return arguments


def _mutants(arguments: argparse.Namespace) -> dict[str, Mutant]:
    if arguments.mutant:
        return {arguments.mutant: mutants.MUTANTS[arguments.mutant]}
    if not arguments.short:
        return mutants.MUTANTS
    return {name: replace(one, rows=one.rows[:1]) for name, one in mutants.MUTANTS.items() if one.is_quick}


if __name__ == "__main__":
    main()
