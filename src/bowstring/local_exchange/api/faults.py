"""What may go wrong with a call on purpose, after it was let in and before it is answered."""

from enum import Enum
from typing import Protocol

from msgspec import Struct


class Answer(Struct, kw_only=True):
    """What goes out: over REST a response, over the WebSocket API the text of a frame, which has no headers."""

    status: int
    body: bytes
    headers: dict[str, str] = {}


class Lost(Enum):
    """What goes out instead of an answer: nothing, or the reset of the connection."""

    SILENCE = "silence"
    RESET = "reset"


class Trouble(Protocol):
    """What goes wrong with one call. Both may take their time."""

    async def before(self) -> None:
        """The call is about to be carried out. Raise `Refused` instead."""
        ...

    async def after(self, answer: Answer) -> Answer | Lost:
        """The call is about to be answered: with this, or something else."""
        ...
