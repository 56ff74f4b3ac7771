"""How soon each mutant is caught: an oracle that never fires proves nothing."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from simulation.many import spread
from simulation.mutants.catalogue import MUTANTS
from simulation.mutants.registry import BY, broken
from simulation.play import play

WITHIN = 200  # seeds
REMEMBERED = Path(__file__).with_name("caught.txt")


class Caught(NamedTuple):
    """A mutant, by the violation of which seed, after how many seeds; ``seed`` is None where it was not.

    What counts is a violation of what the mutant breaks: others may have come of it by chance.
    """

    wrong: str
    after: int
    seed: int | None
    violation: str

    def __str__(self) -> str:
        after = f"after {self.after:3}" if self.seed is not None else "NOT CAUGHT"
        return f"{after}  {self.wrong}\n           {self.violation[:100]}"


class Hunt(NamedTuple):
    """A mutant, and the seeds that are to catch it."""

    wrong: str
    seeds: Sequence[int]

    def run(self) -> Caught:
        """Play until it is caught."""
        with broken(self.wrong):
            for after, seed in enumerate(self.seeds, 1):
                for violation in play(seed).violations:
                    if re.search(BY[self.wrong], violation):
                        return Caught(self.wrong, after, seed, violation)
        return Caught(self.wrong, len(self.seeds), None, "")


def hunt(seeds: Sequence[int], *, with_memory: bool, processes: int) -> Iterator[Caught]:
    """Have every mutant hunted; ``with_memory`` those that a known seed has caught, first by that."""
    remembered = recall() if with_memory else {}
    hunted = [wrong for wrong in MUTANTS if wrong in remembered or not with_memory]
    hunts = [Hunt(wrong, [*remembered.get(wrong, ()), *seeds]) for wrong in hunted]
    return spread(Hunt.run, hunts, processes=processes)


def remember(caught: Iterable[Caught]) -> None:
    """Note which seed has caught which mutant."""
    REMEMBERED.write_text("".join(f"{one.seed} {one.wrong}\n" for one in caught if one.seed is not None))


def recall() -> dict[str, list[int]]:
    """The seeds that are noted."""
    lines = (line.split(" ", 1) for line in REMEMBERED.read_text().splitlines())
    return {wrong: [int(seed)] for seed, wrong in lines}
