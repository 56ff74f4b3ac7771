"""A row of the fault matrix as a value, and what it is run with."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from msgspec import Struct

from faults.figures import Outcome

Form = Literal["short", "long"]


class Bench(Struct, frozen=True, kw_only=True):
    """What a row is run with: in which ``form``, from which ``seed``, and in which ``folder`` its files are.

    ``mutant`` names a broken class of `faults.mutants`, which the bots of this run are made with; ``""``: none.
    ``workers`` is how many bots may run at once where they mostly wait.
    """

    folder: Path
    form: Form = "long"
    seed: int = 1
    workers: int = 6
    mutant: str = ""

    def many(self, *, short: int, long: int) -> int:
        """How often something is done in this form."""
        return long if self.form == "long" else short

    def room(self, name: str) -> Path:
        """A new, empty folder in it."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


class Row(Struct, frozen=True, kw_only=True):
    """One line of the table: what goes wrong, how it is brought about, what is promised, and the run that shows it.

    ``is_timed``: it measures times, and so is run alone.
    """

    id: str
    fault: str
    how: str
    promise: str
    run: Callable[[Bench], Outcome]
    is_timed: bool = False
