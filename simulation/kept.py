"""Seeds that found something which is mended: they are played again, and each has to end in time."""

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from simulation.play import Outcome, play

KEPT = Path(__file__).with_name("seeds.txt")
WITHIN_S = 30.0  # one takes about a second


def kept() -> dict[int, str]:
    """What each of them had found."""
    lines = (line.split(" ", 1) for line in KEPT.read_text().splitlines())
    return {int(seed): found for seed, found in lines}


def play_kept() -> Iterator[Outcome]:
    """Play them all."""
    return (play_within(seed, seconds=WITHIN_S) for seed in kept())


def play_within(seed: int, *, seconds: float) -> Outcome:
    """Play a seed in a process of its own. That it has not ended in time is a violation, too."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_play, args=(seed, sender))
    process.start()
    try:
        if receiver.poll(seconds):
            outcome: Outcome = receiver.recv()
            return outcome
        return Outcome(seed, [f"it has not ended after {seconds:g} s"], Counter(), Counter(), [], "")
    finally:
        process.kill()
        process.join()


def _play(seed: int, sender: "Connection[Outcome, None]") -> None:
    sender.send(play(seed))
