"""The process that a bot lives in: it dies where its fate says, at any await, journal or socket boundary."""

from collections import Counter
from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

from bowstring.testing.node import Node
from bowstring.testing.simulation import SimulatedLoop

Boundary = Literal["await", "journal", "socket"]
BOUNDARIES: tuple[Boundary, ...] = get_args(Boundary)


class Death(NamedTuple):
    """Where a process dies: at the n-th boundary of a kind."""

    boundary: Boundary
    number: int


class Process(Node):
    """A node that counts its boundaries: ``reached``. ``on_death`` is called once it is dead."""

    def __init__(self, loop: SimulatedLoop, *, death: Death | None, on_death: Callable[[], None]) -> None:
        super().__init__(loop)
        self.death = death
        self.reached: Counter[Boundary] = Counter()
        self._on_death = on_death

    def step(self) -> None:
        """The boundary between two steps of a task, or before a callback."""
        self.reached["await"] += 1
        if self.death == ("await", self.reached["await"]):
            self.kill()

    def reach(self, boundary: Boundary) -> None:
        """The node's code is at a boundary; it goes no further when this is where it dies."""
        self.reached[boundary] += 1
        if self.death == (boundary, self.reached[boundary]):
            self.die()

    def spare(self) -> None:
        """Let it live on for as long as it likes."""
        self.death = None
        self.resume()

    def kill(self) -> None:
        """End it, and tell."""
        super().kill()
        self._on_death()

    def exit(self) -> None:
        """It has come to its own end: nothing of it runs on."""
        super().kill()

    def abandon(self) -> None:
        """Have done with it, dead or alive."""
        super().kill()
        self.bury()
