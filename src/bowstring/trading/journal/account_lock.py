"""One process per account: whatever journal a second one has, it would not know of the orders of the first."""

import os
import stat
import sys
from hashlib import sha256
from pathlib import Path
from socket import AF_UNIX, SOCK_DGRAM, socket
from tempfile import gettempdir

from bowstring.core.errors import ConfigError
from bowstring.trading.journal.file_lock import FileLock


class AccountLock:
    """Keeps other processes of this user, on this machine, from trading on an account of a venue.

    It is a file, named by a hash, in the folder for temporary files, and in ``XDG_RUNTIME_DIR`` too where that is set:
    not every process of a user has it. On Linux it is a socket's name as well, as a service may have temporary files of
    its own. The account ``""`` is nobody else's and is not locked.
    """

    def __init__(self) -> None:
        self._locks: list[FileLock] = []
        self._socket: socket | None = None

    def acquire(self, account: str, *, now_ns: int) -> None:
        """Lock the account until `release`, or the end of the process. Raises `ConfigError` naming who has it."""
        if not account:
            return
        name = sha256(account.encode()).hexdigest()[:32]
        try:
            for folder in _folders():
                lock = FileLock(folder / f"{name}.lock")
                lock.acquire("the account", now_ns=now_ns)
                self._locks.append(lock)
            self._bind(f"bowstring-{os.getuid()}-{name}")
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Give the account back, if it is locked."""
        for lock in self._locks:
            lock.release()
        self._locks.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _bind(self, name: str) -> None:
        """Take a name that is in no file system, and that the system takes back."""
        if sys.platform != "linux":
            return
        self._socket = socket(AF_UNIX, SOCK_DGRAM)
        try:
            self._socket.bind(f"\0{name}")
        except OSError as error:
            taken = "another process of this user, which has other temporary files: stop that one first"
            raise ConfigError(f"the account is in use by {taken} ({error})") from None


def _folders() -> list[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    folders = [Path(gettempdir()) / f"bowstring-{os.getuid()}"]
    if runtime and Path(runtime).is_dir():
        folders.append(Path(runtime) / "bowstring")
    for folder in folders:
        _make_private(folder)
    return folders


def _make_private(folder: Path) -> None:
    """Make the folder. Raises `ConfigError` where it is, or may be made, somebody else's."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise ConfigError(f"the account cannot be locked: {error}") from None
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise ConfigError(f"the account cannot be locked: {folder} is not a folder that only this user can write to")
