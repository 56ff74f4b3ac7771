"""Binance's public frames: bytes in, typed messages out. Pure: no I/O, no clock.

A frame of a combined stream is ``{"stream": "btcusdt@trade", "data": {...}}``. `Parser` holds for each subscribed
stream the function that reads its payload, from `payloads`.
"""

import re
from collections.abc import Iterable

from msgspec import UNSET, DecodeError, Raw, Struct, UnsetType, field
from msgspec.json import Decoder

from bowstring.core.errors import BadMessage
from bowstring.market.book_sync import Diff
from bowstring.market.events import MarketEvent
from bowstring.market.instrument import Instrument
from bowstring.venues.binance.payloads import KINDS, Frame, lenient, strict

LIST_SUBSCRIPTIONS = b'{"method":"LIST_SUBSCRIPTIONS","id":1}'
"""A request that the venue answers on every connection, however quiet the markets."""

MALFORMED = (DecodeError, UnicodeError, RecursionError)
"""What msgspec raises on bad bytes."""


class Stream(Struct, frozen=True):
    """A stream of one kind (a key of `KINDS`) for one instrument."""

    kind: str
    instrument: Instrument

    @property
    def name(self) -> str:
        """What the venue calls it: ``btcusdt@bookTicker``."""
        return f"{self.instrument.venue_symbol.lower()}@{self.kind}"


class Data(Struct, frozen=True):
    """A frame of a subscribed stream: its name, what it tells, and its place in it (see `payloads.Told`)."""

    stream: str
    event: MarketEvent | Diff
    sequence: int


class Reply(Struct, frozen=True):
    """An answer to a request; ``error`` is ``""`` if it was granted."""

    error: str


class ServerShutdown(Struct, frozen=True):
    """The venue is about to close the connection: make a new one."""


class Ignored(Struct, frozen=True):
    """A frame of a stream that was not subscribed or is not known here."""

    kind: str


Parsed = Data | Reply | ServerShutdown | Ignored


# --- frames ----------------------------------------------------------------------------------------------------------


class _Envelope(Struct, gc=False):
    stream: str = ""
    data: Raw = Raw()


class _StrictEnvelope(_Envelope, forbid_unknown_fields=True, gc=False):
    pass


class _Error(Struct):
    code: int | UnsetType = UNSET
    msg: str = ""


class _Head(_Error):
    """What tells replies and announcements apart. A reply's error is inside of ``error`` or at the top."""

    event: str = field(name="e", default="")
    id: int | str | UnsetType | None = UNSET
    error: _Error | None = None


_decode_envelope = Decoder(_Envelope).decode
_decode_strict_envelope = Decoder(_StrictEnvelope).decode
_decode_head = Decoder(_Head).decode
_decode_error = Decoder(_Error).decode


def _decode_envelope_strictly(frame: Frame) -> _Envelope:
    envelope = _decode_envelope(frame)
    return _decode_strict_envelope(frame) if envelope.stream else envelope


class Parser:
    """Reads the frames of one connection's streams.

    ``is_strict`` refuses fields that the venue did not document when this was written: for tests.
    """

    def __init__(self, streams: Iterable[Stream], *, is_strict: bool = False) -> None:
        decoder_of = strict if is_strict else lenient
        self._readers = {stream.name: KINDS[stream.kind](stream.instrument, decoder_of) for stream in streams}
        self._open = _decode_envelope_strictly if is_strict else _decode_envelope

    def parse(self, frame: Frame) -> Parsed:
        """What the frame says. Raises `BadMessage` if it cannot be trusted, and nothing else."""
        try:
            envelope = self._open(frame)
            read = self._readers.get(envelope.stream)
            if read is None:
                return self._parse_other(envelope.stream, frame)
            event, sequence = read(envelope.data)
            return Data(envelope.stream, event, sequence)
        except MALFORMED as error:
            raise BadMessage(f"malformed: {error}") from None

    def _parse_other(self, stream: str, frame: Frame) -> Parsed:
        if stream:
            return ServerShutdown() if stream == "!serverShutdown" else _ignored(stream.partition("@")[2] or stream)
        head = _decode_head(frame)
        if head.event == "serverShutdown":
            return ServerShutdown()
        error = head.error or head
        if error.code is not UNSET:
            return Reply(f"{error.code} {error.msg}")
        return Reply("") if head.id is not UNSET else _ignored(head.event or "unknown")


def _ignored(kind: str) -> Ignored:
    return Ignored(kind[:40])


def stream_of(frame: Frame) -> str:
    """The stream that a frame names, however malformed it is; ``""`` if it names none."""
    found = re.search(r'"stream"\s*:\s*"([^"]{1,100})"', text_of(frame))
    return found[1] if found else ""


def text_of(frame: Frame) -> str:
    """The frame as text, however malformed it is."""
    return frame if isinstance(frame, str) else frame.decode(errors="replace")


def parse_error(body: Frame | Raw) -> tuple[int, str]:
    """Code and text of an HTTP refusal's body, ``{"code": -1121, "msg": "..."}``; 0 and an excerpt of anything else."""
    try:
        error = _decode_error(body)
    except MALFORMED:
        return 0, text_of(bytes(body)[:200] if isinstance(body, Raw) else body[:200])
    return error.code or 0, error.msg
