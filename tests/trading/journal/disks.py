"""Disks that lose what was not synced, or fail: virtual file systems of SQLite's, over the real one."""

import random
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import apsw

Write = tuple[int, bytes]


class Disk(apsw.VFS):
    """What every new connection is on while it is in use. Its files tell it what is written, and when it is synced."""

    def __init__(self) -> None:
        super().__init__("disk", "unix", makedefault=True, maxpathname=0)

    def xOpen(self, name: "str | apsw.URIFilename | None", flags: list[int]) -> apsw.VFSFile:  # noqa: N802  # apsw's
        return DiskFile(self, name, flags)

    def writing(self, path: str, offset: int, data: bytes) -> None:
        """Called before some bytes are written."""

    def truncating(self, path: str, size: int) -> None:
        """Called before a file is cut."""

    def synced(self, path: str) -> None:
        """Called when a file was synced."""

    def syncing(self, path: str) -> None:
        """Called before a file is synced."""


class DiskFile(apsw.VFSFile):
    def __init__(self, disk: Disk, name: "str | apsw.URIFilename | None", flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self._disk = disk
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802  # pyright: ignore[reportIncompatibleMethodOverride]  # 3.11 has no Buffer
        self._disk.writing(self._path, offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.truncating(self._path, newsize)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.syncing(self._path)
        super().xSync(flags)
        self._disk.synced(self._path)


class VolatileDisk(Disk):
    """Knows what of each file would be there after a power loss: what it had when it was first written to, and synced.

    Names are not lost: that a file's is synced with its first content is up to SQLite and the system.
    """

    def __init__(self) -> None:
        super().__init__()
        self._durable: dict[str, bytearray] = {}
        self._pending: defaultdict[str, list[Write | int]] = defaultdict(list)

    def writing(self, path: str, offset: int, data: bytes) -> None:
        self._change(path, (offset, data))

    def truncating(self, path: str, size: int) -> None:
        self._change(path, size)

    def synced(self, path: str) -> None:
        for change in self._pending.pop(path, ()):
            _apply(self._durable[path], change)

    def _change(self, path: str, change: Write | int) -> None:
        self._durable.setdefault(path, bytearray(Path(path).read_bytes()))
        self._pending[path].append(change)

    def lose_power(self, source: Path, target: Path, *, kept: float, seed: int = 0) -> None:
        """Make ``target``, and the log beside it, as they would be: of what was not synced a share is ``kept``."""
        rng = random.Random(seed)
        for suffix in ("", "-wal"):
            path = f"{source}{suffix}"
            image = bytearray(self._durable.get(path, Path(path).read_bytes()))
            for change in self._pending.get(path, ()):
                if rng.random() < kept:
                    _apply(image, change)
            Path(f"{target}{suffix}").write_bytes(image)


class FailingDisk(Disk):
    """Fails at the n-th write or sync from now on, and for ever after. ``calls`` counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.fails_at = 0
        self.error: type[apsw.Error] = apsw.FullError

    def writing(self, path: str, offset: int, data: bytes) -> None:
        self._call()

    def truncating(self, path: str, size: int) -> None:
        self._call()

    def syncing(self, path: str) -> None:
        self._call()

    def _call(self) -> None:
        self.calls += 1
        if self.fails_at and self.calls >= self.fails_at:
            raise self.error("told to")


def _apply(image: bytearray, change: Write | int) -> None:
    if isinstance(change, int):
        del image[change:]
        return
    offset, data = change
    image.extend(bytes(max(0, offset + len(data) - len(image))))
    image[offset : offset + len(data)] = data


@contextmanager
def using(disk: Disk) -> Generator[None]:
    """Have all connections that are opened meanwhile on a disk."""
    try:
        yield
    finally:
        disk.unregister()
