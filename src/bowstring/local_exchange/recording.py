"""Recorded exchange traffic: the file format, read and written.

A recording is a set of text files of one stem:

* ``STEM.ws.N.M``, one per connection: the first line is ``URL <-> TIME`` (the connection opened), each further line
  ``TIME: FRAME``, one text frame of a combined stream, ``{"stream":..,"data":..}``, or an answer to a request, which
  has an ``id`` and is not played;
* ``STEM.http.N.M``: one line a REST call, ``URL -> TIME: BODY``.

Times are seconds since the epoch with a fraction; empty lines are skipped. Or it is what a `Recorder` wrote: JSON
lines, in files ``NAME-000001.jsonl`` and so on (`bowstring.net.recorder`).

Files are read line by line, on each pass anew, so a recording may be larger than memory. Numbers, spaces and the order
of fields are kept byte for byte.
"""

import heapq
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from glob import escape
from itertools import chain
from operator import attrgetter
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import DecodeError, Raw, Struct, ValidationError
from msgspec.json import Decoder

from bowstring.core.errors import ConfigError
from bowstring.market.instrument import Instrument
from bowstring.net.recorder import Line

_Where = tuple[Path, int]
"""A file, and the number of a line in it."""

MALFORMED = (DecodeError, UnicodeError, RecursionError)
"""What msgspec raises on bad bytes."""

log = logging.getLogger(__name__)

_TIME = rb"(\d{1,12}(?:\.\d+)?)"  # to the year 33,658
_CONNECTED = re.compile(rb"(wss?://[!-~]+) <-> " + _TIME)
_FRAME = re.compile(_TIME + rb": (.+)", re.DOTALL)
_REPLY = re.compile(rb"(https?://[!-~]+) -> " + _TIME + rb": (.+)", re.DOTALL)


class RecordedFrame(Struct, frozen=True, kw_only=True):
    """One text frame of a combined stream, received at ``time_ns``. ``payload`` is its ``data``, the raw form."""

    time_ns: int
    stream: str
    combined: bytes
    payload: bytes


class RecordedReply(Struct, frozen=True, kw_only=True):
    """The body that answered ``GET url`` at ``time_ns``."""

    time_ns: int
    url: str
    body: bytes


class Recording(Struct, frozen=True, kw_only=True):
    """What can be played. ``frames()`` starts a new pass over all frames, in the order of their times.

    ``instruments`` are those that it shows; empty where only its messages tell. ``futures``: it is traffic of Binance
    USD-M futures, else of Binance Spot.
    """

    frames: Callable[[], Iterator[RecordedFrame]]
    replies: tuple[RecordedReply, ...] = ()
    instruments: tuple[Instrument, ...] = ()
    futures: bool = False


def open_recording(file: Path) -> Recording:
    """The recording that ``file`` names, with the REST replies that lie beside it.

    ``file`` is one ``.ws.`` file, the stem of several, a ``.jsonl`` file, or a folder that holds one recording. Raises
    `ConfigError` where there is none, and where a REST reply or the first frame is malformed; a later frame that is
    raises it when a pass gets there.
    """
    recorded = sorted(file.glob("*.jsonl")) if file.is_dir() else [file] if file.suffix == ".jsonl" else []
    if recorded:
        return _open_lines(file, recorded)
    stem, connections = _files(file)
    replies = tuple(chain.from_iterable(map(_read_replies, _parts(stem, kind="http"))))
    recording = Recording(
        frames=lambda: heapq.merge(*map(_read_frames, connections), key=attrgetter("time_ns")),
        replies=replies,
        futures="/fapi/" in replies[0].url if replies else _opened(connections[0]).startswith("wss://fstream."),
    )
    return _with_frames(recording, file)


def _with_frames(recording: Recording, file: Path) -> Recording:
    """The recording. Raises `ConfigError` if it has none."""
    if next(recording.frames(), None) is None:
        raise ConfigError(f"{file}: holds no frames")
    return recording


def _open_lines(file: Path, paths: Sequence[Path]) -> Recording:
    """What a `Recorder` wrote, into these files in this order."""
    if len({path.name[:-13] for path in paths}) > 1:
        raise ConfigError(f"{file}: holds several recordings, name one file: {', '.join(path.name for path in paths)}")
    replies: dict[tuple[str, int], RecordedReply] = {}  # by request and time: files repeat some
    futures = False
    for where, line in _recorded_lines(paths):
        if line.get:
            reply = _reply(line.get, line.body.encode(), time_ns=line.time_ns, where=where)
            replies[line.get, line.time_ns] = reply
        futures = futures or "/fapi/" in line.get or line.url.startswith("wss://fstream.")
    recording = Recording(frames=lambda: _recorded_frames(paths), replies=tuple(replies.values()), futures=futures)
    return _with_frames(recording, file)


def _recorded_lines(paths: Iterable[Path]) -> Iterator[tuple[_Where, Line]]:
    """The lines of a `Recorder`; the last of a file, if it was cut off when the process was killed, is left out."""
    for path in paths:
        for number, line in _lines(path):
            try:
                yield (path, number), _decode_line(line)
            except MALFORMED as error:
                if _is_last(path, number):
                    log.warning("%s: its last line was cut off, and is left out", path)
                    continue
                raise ConfigError(f"{path}, line {number}: no line of a recording: {error}") from None


def _is_last(path: Path, number: int) -> bool:
    """Whether this line ends the file, without an end of its own."""
    with path.open("rb") as lines:
        last = max(enumerate(lines, start=1), default=(0, b""))
    return last[0] == number and not last[1].endswith(b"\n")


def _recorded_frames(paths: Iterable[Path]) -> Iterator[RecordedFrame]:
    """The frames that carry data; what answered a request is none."""
    for where, line in _recorded_lines(paths):
        if not line.frame:
            continue
        raw = line.frame.encode()
        try:
            frame = _combined.decode(raw)
        except ValidationError:  # JSON, but of another shape: an answer to a request
            continue
        except MALFORMED as error:
            raise ConfigError(f"{_named(where)}: a frame is no JSON: {error}") from None
        yield RecordedFrame(time_ns=line.time_ns, stream=frame.stream, combined=raw, payload=bytes(frame.data))


def write_recording(
    stem: Path, frames: Iterable[RecordedFrame], *, url: str, replies: Iterable[RecordedReply] = ()
) -> Path:
    """Write ``STEM.ws.1.0``, as received from ``url``, and ``STEM.http.0.0``; return the former."""
    connection = stem.with_name(f"{stem.name}.ws.1.0")
    with connection.open("wb") as file:
        for number, frame in enumerate(frames):
            if number == 0:
                file.write(b"%b <-> %b\n" % (url.encode(), _seconds(frame.time_ns)))
            file.write(b"%b: %b\n" % (_seconds(frame.time_ns), frame.combined))
    with stem.with_name(f"{stem.name}.http.0.0").open("wb") as file:
        for reply in replies:
            file.write(b"%b -> %b: %b\n" % (reply.url.encode(), _seconds(reply.time_ns), reply.body))
    return connection


def _files(file: Path) -> tuple[Path, list[Path]]:
    if file.is_file():
        if ".http." in file.name:
            expected = file.name.partition(".http.")[0]
            raise ConfigError(f"{file}: is a file of REST replies, found by itself; give {expected}.ws.1.0")
        return file.with_name(file.name.partition(".ws.")[0]), [file]
    if file.is_dir():
        stems = sorted({path.name.partition(".ws.")[0] for path in file.glob("*.ws.*")})
        if len(stems) > 1:
            raise ConfigError(f"{file}: holds several recordings, name one: {', '.join(stems)}")
        file = file.joinpath(*stems)
    stem = file.with_name(file.name.removesuffix(".ws"))
    connections = _parts(stem, kind="ws")
    if not connections:
        expected = file.name.partition(".ws")[0]
        raise ConfigError(f"{file}: no such recording; expected a file named {expected}.ws.1.0")
    return stem, connections


def _parts(stem: Path, *, kind: str) -> list[Path]:
    return sorted(stem.parent.glob(f"{escape(stem.name)}.{kind}.*"))


def _opened(file: Path) -> str:
    with file.open("rb") as lines:
        connected = _CONNECTED.match(lines.readline())
    return connected[1].decode() if connected else ""


def _read_frames(file: Path) -> Iterator[RecordedFrame]:
    for number, line in _lines(file):
        if match := _FRAME.fullmatch(line):
            if frame := _frame(match, where=f"{file}, line {number}"):
                yield frame
        elif not _CONNECTED.fullmatch(line):
            raise ConfigError(f"{file}, line {number}: expected `TIME: FRAME` or `URL <-> TIME`, found {line[:40]!r}")


class _Combined(Struct):
    stream: str
    data: Raw


class _Answer(Struct):
    id: Raw


_combined = Decoder(_Combined)
_answer = Decoder(_Answer)
_json = Decoder(Raw)
_decode_line = Decoder(Line).decode


def _frame(match: re.Match[bytes], *, where: str) -> RecordedFrame | None:
    """The frame; None if it answered a request. Raises `ConfigError`."""
    try:
        frame = _combined.decode(match[2])
    except MALFORMED as error:
        with suppress(*MALFORMED):
            _answer.decode(match[2])
            return None
        raise ConfigError(f'{where}: expected a frame {{"stream":..,"data":..}}: {error}') from None
    return RecordedFrame(
        time_ns=_nanoseconds(match[1]), stream=frame.stream, combined=match[2], payload=bytes(frame.data)
    )


def _read_replies(file: Path) -> Iterator[RecordedReply]:
    for number, line in _lines(file):
        match = _REPLY.fullmatch(line)
        if match is None:
            raise ConfigError(f"{file}, line {number}: expected `URL -> TIME: BODY`, found {line[:40]!r}")
        yield _reply(match[1].decode(), match[3], time_ns=_nanoseconds(match[2]), where=(file, number))


def _reply(url: str, body: bytes, *, time_ns: int, where: _Where) -> RecordedReply:
    """The reply, whose URL is one and whose body is JSON. Raises `ConfigError`."""
    try:
        urlsplit(url)
    except ValueError as error:
        raise ConfigError(f"{_named(where)}: {url[:80]!r} is no URL: {error}") from None
    try:
        _json.decode(body)
    except MALFORMED as error:
        raise ConfigError(f"{_named(where)}: expected a JSON body: {error}") from None
    return RecordedReply(time_ns=time_ns, url=url, body=body)


def _named(where: _Where) -> str:
    return f"{where[0]}, line {where[1]}"


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if text := line.rstrip(b"\r\n"):
                yield number, text


def _nanoseconds(seconds: bytes) -> int:
    whole, _, fraction = seconds.partition(b".")
    return int(whole) * 1_000_000_000 + int(fraction[:9].ljust(9, b"0"))


def _seconds(nanoseconds: int) -> bytes:
    whole, fraction = divmod(nanoseconds, 1_000_000_000)
    return b"%d.%b" % (whole, (b"%09d" % fraction).rstrip(b"0") or b"0")
