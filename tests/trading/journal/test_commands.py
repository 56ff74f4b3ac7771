"""The commands that read a journal: what they tell, of files in every state, and that they change nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from bowstring import cli
from bowstring.core.clock import Clock
from bowstring.core.errors import ConfigError
from bowstring.trading.journal import commands
from bowstring.trading.journal.file import JournalFile
from bowstring.trading.journal.port import Cursor
from bowstring.trading.messages import (
    GuardState,
    OperatorDecision,
    ReconcileMismatch,
    ReplaceOrder,
    RiskStateChanged,
)
from tests.trading.journal.disks import Disk, using
from tests.trading.journal.orders import SIZE, SYMBOL, VENUE, life, order, told

NOW_NS = 1_700_000_000_000_000_000
NOW = "2023-11-14 22:13:20.000"
TERMS = "buy 0.00000005 BTC/USDT at 65000.10, gtc, post only, replaces b"


class Stopped(Clock):
    """It is always the same time."""

    def now_ns(self) -> int:
        return NOW_NS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.journal"


@pytest.fixture
def journal(path: Path) -> Iterator[JournalFile]:
    """A journal in use."""
    opened = JournalFile(path, threads=False)
    opened.open(Stopped())
    opened.record([order("a"), order("b")])
    for news in life(order("a")):
        opened.write(news)
    replacement = ReplaceOrder(
        strategy="bidder",
        venue=VENUE,
        symbol=SYMBOL,
        side="buy",
        client_order_id="b",
        new_client_order_id="c",
        quantity=SIZE,
        price=order().price,
        post_only=True,
    )
    opened.write([told(order("b"), "unknown", reason="reset\x1b[2J")])
    opened.record([replacement])
    opened.write([Cursor(venue=VENUE, time_ns=NOW_NS), GuardState(guard="loss", state="{}")])
    opened.write([ReconcileMismatch(venue=VENUE, symbol="ETH/USDT", reason="it differs")])
    opened.write([RiskStateChanged(state="halted", reason="enough", by="me", time_ns=NOW_NS)])
    opened.write([OperatorDecision(operator="me", what="kill", reason="enough", time_ns=NOW_NS)])
    yield opened
    opened.close()


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[str, str, int]:
    """What a command prints, on which output, and its exit code."""
    code = 0
    try:
        cli.main(["journal", *map(str, arguments)])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    captured = capsys.readouterr()
    return captured.out, captured.err, code


def contents(path: Path) -> dict[str, bytes]:
    """The file and its log."""
    files = (path, Path(f"{path}-wal"))
    return {file.name: file.read_bytes() for file in files if file.exists() and file.stat().st_size}


@pytest.mark.usefixtures("journal")
def test_show_tells_where_the_bot_stands(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    host, version = os.uname().nodename, "bowstring 0.1.0"

    assert run(capsys, "show", path) == (
        f"""\
journal {path}
epoch 1, of 1 on record: since {NOW}, not ended: it runs, or was killed; process {os.getpid()} on {host}, {version}
trading is halted since {NOW}, by me: enough
3 orders on record, 2 of them live, of which 2 have no known outcome

live orders:
  order  venue    strategy  {"terms":{len(TERMS)}}  status   filled  recorded                 reason
  b      binance  bidder    {TERMS[:40]:{len(TERMS)}}  unknown  0       {NOW}  reset\\x1b[2J
  c      binance  bidder    {TERMS}  pending  0       {NOW}

positions:
  strategy  venue    symbol    quantity      since
  bidder    binance  BTC/USDT  0.0000000499  {NOW}

fills are known until:
  venue    time there
  binance  {NOW}

mismatches that nobody has settled:
  venue    symbol    since                    reason
  binance  ETH/USDT  {NOW}  it differs

risk, the latest first:
  since                    state   by  reason
  {NOW}  halted  me  enough

decisions, the latest first:
  time                     operator  what  reason
  {NOW}  me        kill  enough
""",
        "",
        0,
    )


@pytest.mark.usefixtures("journal")
def test_show_tells_the_history_of_an_order(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "show", path, "a") == (
        f"""\
order a at binance, by bidder: buy 0.00000005 BTC/USDT at 65000.10, gtc
  {NOW}  intent, in epoch 1
  {NOW}  open, 0 filled, 77
  {NOW}  fill of 0.00000005 at 65000.10, fee 0.0000000001 BTC, maker, trade a-ta
  {NOW}  filled, 0.00000005 filled, 77
""",
        "",
        0,
    )


@pytest.mark.usefixtures("journal")
def test_show_knows_no_other_order(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = f"bowstring: no order z is on record in {path}: `bowstring journal export {path}` has all\n"
    assert run(capsys, "show", path, "z") == ("", told, 2)


@pytest.mark.usefixtures("journal")
def test_export_prints_every_row_as_a_line_of_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.loads(line) for line in run(capsys, "export", path)[0].splitlines()]

    assert lines[0] == {"format": "bowstring journal", "version": 2}
    assert [line["table"] for line in lines[1:]] == [
        *["epochs", "intents", "intents", "intents", "states", "states", "reports", "reports", "reports", "fills"],
        *["positions", "cursors", "mismatches", "risk_states", "guard_states", "decisions"],
    ]
    assert lines[2] == {
        "table": "intents",
        "entry": 1,
        "venue": "binance",
        "client_order_id": "a",
        "strategy": "bidder",
        "symbol": "BTC/USDT",
        "side": "buy",
        "quantity": "0.00000005",
        "price": "65000.10",
        "time_in_force": "gtc",
        "post_only": 0,
        "reduces": 0,
        "replaces": "",
        "action": 7,
        "received_ns": 3,
        "recorded_ns": NOW_NS,
        "epoch": 1,
    }


def test_verify_says_that_all_is_well_or_what_is_not(
    journal: JournalFile, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "verify", path) == ("sound\n", "", 0)
    journal.write([told(order("a"), "open")])
    told_back = "order a at binance: it is told to be open 77, 0 filled after filled 77, 0.00000005 filled\n"
    output, errors, code = run(capsys, "verify", path)

    assert (output.startswith(told_back), errors, code) == (True, "", 1)


@pytest.mark.parametrize("command", ["show", "export", "verify"])
def test_what_is_no_journal_is_refused(tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("mine\n" * 100)

    missing = f"bowstring: there is no journal {tmp_path / 'none'}: give the path that its bot was given\n"
    assert run(capsys, command, tmp_path / "none") == ("", missing, 2)
    foreign = f"bowstring: {other} is no journal of bowstring's: give the path of one\n"
    assert run(capsys, command, other) == ("", foreign, 2)
    folder = f"bowstring: {tmp_path} is a folder: give the path of a journal\n"
    assert run(capsys, command, tmp_path) == ("", folder, 2)


@pytest.mark.parametrize("command", ["show", "export", "verify"])
def test_of_an_empty_file_it_is_told_that_it_is_empty(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "bot.journal"
    empty.touch()

    output, errors, code = run(capsys, command, empty)
    assert "it is empty, which no journal ever is: to begin a new one, remove it" in output + errors
    assert code == (1 if command == "verify" else 2)


@pytest.mark.parametrize("command", ["show", "export", "verify"])
def test_one_of_another_version_is_not_read(
    journal: JournalFile, path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.close()
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", 3)

    told = f"bowstring: journal {path} is of version 3, and this one reads 2: use the newer bowstring\n"
    assert run(capsys, command, path) == ("", told, 2)
    connection.pragma("user_version", 2)
    connection.close()
    journal.open(Stopped())


def test_tables_that_do_not_belong_there_are_damage(
    journal: JournalFile, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE mine (id)")
    connection.close()

    assert run(capsys, "verify", path) == ("file: its tables are not those of a journal\n", "", 1)
    output, error, code = run(capsys, "show", path)
    assert (output, error.startswith(f"bowstring: journal {path} is damaged: its tables are"), code) == ("", True, 2)


def _leave_running(journal: JournalFile, path: Path) -> Path:
    return path


def _kill(journal: JournalFile, path: Path) -> Path:
    copy = path.with_name("killed.journal")
    for name, content in contents(path).items():
        copy.with_name(name.replace("bot", "killed")).write_bytes(content)
    return copy


def _close(journal: JournalFile, path: Path) -> Path:
    journal.close()
    journal.open(Stopped())
    return _kill(journal, path)


@pytest.mark.parametrize("end", [_leave_running, _kill, _close])
def test_nothing_is_changed(journal: JournalFile, path: Path, end: Callable[[JournalFile, Path], Path]) -> None:
    found = end(journal, path)
    before = contents(found)

    assert list(commands.verify(found)) == []
    assert list(commands.show(found, "a"))
    assert list(commands.export(found))
    assert contents(found) == before
    journal.record([order("after")])


def _damage_log(path: Path) -> None:
    """Change a bit in the first page of the log, as it was left by a process that was killed."""
    log = bytearray(Path(f"{path}-wal").read_bytes())
    log[100] ^= 1
    Path(f"{path}-wal").write_bytes(log)


@pytest.mark.parametrize("arguments", [["show"], ["show", "z"], ["export"]])
def test_what_lies_behind_damage_of_the_log_is_warned_of(
    journal: JournalFile, path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command, *order = arguments
    killed = _kill(journal, path)
    _damage_log(killed)
    (finding,) = list(commands.verify(killed))
    output, errors, code = run(capsys, command, killed, *order)

    assert finding.startswith("log: ")
    assert errors.splitlines()[0] == f"bowstring: {finding}; what is told here is from before them"
    assert bool(output) != bool(order)
    assert code == (2 if order else 1)


class ReadOnlyFolder(Disk):
    """Lets nobody make a log, or open one."""

    def xOpen(self, name: "str | apsw.URIFilename | None", flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        if str(name).endswith("-wal"):
            raise apsw.ReadOnlyError("the folder is read-only")
        return super().xOpen(name, flags)


def test_a_folder_that_cannot_be_written_to_will_do(journal: JournalFile, path: Path) -> None:
    journal.close()
    with using(ReadOnlyFolder()):
        assert list(commands.verify(path)) == []
    journal.open(Stopped())


def test_but_not_for_a_journal_whose_log_is_needed(journal: JournalFile, path: Path) -> None:
    with using(ReadOnlyFolder()), pytest.raises(ConfigError, match=f"journal {path} cannot be opened: the folder is"):
        list(commands.verify(path))


def test_without_apsw_it_is_said_what_to_install() -> None:
    script = "import sys; sys.modules['apsw'] = None; from bowstring.cli import main; main(['journal', 'show', 'x'])"

    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    expected = "bowstring: journal needs apsw: pip install '/path/to/bowstring[journal]'\n"
    assert (process.stderr, process.returncode) == (expected, 2)
