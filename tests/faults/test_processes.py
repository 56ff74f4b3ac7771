"""Real processes: an exchange, a bot that is killed, and the one that goes on from its journal."""

import signal
from pathlib import Path

import pytest

from faults.bot import Script
from faults.bots import bot, tail
from faults.crowd import quote
from faults.exchange import Exchange, exchange
from faults.oracle import settle


def script(running: Exchange, folder: Path, *, mutant: str = "") -> Script:
    return Script(
        cast="faults.scripted",
        addresses=running.addresses,
        account=running.account("alice"),
        folder=str(folder),
        mutant=mutant,
    )


@pytest.mark.parametrize(("mutant", "step"), [("", 60), ("records-later", 9)])
def test_a_bot_is_killed_at_a_step_and_the_next_one_agrees_with_the_ledger_unless_it_is_a_mutant(
    mutant: str, step: int, tmp_path: Path
) -> None:
    with exchange(tmp_path) as running:
        quote(running)
        with bot(script(running, tmp_path, mutant=mutant)) as first:
            first.heard("recovered")
            first.say(f"go {step}")
            ended = first.process.wait(30)
        with bot(script(running, tmp_path)) as second:
            second.heard("recovered")
            judgement = settle(running.ledger, "alice", tmp_path / "journal", within_s=0 if mutant else 5)
            code, _seconds = second.stop()

    assert (ended, code) == (-signal.SIGKILL, 0)
    assert judgement.orders > 0
    assert {finding.rule for finding in judgement.findings} >= ({"I2"} if mutant else set())
    assert bool(judgement.findings) == bool(mutant)


def test_a_bot_that_ends_without_a_word_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("no journal")
    with (
        exchange(tmp_path) as running,
        bot(script(running, tmp_path)) as failing,
        pytest.raises(ChildProcessError, match=r"not say 'recovered' within \d+ s: it ended with 2"),
    ):
        failing.heard("recovered")

    assert "no journal of bowstring's" in tail(tmp_path)
