"""A lock that cannot be had, for whatever reason, is a setting to mend."""

import os
from pathlib import Path

import pytest

from bowstring.core.errors import ConfigError
from bowstring.trading.journal.file_lock import FileLock


def fail(*_arguments: object) -> int:
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize("call", ["pwrite", "ftruncate", "fchmod", "open"])
def test_a_lock_on_a_disk_that_fails_is_refused_and_given_back(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as failing:
        failing.setattr(os, call, fail)
        with pytest.raises(ConfigError, match=r"journal j cannot be locked: .*Input/output error"):
            FileLock(tmp_path / "lock").acquire("journal j", now_ns=0)

    FileLock(tmp_path / "lock").acquire("journal j", now_ns=0)
