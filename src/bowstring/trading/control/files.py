"""The files by which a human and a bot that runs as the same user talk, beside the bot's journal.

``JOURNAL.kill`` is the kill switch: while it is there, trading is halted. ``JOURNAL.control`` is a folder that only its
owner can enter, and that the running bot has locked. A command is a file in it that appears as a whole, by a rename,
and goes when it is taken; so it is carried out at most once. The answer is another one.
"""

import fcntl
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from bowstring.core.errors import BadMessage, ConfigError, Refused
from bowstring.trading.control.commands import Answer, AnyCommand, decode_answer, decode_command, encode

MAX_BYTES = 65_536
MAX_REASON = 200
ANSWERS_KEPT_NS = 3600 * 10**9  # for whoever gave up waiting and looks again
LOCK_TRIES = 10_000  # somebody who looks whether it is locked holds it for some microseconds
LOST = "the bot ended while it carried this out: look at the journal for what came of it"


class Given(Struct, frozen=True):
    """A command as it was found; ``given_ns`` is when it was, by the file system's clock."""

    command: AnyCommand
    given_ns: int


class ControlFiles:
    """The files of one journal, for either side. Methods raise OSError where nothing else is said."""

    def __init__(self, journal: str) -> None:
        self.kill_path = Path(f"{journal}.kill")
        self.folder = Path(f"{journal}.control")
        self._kill_name, self._folder_name = str(self.kill_path), str(self.folder)  # asked for often
        self._lock = -1

    # The bot's side

    def open(self, *, now_ns: int) -> None:
        """Make the folder if need be, and lock it. Raises `ConfigError` where it is not this user's own."""
        self.check_folder()
        self._lock = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        if not _lock(self._lock):
            self.close()
            raise ConfigError(f"{self.folder} is in use by another bot: stop that one first")
        self._tidy(now_ns)

    def close(self) -> None:
        """Unlock the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def killed(self) -> str:
        """That the kill switch is there, if so: asked before each order, it takes a microsecond."""
        is_there = os.access(self._kill_name, os.F_OK, follow_symlinks=False)
        return f"{self._kill_name} is there, which `bowstring control` activate removes" if is_there else ""

    def kill_changed_ns(self) -> int:
        """When the kill switch was pulled, whatever kind of file it is and whoever made it; 0: there is none."""
        try:
            return os.lstat(self._kill_name).st_ctime_ns
        except OSError:
            return 0

    def kill_reason(self) -> str:
        """The kill switch's first line, ``""`` where it has none. Never waits: not for a pipe either."""
        try:
            file = os.open(self.kill_path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return ""
        try:
            line = os.read(file, MAX_REASON).partition(b"\n")[0] if stat.S_ISREG(os.fstat(file).st_mode) else b""
        finally:
            os.close(file)
        return line.decode(errors="replace").strip()

    def lift_kill(self, *, given_ns: int) -> None:
        """Remove the kill switch. Raises `Refused` where it was pulled, again, after that was commanded."""
        lifted = self.folder / ".lifted"
        newer = Refused(f"{self.kill_path} is newer than this command: look why, and give it again")
        if self.kill_changed_ns() > given_ns:  # also one that was moved there, and is older by what it says
            raise newer
        try:
            self.kill_path.rename(lifted)  # what is made from now on is another one
        except FileNotFoundError:
            return
        except OSError as error:
            raise Refused(f"{self.kill_path} cannot be removed: {error}") from None
        if lifted.lstat().st_mtime_ns > given_ns:
            lifted.rename(self.kill_path)
            raise newer
        lifted.unlink()

    def folder_changed_ns(self) -> int:
        """When something came or went in the folder, by the file system's coarse clock; 0: there is no folder."""
        try:
            return os.lstat(self._folder_name).st_mtime_ns
        except OSError:
            return 0

    def waiting(self) -> Sequence[str]:
        """The commands that wait to be taken, by their names, oldest first."""
        try:
            names = os.listdir(self.folder)
        except OSError:
            return []
        return sorted(name.removesuffix(".command") for name in names if name.endswith(".command"))

    def read(self, name: str) -> Given:
        """A command that waits. Raises `BadMessage` for what is none, or is not this user's own."""
        data, found = _read_own(self.folder / f"{name}.command")
        return Given(decode_command(data), found.st_mtime_ns)

    def take(self, name: str) -> None:
        """See to it that a command is not carried out again."""
        (self.folder / f"{name}.command").rename(self.folder / f"{name}.taken")

    def answer(self, name: str, answer: Answer) -> None:
        """Tell what came of a command that was taken."""
        _write(self.folder / f"{name}.answer", encode(answer))
        (self.folder / f"{name}.taken").unlink(missing_ok=True)

    # The human's side

    def check_folder(self) -> None:
        """Make the folder if need be. Raises `ConfigError` where it is not this user's own, or open to others."""
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            found = self.folder.lstat()
        except OSError as error:
            raise ConfigError(f"{self.folder} cannot be made: {error}") from None
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise ConfigError(f"{self.folder} is not your own folder: be the user that the bot runs as")
        if found.st_mode & 0o077:
            raise ConfigError(f"{self.folder} is open to others: chmod 700 {self.folder}")

    def is_running(self) -> bool:
        """Whether a bot has the folder locked."""
        lock = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def pull(self, reason: str) -> None:
        """Make the kill switch, or make it anew."""
        _write(self.kill_path, f"{reason}\n".encode())

    def give(self, name: str, command: AnyCommand) -> Path:
        """Leave a command for the bot; returns where. ``name`` is unique, and greater than those before."""
        path = self.folder / f"{name}.command"
        _write(path, encode(command))
        return path

    def take_back(self, name: str) -> bool:
        """Take a command back. False: it was taken."""
        try:
            (self.folder / f"{name}.command").unlink()
        except FileNotFoundError:
            return False
        return True

    def find_answer(self, name: str) -> Answer | None:
        """The answer to a command, once; None: there is none yet."""
        path = self.folder / f"{name}.answer"
        try:
            data, _found = _read_own(path)
        except FileNotFoundError:
            return None
        path.unlink()
        return decode_answer(data)

    def _tidy(self, now_ns: int) -> None:
        """What a bot that was killed has left is answered; what nobody fetched for long is removed."""
        for path in self.folder.iterdir():
            if path.suffix == ".taken":
                self.answer(path.stem, Answer(is_done=False, text=LOST))
            elif path.suffix in {".answer", ".draft"} and now_ns - path.lstat().st_mtime_ns > ANSWERS_KEPT_NS:
                path.unlink()


def _lock(folder: int) -> bool:
    """Lock it for good; False: another process has. One that only looks lets go of it at once."""
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.sched_yield()
        else:
            return True
    return False


def _write(path: Path, data: bytes) -> None:
    """Have a file appear as a whole, for its owner only."""
    draft = path.with_name(f"{path.name}.draft")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(file, data)
    finally:
        os.close(file)
    draft.rename(path)


def _read_own(path: Path) -> tuple[bytes, os.stat_result]:
    """A file that nobody else can have written. Raises `BadMessage` for another one."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BadMessage(f"it cannot be read: {error}") from None
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise BadMessage("it is not a file of the bot's own user, or others have access to it")
        data = os.read(file, MAX_BYTES + 1)
    finally:
        os.close(file)
    if len(data) > MAX_BYTES:
        raise BadMessage(f"it is longer than {MAX_BYTES} bytes")
    return data, found
