"""Where something that goes wrong on purpose has its say: after a call was let in, and before it is answered."""

from enum import Enum
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from bowstring.local_exchange.api.call import Call


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


class Faults(Protocol):
    """Decide at once."""

    def meet(self, call: "Call") -> Trouble | None:
        """The call has been let in. None: nothing goes wrong with it."""
        ...
