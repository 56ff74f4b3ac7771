"""The demo, as a user starts it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from bowstring.demo import run
from bowstring.local_exchange.audit import Audit, replay
from tests.test_cli import fails

DEADLINE_S = 60


@pytest.fixture(scope="module")
def printed() -> str:
    command = [sys.executable, "-m", "bowstring", "demo", "--seconds", "4"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=DEADLINE_S).stdout


@contextmanager
def running(*options: str, until: str = r" +1 ") -> Generator[tuple["subprocess.Popen[str]", list[int]]]:
    """A demo that has shown such a line, and the processes that it has told of."""
    command = [sys.executable, "-m", "bowstring", "demo", "--seconds", "60", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        try:
            assert demo.stdout is not None
            told = read_until(until, demo.stdout)
            yield demo, [int(process) for process in re.findall(r"process (\d+)", told)]
        finally:
            demo.kill()


def read_until(line: str, output: IO[str]) -> str:
    lines = [output.readline()]
    while not re.match(line, lines[-1]):
        assert lines[-1], lines
        lines.append(output.readline())
    return "".join(lines)


def is_running(process: int) -> bool:
    status = Path(f"/proc/{process}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


def await_end(*processes: int) -> None:
    """Wait for them, for some time."""
    end = time.monotonic() + DEADLINE_S
    while any(map(is_running, processes)) and time.monotonic() < end:
        time.sleep(0.05)


def test_it_shows_a_line_a_second_and_what_came_of_it(printed: str) -> None:
    assert len(re.findall(r"^ +[0-9]+ +[0-9]+ +[0-9]+\.[0-9]{2} +[0-9]+\.[0-9]{2} ", printed, re.MULTILINE)) >= 2
    assert re.search(
        r"^  [1-9][0-9]* orders(, of which .*)?\n  Bidder: [1-9].* USDT .*\n  Maker: [1-9]", printed, re.MULTILINE
    )


def test_the_bot_is_killed_and_another_one_goes_on_with_its_journal(printed: str) -> None:
    first, second = re.findall(r"^bot: process (\d+), journal ", printed, re.MULTILINE)
    live = r"by its journal, \d+ orders were open and \d+ unanswered"
    found = r"     recovered: (those \d+ orders are now .*; )?fills that it missed: \d+"

    assert first != second
    assert re.search(rf"^kill -9 {first}: {live}\nbot: process {second}, .*\n{found}$", printed, re.MULTILINE)
    assert re.search(r"^     it trades again, [0-9.]+ s after the kill$", printed, re.MULTILINE)


def test_the_ledger_of_the_exchange_agrees_with_the_journal(printed: str) -> None:
    table = printed.partition("the bot's journal\n")[2]
    rows = re.findall(r"^  (\S.*?)  +(\S+) +(\S+)   (\S+)$", table, re.MULTILINE)
    counts = {what.partition(":")[0]: int(ledger) for what, ledger, _, _ in rows if ":" in what}

    assert {verdict for *_, verdict in rows} == {"agrees"}
    assert all(ledger == journal for _, ledger, journal, _ in rows)
    assert counts["orders"] > 0 < counts["fills"]
    assert re.search(r"orders still open +0 +0 ", table)
    assert table.endswith("agree, to the last digit\n")


@pytest.mark.parametrize("moment", [r" +1 ", r"bot: .* as before"])
def test_interrupted_it_cancels_its_orders_stops_the_exchange_and_compares(moment: str) -> None:
    with running("--seconds", "4", until=moment) as (demo, processes):
        demo.send_signal(signal.SIGINT)
        printed, _ = demo.communicate(timeout=DEADLINE_S)

    assert demo.returncode == 0, printed
    assert "SIGINT: the bot stops" in printed
    assert re.search(r"orders still open +0 +0 +agrees", printed)
    assert printed.endswith("agree, to the last digit\n")
    assert not any(map(is_running, processes))


def test_interrupted_twice_it_does_not_wait_for_the_bot() -> None:
    with running() as (demo, (exchange, bot)):
        os.kill(exchange, signal.SIGSTOP)  # the orders cannot be cancelled
        demo.send_signal(signal.SIGINT)
        assert demo.stdout is not None
        read_until("SIGINT", demo.stdout)
        demo.send_signal(signal.SIGINT)
        await_end(bot)
        os.kill(exchange, signal.SIGCONT)
        printed, _ = demo.communicate(timeout=DEADLINE_S)

    assert demo.returncode == 1, printed
    assert printed.endswith("bowstring: the bot was ended by signal 9\n")


def test_an_exchange_that_dies_ends_it_with_what_is_left_named() -> None:
    with running() as (demo, (exchange, _bot)):
        os.kill(exchange, signal.SIGKILL)
        printed, _ = demo.communicate(timeout=DEADLINE_S)

    assert demo.returncode == 3, printed
    assert "the exchange is gone: the bot stops" in printed
    assert "orders that may be alive at binance" in printed
    assert "fills: price, quantity, fee" in printed
    assert printed.endswith("bowstring: the exchange ended with exit code -9\n")


def test_a_bot_that_dies_by_itself_ends_it() -> None:
    with running() as (demo, (_exchange, bot)):
        os.kill(bot, signal.SIGKILL)
        printed, _ = demo.communicate(timeout=DEADLINE_S)

    assert demo.returncode == 1, printed
    assert printed.endswith("bowstring: the bot was ended by signal 9\n")


def test_killed_it_leaves_nothing_behind() -> None:
    with running() as (demo, processes):
        demo.kill()
        demo.communicate()
        await_end(*processes)

    assert len(processes) == 2
    assert not any(map(is_running, processes))


def test_a_ledger_that_says_otherwise_is_told_and_fails_it_killed_or_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def doctored(ledger: Path) -> Audit:
        audit = replay(ledger)
        order = next(order for order in audit.orders.values() if order.account == "alice")
        order.client_order_id = "a-stranger"
        return audit

    monkeypatch.setattr(run, "replay", doctored)
    with pytest.raises(SystemExit) as ended:
        run.demo(seconds=2, kills=0)

    printed = capsys.readouterr().out
    assert ended.value.code == 1
    assert "order a-stranger: unknown to the journal; the ledger has " in printed
    assert "DO NOT AGREE" in printed
    assert "kill" not in printed


def test_an_exchange_that_does_not_start_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true")

    assert fails(["demo"], capsys) == "bowstring: the exchange did not start\n"
