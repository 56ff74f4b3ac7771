"""Random lives of a bot: nothing that is promised breaks, in fresh seeds each time, and in those that once broke it."""

import os

from simulation.many import quiet
from simulation.play import play
from tests.simulation.command import ROOT, simulate

IS_BRIEF = os.environ.get("HYPOTHESIS_PROFILE") == "brief"
FRESH = 60 if IS_BRIEF else 300


def found() -> list[tuple[int, str]]:
    """The seeds that found something, and what."""
    lines = (ROOT / "simulation" / "seeds.txt").read_text().splitlines()
    return [(int(seed), what) for seed, what in (line.split(" ", 1) for line in lines)]


def test_in_fresh_seeds_nothing_breaks() -> None:
    assert simulate("--seeds", str(FRESH)).returncode == 0


def test_seeds_that_found_something_find_it_no_more() -> None:
    with quiet():
        assert {(seed, what): play(seed).violations for seed, what in found() if play(seed).violations} == {}


if not IS_BRIEF:  # one Python is enough

    def test_a_bot_may_die_at_every_point_of_a_life_and_of_its_recovery() -> None:
        assert simulate("--every-point", "--seeds", "1", "--first", "3", "--stride", "10").returncode == 0


def test_one_seed_gives_one_trace_in_any_process() -> None:
    arguments = ("--digests", "--seeds", "6", "--first", "0")

    one, other = simulate(*arguments, PYTHONHASHSEED="1"), simulate(*arguments, PYTHONHASHSEED="2")

    assert one.returncode == 0
    assert one.stdout == other.stdout
    assert len(set(one.stdout.split())) >= 12
