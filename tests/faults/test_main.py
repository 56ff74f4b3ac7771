"""`python -m faults`, with rows of its own."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from faults import __main__ as command
from faults.figures import Outcome, Within, Zero
from faults.mutants import MUTANTS
from faults.parts import Mutant, Parts
from faults.row import Bench, Row
from faults.rows import ROWS

Run = Callable[..., tuple[int, str]]


def row(name: str, judge: Callable[[Bench], list[str]]) -> Row:
    def run(bench: Bench) -> Outcome:
        (bench.room("life") / "file").write_text("kept")
        found = judge(bench)
        return Outcome(figures=[Zero("lost", len(found), 10)], findings=found)

    return Row(id=name, fault=f"fault of {name}", how="so", promise="nothing is lost", run=run)


def fails(_bench: Bench) -> list[str]:
    raise ChildProcessError("no exchange")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    rows = {
        "F1": row("F1", lambda _bench: []),
        "F2": row("F2", lambda _bench: ["I3: lost"]),
        "F3": row("F3", fails),
        "F4": row("F4", lambda bench: ["I1: twice"] if bench.mutant == "bad" else []),
        "F5": row("F5", lambda bench: fails(bench) if bench.mutant else []),
    }
    monkeypatch.setattr(command, "ROWS", rows)
    monkeypatch.setattr(command, "FOLDER", tmp_path)
    quick, slow = (Mutant(breaks="it", rows=("F4",), parts=Parts(), is_quick=is_quick) for is_quick in (True, False))
    fatal = Mutant(breaks="the row", rows=("F5",), parts=Parts())
    other = Mutant(breaks="it", rows=("F4",), parts=Parts(), shows="I3")
    mutants = {"bad": quick, "harmless": slow, "fatal": fatal, "other": other}
    monkeypatch.setattr("faults.mutants.MUTANTS", mutants)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["faults", *arguments])
        with pytest.raises(SystemExit) as ended:
            command.main()
        return int(ended.value.code or 0), capsys.readouterr().out

    return run


def test_a_row_that_holds_is_told_with_its_figure_and_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    code, told = run("F1")

    assert code == 0
    assert "0 lost in 10: under 3/10 = 0.3 at 95 %\n    holds" in told
    assert not (tmp_path / "F1").exists()


def test_a_row_that_is_broken_is_told_with_what_was_found_and_its_files_stay(run: Run, tmp_path: Path) -> None:
    code, told = run("F1", "F2")

    assert code == 1
    assert f"FOUND I3: lost\n    kept in {tmp_path / 'F2'}\n    BROKEN" in told
    assert (tmp_path / "F2" / "life" / "file").exists()


def test_what_the_long_form_measured_is_in_a_table_until_it_is_measured_again(run: Run, tmp_path: Path) -> None:
    run("F4")
    run("F2", "F1")
    run("F1")
    run("F3", "--short")

    lines = [line.split(" | ")[:4] for line in (tmp_path / "table.md").read_text().splitlines()[2:]]
    good = "0 lost in 10: under 3/10 = 0.3 at 95 %"
    assert lines == [
        ["| F1", "fault of F1", "nothing is lost", good],
        ["| F2", "fault of F2", "nothing is lost", "1 lost in 10; **BROKEN**"],
        ["| F4", "fault of F4", "nothing is lost", good],
    ]


@pytest.mark.parametrize(
    ("second_s", "findings", "code", "times"), [(0.1, [], 0, 2), (9.0, [], 1, 2), (0.1, ["I1: sent twice"], 1, 1)]
)
def test_a_row_that_was_only_slow_has_another_try_in_the_short_form(
    second_s: float, findings: list[str], code: int, times: int, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    took_s = iter([9.0, second_s])
    tries: list[Bench] = []

    def measure(bench: Bench) -> Outcome:
        tries.append(bench)
        return Outcome(figures=[Within("it took", [next(took_s)], 1.0, "s")], findings=findings)

    row = Row(id="F1", fault="it", how="so", promise="soon", run=measure, is_timed=True)
    monkeypatch.setattr(command, "ROWS", {"F1": row})

    assert run("F1", "--short")[0] == code
    assert len(tries) == times


def test_a_row_that_fails_is_broken_and_the_others_are_run(run: Run) -> None:
    code, told = run()

    assert code == 1
    assert told.endswith("; broken: F2, F3\n")
    assert "no exchange" in told


def test_mutants_have_to_be_found(run: Run) -> None:
    code, told = run("--mutants")

    assert code == 1
    assert told.endswith("; not found: harmless by F4, fatal by F5, other by F4\n")


def test_a_mutant_is_found_by_what_it_shows_and_by_nothing_else(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for shows, code in (("I1", 0), ("1 lost in 10", 0), ("I3", 1)):
        mutant = Mutant(breaks="it", rows=("F4",), parts=Parts(), shows=shows)
        monkeypatch.setattr("faults.mutants.MUTANTS", {"bad": mutant})
        assert run("--mutants")[0] == code


def test_the_short_form_runs_quick_mutants_only(run: Run) -> None:
    assert run("--mutants", "--short")[0] == 0


def test_a_row_that_there_is_not_is_a_mistake(run: Run) -> None:
    assert run("F99")[0] == 2


def test_every_mutant_has_rows_that_there_are() -> None:
    assert {row for mutant in MUTANTS.values() for row in mutant.rows} <= ROWS.keys()
    assert all(mutant.rows for mutant in MUTANTS.values())
