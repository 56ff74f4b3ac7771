"""Random lives of a bot: nothing that is promised breaks, in fresh seeds each time."""

import os

from tests.simulation.command import simulate

IS_BRIEF = os.environ.get("HYPOTHESIS_PROFILE") == "brief"
FRESH = 60 if IS_BRIEF else 300


def test_in_fresh_seeds_and_in_those_that_are_kept_nothing_breaks() -> None:
    done = simulate("--seeds", str(FRESH))

    assert done.returncode == 0
    assert "seeds of seeds.txt, 0 with violations" in done.stdout


if not IS_BRIEF:  # one Python is enough

    def test_a_bot_may_die_at_every_point_of_a_life_and_of_its_recovery() -> None:
        assert simulate("--every-point", "--seeds", "1", "--first", "3", "--stride", "10").returncode == 0


def test_one_seed_gives_one_trace_in_any_process() -> None:
    arguments = ("--digests", "--seeds", "6", "--first", "0")

    one, other = simulate(*arguments, PYTHONHASHSEED="1"), simulate(*arguments, PYTHONHASHSEED="2")

    assert one.returncode == 0
    assert one.stdout == other.stdout
    assert len(set(one.stdout.split())) >= 12
