"""Messages as bytes: msgpack maps that name their own class.

The tag that every event (``event_type``) and every action (``action_type``) carries is looked up among the classes
that this process has imported, the user's own included.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from bowstring.core.errors import BadMessage, PublishError, WiringError
from bowstring.core.messages import Message

M = TypeVar("M", bound=Message)
Tag = str | int | None


class _Tags(msgspec.Struct):
    event_type: Tag = None
    action_type: Tag = None


def _portable(value: object) -> object:
    """What is no message by itself says what to send of it: by ``portable()``, as the book of `BookChanged` does."""
    try:
        return value.portable()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # asked
    except AttributeError:
        raise TypeError(f"{type(value).__name__} has no form for another process") from None


def _from_portable(cls: type[Any], data: object) -> object:
    from_portable: Callable[[object], object] | None = getattr(cls, "from_portable", None)
    return data if from_portable is None else from_portable(data)


_encoder = msgspec.msgpack.Encoder(enc_hook=_portable)
_tags = msgspec.msgpack.Decoder(_Tags)
_decoders: dict[tuple[type[Message], Tag], msgspec.msgpack.Decoder[Any]] = {}


def encode(message: Message) -> bytes:
    """The message with its envelope. Raises `PublishError` when a field holds what msgpack has no form for."""
    try:
        return _encoder.encode(message)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise PublishError(f"{type(message).__name__} cannot be encoded: {error}") from error


def decode(data: bytes, kind: type[M]) -> M:
    """The message in the bytes, of the class that it names: ``kind`` (`Event`, `Action`) or one below.

    Raises `BadMessage` for other bytes, and `WiringError` when two classes go by that name.
    """
    name = kind.__name__
    try:
        tags = _tags.decode(data)
        tag = tags.event_type or tags.action_type
        name = f"{name} {tag}"
        return _decoder(kind, tag).decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadMessage(f"{name}: {error}") from error


def _decoder(kind: type[M], tag: Tag) -> "msgspec.msgpack.Decoder[M]":
    decoder = _decoders.get((kind, tag))
    if decoder is None:
        decoder = _decoders[kind, tag] = msgspec.msgpack.Decoder(_find(kind, tag), dec_hook=_from_portable)
    return decoder


def _find(kind: type[M], tag: Tag) -> type[M]:
    found = {_full_name(cls): cls for cls in _below(kind) if tag and cls.__struct_config__.tag == tag}
    if not found:
        raise BadMessage(f"no {kind.__name__} goes by {tag!r} here: import the module that defines it")
    if len(found) > 1:
        names = " and ".join(sorted(found))
        raise WiringError(f'{names} both go by {tag!r}: give one a name of its own, class ...(..., tag="...")')
    return found.popitem()[1]


def _below(kind: type[M]) -> Iterator[type[M]]:
    yield kind
    for cls in kind.__subclasses__():
        yield from _below(cls)


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
