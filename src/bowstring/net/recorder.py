"""Recording what is received from the public side of a venue: raw frames and replies, as JSON lines, for `play`.

A file is ``NAME-000001.jsonl``; each line is a JSON object with ``time_ns``, the time of receipt in nanoseconds since
the epoch, and

* ``connection`` and ``url``: a websocket was opened (repeated at the head of each further file);
* ``connection`` and ``frame``: one text message of it, byte for byte;
* ``get`` and ``body``: a REST reply; where it is ``lasting``, the latest to that request is repeated as well.

Of a URL only what is known to be public is kept, so no key, no signature and no listen key gets into a file: short
parts of its path, `PUBLIC` parameters, and of ``streams`` what looks like the name of one.
"""

import logging
from collections.abc import Callable
from glob import escape
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from msgspec import Struct
from msgspec.json import Encoder

from bowstring.core.clock import Clock
from bowstring.core.errors import ConfigError

MAX_WAITING = 64_000_000  # bytes; a disk that is further behind loses some, with a count
LINE_BYTES = 220  # what a line takes in memory beside its text, measured
MAX_PART = 20  # longer parts of a path may be keys
PUBLIC = frozenset({"streams", "symbol", "symbols", "limit", "interval", "showPermissionSets", "fromId", "startTime"})

log = logging.getLogger(__name__)
_encode = Encoder().encode


class Line(Struct, kw_only=True, omit_defaults=True):
    """One line: a websocket that was opened (it has a ``url``) or has ended, a message of it, or a reply (``get``)."""

    time_ns: int
    connection: int = 0
    url: str = ""
    frame: str = ""
    get: str = ""
    body: str = ""
    closed: bool = False
    lasting: bool = False


class Recorder:
    """Writes what it is given into ``folder``, in a thread of its own: a slow disk delays nobody.

    A file is closed at ``max_bytes``, and of the closed ones the oldest go, so that there are ``max_files`` at most. So
    each file must do without the earlier ones: what holds on is repeated at its head, the rest `on_new_file` asks for.
    The messages of websockets are counted in ``received_count``. A context manager: its end writes the rest.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "recording",
        max_bytes: int = 100_000_000,
        max_files: int = 10,
        clock: Clock | None = None,
    ) -> None:
        if max_bytes < 1 or max_files < 1:
            raise ConfigError(f"Recorder(max_bytes={max_bytes}, max_files={max_files}): give at least 1 of each")
        if not name or "/" in name:
            raise ConfigError(f"Recorder(name={name!r}): give the beginning of a file's name")
        folder.mkdir(parents=True, exist_ok=True)
        self.received_count = 0
        self._clock = clock or Clock()
        self._connections = 0
        self._refused = self._put_bytes = 0  # written by the bot's thread, the next two by the recorder's
        self._unwritten = self._taken_bytes = 0
        self._told_files = 1
        self._on_new_file: list[Callable[[], None]] = []
        self._lines: SimpleQueue[Line | None] = SimpleQueue()
        self._files = _Files(folder, name=name, max_bytes=max_bytes, max_files=max_files)
        self._thread = self._clock.start_thread(self._write, name="recorder")

    @property
    def lost(self) -> int:
        """How many lines were lost as the disk was behind or failed; when it fails, some before that may be too."""
        return self._refused + self._unwritten

    def on_new_file(self, tell: Callable[[], None]) -> None:
        """Have ``tell`` called after a further file was begun, in the thread that records, when it has more to record.

        For what a file needs of its own, such as the snapshots of books.
        """
        self._on_new_file.append(tell)

    def opened(self, url: str) -> int:
        """Note that a websocket is about to be opened; returns its number, for `received`."""
        self._connections += 1
        self._put(Line(time_ns=self._clock.now_ns(), connection=self._connections, url=public(url)))
        return self._connections

    def closed(self, connection: int) -> None:
        """Note that a websocket has ended: what it was is not repeated in further files."""
        self._put(Line(time_ns=self._clock.now_ns(), connection=connection, closed=True))

    def received(self, connection: int, frame: str | bytes) -> None:
        """Keep a text message."""
        self.received_count += 1
        text = frame if isinstance(frame, str) else frame.decode(errors="replace")
        self._put(Line(time_ns=self._clock.now_ns(), connection=connection, frame=text))

    def replied(self, url: str, body: bytes, *, lasting: bool = False) -> None:
        """Keep the reply to ``GET url``; a ``lasting`` one is repeated in each further file, until there is another."""
        text = body.decode(errors="replace")
        self._put(Line(time_ns=self._clock.now_ns(), get=public(url), body=text, lasting=lasting))

    def close(self) -> None:
        """Write what waits, and close the file."""
        if self._thread.is_alive():
            self._lines.put(None)
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, line: Line) -> None:
        size = _memory(line)
        if self._put_bytes - self._taken_bytes + size > MAX_WAITING or not self._thread.is_alive():
            self._refused += 1
            if self._refused == 1:
                log.error("recording: the disk is behind or gone, lines are lost from now on")
            return
        self._put_bytes += size
        self._lines.put(line)
        if self._files.count != self._told_files:
            self._told_files = self._files.count
            for tell in self._on_new_file:
                tell()

    def _write(self) -> None:
        """The thread. Once the disk has failed, what comes is lost, and counted."""
        try:
            while (line := self._next()) is not None:
                self._files.write(line)
        except OSError as error:
            log.error("recording ended, %s", error)
            self._unwritten = 1
            while self._take() is not None:
                self._unwritten += 1
        self._files.close()

    def _next(self) -> Line | None:
        if self._lines.empty():
            self._files.flush()
        return self._take()

    def _take(self) -> Line | None:
        line = self._lines.get()
        if line is not None:
            self._taken_bytes += _memory(line)
        return line


class _Files:
    """The files of a recording, one after the other."""

    def __init__(self, folder: Path, *, name: str, max_bytes: int, max_files: int) -> None:
        self._folder, self._name = folder, name
        self._max_bytes, self._max_files = max_bytes, max_files
        self._opened: dict[int, Line] = {}
        self._lasting: dict[str, Line] = {}
        self.count = 0
        self._number = max((int(path.stem[-6:]) for path in self._paths()), default=0)
        self._next()

    def write(self, line: Line) -> None:
        if self._size >= self._max_bytes:
            self._file.close()
            self._next()
            for repeated in (*self._opened.values(), *self._lasting.values()):
                self._write(repeated)
        if line.url:
            self._opened[line.connection] = line
        elif line.closed:
            self._opened.pop(line.connection, None)
        elif line.lasting:
            self._keep(line)
        self._write(line)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            log.error("%s is incomplete, %s", self._file.name, error)

    def _next(self) -> None:
        """Begin the next file that nobody else has begun; of one's own files the oldest go, and earlier ones."""
        while True:
            self._number += 1
            path = self._folder / f"{self._name}-{self._number:06}.jsonl"
            try:
                self._file = path.open("xb")
                break
            except FileExistsError:  # another recorder writes into this folder, under this name
                continue
        self._size = 0
        self.count += 1
        for old in self._paths()[: -self._max_files]:
            old.unlink(missing_ok=True)

    def _keep(self, line: Line) -> None:
        lasting = self._lasting | {line.get: line}
        if sum(len(one.body) for one in lasting.values()) <= self._max_bytes // 2:
            self._lasting = lasting
        else:
            log.warning("%s: too long to be repeated in each file of %d bytes", line.get, self._max_bytes)

    def _write(self, line: Line) -> None:
        self._size += self._file.write(_encode(line) + b"\n")

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob(f"{escape(self._name)}-[0-9][0-9][0-9][0-9][0-9][0-9].jsonl"))


def _memory(line: Line) -> int:
    """About the bytes that it takes while it waits."""
    return LINE_BYTES + len(line.frame) + len(line.body) + len(line.url) + len(line.get)


def public(url: str) -> str:
    """The URL without whatever may be secret in it."""
    parts = urlsplit(url)
    path = "/".join(part if len(part) <= MAX_PART or _is_stream(part) else "..." for part in parts.path.split("/"))
    query = "&".join(
        f"{name}={quote(_streams(value) if name == 'streams' else value, safe='/@!,[]_')}"
        for name, value in parse_qsl(parts.query)
        if name in PUBLIC
    )
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, query, ""))


def _streams(names: str) -> str:
    return "/".join(name if _is_stream(name) else "..." for name in names.split("/"))


def _is_stream(name: str) -> bool:
    """Whether it is the name of a public stream: that has its kind behind an @, or is one of all symbols."""
    return "@" in name or name.startswith("!")
