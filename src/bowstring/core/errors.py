"""Every error that bowstring raises: one root, one class per reaction of the caller."""


class BowstringError(Exception):
    """Root of all errors raised by bowstring."""


class WiringError(BowstringError):
    """The bot is put together wrongly: mend the code. Raised before anything runs."""


class PublishError(BowstringError):
    """A component published something that it may not: mend the component."""


class NotSent(BowstringError):
    """Proven: not one byte of the request left this process. It is safe to decide anew."""


class NotRecorded(BowstringError):
    """What must be on record before an order may be sent could not be written: mend the storage, start anew."""


class Refused(BowstringError):
    """It was decided not to carry the action out; nothing was sent."""


class Rejected(BowstringError):
    """The venue received the request and said no.

    ``code`` is the venue's own error code, ``""`` where it has none. ``body`` is the answer as it came, which no text
    of this error shows, empty where there was none. It may say more than no: of a cancel and a new order in one
    request, which of the two was refused.
    """

    def __init__(self, message: str, *, code: str = "", body: bytes = b"") -> None:
        super().__init__(message)
        self.code = code
        self.body = body


class Expired(BowstringError):
    """The action's deadline passed before it was sent; it was not sent and will not be."""


class Disconnected(BowstringError):
    """A connection ended or could not be made; ``code`` is the websocket close code, 0 if none.

    ``status`` is the HTTP status of a server that refused the websocket, 0 if none did, and ``pause_s`` for how long it
    asked to be left alone, if it said.
    """

    def __init__(self, message: str, *, code: int = 0, status: int = 0, pause_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status, self.pause_s = status, pause_s


class BadMessage(BowstringError):
    """A venue sent bytes that cannot be trusted: malformed, of an unknown shape, or absurd."""


class ConfigError(BowstringError):
    """A setting is missing or wrong; the message names the setting and the values it may take."""


class MissingExtra(BowstringError, ModuleNotFoundError):
    """A package that only some bots need is not installed: the message says how to install it."""

    def __init__(self, missing: ModuleNotFoundError, *, user: str, extra: str) -> None:
        super().__init__(f"{user} needs {missing.name}: pip install '/path/to/bowstring[{extra}]'", name=missing.name)


class EventsMissed(BowstringError):
    """A component cannot go on, as events that were for it are lost: start the bot anew."""


class UnknownInstrument(BowstringError, LookupError):
    """A symbol was asked for that no venue of the bot lists."""


class StopIncomplete(BowstringError):
    """The bot ended, but something was left behind: the message names it. Exit code 3."""
