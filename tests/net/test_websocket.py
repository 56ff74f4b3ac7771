import asyncio

import pytest

from bowstring.core.errors import Disconnected
from bowstring.net.websocket import connect
from tests.net.peer import BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, RSV1, TEXT, Peer, close_frame, frame, serving


class Inbox:
    """An ``on_message`` that keeps what it got."""

    def __init__(self) -> None:
        self.messages: list[str | bytes] = []

    def __call__(self, message: str | bytes) -> None:
        self.messages.append(message)


async def test_a_text_is_a_str_and_a_binary_message_bytes() -> None:
    async def script(peer: Peer) -> None:
        await peer.upgrade()
        peer.write(frame(TEXT, "21 °C".encode()) + frame(BINARY, b"\xff") + frame(TEXT) + close_frame(1000))
        await peer.read_end()

    inbox = Inbox()
    async with serving(script) as url:
        with pytest.raises(Disconnected):
            await (await connect(url, on_message=inbox)).closed()

    assert inbox.messages == ["21 °C", b"\xff", ""]
