"""`make simulate` tells what happened, and how to see it again."""

import os
import re
import subprocess
import sys

import pytest

from simulation.__main__ import main
from simulation.fate import MOST
from simulation.mutants.registry import broken
from tests.simulation.command import ROOT

DOUBLING = "every report of a fill is a new one"
ONE_PROCESS = ("--processes", "1")


def test_a_seed_is_shown_with_all_that_happened_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "5"]) == 0
    trace = capsys.readouterr().out.splitlines()
    assert main(["--digests", "--seeds", "1", "--first", "5"]) == 0
    digest = capsys.readouterr().out.split()[1]

    assert trace[-1] == f"trace {digest}, 0 violations"
    told = {line.split()[1] for line in trace if line[:14].strip()[:1].isdigit()}
    assert {"born", "recorded", "sent", "venue", "written", "told", "healed", "ended"} <= told


def test_violations_are_told_with_their_seed_and_make_it_fail(capsys: pytest.CaptureFixture[str]) -> None:
    with broken(DOUBLING):
        assert main(["--seeds", "3", "--first", "0", *ONE_PROCESS]) == 1

    shown = capsys.readouterr().out
    assert re.search(r"seed [012]: again with make simulate ARGS='--seed [012]'", shown)
    assert "believes that it holds" in shown
    assert "\n0 violations" not in shown


def test_faults_are_counted_and_zero_violations_have_their_bound(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "3", "--first", "0", *ONE_PROCESS]) == 0

    shown = capsys.readouterr().out
    assert "seeds 0 to 2" in shown
    assert "0 violations; under 1 a seed at 95 %" in shown
    assert any(fault in shown for fault in MOST)


@pytest.mark.parametrize("option", ["--seeds", "--stride", "--processes"])
@pytest.mark.parametrize("given", ["0", "-3", "few"])
def test_no_seeds_at_all_are_a_mistake(option: str, given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([f"{option}={given}"])

    assert f"argument {option}: {given} is no such number: give 1 or more" in capsys.readouterr().err


def test_whoever_has_read_enough_ends_it_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "simulation", "--digests", "--seeds", "1"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        cwd=ROOT,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)

    assert (done.stderr, done.returncode) == ("", 0)
