"""Messages as bytes: msgpack maps that name their own class.

The tag that every event (``event_type``) and every action (``action_type``) carries is looked up among the classes
that this process has imported, the user's own included.
"""

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from bowstring.core.errors import BadMessage, PublishError, WiringError
from bowstring.core.messages import Action, Event

M = TypeVar("M", bound=Event | Action)


class _Tag(msgspec.Struct):
    event_type: str | int | None = None
    action_type: str | int | None = None


_encoder = msgspec.msgpack.Encoder()
_tags = msgspec.msgpack.Decoder(_Tag)
_decoders: dict[tuple[type, str | int | None], msgspec.msgpack.Decoder[Event | Action]] = {}


def encode(message: Event | Action) -> bytes:
    """The message with its envelope. Raises `PublishError` when a field holds what msgpack has no form for."""
    try:
        return _encoder.encode(message)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise PublishError(f"{type(message).__name__} cannot be encoded: {error}") from error


def decode(data: bytes, kind: type[M]) -> M:
    """The message in the bytes, of the class below ``kind`` (`Event`, `Action` or a part of them) that it names.

    Raises `BadMessage` for other bytes, and `WiringError` when two classes go by that name.
    """
    try:
        tag = _tags.decode(data)
        decoder = _decoder(kind, tag.event_type or tag.action_type)
        message = decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"no {kind.__name__}: {error}") from error
    assert isinstance(message, kind)
    return message


def _decoder(kind: type[Event | Action], tag: str | int | None) -> msgspec.msgpack.Decoder[Event | Action]:
    decoder = _decoders.get((kind, tag))
    if decoder is None:
        decoder = _decoders[kind, tag] = msgspec.msgpack.Decoder(_find(kind, tag))
    return decoder


def _find(kind: type[Event | Action], tag: str | int | None) -> type[Event | Action]:
    found = sorted({cls for cls in _below(kind) if cls.__struct_config__.tag == tag}, key=_full_name)
    if not found:
        raise BadMessage(f"no {kind.__name__} class goes by {tag!r} here: import the module that defines it")
    if len(found) > 1:
        names = " and ".join(_full_name(cls) for cls in found)
        raise WiringError(f'{names} both go by {tag!r}: give one a name of its own, class ...(..., tag="...")')
    return found[0]


def _below(kind: type[Event | Action]) -> Iterator[type[Event | Action]]:
    yield kind
    for cls in kind.__subclasses__():
        yield from _below(cls)


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
