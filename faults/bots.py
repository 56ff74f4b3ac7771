"""Bots as processes: started, spoken to, killed, stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from faults.bot import Script, encoded
from faults.gauge import Gauge
from faults.lines import Lines

START_S = 120.0  # everything else may be running
STOP_S = 10.0  # what is promised of every stop


class Bot:
    """A bot that runs. What it logs is appended to ``bot.err`` in its folder."""

    def __init__(self, script: Script, *, wrapper: Sequence[str] = ()) -> None:
        folder = Path(script.folder)
        self.gauge = Gauge(folder / "gauge")
        for name in ("sent", "answered", "recovered_ns"):
            self.gauge[name] = 0
        command = [*wrapper, sys.executable, "-m", "faults.process", encoded(script)]
        with (folder / "bot.err").open("ab") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, process_group=0
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._input = self.process.stdin
        self.lines = Lines(self.process.stdout)

    def say(self, word: str) -> None:
        """Tell it a word."""
        self._input.write(f"{word}\n".encode())
        self._input.flush()

    def heard(self, word: str, *, within_s: float = START_S) -> list[str]:
        """Wait until it says a word; returns what comes after it in its line. Raises `ChildProcessError`."""
        rest = self.lines.until(word, within_s=within_s)
        if rest is None:
            code = self._code()
            state = "is running" if code is None else f"ended with {code}"
            raise ChildProcessError(f"the bot did not say {word!r} within {within_s:g} s: it {state}")
        return rest

    def _code(self) -> int | None:
        """Its exit code, or None; its output may end a moment before it does."""
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(1)
        return None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it as `kill -9` does, and wait until it is gone."""
        self.process.kill()
        self.process.wait()

    def stop(self, *, within_s: float = STOP_S) -> tuple[int, float]:
        """End it in order; returns its exit code and the seconds that it took. Raises ``TimeoutExpired``."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s), time.monotonic() - began

    def close(self) -> None:
        """Have done with it, however it is."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)
            self.kill()
        self._input.close()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.gauge.close()


@contextmanager
def bot(script: Script, *, wrapper: Sequence[str] = ()) -> Generator[Bot]:
    """A bot, until the end of the context at most."""
    running = Bot(script, wrapper=wrapper)
    try:
        yield running
    finally:
        running.close()


def tail(folder: Path, *, lines: int = 20) -> str:
    """The end of what the bot in this folder has logged."""
    return "\n".join((folder / "bot.err").read_text(errors="replace").splitlines()[-lines:])
