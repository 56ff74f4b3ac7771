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

import pytest

from bowstring.demo import run
from bowstring.local_exchange.audit import Audit, replay
from tests.test_cli import fails

DEADLINE_S = 60


@pytest.fixture(scope="module")
def printed() -> str:
    command = [sys.executable, "-m", "bowstring", "demo", "--seconds", "3"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=DEADLINE_S).stdout


@contextmanager
def trading() -> Generator[tuple["subprocess.Popen[str]", int]]:
    """A demo that has shown its first line, and the process of its exchange."""
    command = [sys.executable, "-m", "bowstring", "demo", "--seconds", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            while not re.match(r" +1 ", process.stdout.readline()):
                assert process.poll() is None
            yield process, int(first.rpartition("process ")[2].rstrip(")\n"))
        finally:
            process.kill()


def is_running(process: int) -> bool:
    status = Path(f"/proc/{process}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


def test_it_shows_a_line_a_second_then_a_summary(printed: str) -> None:
    before, after = printed.split("summary")

    assert len(re.findall(r"^ +[0-9]+ +[0-9]+ +[0-9]+\.[0-9]{2} +[0-9]+\.[0-9]{2} ", before, re.MULTILINE)) >= 2
    assert re.search(r"[0-9]+ Quote", after)
    assert re.search(r"strategy Bidder +[0-9]+", after)
    assert re.search(r" [1-9][0-9]* actions carried out\n +[1-9][0-9]* orders(, of which .*)?\n", after)


def test_both_strategies_trade_and_nothing_is_lost(printed: str) -> None:
    fills = {name: int(count) for name, count in re.findall(r"  (Bidder|Maker): (\d+) fills, profit", printed)}
    lost = [
        line.split()[-1] for line in printed.splitlines() if line.startswith(("  strategy", "  executor", "  guard"))
    ]

    assert fills.keys() == {"Bidder", "Maker"}
    assert min(fills.values()) > 0
    assert set(lost) == {"0"}


def test_the_ledger_of_the_exchange_agrees_with_the_bot(printed: str) -> None:
    table = printed.partition("what the bot was told\n")[2]
    rows = re.findall(r"^  (\S.*?)  +(\S+) +(\S+)   (\S+)$", table, re.MULTILINE)
    counts = {what.partition(":")[0]: int(ledger) for what, ledger, _, _ in rows if ":" in what}

    assert {verdict for *_, verdict in rows} == {"agrees"}
    assert all(ledger == bot for _, ledger, bot, _ in rows)
    assert counts["orders"] > 0 < counts["fills"]
    assert re.search(r"orders still open +0 +0 ", table)
    assert table.endswith("agree, to the last digit\n")


def test_interrupted_it_cancels_its_orders_stops_the_exchange_and_compares() -> None:
    with trading() as (demo, exchange_process):
        demo.send_signal(signal.SIGINT)
        printed, _ = demo.communicate(timeout=DEADLINE_S)

    assert demo.returncode == 0, printed
    assert re.search(r"orders still open +0 +0 +agrees", printed)
    assert printed.endswith("agree, to the last digit\n")
    assert not is_running(exchange_process)


def test_an_exchange_that_dies_ends_it_with_what_is_left_named() -> None:
    with trading() as (demo, exchange_process):
        os.kill(exchange_process, signal.SIGKILL)
        printed, _ = demo.communicate(timeout=DEADLINE_S)

    assert demo.returncode == 3, printed
    assert "the exchange is gone: the bot stops" in printed
    assert "orders that may be alive at binance" in printed
    assert "fills: price, quantity, fee" in printed
    assert printed.endswith("bowstring: the exchange ended with exit code -9\n")


def test_killed_it_leaves_no_exchange_behind() -> None:
    with trading() as (demo, exchange_process):
        demo.kill()
        demo.communicate()
        end = time.monotonic() + DEADLINE_S
        while is_running(exchange_process) and time.monotonic() < end:
            time.sleep(0.05)

    assert not is_running(exchange_process)


def test_a_ledger_that_says_otherwise_is_told_and_fails_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def doctored(ledger: Path) -> Audit:
        audit = replay(ledger)
        order = next(order for order in audit.orders.values() if order.account == "alice")
        order.client_order_id = "a-stranger"
        return audit

    monkeypatch.setattr(run, "replay", doctored)
    with pytest.raises(SystemExit) as ended:
        run.demo(seconds=2)

    printed = capsys.readouterr().out
    assert ended.value.code == 1
    assert "order a-stranger: unknown to the bot; the ledger has " in printed
    assert "DO NOT AGREE" in printed


def test_an_exchange_that_does_not_start_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true")

    assert fails(["demo"], capsys) == "bowstring: the exchange did not start\n"
