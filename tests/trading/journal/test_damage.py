"""A bit that was changed anywhere: the file is refused, or verification finds it, or it makes no difference."""

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.core.clock import Clock
from bowstring.core.errors import ConfigError
from bowstring.trading.journal import commands
from bowstring.trading.journal import file as file_module
from bowstring.trading.journal.database import open_database
from bowstring.trading.journal.file import JournalFile
from bowstring.trading.journal.port import Cursor
from bowstring.trading.journal.schema import MIGRATIONS
from bowstring.trading.messages import GuardState, OperatorDecision, ReconcileMismatch, RiskStateChanged
from tests.trading.journal.orders import VENUE, Known, known, life, order

HEADER_BYTES, FRAME_BYTES = 32, 24 + 1024
BITS = st.integers(0, 7)
SHARE = st.floats(0, 1, exclude_max=True)
"""Where in a file."""


class Files:
    """A journal and its log, as they are found after its writer was killed."""

    def __init__(self, folder: Path) -> None:
        path = folder / "bot.journal"
        journal = JournalFile(path, threads=False)
        journal.open(Clock())
        _write(journal)
        journal.close()
        journal.open(Clock())
        for name in "abc":
            journal.record([order(name)])
        self.main, self.log = path.read_bytes(), Path(f"{path}-wal").read_bytes()
        journal.record([order("last")])
        self.longer_log = Path(f"{path}-wal").read_bytes()
        journal.close()


def _write(journal: JournalFile) -> None:
    """Put something into every table."""
    for number in range(20):
        action = order(f"o{number}")
        journal.record([action])
        for news in life(action, after=number):
            journal.write(news)
    journal.write([Cursor(venue=VENUE, time_ns=9), GuardState(guard="loss", state="{}")])
    journal.write([ReconcileMismatch(venue=VENUE, symbol="ETH/USDT", reason="it differs")])
    journal.write([RiskStateChanged(state="reducing"), OperatorDecision(operator="me", what="resume", reason="seen")])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("sound"))


@contextmanager
def copy(main: bytes, log: bytes) -> Generator[Path]:
    with TemporaryDirectory() as folder:
        path = Path(folder, "bot.journal")
        path.write_bytes(main)
        Path(f"{path}-wal").write_bytes(log)
        yield path


def flipped(content: bytes, share: float, bit: int) -> bytes:
    """The same, but for one bit."""
    changed = bytearray(content)
    changed[int(share * len(content))] ^= 1 << bit
    return bytes(changed)


def exported(path: Path) -> list[str]:
    return list(commands.export(path))


def found(path: Path) -> list[str]:
    """What verification tells; that it refuses is a finding too."""
    try:
        return list(commands.verify(path))
    except ConfigError as refused:
        return [str(refused)]


def opened(path: Path) -> Known | None:
    """What a bot would know that starts with it; None: it does not start."""
    journal = JournalFile(path, threads=False)
    try:
        journal.open(Clock())
    except ConfigError:
        return None
    try:
        return known(journal)
    except ConfigError:
        return None
    finally:
        journal.close()


def test_without_damage_nothing_is_found(files: Files) -> None:
    for log in (b"", files.log, files.longer_log):
        with copy(files.main, log) as path:
            assert found(path) == []
            assert opened(path) is not None


@given(share=SHARE, bit=BITS)
def test_damage_of_the_file(files: Files, share: float, bit: int) -> None:
    with copy(files.main, b"") as path:
        sound, whole = exported(path), opened(path)
    with copy(flipped(files.main, share, bit), b"") as path:
        if not found(path):
            assert exported(path) == sound
            assert opened(path) in (whole, None)
        else:
            opened(path)  # which may do, and raises no other error


@given(share=SHARE, bit=BITS)
def test_damage_of_the_log(files: Files, share: float, bit: int) -> None:
    """The last transaction may be lost silently: it cannot be told from one whose writer was killed meanwhile."""
    with copy(files.main, files.log) as path:
        without_last = exported(path)
    with copy(files.main, files.longer_log) as path:
        with_last = exported(path)
    assert len(with_last) == len(without_last) + 1
    with copy(files.main, flipped(files.longer_log, share, bit)) as path:
        if not found(path):
            assert exported(path) in (with_last, without_last)
        opened(path)


def test_a_transaction_that_was_not_finished_is_no_damage(files: Files) -> None:
    with copy(files.main, files.longer_log[:-FRAME_BYTES]) as path:
        assert found(path) == []


def test_a_log_that_is_zeros_after_a_transaction_is_no_damage_either(files: Files) -> None:
    with copy(files.main, files.log) as path:
        without_last = exported(path)
    with copy(files.main, files.log + bytes(len(files.longer_log) - len(files.log))) as path:
        assert found(path) == []
        assert exported(path) == without_last


def test_a_log_that_was_just_begun_anew_is_no_damage(files: Files, tmp_path: Path) -> None:
    header = Files(tmp_path).log[:HEADER_BYTES]  # another one's: of other salts
    with copy(files.main, header + files.log[HEADER_BYTES:]) as path:
        assert found(path) == []


@pytest.mark.parametrize("offset", range(HEADER_BYTES))
def test_damage_at_the_head_of_the_log_is_found(files: Files, offset: int) -> None:
    with copy(files.main, flipped(files.log, offset / len(files.log), 1)) as path:
        (finding,) = found(path)

    assert finding.startswith("log: 4 transactions are behind a damaged part")  # three orders, and their epoch


def test_what_is_lost_behind_damage_of_the_log_is_told_at_the_start(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    with copy(files.main, flipped(files.longer_log, 0.3, 0)) as path:
        assert opened(path) is not None

    assert "transactions at the end of its log cannot be read, as after a loss of power; look for orders" in caplog.text


@given(share=SHARE)
def test_a_file_that_was_cut(files: Files, share: float) -> None:
    with copy(files.main, b"") as path:
        sound = exported(path)
    with copy(files.main[: int(share * len(files.main))], b"") as path:
        if not found(path):
            assert exported(path) == sound
        opened(path)


@pytest.mark.parametrize("version", [1, 2])
def test_lost_commits_are_told_where_the_journal_is_migrated(
    version: int, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, copied = tmp_path / "bot.journal", tmp_path / "copy.journal"
    with monkeypatch.context() as patch:
        patch.setattr(file_module, "open_database", partial(open_database, migrations=MIGRATIONS[:version]))
        journal = JournalFile(path, threads=False)
        journal.open(Clock())
        journal.close()
        journal.open(Clock())
        for name in "abcdefgh":
            journal.record([order(name)])
        copied.write_bytes(path.read_bytes())
        log = bytearray(Path(f"{path}-wal").read_bytes())
        journal.close()
    log[int(0.7 * len(log))] ^= 1
    Path(f"{copied}-wal").write_bytes(log)
    journal = JournalFile(copied, threads=False)
    journal.open(Clock())
    journal.close()
    assert "transactions at the end of its log cannot be read" in caplog.text
