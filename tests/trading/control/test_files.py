"""The files by which a human and a bot talk: who may write them, and what becomes of them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bowstring.core.errors import BadMessage, ConfigError, Refused
from bowstring.trading.control.commands import Activate, Answer
from bowstring.trading.control.files import ANSWERS_KEPT_NS, MAX_BYTES, ControlFiles

COMMAND = Activate(operator="alice", why="all is well")
DONE = Answer(is_done=True, text="trading is active")


@pytest.fixture
def files(tmp_path: Path) -> ControlFiles:
    files = ControlFiles(str(tmp_path / "bot.journal"))
    files.check_folder()
    return files


def names(files: ControlFiles) -> list[str]:
    return sorted(path.name for path in files.folder.iterdir())


# Commands and answers


def test_a_command_is_found_once_and_so_is_its_answer(files: ControlFiles) -> None:
    files.give("1", COMMAND)
    assert files.waiting() == ["1"]
    assert files.read("1").command == COMMAND
    files.take("1")
    assert files.waiting() == []
    assert files.find_answer("1") is None
    files.answer("1", DONE)
    assert files.find_answer("1") == DONE
    assert files.find_answer("1") is None
    assert names(files) == []


def test_the_oldest_command_comes_first(files: ControlFiles) -> None:
    for name in ("b", "a", "c"):
        files.give(name, COMMAND)

    assert files.waiting() == ["a", "b", "c"]


def test_only_its_owner_has_access_to_what_is_written(files: ControlFiles) -> None:
    before = os.umask(0)
    try:
        path = files.give("1", COMMAND)
        files.pull("look")
    finally:
        os.umask(before)

    assert [one.stat().st_mode & 0o777 for one in (files.folder, path, files.kill_path)] == [0o700, 0o600, 0o600]


def test_a_command_can_be_taken_back_until_it_is_taken(files: ControlFiles) -> None:
    files.give("1", COMMAND)
    assert files.take_back("1")
    files.give("2", COMMAND)
    files.take("2")

    assert not files.take_back("2")


def test_in_a_folder_that_is_gone_nothing_waits(files: ControlFiles) -> None:
    files.folder.rmdir()

    assert files.waiting() == []
    assert files.folder_changed_ns() == 0


def test_a_folder_tells_when_something_has_come(files: ControlFiles) -> None:
    os.utime(files.folder, ns=(0, 0))
    files.give("1", COMMAND)

    assert files.folder_changed_ns() > 0


def write_too_much(path: Path) -> None:
    path.write_bytes(b" " * (MAX_BYTES + 1))


def write_a_link(path: Path) -> None:
    other = path.with_name("other")
    path.rename(other)
    path.symlink_to(other)


def write_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir(mode=0o700)


def write_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, mode=0o600)


def write_for_all(path: Path) -> None:
    path.chmod(0o604)


NOT_OWN = "it is not a file of the bot's own user, or others have access to it"
Write = Callable[[Path], None]

BAD: dict[Write, str] = {
    write_too_much: "it is longer than 65536 bytes",
    write_a_link: "it cannot be read: ",
    write_a_folder: NOT_OWN,
    write_a_pipe: NOT_OWN,
    write_for_all: NOT_OWN,
}


@pytest.mark.parametrize("write", BAD)
def test_what_nobody_else_can_have_written_is_a_file_of_ones_own(write: Write, files: ControlFiles) -> None:
    write(files.give("1", COMMAND))

    with pytest.raises(BadMessage, match=BAD[write]):
        files.read("1")


def test_of_another_user_it_is_not(files: ControlFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    files.give("1", COMMAND)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)

    with pytest.raises(BadMessage, match=NOT_OWN):
        files.read("1")


# The folder


def test_a_folder_that_is_open_to_others_is_refused(files: ControlFiles) -> None:
    files.folder.chmod(0o750)

    with pytest.raises(ConfigError, match=r"bot\.journal\.control is open to others: chmod 700 /"):
        files.open(now_ns=0)


def test_so_is_one_of_another_user(files: ControlFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)

    with pytest.raises(ConfigError, match=r"is not your own folder: be the user that the bot runs as"):
        files.check_folder()


def test_so_is_a_link_to_one(files: ControlFiles) -> None:
    elsewhere = files.folder.rename(files.folder.with_name("elsewhere"))
    files.folder.symlink_to(elsewhere)

    with pytest.raises(ConfigError, match="is not your own folder"):
        files.check_folder()


def test_where_none_can_be_made_it_says_so(tmp_path: Path) -> None:
    files = ControlFiles(str(tmp_path / "nowhere" / "bot.journal"))

    with pytest.raises(ConfigError, match="cannot be made: "):
        files.check_folder()


def test_one_bot_at_a_time_has_it(files: ControlFiles) -> None:
    other = ControlFiles(str(files.kill_path).removesuffix(".kill"))
    assert not files.is_running()
    files.open(now_ns=0)
    assert other.is_running()
    with pytest.raises(ConfigError, match="in use by another bot"):
        other.open(now_ns=0)
    files.close()
    files.close()
    other.open(now_ns=0)
    assert files.is_running()
    other.close()
    assert not files.is_running()


def test_what_a_bot_was_at_when_it_ended_is_answered_and_not_done_again(files: ControlFiles) -> None:
    files.give("1", COMMAND)
    files.take("1")
    files.open(now_ns=0)
    files.close()
    answer = files.find_answer("1")

    assert files.waiting() == []
    assert answer == Answer(
        is_done=False, text="the bot ended while it carried this out: look at the journal for what came of it"
    )


def test_answers_that_nobody_fetches_do_not_heap_up(files: ControlFiles) -> None:
    files.give("1", COMMAND)
    files.take("1")
    files.answer("1", DONE)
    (files.folder / "2.command.draft").touch()
    written_ns = (files.folder / "2.command.draft").stat().st_mtime_ns
    files.open(now_ns=written_ns)
    files.close()
    assert names(files) == ["1.answer", "2.command.draft"]
    files.open(now_ns=written_ns + ANSWERS_KEPT_NS + 1)
    files.close()

    assert names(files) == []


# The kill switch


def test_there_is_none_unless_it_was_pulled(files: ControlFiles) -> None:
    assert files.kill_changed_ns() == 0
    assert files.kill_reason() == ""
    files.lift_kill(given_ns=0)
    files.pull("prices look wrong")

    assert files.kill_changed_ns() > 0
    assert files.kill_reason() == "prices look wrong"


def test_each_pull_is_another_one(files: ControlFiles) -> None:
    files.pull("one")
    first_ns = files.kill_changed_ns()
    os.utime(files.kill_path, ns=(0, 0))

    assert files.kill_changed_ns() > first_ns


def to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


def to_a_secret(path: Path) -> None:
    secret = path.with_name("secret")
    secret.write_text("a key")
    path.symlink_to(secret)


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, os.mkfifo, to_nowhere, to_a_secret])
def test_whatever_it_is_it_is_pulled_and_says_nothing(make: Write, files: ControlFiles) -> None:
    make(files.kill_path)

    assert files.kill_changed_ns() > 0
    assert files.kill_reason() == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"one\ntwo", "one"), (b"  one \r\n", "one"), (b"\xff!", "\ufffd!"), (b"x" * 300, "x" * 200)],
)
def test_its_first_line_is_the_reason(content: bytes, reason: str, files: ControlFiles) -> None:
    files.kill_path.write_bytes(content)

    assert files.kill_reason() == reason


def test_it_is_lifted_unless_it_is_newer(files: ControlFiles) -> None:
    files.pull("look")
    pulled_ns = files.kill_path.stat().st_ctime_ns
    with pytest.raises(Refused, match=r"bot\.journal\.kill is newer than this command: look why, and give it again"):
        files.lift_kill(given_ns=pulled_ns - 1)
    assert files.kill_reason() == "look"
    files.lift_kill(given_ns=pulled_ns)

    assert files.kill_changed_ns() == 0
    assert names(files) == []


def test_one_that_was_moved_there_is_as_new_as_that(files: ControlFiles) -> None:
    old = files.kill_path.with_name("old")
    old.write_text("look")
    os.utime(old, (0, 0))
    old.rename(files.kill_path)

    with pytest.raises(Refused, match="is newer than this command"):
        files.lift_kill(given_ns=files.kill_changed_ns() - 1)
    assert files.kill_reason() == "look"


def test_one_that_was_pulled_at_the_last_moment_is_put_back(
    files: ControlFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.pull("look")
    monkeypatch.setattr(files, "kill_changed_ns", lambda: 0)  # as it was a moment ago

    with pytest.raises(Refused, match="is newer than this command"):
        files.lift_kill(given_ns=files.kill_path.stat().st_mtime_ns - 1)
    assert files.kill_reason() == "look"


def test_one_that_cannot_be_removed_is_not_lifted(files: ControlFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: Path, _target: Path) -> None:
        raise PermissionError("not permitted")

    files.pull("look")
    monkeypatch.setattr(Path, "rename", fail)

    with pytest.raises(Refused, match=r"bot\.journal\.kill cannot be removed: not permitted"):
        files.lift_kill(given_ns=1 << 62)
