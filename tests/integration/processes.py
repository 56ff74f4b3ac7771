"""Real processes for tests: `bowstring play` beside the bot."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def playing(*arguments: str) -> Generator[tuple["subprocess.Popen[str]", str, str], None, None]:
    """`bowstring play` with these arguments: the process, its REST and its websocket URL."""
    command = [sys.executable, "-m", "bowstring", "play", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            _ready, rest_url, ws_url = process.stdout.readline().split()
            yield process, rest_url, ws_url
        finally:
            process.kill()
