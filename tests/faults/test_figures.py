"""What is printed of a row, and when it is broken."""

import pytest

from faults.figures import Figure, Note, Outcome, Within, Zero


@pytest.mark.parametrize(
    ("figure", "is_wrong", "text"),
    [
        (Zero("lost", 0, 1000), False, "0 lost in 1,000: under 3/1,000 = 0.003 at 95 %"),
        (Zero("lost", 0, 2), False, "0 lost in 2: under 3/2 at 95 %"),
        (Zero("lost", 1, 1000), True, "1 lost in 1,000"),
        (Zero("lost", 0, 0), True, "0 lost in 0"),
        (Within("stop", [1, 2, 3], 3), False, "stop: median 2, max 3 s (at most 3, 3 measured)"),
        (Within("stop", [1, 2, 3], 2), True, "stop: median 2, max 3 s (at most 2, 3 measured)"),
        (Within("in flight", [20, 40], 20, unit="orders", least=True), False,
         "in flight: median 30, min 20 orders (at least 20, 2 measured)"),
        (Within("in flight", [19, 40], 20, unit="orders", least=True), True,
         "in flight: median 29.5, min 19 orders (at least 20, 2 measured)"),
        (Within("stop", [], 2), True, "stop: not measured"),
        (Note("by the way"), False, "by the way"),
    ],
)  # fmt: skip
def test_a_figure_says_whether_it_is_wrong(figure: Figure, is_wrong: bool, text: str) -> None:
    assert (figure.is_wrong, str(figure)) == (is_wrong, text)


def test_an_outcome_is_good_without_findings_and_wrong_figures() -> None:
    good = Zero("lost", 0, 10)

    assert Outcome(figures=[good]).is_good
    assert not Outcome(figures=[good, Zero("lost", 1, 10)]).is_good
    assert not Outcome(figures=[good], findings=["I3: lost"]).is_good
    assert not Outcome(figures=[]).is_good


def test_only_some_of_many_findings_are_printed() -> None:
    outcome = Outcome(figures=[], findings=[f"I1: {number}" for number in range(20)])

    assert [*outcome.lines()][-2:] == ["FOUND I1: 11", "FOUND 8 more"]


def test_what_was_not_measured_and_a_row_that_failed_show_nothing() -> None:
    unmeasured = Outcome(figures=[Zero("lost", 0, 0), Within("found", [], 1), Note("so many")])
    broken = Outcome(figures=[Zero("lost", 1, 9), Within("found", [2.0], 1)], findings=["I3: a-1"])

    assert not unmeasured.is_good
    assert unmeasured.evidence == Outcome(failure="OSError()").evidence == []
    assert broken.evidence == ["I3: a-1", "1 lost in 9", "found: median 2, max 2 s (at most 1, 1 measured)"]
