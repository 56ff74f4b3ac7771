"""Events at a pace: a process on another core sends a byte for each, so that the loop under test sleeps in between.

Standard library only: the scripts in `benchmarks.peers` run in environments of their own.
"""

import asyncio
import random
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figures import OTHER, pin

ROOT = Path(__file__).parents[1]


@contextmanager
def paced(*, rate_hz: float, seconds: float) -> Generator[socket.socket, None, None]:
    """A socket that yields a byte for each event, then ends. The gaps are random: 0.5 to 1.5 of their mean."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "benchmarks.feed", str(theirs.fileno()), str(rate_hz), str(seconds)]
    with subprocess.Popen(command, pass_fds=[theirs.fileno()], cwd=ROOT), ours:  # closed first, so the sender ends
        theirs.close()
        ours.setblocking(False)
        yield ours


async def beats(paced: socket.socket) -> AsyncIterator[None]:
    """One item for each byte, until the socket ends."""
    loop = asyncio.get_running_loop()
    while received := await loop.sock_recv(paced, 4096):
        for _ in received:
            yield


def _send(sink: socket.socket, *, rate_hz: float, seconds: float) -> None:
    jitter = random.Random(1)
    due = time.monotonic()
    end = due + seconds
    while due < end:
        due += jitter.uniform(0.5, 1.5) / rate_hz
        time.sleep(max(0.0, due - time.monotonic()))
        sink.send(b".")


if __name__ == "__main__":
    pin(OTHER)
    with socket.socket(fileno=int(sys.argv[1])) as sink:
        _send(sink, rate_hz=float(sys.argv[2]), seconds=float(sys.argv[3]))
