"""Where something that goes wrong on purpose has its say: after a call was let in, and before it is answered."""

from typing import Protocol

from msgspec import Struct

from bowstring.local_exchange.api.call import Call


class Answer(Struct, kw_only=True):
    """What goes out: over REST a response, over the WebSocket API the text of a frame, which has no headers."""

    status: int
    body: bytes
    headers: dict[str, str] = {}


class Faults(Protocol):
    """Both may take their time."""

    async def before(self, call: Call) -> None:
        """The call has been let in and is about to be carried out. Raise `Refused` instead."""
        ...

    async def after(self, call: Call, answer: Answer) -> Answer | None:
        """The call is about to be answered: with this, or something else; None drops the connection."""
        ...
