"""What a process prints, line by line, each waited for no longer than it may take."""

import os
import selectors
import time
from typing import IO


class Lines:
    """Of a pipe."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._descriptor = pipe.fileno()
        self._buffer = b""

    def next(self, *, within_s: float) -> str | None:
        """The next line, or None: it did not come in time, or there is none any more."""
        deadline = time.monotonic() + within_s
        with selectors.DefaultSelector() as selector:
            selector.register(self._descriptor, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    return None
                data = os.read(self._descriptor, 65536)
                if not data:
                    return None
                self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()

    def until(self, word: str, *, within_s: float) -> list[str] | None:
        """Read on until a line begins with the word; returns the rest of that line, None: it did not come in time."""
        deadline = time.monotonic() + within_s
        while (line := self.next(within_s=deadline - time.monotonic())) is not None:
            first, *rest = line.split()
            if first == word:
                return rest
        return None
