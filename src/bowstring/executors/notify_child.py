"""The process that sends notifications to one service: apprise, and nothing of the bot.

Lines of JSON come in by stdin, and each is answered by one on what was stdout: first a `Setup` by a `Ready`, then each
`Delivery` by a `Delivered`. It ends with its stdin, so it does not outlive the bot. Whatever apprise or its libraries
log, print or raise stays in here: it may hold the URLs, which hold tokens.
"""

import logging
import os
import sys
from typing import TYPE_CHECKING, BinaryIO, Literal

from msgspec import Struct, json

if TYPE_CHECKING:
    from apprise import Apprise

Level = Literal["info", "success", "warning", "failure"]


class Setup(Struct, frozen=True):
    """Where notifications go: apprise's URL."""

    url: str


class Ready(Struct, frozen=True):
    """The name of the URL's service, ``""`` for a URL that apprise does not know; None without apprise."""

    service: str | None


class Delivery(Struct, frozen=True):
    """Send this."""

    text: str
    title: str
    level: Level


class Delivered(Struct, frozen=True):
    """Why not, or ``""``."""

    failure: str


def main() -> None:
    """Serve until stdin ends."""
    logging.disable()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    requests = sys.stdin.buffer
    try:
        from apprise import Apprise  # noqa: PLC0415  # an extra, in a process of its own
    except ImportError:
        _answer(answers, Ready(None))
        return
    setup = json.decode(requests.readline(), type=Setup)
    sender = _sender(Apprise, setup.url)
    _answer(answers, Ready(str(sender[0].service_name) if sender else ""))
    for line in requests:
        _answer(answers, Delivered(_deliver(sender, json.decode(line, type=Delivery))))


def _sender(make: "type[Apprise]", url: str) -> "Apprise":
    """A sender to one URL; it is empty, hence false, if that is none that apprise knows."""
    sender = make()
    sender.add(url)  # pyright: ignore[reportUnknownMemberType]  # apprise leaves some of its types open
    return sender


def _deliver(sender: "Apprise", delivery: Delivery) -> str:
    try:
        delivered = sender.notify(  # pyright: ignore[reportUnknownMemberType]  # apprise leaves some types open
            delivery.text,
            title=delivery.title,
            notify_type=delivery.level,
            body_format="text",
        )
    except Exception as error:  # noqa: BLE001  # apprise's plugins, and there are 170 of them
        return type(error).__name__
    return "" if delivered else "it was not taken"


def _answer(answers: BinaryIO, answer: Struct) -> None:
    answers.write(json.encode(answer) + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()
