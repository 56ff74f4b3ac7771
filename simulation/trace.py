"""All that happens in a world, in order and with its time: to be read, and to be compared."""

from collections.abc import Callable
from hashlib import blake2b


class Trace:
    """Notes what happens, and hashes it. ``show`` is called with each line; ``now_ns`` tells the time."""

    def __init__(self, *, show: Callable[[str], None] | None) -> None:
        self.now_ns: Callable[[], int] = lambda: 0
        self._show = show
        self._hash = blake2b(digest_size=8)

    def note(self, *what: object) -> None:
        """Note what happens now."""
        line = f"{self.now_ns() / 1e9:13.9f}  {' '.join(map(str, what))}"
        self._hash.update(line.encode())
        if self._show is not None:
            self._show(line)

    def digest(self) -> str:
        """The hash of all lines."""
        return self._hash.hexdigest()


def no_trace(*what: object) -> None:
    """Note nothing, which takes no time."""
