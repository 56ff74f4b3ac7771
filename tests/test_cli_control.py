"""``bowstring control``: what is given to the bot, and how the command ends."""

import json
import os
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Protocol

import pytest

from bowstring import cli, cli_control
from bowstring.core.clock import Clock
from bowstring.trading.control.commands import Answer
from bowstring.trading.control.files import ControlFiles
from bowstring.trading.journal.file import JournalFile

WHY = ["--why", "it is time"]


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOGNAME", "alice")
    path = tmp_path / "bot.journal"
    new = JournalFile(path, threads=False)
    new.open(Clock())
    new.close()
    Path(f"{path}.lock").unlink()
    return path


@pytest.fixture
def files(journal: Path) -> ControlFiles:
    return ControlFiles(str(journal))


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    error: str


class Run(Protocol):
    """Runs a command for the journal."""

    def __call__(self, *arguments: str, options: Sequence[str] = ()) -> Ended: ...


@pytest.fixture
def run(journal: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str, options: Sequence[str] = ()) -> Ended:
        with pytest.raises(SystemExit) as ended:
            cli.main(["control", *options, str(journal), *arguments])
        output = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, output.out, output.err)

    return run


def given(files: ControlFiles) -> list[dict[str, object]]:
    """The commands that wait."""
    return [json.loads((files.folder / f"{name}.command").read_bytes()) for name in files.waiting()]


@contextmanager
def answering(files: ControlFiles, answer: Answer) -> Generator[list[dict[str, object]]]:
    """Be a bot that answers every command like this; gives those that it took."""
    taken: list[dict[str, object]] = []
    is_over = Event()

    def work() -> None:
        while not is_over.wait(0.001):
            for name in files.waiting():
                taken.extend(given(files))
                files.take(name)
                files.answer(name, answer)

    files.open(now_ns=0)
    thread = Thread(target=work)
    thread.start()
    try:
        yield taken
    finally:
        is_over.set()
        thread.join()
        files.close()


# A bot that runs

COMMANDS: dict[str, dict[str, object]] = {
    "status": {"operator": "", "why": ""},
    "kill": {},
    "reduce": {},
    "activate": {},
    "resume trader": {"strategy": "trader"},
    "order x-1 failed": {"client_order_id": "x-1", "status": "failed", "filled": None},
    "order x-1 cancelled --filled 0.5": {"client_order_id": "x-1", "status": "cancelled", "filled": "0.5"},
    "accept binance BTC/USDT": {"venue": "binance", "symbol": "BTC/USDT"},
    "position trader binance BTC/USDT -0.5": {
        "strategy": "trader",
        "venue": "binance",
        "symbol": "BTC/USDT",
        "quantity": "-0.5",
    },
    "position trader binance BTC/USDT 2": {
        "strategy": "trader",
        "venue": "binance",
        "symbol": "BTC/USDT",
        "quantity": "2",
    },
}


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_given_to_the_bot_and_its_answer_printed(command: str, files: ControlFiles, run: Run) -> None:
    with answering(files, Answer(is_done=True, text="so be it")) as taken:
        ended = run(*command.split(), *([] if command == "status" else WHY))

    assert (ended.code, ended.out, ended.error) == (0, "so be it\n", "")
    assert taken == [
        {"command": command.split(maxsplit=1)[0], "operator": "alice", "why": "it is time"} | COMMANDS[command]
    ]


def test_what_the_bot_refuses_ends_with_exit_code_1(files: ControlFiles, run: Run) -> None:
    with answering(files, Answer(is_done=False, text="there is no order x-1 of this bot")):
        ended = run("order", "x-1", "failed", *WHY)

    assert (ended.code, ended.out) == (1, "")
    assert ended.error == "bowstring: refused, there is no order x-1 of this bot\n"


def test_the_operator_may_have_another_name(files: ControlFiles, run: Run) -> None:
    with answering(files, Answer(is_done=True, text="so be it")) as taken:
        run("reduce", "--operator", "the night shift", *WHY)

    assert taken[0]["operator"] == "the night shift"


def test_kill_makes_the_kill_switch_too(files: ControlFiles, run: Run) -> None:
    with answering(files, Answer(is_done=True, text="trading is halted")):
        run("kill", *WHY)

    assert files.kill_reason() == "it is time (alice)"


# A bot that does not answer


@pytest.fixture
def busy(files: ControlFiles) -> Generator[None]:
    """Give a bot that is too busy to look."""
    files.open(now_ns=0)
    yield
    files.close()


@pytest.mark.usefixtures("busy")
def test_a_command_that_is_not_answered_stays_and_it_says_how_to_take_it_back(files: ControlFiles, run: Run) -> None:
    ended = run("activate", *WHY, options=["--wait", "0"])

    (name,) = files.waiting()
    assert ended.code == 3
    assert ended.error == (
        "bowstring: the bot has not answered within 0 s: it is carried out as soon as it can be; to take it back, "
        f"rm {files.folder}/{name}.command\n"
    )


@pytest.mark.usefixtures("busy")
def test_a_question_does_not_stay(files: ControlFiles, run: Run) -> None:
    ended = run("status", options=["--wait", "0"])

    longer = "give it longer, by --wait SECONDS before the journal"
    assert (ended.code, ended.error) == (3, f"bowstring: the bot has not answered within 0 s: {longer}\n")
    assert files.waiting() == []


@pytest.mark.usefixtures("busy")
def test_the_kill_switch_does_without_its_command(files: ControlFiles, run: Run) -> None:
    ended = run("kill", *WHY, options=["--wait", "0"])

    assert (ended.code, ended.error) == (
        3,
        f"bowstring: the bot has not answered within 0 s; {files.kill_path} is there\n",
    )
    assert files.waiting() == []
    assert files.kill_path.exists()


@pytest.mark.usefixtures("busy")
def test_a_command_that_the_bot_is_at_cannot_be_taken_back(
    files: ControlFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take(_seconds: float) -> None:
        for name in files.waiting():
            files.take(name)

    monkeypatch.setattr(time, "sleep", take)
    ended = run("kill", *WHY, options=["--wait", "0.01"])

    assert ended.code == 3
    assert "it is carried out as soon as it can be" in ended.error


@pytest.mark.usefixtures("busy")
def test_ctrl_c_takes_it_back(files: ControlFiles, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    ended = run("activate", *WHY)

    assert ended.code == 130
    assert files.waiting() == []


@pytest.mark.usefixtures("busy")
def test_an_answer_that_cannot_be_read_is_an_error(
    files: ControlFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def garble(_seconds: float) -> None:
        for name in files.waiting():
            files.take(name)
            files.answer(name, Answer(is_done=True, text=""))
            (files.folder / f"{name}.answer").write_text("?")

    monkeypatch.setattr(time, "sleep", garble)
    ended = run("activate", *WHY)

    assert ended.code == 2
    assert "it is no answer" in ended.error


# No bot


def test_where_no_bot_runs_a_command_is_left_for_the_next_start(files: ControlFiles, run: Run) -> None:
    ended = run("activate", *WHY)

    (name,) = files.waiting()
    assert ended.code == 3
    assert ended.error.startswith("bowstring: no bot runs on ")
    assert ended.error.endswith(
        f"bot.journal: it is carried out when one starts; to take it back, rm {files.folder}/{name}.command\n"
    )
    assert given(files) == [{"command": "activate", "operator": "alice", "why": "it is time"}]


def test_the_kill_switch_alone(files: ControlFiles, run: Run) -> None:
    ended = run("kill", *WHY)

    assert ended.code == 3
    assert ended.error.endswith(f"bot.journal: the next one starts halted, as {files.kill_path} is there\n")
    assert files.waiting() == []


def test_and_a_question_not(files: ControlFiles, run: Run) -> None:
    ended = run("status")

    assert ended.code == 3
    assert ended.error.endswith(f"; what is on record: bowstring journal show {files.folder.with_suffix('')}\n")
    assert files.waiting() == []


# What is wrong


def test_a_journal_that_is_not_there_is_a_mistake(journal: Path, run: Run) -> None:
    journal.unlink()
    ended = run("kill", *WHY)

    missing = f"bowstring: there is no journal {journal}: give the path that its bot was given\n"
    assert (ended.code, ended.error) == (2, missing)
    assert list(journal.parent.iterdir()) == []


@pytest.mark.parametrize("command", [["status"], ["kill", *WHY], ["activate", *WHY]])
def test_what_is_no_journal_is_refused_and_nothing_is_written(command: list[str], journal: Path, run: Run) -> None:
    journal.write_text("import bowstring as bs\n" * 10)
    ended = run(*command)

    foreign = f"bowstring: {journal} is no journal of bowstring's: give the path of one\n"
    assert (ended.code, ended.error) == (2, foreign)
    assert list(journal.parent.iterdir()) == [journal]


def test_an_empty_file_is_no_journal_either(journal: Path, run: Run) -> None:
    journal.write_bytes(b"")
    ended = run("kill", *WHY)

    assert (ended.code, ended.error.count("\n")) == (2, 1)
    assert "it is empty, which no journal ever is" in ended.error
    assert list(journal.parent.iterdir()) == [journal]


def test_nor_is_a_folder(journal: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.unlink()
    folder = journal.parent / "ops"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit, match="2"):
        cli.main(["control", ".", "status"])

    assert [*journal.parent.iterdir(), *folder.iterdir()] == [folder]


def test_a_pipe_is_not_waited_for(journal: Path, run: Run) -> None:
    journal.unlink()
    os.mkfifo(journal)
    ended = run("status")

    pipe = f"bowstring: {journal} is no plain file: give the path of a journal\n"
    assert (ended.code, ended.error) == (2, pipe)


def test_the_journal_of_a_bot_that_has_run_may_be_damaged(journal: Path, files: ControlFiles, run: Run) -> None:
    files.check_folder()
    journal.write_bytes(b"")

    assert run("kill", *WHY).code == 3
    assert files.kill_path.exists()


def test_of_a_bot_without_a_journal_in_a_file_none_is_shown(journal: Path, files: ControlFiles, run: Run) -> None:
    journal.unlink()
    files.check_folder()

    idle = f"bowstring: no bot runs on {journal}; it has no journal in a file: start it, and ask again\n"
    assert run("status").error == idle


def test_without_anything_it_is_said_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["control"])

    assert capsys.readouterr() == ("", "bowstring: Missing argument 'JOURNAL'. (see bowstring control --help)\n")


@pytest.mark.parametrize("left", ["kill", "control"])
def test_what_a_bot_has_beside_it_is_enough(left: str, journal: Path, run: Run) -> None:
    journal.unlink()
    Path(f"{journal}.{left}").mkdir(mode=0o700)

    assert run("status").code == 3


def test_in_another_users_folder_the_kill_switch_is_made_nevertheless(files: ControlFiles, run: Run) -> None:
    files.folder.mkdir()
    files.folder.chmod(0o755)
    ended = run("kill", *WHY)

    assert (ended.code, ended.error) == (
        2,
        f"bowstring: {files.folder} is open to others: chmod 700 {files.folder}\n",
    )
    assert files.kill_path.exists()


MISTAKES = {
    "kill": "Missing option '--why'",
    "kill --why=": "Invalid value for '--why': it is empty: say why, for the record",
    "resume trader --why=\t": "Invalid value for '--why': it is empty",
    "order x-1 --why x": "Missing argument 'STATUS'. Choose from: open, failed, rejected, expired, cancelled, filled",
    "order x-1 unknown --why y": "Invalid value for 'STATUS'",
    "order x-1 unknown --why x": "'unknown' is not one of",
    "order x-1 cancelled --filled few --why x": "'few' is no quantity",
    "order x-1 cancelled --filled NaN --why x": "'NaN' is no quantity",
    "position trader binance BTC/USDT much --why x": "'much' is no quantity",
    "dance --why x": "No such command 'dance'",
}


@pytest.mark.parametrize("command", MISTAKES)
def test_what_is_no_command_is_one_line_and_gives_exit_code_2(command: str, files: ControlFiles, run: Run) -> None:
    ended = run(*command.split(" "))

    assert (ended.code, ended.error.count("\n")) == (2, 1)
    assert MISTAKES[command] in ended.error
    assert not files.folder.exists()


def test_names_of_commands_grow_with_time() -> None:
    first = cli_control.new_name()
    time.sleep(0.002)

    assert first < cli_control.new_name()
