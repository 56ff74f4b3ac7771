"""``make simulate``: seeds, one of them again, the mutants, or every point at which a bot can die."""

import argparse
import os
import random
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext

from simulation.every_point import play_every_point
from simulation.fate import MOST
from simulation.hunting import WITHIN, Caught, hunt, remember
from simulation.kept import play_kept
from simulation.many import cores, play_all, quiet
from simulation.play import Outcome, deferred, play

MOST_SHOWN = 5
ENOUGH = 300  # seeds for every fault to strike


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 where something was wrong."""
    options = _options(arguments)
    try:
        with quiet(), deferred() if options.deferred else nullcontext():
            code = _run(options)
            sys.stdout.flush()
            return code
    except BrokenPipeError:  # whoever reads has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at its end
        return 0 if options.digests else 1  # nothing is known of what was not played


def _run(options: argparse.Namespace) -> int:
    if options.seed is not None:
        return _replay(options.seed)
    if options.digests:
        return _print_digests(options)
    if options.mutants:
        return _hunt(options)
    if options.every_point:
        return _die_everywhere(options)
    return _play_many(options)


def _play_many(options: argparse.Namespace) -> int:
    is_wrong = options.first is None and _play_kept()
    first = random.SystemRandom().randrange(10**9) if options.first is None else options.first
    print(f"seeds {first} to {first + options.seeds - 1}", flush=True)
    totals = play_all(range(first, first + options.seeds), processes=options.processes, on_failure=_show)
    print(*totals.lines(), sep="\n")
    silent = [fault for fault in MOST if not totals.struck[fault]] if options.seeds >= ENOUGH else []
    if silent:
        print(f"never struck, which proves nothing: {', '.join(silent)}")
    return 1 if is_wrong or totals.failed or silent else 0


def _play_kept() -> bool:
    """Whether something is wrong in the seeds that are kept."""
    outcomes = list(play_kept())
    failed = [outcome for outcome in outcomes if outcome.violations]
    for outcome in failed:
        _show(outcome)
    print(f"{len(outcomes)} seeds of seeds.txt, {len(failed)} with violations", flush=True)
    return bool(failed)


def _show(outcome: Outcome) -> None:
    print(f"seed {outcome.seed}: again with make simulate ARGS='--seed {outcome.seed}'", flush=True)
    for violation in outcome.violations[:MOST_SHOWN]:
        print(f"  {violation}", flush=True)
    if len(outcome.violations) > MOST_SHOWN:
        print(f"  and {len(outcome.violations) - MOST_SHOWN} more", flush=True)


def _replay(seed: int) -> int:
    """Print a seed's whole trace."""
    outcome = play(seed, show=print)
    print(*(f"{fault}: {times}" for fault, times in sorted(outcome.struck.items())), sep="\n")
    print(f"trace {outcome.digest}, {len(outcome.violations)} violations")
    return 1 if outcome.violations else 0


def _print_digests(options: argparse.Namespace) -> int:
    for seed in range(options.first or 0, (options.first or 0) + options.seeds):
        print(seed, play(seed, is_traced=True).digest)
    return 0


def _hunt(options: argparse.Namespace) -> int:
    first = options.first or 0
    caught: list[Caught] = []
    for one in hunt(range(first, first + WITHIN), with_memory=options.with_memory, processes=options.processes):
        caught.append(one)
        print(one, flush=True)
    missed = sum(one.seed is None for one in caught)
    print(f"{len(caught)} mutants, {missed} not caught within {WITHIN} seeds")
    moved = sum(options.with_memory and one.after > 1 for one in caught)
    if moved:
        print(f"{moved} not by the seed of caught.txt, as worlds have changed: write it anew with --remember")
    if options.remember:
        remember(caught)
    return 1 if missed else 0


def _die_everywhere(options: argparse.Namespace) -> int:
    deaths, failed = Counter[str](), 0
    first = options.first or 0
    for seed in range(first, first + options.seeds):
        for plot, outcome in play_every_point(seed, stride=options.stride, processes=options.processes):
            assert plot.deaths
            deaths["a recovery" if len(plot.deaths) > 1 else "a first life"] += 1
            if outcome.violations:
                failed += 1
                print(plot.deaths)
                _show(outcome)
    print(", ".join(f"{count:,} deaths in {what}" for what, count in deaths.items()))
    print(f"{failed} of {deaths.total():,} with violations")
    return 1 if failed else 0


def _count(given: str) -> int:
    if not given.isdecimal() or not int(given):
        raise argparse.ArgumentTypeError(f"{given} is no such number: give 1 or more")
    return int(given)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seeds", type=_count, default=300, help="how many")
    parser.add_argument("--first", type=int, help="the first of them; a random one otherwise")
    parser.add_argument("--seed", type=int, help="play this one, and print its trace")
    parser.add_argument("--digests", action="store_true", help="print the hash of each seed's trace")
    parser.add_argument("--deferred", action="store_true", help="begin tasks as Python 3.11 does")
    parser.add_argument("--mutants", action="store_true", help="how soon each mutant is caught")
    parser.add_argument("--with-memory", action="store_true", help="first by the seeds of caught.txt")
    parser.add_argument("--remember", action="store_true", help="write caught.txt anew")
    parser.add_argument("--every-point", action="store_true", help="of each seed, a death at every point")
    parser.add_argument("--stride", type=_count, default=1, help="of every so many-th await only")
    parser.add_argument("--processes", type=_count, default=cores())
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
