"""What a human can command, and what came of it: as JSON between two processes of one user."""

from decimal import Decimal
from typing import Literal, get_args

import msgspec
from msgspec import Struct

from bowstring.core.errors import BadMessage
from bowstring.trading.messages import OperatorDecision

Decided = Literal["open", "failed", "rejected", "expired", "cancelled", "filled"]
DECIDED = get_args(Decided)


class Command(Struct, frozen=True, kw_only=True, tag_field="command", forbid_unknown_fields=True):
    """Something that ``operator``, a human, wants done, and ``why``."""

    operator: str
    why: str

    @property
    def what(self) -> str:
        """The command as it is typed."""
        return str(self.__struct_config__.tag)

    def decision(self, now_ns: int) -> OperatorDecision:
        """The command as it goes on record when it was carried out."""
        return OperatorDecision(operator=self.operator, what=self.what, reason=self.why, time_ns=now_ns)


class Status(Command, frozen=True, kw_only=True, tag="status"):
    """Tell how the bot stands."""


class Kill(Command, frozen=True, kw_only=True, tag="kill"):
    """Halt all trading."""


class Reduce(Command, frozen=True, kw_only=True, tag="reduce"):
    """Let through only what makes positions smaller."""


class Activate(Command, frozen=True, kw_only=True, tag="activate"):
    """Trade again."""


class Resume(Command, frozen=True, kw_only=True, tag="resume"):
    """Let a halted strategy go on."""

    strategy: str

    @property
    def what(self) -> str:
        """The command as it is typed."""
        return f"resume {self.strategy}"


class DecideOrder(Command, frozen=True, kw_only=True, tag="order"):
    """Say what became of an order. ``filled`` is how much of it was, in base units; None where the status says that."""

    client_order_id: str
    status: Decided
    filled: Decimal | None = None

    @property
    def what(self) -> str:
        """The command as it is typed."""
        filled = "" if self.filled is None else f" --filled {self.filled:f}"
        return f"order {self.client_order_id} {self.status}{filled}"


class Accept(Command, frozen=True, kw_only=True, tag="accept"):
    """Take new risk in a symbol again, in spite of a mismatch."""

    venue: str
    symbol: str

    @property
    def what(self) -> str:
        """The command as it is typed."""
        return f"accept {self.venue} {self.symbol}"


class SetPosition(Command, frozen=True, kw_only=True, tag="position"):
    """Say what a strategy's position is: absolute, in base units, negative when short."""

    strategy: str
    venue: str
    symbol: str
    quantity: Decimal

    @property
    def what(self) -> str:
        """The command as it is typed."""
        return f"position {self.strategy} {self.venue} {self.symbol} {self.quantity:f}"


AnyCommand = Status | Kill | Reduce | Activate | Resume | DecideOrder | Accept | SetPosition


class Answer(Struct, frozen=True, kw_only=True):
    """What came of a command: in words, and whether it was carried out."""

    is_done: bool
    text: str


_commands: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)
_answers = msgspec.json.Decoder(Answer)


def encode(message: AnyCommand | Answer) -> bytes:
    """A command or an answer as JSON."""
    return msgspec.json.encode(message)


def decode_command(data: bytes) -> AnyCommand:
    """The command in the bytes. Raises `BadMessage` for other bytes, and for a number that is none."""
    try:
        command = _commands.decode(data)
    except (msgspec.DecodeError, ValueError) as error:
        raise BadMessage(f"it is no command: {error}") from error
    for number in (getattr(command, "filled", None), getattr(command, "quantity", None)):
        if number is not None and not number.is_finite():
            raise BadMessage(f"it is no command: {number} is no quantity")
    return command


def decode_answer(data: bytes) -> Answer:
    """The answer in the bytes. Raises `BadMessage` for other bytes."""
    try:
        return _answers.decode(data)
    except (msgspec.DecodeError, ValueError) as error:
        raise BadMessage(f"it is no answer: {error}") from error
