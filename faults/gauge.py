"""Numbers that outlive the process that counts them, also where that is killed: in a file that is mapped."""

import mmap
from pathlib import Path
from types import TracebackType
from typing import Self

NAMES = ("sent", "answered", "recovered_ns", "steps", "await", "journal", "socket")
WIDTH = 8


class Gauge:
    """A number for each name, at first 0. One process counts, another one looks."""

    def __init__(self, path: Path) -> None:
        size = WIDTH * len(NAMES)
        if not path.exists():
            path.write_bytes(bytes(size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), size)
        self._numbers = memoryview(self._map).cast("q")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getitem__(self, name: str) -> int:
        return self._numbers[NAMES.index(name)]

    def __setitem__(self, name: str, value: int) -> None:
        self._numbers[NAMES.index(name)] = value

    @property
    def in_flight(self) -> int:
        """Orders that were sent and have not been answered."""
        return self["sent"] - self["answered"]

    def close(self) -> None:
        """The file stays."""
        self._numbers.release()
        self._map.close()
