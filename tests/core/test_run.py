import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

from bowstring.core.engine import Engine
from bowstring.core.messages import KillSwitch
from bowstring.core.run import run, run_engine
from tests.core.bots import Bot, Doer, Risk, Tick, Witness
from tests.core.lifecycle import Feed, feed_of, forever, tick_and_wait

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60
LOOPS = {"uvloop": "uvloop", "stock": "asyncio.unix_events"}
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1]

both_loops = pytest.mark.parametrize("loop", LOOPS)


class Process:
    """A `small_bot`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.signal = process.send_signal
        self._process, self._stdout, self._stderr = process, process.stdout, process.stderr

    def read_until(self, last: str) -> None:
        """Read its output up to that line."""
        while (line := self._stdout.readline()) != f"{last}\n":
            assert line, self._stderr.read()

    def end(self) -> tuple[int, list[str], str]:
        """Wait for its end; return its exit code, and what was not read of its lines and of stderr."""
        lines, errors = self._stdout.read().splitlines(), self._stderr.read()
        return self._process.wait(), lines, errors


@contextmanager
def small_bot(*arguments: str) -> Generator[Process]:
    """Run one in a process of its own, for a minute at most."""
    command = [sys.executable, "-m", "tests.core.small_bot", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        watchdog = Timer(PATIENCE_S, process.kill)
        watchdog.start()
        try:
            yield Process(process)
        finally:
            watchdog.cancel()
            process.kill()


@both_loops
@pytest.mark.parametrize("spin", ["", "spin"])
def test_a_bot_whose_source_ends_ends_with_exit_code_0(loop: str, spin: str) -> None:
    with small_bot("lines", loop, spin) as bot:
        code, lines, errors = bot.end()

    assert (code, errors) == (0, "")
    assert [line for line in lines if line.startswith("line")] == ["line 0", "line 1", "line 2"]
    assert f"{LOOPS[loop]} frozen" in lines
    assert lines[-4:] == [
        "stopping: all finite collectors have ended",
        "executors stop",
        "not frozen",
        "['Keeper', 'timers', 'Printer', 'Keeper', 'timers']",
    ]


@both_loops
def test_it_computes_all_the_time_only_if_it_is_to_spin(loop: str) -> None:
    computed_s: list[float] = []
    for spin in ("", "spin"):
        with small_bot("patient", loop, spin) as bot:
            bot.read_until("up")
            computed_s.append(float(bot.end()[1][0]))

    assert computed_s[1] > 3 * computed_s[0]


@both_loops
@pytest.mark.parametrize(("number", "spin"), [(signal.SIGINT, ""), (signal.SIGTERM, "spin")])
def test_a_signal_stops_it_in_order_with_exit_code_0(loop: str, spin: str, number: signal.Signals) -> None:
    with small_bot("wait", loop, spin) as bot:
        bot.read_until("up")
        bot.signal(number)
        code, lines, errors = bot.end()

    assert (code, errors) == (0, "")
    assert lines[:2] == [f"stopping: {number.name}", "executors stop"]


@both_loops
def test_a_signal_stops_it_while_it_starts(loop: str) -> None:
    with small_bot("starting", loop) as bot:
        bot.read_until("up")
        bot.signal(signal.SIGTERM)
        code, _, errors = bot.end()

    assert (code, errors) == (0, "")


@both_loops
def test_what_is_left_behind_is_named_and_gives_exit_code_3(loop: str) -> None:
    with small_bot("left", loop) as bot:
        bot.read_until("up")
        bot.signal(signal.SIGTERM)
        code, _, errors = bot.end()

    assert code == 3
    assert errors.splitlines()[-1] == "left behind: Keeper: order 1 may be alive"


@both_loops
def test_why_it_did_not_start_is_told_besides(loop: str) -> None:
    with small_bot("alone and left", loop) as bot:
        code, _, errors = bot.end()

    assert code == 3
    assert errors.splitlines()[-2:] == [
        "no venue answers; raised by the start of Printer",
        "left behind: Keeper: order 1 may be alive",
    ]


@both_loops
def test_what_ignores_its_cancellation_keeps_the_process_from_ending_no_longer_than_it_may(loop: str) -> None:
    with small_bot("stubborn", loop, "quick") as bot:
        bot.read_until("up")
        bot.signal(signal.SIGTERM)
        code, _, errors = bot.end()

    assert code == 3
    assert "left behind: Keeper did not stop within" in errors


@both_loops
@pytest.mark.parametrize(("first", "second"), [(signal.SIGINT, signal.SIGINT), (signal.SIGINT, signal.SIGTERM)])
def test_a_second_signal_ends_it_at_once(loop: str, first: signal.Signals, second: signal.Signals) -> None:
    with small_bot("stubborn", loop) as bot:
        bot.read_until("up")
        bot.signal(first)
        bot.read_until("stubborn")
        bot.signal(second)
        code, _, _ = bot.end()

    assert code == 128 + second


@both_loops
@pytest.mark.parametrize(("first", "second"), [(signal.SIGINT, signal.SIGINT), (signal.SIGINT, signal.SIGTERM)])
def test_it_does_even_if_a_handler_keeps_the_loop(loop: str, first: signal.Signals, second: signal.Signals) -> None:
    with small_bot("blocked", loop, first.name, second.name) as bot:
        bot.read_until("up")
        code, lines, _ = bot.end()

    assert (code, lines) == (128 + second, [f"after {first.name}"])


@both_loops
def test_sigusr1_pulls_the_kill_switch_and_it_runs_on(loop: str) -> None:
    with small_bot("wait", loop) as bot:
        bot.read_until("up")
        bot.signal(signal.SIGUSR1)
        bot.read_until("killed: it was told to by a signal SIGUSR1")
        bot.signal(signal.SIGUSR1)
        bot.read_until("killed: it was told to by a signal SIGUSR1")
        bot.signal(signal.SIGTERM)
        code, lines, _ = bot.end()

    assert (code, lines[0]) == (0, "stopping: SIGTERM")


@both_loops
def test_a_process_that_was_stopped_for_a_while_is_not_taken_for_blocked(loop: str) -> None:
    with small_bot("stopped", loop) as bot:
        bot.read_until("up")
        for _ in range(2):
            bot.signal(signal.SIGSTOP)
            time.sleep(0.7)  # the time for which it stands still is real
            bot.signal(signal.SIGCONT)
            time.sleep(0.2)
        bot.signal(signal.SIGTERM)
        code, lines, errors = bot.end()

    assert (code, errors) == (0, "")
    assert lines[0] == "stopping: SIGTERM"


@both_loops
def test_but_for_what_it_is_where_that_was_long(loop: str) -> None:
    with small_bot("stopped", loop) as bot:
        bot.read_until("up")
        bot.signal(signal.SIGSTOP)
        time.sleep(1.5)
        bot.signal(signal.SIGCONT)
        bot.read_until("a process that stood still blocked")
        bot.signal(signal.SIGTERM)
        code, _lines, errors = bot.end()

    assert code == 0
    assert errors.endswith("s, by a process that stood still\n")


def test_a_mistake_of_the_user_is_one_line_and_gives_exit_code_2() -> None:
    with small_bot("mistaken") as bot:
        code, lines, errors = bot.end()

    assert (code, errors) == (2, "no such symbol; raised by the collector Mistaken\n")
    assert lines[-2:] == ["executors stop", "not frozen"]


def test_so_is_a_start_that_finds_nobody() -> None:
    with small_bot("alone") as bot:
        code, _, errors = bot.end()

    assert (code, errors) == (2, "no venue answers; raised by the start of Printer\n")


def test_any_other_error_of_a_start_keeps_its_traceback() -> None:
    with small_bot("broken") as bot:
        code, _, errors = bot.end()

    assert code == 1
    assert errors.startswith("Traceback")
    assert errors.endswith("ValueError: no idea\nraised by the start of Printer\n")


@both_loops
def test_a_handler_that_exits_stops_it_in_order_too(loop: str) -> None:
    with small_bot("exiting", loop) as bot:
        code, lines, _ = bot.end()

    assert code == 5
    assert lines[-3:] == ["stopping: SystemExit(5)", "executors stop", "not frozen"]


@both_loops
def test_a_task_of_the_user_that_goes_on_does_not_keep_the_process_from_ending(loop: str) -> None:
    with small_bot("untidy", loop) as bot:
        bot.read_until("stubborn")
        bot.signal(signal.SIGTERM)
        code, _, _ = bot.end()

    assert code == 0


def test_in_a_running_loop_it_says_what_to_use_and_leaves_nothing_behind() -> None:
    with small_bot("notebook") as bot:
        code, _, errors = bot.end()

    assert code == 1
    assert errors.splitlines()[-1] == (
        "bowstring.core.errors.WiringError: an event loop runs here already, as in a notebook: "
        "use `await bs.Engine(...).run()`"
    )
    assert "never awaited" not in errors
    assert "destroyed" not in errors


# --- in this process -------------------------------------------------------------------------------------------------


def test_the_second_signal_counts_whatever_the_first_was(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []

    def interrupt(tick: Tick) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(os, "_exit", codes.append)
    run(collectors=[feed_of(Tick())], strategies=[Bot(interrupt)])

    assert codes == [143]


def test_the_kill_switch_works_while_a_handler_keeps_the_loop() -> None:
    def interrupt(tick: Tick) -> Risk:
        signal.raise_signal(signal.SIGUSR1)
        return Risk()

    witness, doer = Witness(), Doer()
    run(collectors=[feed_of(Tick())], strategies=[Bot(interrupt)], guards=[witness], executors=[doer])

    assert doer.given == []
    assert [pulled.by for pulled in witness.of(KillSwitch)] == ["SIGUSR1"]


def test_an_engine_of_ones_own_can_be_reached_while_it_runs() -> None:
    def fail_once(tick: Tick) -> None:
        if not engine.stopping:
            asyncio.get_running_loop().call_soon(resume_and_stop)
            raise ValueError("no books")

    def resume_and_stop() -> None:
        engine.resume("bot")
        engine.stop()

    engine = Engine(collectors=[Feed(tick_and_wait)], strategies=[Bot(fail_once)])
    accounts = {account.name: account for account in run_engine(engine)}

    assert (accounts["bot"].delivered, accounts["bot"].halted) == (3, False)


def test_signals_are_handled_as_before_once_it_has_ended() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]

    run(collectors=[feed_of(Tick())], strategies=[Bot()])

    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_what_the_bot_began_besides_ends_with_its_loop() -> None:
    tasks: list[asyncio.Task[None]] = []

    def begin(tick: Tick) -> None:
        tasks.append(asyncio.get_running_loop().create_task(forever()))

    run(collectors=[feed_of(Tick())], strategies=[Bot(begin)])

    assert tasks[0].cancelled()
    assert tasks[0].get_loop().is_closed()
