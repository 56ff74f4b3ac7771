"""The ledger's file: what is appended is there, whatever happens to who wrote it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bowstring.local_exchange import audit, ledger
from bowstring.local_exchange.ledger import LedgerFile, read

KILLED = """
import os, signal, sys
from pathlib import Path
from bowstring.local_exchange.ledger import LedgerFile
file = LedgerFile(Path(sys.argv[1]))
for number in range(1000):
    file.append([{"kind": "a", "number": number}, {"kind": "b", "number": number}])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_lines_are_read_as_they_were_appended(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path / "ledger")
    file.append([{"kind": "a", "name": "ä\n\u2028"}, {"kind": "b"}])
    file.append([{"kind": "c", "amounts": {"BTC": "0.00000001"}}])

    assert list(read(file.path)) == [
        {"kind": "a", "name": "ä\n\u2028"},
        {"kind": "b"},
        {"kind": "c", "amounts": {"BTC": "0.00000001"}},
    ]


def test_nothing_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "ledger"

    ended = subprocess.run([sys.executable, "-c", KILLED, path], check=False, timeout=60)

    assert ended.returncode == -signal.SIGKILL
    assert [line["number"] for line in read(path)] == [number for number in range(1000) for _ in "ab"]


def test_a_ledger_is_never_written_over(tmp_path: Path) -> None:
    LedgerFile(tmp_path / "ledger").append([{"kind": "a"}])

    with pytest.raises(FileExistsError):
        LedgerFile(tmp_path / "ledger")
    assert len(list(read(tmp_path / "ledger"))) == 1


def test_lines_of_one_command_are_written_in_one_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, calls = LedgerFile(tmp_path / "ledger"), list[bytes]()

    def write(_: int, data: bytes) -> int:
        calls.append(bytes(data))
        return len(data)

    monkeypatch.setattr(os, "write", write)

    file.append([{"kind": "a"}, {"kind": "b"}])

    assert calls == [b'{"kind":"a"}\n{"kind":"b"}\n']


def test_a_write_that_is_cut_short_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, room = LedgerFile(tmp_path / "ledger"), [5, 3, 100]
    whole = os.write

    def write(number: int, data: bytes) -> int:
        return whole(number, data[: room.pop(0)])

    monkeypatch.setattr(os, "write", write)

    file.append([{"kind": "a"}, {"kind": "b"}])

    assert [line["kind"] for line in read(file.path)] == ["a", "b"]


def test_a_disk_that_is_full_is_told_and_nothing_comes_after_the_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, full = LedgerFile(tmp_path / "ledger"), os.open("/dev/full", os.O_WRONLY)
    write = os.write

    def to_full(_: int, data: bytes) -> int:
        return write(full, data)

    monkeypatch.setattr(os, "write", to_full)

    with pytest.raises(OSError, match="No space left"):
        file.append([{"kind": "a"}])
    monkeypatch.undo()
    with pytest.raises(OSError, match="No space left"):
        file.append([{"kind": "b"}])
    assert list(read(file.path)) == []
    os.close(full)


def test_a_last_line_cut_short_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text('{"kind":"a"}\n{"kind":')

    assert list(read(tmp_path / "ledger")) == [{"kind": "a"}]


@pytest.mark.parametrize("text", ["[1]\n", "1\n", '{"no":"kind"}\n', "\n", "{\n"])
def test_what_is_no_line_of_a_ledger_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "ledger").write_text(text)

    with pytest.raises(ValueError, match=r"line 1|Expecting"):
        list(read(tmp_path / "ledger"))


def test_the_ledger_and_its_audit_run_on_the_standard_library_alone() -> None:
    sources = [Path(str(one.__file__)).read_text() for one in (ledger, audit)]
    alone = "\n".join(sources).replace("from bowstring.local_exchange.ledger import read", "")

    subprocess.run([sys.executable, "-I", "-S", "-c", alone], check=True, timeout=60)
