"""A bot killed at every await, journal and socket boundary of a short life, and of the recovery from such a death."""

from collections.abc import Iterator
from itertools import islice

from simulation.acts import Plot
from simulation.many import spread
from simulation.play import Outcome, play
from simulation.process import BOUNDARIES, Boundary, Death

TROUBLED_S = 4.0


def plots(seed: int, *, stride: int) -> Iterator[Plot]:
    """A death at every point of the first life, then at every point of the second, which recovers from the first one's.

    Of the awaits, which are many, every ``stride``-th.
    """
    points = _points(seed, ())
    first = list(_deaths(points, stride))
    yield from (_plot(death) for death in first)
    for earlier in (Death("socket", max(points["socket"] // 2, 1)), Death("journal", max(points["journal"] // 2, 1))):
        recovery = _points(seed, (earlier,))
        yield from (_plot(earlier, death) for death in _deaths(recovery, stride))


def play_every_point(seed: int, *, stride: int, processes: int) -> Iterator[tuple[Plot, Outcome]]:
    """Play them all."""
    jobs = [(seed, plot) for plot in plots(seed, stride=stride)]
    return spread(_play, jobs, processes=processes)


def _points(seed: int, deaths: tuple[Death, ...]) -> dict[Boundary, int]:
    """How many points the life after these deaths has: up to when it is up again, or as long as it is in trouble."""
    reached = play(seed, plot=_plot(*deaths)).reached[len(deaths)]
    return {boundary: reached[boundary] for boundary in BOUNDARIES}


def _deaths(points: dict[Boundary, int], stride: int) -> Iterator[Death]:
    for boundary, count in points.items():
        every = stride if boundary == "await" else 1
        yield from (Death(boundary, number) for number in islice(range(1, count + 1), 0, None, every))


def _plot(*deaths: Death) -> Plot:
    return Plot(has_faults=False, troubled_s=TROUBLED_S, deaths=deaths, in_file=True)


def _play(job: tuple[int, Plot]) -> tuple[Plot, Outcome]:
    seed, plot = job
    return plot, play(seed, plot=plot)
