"""Hearing of a reset in any case.

libuv stops watching a descriptor once that has an error, and uvloop then runs its reader for the last time. A reader
that finds a message first, which the reset came right behind, is content with it and never hears of the reset: only
the next write fails, which may be a while.
"""

import asyncio
import select
import socket
import sys
from collections.abc import Callable


class ResetWatch:
    """Calls ``on_reset`` once the connection of a socket is gone and its reader had its turn. On Linux, else never."""

    def __init__(self, sock: socket.socket, *, on_reset: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_reset = on_reset
        self._is_on = sys.platform == "linux"
        if sys.platform == "linux":
            self._epoll = select.epoll()
            self._epoll.register(sock.fileno(), 0)  # that it is gone is told whatever one asks for
            self._loop.add_reader(self._epoll.fileno(), self._notice)

    def stop(self) -> None:
        """Watch no more. May be called twice."""
        if self._is_on and sys.platform == "linux":
            self._is_on = False
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _notice(self) -> None:
        self.stop()
        self._loop.call_later(0.001, self._on_reset)  # a timer: the loop polls the sockets before it runs
