"""One process trades on an account, whatever its journal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bowstring.core.errors import ConfigError
from bowstring.trading.journal import account_lock
from bowstring.trading.journal.account_lock import AccountLock
from tests.trading.bot import Bot, simulated
from tests.trading.scripted import ScriptedGateway

ACCOUNT = f"https://api.venue.example 4711 {os.getpid()}"
NOW_NS = 1_700_000_000_000_000_000
TAKEN = f"the account is in use by process {os.getpid()} since 2023-11-14T22:13:20\\+00:00: stop that one first"
HOLDER = """
import sys
from bowstring.trading.journal import account_lock
account_lock.gettempdir = lambda: sys.argv[1]
account_lock.AccountLock().acquire(sys.argv[2], now_ns=0)
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(account_lock, "gettempdir", lambda: str(tmp_path))
    return tmp_path / f"bowstring-{os.getuid()}"


def acquire(account: str = ACCOUNT) -> AccountLock:
    lock = AccountLock()
    lock.acquire(account, now_ns=NOW_NS)
    return lock


def test_an_account_is_locked_until_it_is_released() -> None:
    first = acquire()
    with pytest.raises(ConfigError, match=TAKEN):
        acquire()
    first.release()

    acquire().release()


def test_other_accounts_are_free_and_so_is_one_that_is_nobody_elses() -> None:
    locks = [acquire(), acquire("another"), acquire(""), acquire("")]

    for lock in locks:
        lock.release()


def test_the_account_is_not_named_in_the_file_system(folder: Path) -> None:
    lock = acquire()
    (file,) = folder.iterdir()
    lock.release()

    assert "4711" not in file.name
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o7777) == (0o700, 0o1600)


def test_with_a_runtime_folder_and_without_it_is_one_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without = acquire()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    with pytest.raises(ConfigError, match=TAKEN):
        acquire()
    without.release()

    both = acquire()
    monkeypatch.setattr(account_lock, "gettempdir", lambda: str(tmp_path / "run"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    with pytest.raises(ConfigError, match=TAKEN):
        acquire()
    both.release()


def test_one_that_cannot_be_locked_everywhere_is_locked_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    first = acquire()
    monkeypatch.setattr(account_lock, "gettempdir", lambda: str(tmp_path / "other"))
    with pytest.raises(ConfigError, match=TAKEN):
        acquire()
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    first.release()

    acquire().release()


@pytest.mark.skipif(sys.platform != "linux", reason="sockets have names in files elsewhere")
def test_one_with_other_temporary_files_is_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = acquire()
    (tmp_path / "other").mkdir()
    monkeypatch.setattr(account_lock, "gettempdir", lambda: str(tmp_path / "other"))
    with pytest.raises(ConfigError, match="in use by another process of this user, which has other temporary files"):
        acquire()
    first.release()

    acquire().release()


def test_a_folder_that_others_can_write_to_is_refused(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)

    with pytest.raises(ConfigError, match=f"{folder} is not a folder that only this user can write to"):
        acquire()


def test_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    folder.symlink_to(tmp_path / "theirs")

    with pytest.raises(ConfigError, match=f"{folder} is not a folder"):
        acquire()


def test_a_folder_that_cannot_be_made_is_a_reason_not_to_start(folder: Path) -> None:
    folder.write_text("in the way")

    with pytest.raises(ConfigError, match="the account cannot be locked: "):
        acquire()


def test_kill_9_releases_it(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), ACCOUNT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"locked\n"
    with pytest.raises(ConfigError, match=f"the account is in use by process {holder.pid} since 1970-01-01"):
        acquire()
    holder.kill()
    holder.communicate()

    acquire().release()


@simulated
async def test_a_second_bot_on_an_account_does_not_start_and_does_nothing_to_the_first() -> None:
    gateway = ScriptedGateway()
    gateway.account = ACCOUNT
    other = ScriptedGateway(ledger=gateway.ledger)
    other.account = ACCOUNT
    async with Bot(gateway) as bot:
        order = await bot.open()
        with pytest.raises(ConfigError, match=f"the account is in use by process {os.getpid()}"):
            async with Bot(other):
                pass

        assert bot.status(order) == "open"
        assert [method for method, _what in other.calls if method not in ("open", "close")] == []
    async with Bot(other):
        pass
