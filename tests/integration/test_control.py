"""A bot as a process, and what a human does to it from another one: by a file, a signal and `bowstring control`."""

import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60


class Bot:
    """A `paper_bot` that runs."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self.process, self._lines = process, process.stdout

    def until(self, line: str) -> list[str]:
        """Read until it says a line; returns what it said before."""
        before: list[str] = []
        while (said := self._lines.readline()) != f"{line}\n":
            assert said, f"the bot has ended; it said {before}"
            before.append(said.rstrip("\n"))
        return before

    def stop(self) -> None:
        """Have it stop in order."""
        self.process.terminate()
        self.process.wait()


@contextmanager
def bot(journal: Path) -> Generator[Bot]:
    """Run one, for a minute at most; at the end it is killed as by `kill -9`."""
    command = [sys.executable, "-m", "tests.integration.paper_bot", str(journal)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        watchdog = Timer(PATIENCE_S, process.kill)
        watchdog.start()
        try:
            yield Bot(process)
        finally:
            watchdog.cancel()
            process.kill()


def control(journal: Path, *arguments: str) -> tuple[int, str, str]:
    """Run `bowstring control`; returns its exit code and what it printed."""
    command = [sys.executable, "-m", "bowstring", "control", "--wait", "30", str(journal), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "bot.journal"


def test_a_command_halts_a_running_bot_the_next_one_starts_halted_and_another_command_lets_it_trade(
    journal: Path,
) -> None:
    with bot(journal) as running:
        running.until("open")
        assert control(journal, "kill", "--why", "look", "--operator", "alice") == (0, "trading is halted\n", "")
        running.until("cancelled")
        running.until("refused")
    with bot(journal) as running:
        assert "open" not in running.until("risk halted the kill file")
        assert "open" not in running.until("refused")
        status = control(journal, "status")
        assert status == (0, "trading is halted by the kill file: look (alice)\n", "")
        assert control(journal, "activate", "--why", "I looked") == (0, "trading is active\n", "")
        running.until("open")
    with bot(journal) as running:
        assert not [line for line in running.until("open") if line.startswith("risk")]


def test_so_does_a_signal(journal: Path) -> None:
    with bot(journal) as running:
        running.until("open")
        running.process.send_signal(signal.SIGUSR1)
        running.until("risk halted SIGUSR1")
        running.until("cancelled")
    with bot(journal) as running:
        running.until("risk halted SIGUSR1")


def test_and_a_file(journal: Path) -> None:
    with bot(journal) as running:
        running.until("open")
        Path(f"{journal}.kill").touch()
        running.until("risk halted the kill file")
        running.until("cancelled")


def test_a_command_that_was_given_while_no_bot_ran_is_carried_out_by_the_next_one(journal: Path) -> None:
    with bot(journal) as running:
        running.until("open")
        running.stop()
    code, _, told = control(journal, "reduce", "--why", "night", "--operator", "alice")
    assert (code, "it is carried out when one starts" in told) == (3, True)
    with bot(journal) as running:
        running.until("risk reducing alice")
        running.until("refused")
