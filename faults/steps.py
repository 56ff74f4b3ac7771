"""Where a process can be killed: before every callback of the event loop, which is where awaits go on, before every
operation on the files of the journal, around every frame that is sent and before every report that is taken in.

The hooks are classes in the place of those that they inherit from, in the process of one bot only.
"""

import asyncio
import os
import signal
from collections import deque
from typing import TYPE_CHECKING, Literal, get_args
from unittest.mock import patch

import apsw

from bowstring.core import run
from bowstring.net import websocket
from faults.gateway import LocalGateway
from faults.gauge import Gauge

if TYPE_CHECKING:
    from typing_extensions import Buffer  # collections.abc has it from Python 3.12 on

UNIX = "unix"  # the name of the file system that SQLite has by default

Kind = Literal["await", "journal", "socket"]


class Steps:
    """Counts steps in a gauge, and ends the process at the one that is its ``last``: 0 ends it at none."""

    def __init__(self) -> None:
        self.gauge: Gauge | None = None
        self.last = 0

    def begin(self, gauge: Gauge, *, last: int) -> None:
        """Count from 0, from now on."""
        for name in (*get_args(Kind), "steps"):
            gauge[name] = 0
        self.gauge, self.last = gauge, last

    def end(self) -> None:
        """Count no more."""
        self.gauge = None

    def step(self, kind: Kind) -> None:
        """One more."""
        if (gauge := self.gauge) is None:
            return
        gauge[kind] += 1
        gauge["steps"] += 1
        if gauge["steps"] == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


STEPS = Steps()


class _Ready(deque[asyncio.Handle]):
    """The callbacks that are due."""

    def popleft(self) -> asyncio.Handle:
        STEPS.step("await")
        return super().popleft()


class SteppedLoop(asyncio.SelectorEventLoop):
    """The loop of asyncio, one step for each callback."""

    _ready: deque[asyncio.Handle]

    def __init__(self) -> None:
        super().__init__()
        self._ready = _Ready(self._ready)


class SteppedFile(apsw.VFSFile):
    """A file of the journal."""

    def __init__(self, name: "str | apsw.URIFilename | None", flags: list[int]) -> None:
        super().__init__(UNIX, name, flags)

    def xWrite(self, data: "Buffer", offset: int) -> None:  # noqa: N802  # the names are SQLite's
        STEPS.step("journal")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        STEPS.step("journal")
        super().xSync(flags)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        STEPS.step("journal")
        super().xTruncate(newsize)

    def xLock(self, level: int) -> None:  # noqa: N802
        STEPS.step("journal")
        super().xLock(level)


class SteppedFiles(apsw.VFS):
    """The file system as SQLite sees it."""

    def __init__(self) -> None:
        super().__init__("stepped", UNIX, makedefault=True)

    def xOpen(self, name: "str | apsw.URIFilename | None", flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        STEPS.step("journal")
        return SteppedFile(name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        STEPS.step("journal")
        super().xDelete(filename, syncdir)


class SteppedWebSocket(websocket.WebSocket):
    """A connection."""

    def send(self, text: str | bytes) -> None:
        STEPS.step("socket")
        super().send(text)
        STEPS.step("socket")


def install(gateway: LocalGateway) -> None:
    """Put them in their places, in a process that has no loop and no journal yet."""
    gateway.before_report = lambda: STEPS.step("socket")
    KEPT.append(SteppedFiles())
    patch.object(run, "_new_loop", SteppedLoop).start()
    patch.object(websocket, "WebSocket", SteppedWebSocket).start()


KEPT: list[apsw.VFS] = []
"""SQLite does not keep them alive."""
