"""A lock that one process at a time holds, and that the system takes back however that process ends."""

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

from bowstring.core.errors import ConfigError

MODE = 0o1600  # the sticky bit keeps systemd-tmpfiles from removing it: tmpfiles.d(5)


class FileLock:
    """A file that is locked by flock(2), and says who has it and since when.

    The file stays when the lock is released: to remove it would let two processes lock two files of one name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1

    def acquire(self, what: str, *, now_ns: int) -> None:
        """Lock it for life. Raises `ConfigError`, which says ``what`` is taken and by whom, where somebody has it."""
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise ConfigError(f"{what} cannot be locked: {error}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 100, 0).decode(errors="replace") or "another process"
            self.release()
            raise ConfigError(f"{what} is in use by {holder}: stop that one first") from None
        except OSError as error:  # a file system without locks
            self.release()
            raise ConfigError(f"{what} cannot be locked by {self._path}: {error}") from None
        try:
            self._sign(now_ns)
        except OSError as error:
            self.release()
            raise ConfigError(f"{what} cannot be locked: {error}") from None

    def _sign(self, now_ns: int) -> None:
        since = datetime.fromtimestamp(now_ns // 10**9, UTC).isoformat()
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"process {os.getpid()} since {since}".encode(), 0)
        os.fchmod(self._file, MODE)

    def release(self) -> None:
        """Give the lock back, if it is held."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
