"""What a row measured, and how it is printed: numbers, times, and zeros with their bounds."""

from collections.abc import Iterator, Sequence
from statistics import median

from msgspec import Struct

SHOWN = 12


class Zero(Struct, frozen=True):
    """What must never happen: how often it did, out of how many chances."""

    what: str
    found: int
    of: int

    @property
    def is_broken(self) -> bool:
        """Whether it did happen."""
        return self.found > 0

    @property
    def is_wrong(self) -> bool:
        """Also where there was no chance of it: nothing was proved."""
        return self.is_broken or self.of == 0

    def __str__(self) -> str:
        if self.is_wrong:
            return f"{self.found:,} {self.what} in {self.of:,}"
        return f"0 {self.what} in {self.of:,}: under {bound(self.of)} at 95 %"


class Within(Struct, frozen=True):
    """A measure, in ``unit``, and the limit that not even the worst of it may exceed; ``least``: or fall below."""

    what: str
    values: Sequence[float]
    limit: float
    unit: str = "s"
    least: bool = False

    @property
    def worst(self) -> float:
        """The one farthest from where they ought to be."""
        return min(self.values) if self.least else max(self.values)

    @property
    def is_broken(self) -> bool:
        """Whether something was measured that is beyond the limit."""
        return bool(self.values) and (self.worst < self.limit if self.least else self.worst > self.limit)

    @property
    def is_wrong(self) -> bool:
        """Also where nothing was measured."""
        return not self.values or self.is_broken

    def __str__(self) -> str:
        if not self.values:
            return f"{self.what}: not measured"
        name, demand = ("min", "at least") if self.least else ("max", "at most")
        return (
            f"{self.what}: median {median(self.values):.4g}, {name} {self.worst:.4g} {self.unit}"
            f" ({demand} {self.limit:g}, {len(self.values):,} measured)"
        )


class Note(Struct, frozen=True):
    """A number that is told, and has no limit."""

    text: str
    is_broken: bool = False
    is_wrong: bool = False

    def __str__(self) -> str:
        return self.text


Figure = Zero | Within | Note


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of a row: its figures, and what was found that must not be; or the ``failure`` it ended by."""

    figures: Sequence[Figure] = ()
    findings: Sequence[str] = ()
    failure: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the promise held, and something was measured."""
        return bool(self.figures) and not self.findings and not any(figure.is_wrong for figure in self.figures)

    @property
    def is_only_slow(self) -> bool:
        """Whether all that is wrong is measures, which a busy machine spoils: nothing that must never be was found."""
        wrong = [figure for figure in self.figures if figure.is_wrong]
        return bool(wrong) and not self.findings and all(isinstance(figure, Within) for figure in wrong)

    @property
    def evidence(self) -> Sequence[str]:
        """What shows that a promise is broken: not that a row has failed, or has not measured what it was to."""
        return [*self.findings, *(str(figure) for figure in self.figures if figure.is_broken)]

    def lines(self) -> Iterator[str]:
        """As it is printed."""
        yield from map(str, self.figures)
        yield from (f"FOUND {finding}" for finding in self.findings[:SHOWN])
        if len(self.findings) > SHOWN:
            yield f"FOUND {len(self.findings) - SHOWN} more"
        if self.failure:
            yield f"FAILED {self.failure}"


def bound(tries: int) -> str:
    """Below which share something is, with 95 % confidence, that never happened in so many tries."""
    share = 3 / tries  # the rule of three
    return f"3/{tries:,} = {share:.2g}" if share < 1 else f"3/{tries:,}"
