"""An oracle that never fires proves nothing: mutants are caught within 200 seeds, by what checks their promise."""

import os

import pytest

from simulation.hunting import Hunt, recall
from simulation.many import quiet
from simulation.mutants.catalogue import MUTANTS
from simulation.mutants.registry import BY
from simulation.play import play
from tests.simulation.command import simulate

IS_BRIEF = os.environ.get("HYPOTHESIS_PROFILE") == "brief"
DOUBLING = "every report of a fill is a new one"


if not IS_BRIEF:  # one Python is enough

    def test_every_mutant_is_caught() -> None:
        """First by the seed that caught it when `caught.txt` was written: a hunt takes minutes."""
        assert simulate("--mutants", "--with-memory").returncode == 0


def test_it_is_known_which_seed_catches_which_mutant() -> None:
    assert set(MUTANTS) == set(recall())


def test_in_seeds_that_catch_a_mutant_nothing_is_wrong_without_it() -> None:
    seeds = sorted({seed for known in recall().values() for seed in known})

    with quiet():
        assert {seed: play(seed).violations for seed in seeds} == {seed: [] for seed in seeds}


def test_a_mutant_is_caught_by_what_it_breaks() -> None:
    with quiet():
        caught = Hunt(DOUBLING, range(5)).run()

    assert caught.seed is not None
    assert "is there twice" in caught.violation


def test_a_violation_of_something_else_catches_no_mutant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BY, DOUBLING, "the moon is blue")

    with quiet():
        assert Hunt(DOUBLING, range(5)).run().seed is None
