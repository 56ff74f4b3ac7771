"""Websocket text frames from a server, ready to be written to any number of clients. Pure: no I/O."""

from struct import Struct

_TEXT = 0x81  # a text, whole in one frame
_SHORT, _MEDIUM, _LONG = Struct("!BB"), Struct("!BBH"), Struct("!BBQ")


def text_frame(payload: bytes) -> bytes:
    """The frame with this text, which is UTF-8."""
    length = len(payload)
    if length < 126:
        return _SHORT.pack(_TEXT, length) + payload
    if length < 65536:
        return _MEDIUM.pack(_TEXT, 126, length) + payload
    return _LONG.pack(_TEXT, 127, length) + payload


def combined(stream: str, payload: bytes) -> bytes:
    """A payload with the name of its stream."""
    return b'{"stream":"%b","data":%b}' % (stream.encode(), payload)
