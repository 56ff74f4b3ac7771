import asyncio
import logging
from contextlib import suppress
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from picows import WSFrame, WSProtocolError, WSTransport

from bowstring.core.errors import Disconnected
from bowstring.net import handshake
from bowstring.net.frames import FrameListener
from bowstring.net.websocket import connect
from tests.net.certificate import server_context, trusting_context
from tests.net.peer import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    PING,
    PONG,
    RSV1,
    RSV2,
    RSV3,
    TEXT,
    Peer,
    close_frame,
    frame,
    serving,
)
from tests.net.stepped_loop import SteppedLoop

LIMIT = 70_000  # above 64 KiB, so that all three ways to write a length occur
GOODBYE = close_frame(1000)


async def listen(*sent: bytes) -> tuple[list[str | bytes], Disconnected]:
    """What a client makes of the bytes that the peer writes, piece by piece: its messages, and its end."""
    messages: list[str | bytes] = []

    async def script(peer: Peer) -> None:
        await peer.upgrade()
        for piece in sent:
            peer.write(piece)
            await peer.flushed()
        await peer.read_end()

    async with serving(script) as url:
        websocket = await connect(url, on_message=messages.append, max_message_bytes=LIMIT)
        with pytest.raises(Disconnected) as end:
            await websocket.closed()
    return messages, end.value


async def test_a_text_is_a_str_and_a_binary_message_is_bytes() -> None:
    messages, _ = await listen(frame(TEXT, "21 °C".encode()), frame(BINARY, b"\xff"), frame(TEXT), GOODBYE)

    assert messages == ["21 °C", b"\xff", ""]


async def test_a_message_is_delivered_in_the_read_callback() -> None:
    tasks: list[asyncio.Task[object] | None] = []

    async def script(peer: Peer) -> None:
        await peer.upgrade()
        peer.write(frame(TEXT, b"now") + GOODBYE)
        await peer.read_end()

    async with serving(script) as url:
        websocket = await connect(url, on_message=lambda _: tasks.append(asyncio.current_task()))
        with pytest.raises(Disconnected):
            await websocket.closed()

    assert tasks == [None]


async def test_a_message_that_comes_with_the_upgrade_is_delivered() -> None:
    messages: list[str | bytes] = []

    async def script(peer: Peer) -> None:
        await peer.upgrade(tail=frame(TEXT, b"welcome") + GOODBYE)
        await peer.read_end()

    async with serving(script) as url:
        websocket = await connect(url, on_message=messages.append, idle_after_s=30)
        with pytest.raises(Disconnected):
            await websocket.closed()

    assert messages == ["welcome"]


async def test_a_slow_drip_of_bytes_makes_the_same_messages() -> None:
    stream = frame(TEXT, b"drip", flags=0) + frame(CONTINUATION, b"ping") + frame(BINARY, bytes(200)) + GOODBYE

    messages, end = await listen(*(stream[i : i + 1] for i in range(len(stream))))

    assert (messages, end.code) == (["dripping", bytes(200)], 1000)


@given(
    messages=st.lists(st.one_of(st.text(max_size=300), st.binary(max_size=300)), max_size=4),
    data=st.data(),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_fragments_and_segments_do_not_change_messages(messages: list[str | bytes], data: st.DataObject) -> None:
    stream = b"".join(data.draw(fragmented(message)) for message in messages) + GOODBYE
    cut = data.draw(st.integers(0, len(stream)))

    assert (await listen(stream[:cut], stream[cut:]))[0] == messages


@st.composite
def fragmented(draw: st.DrawFn, message: str | bytes) -> bytes:
    """The message in random fragments (a UTF-8 sequence may be cut), with pings and pongs between them."""
    payload = message.encode() if isinstance(message, str) else message
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=3)))
    pieces = [payload[i:j] for i, j in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    stream, opcode = b"", TEXT if isinstance(message, str) else BINARY
    for number, piece in enumerate(pieces, 1):
        stream += frame(opcode, piece, flags=FIN if number == len(pieces) else 0)
        stream += draw(st.sampled_from([b"", frame(PING, b"?"), frame(PONG)]))
        opcode = CONTINUATION
    return stream


class Watched(FrameListener):
    """Keeps what picows takes for the end of the connection, though nothing but a breach may be raised."""

    flaws: ClassVar[list[Exception]] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        try:
            super().on_ws_frame(transport, frame)
        except WSProtocolError:
            raise
        except Exception as error:
            self.flaws.append(error)
            raise


flags = st.sampled_from([FIN] * 6 + [0] * 3 + [FIN | RSV1, RSV2, FIN | RSV3])
opcodes = st.sampled_from([TEXT] * 4 + [BINARY, CONTINUATION, CONTINUATION, PING, PONG, CLOSE, 0x3])
payloads = st.binary(max_size=130) | st.sampled_from([b"\xe2\x82", b"\xac", b"\x03\xe8", bytes(LIMIT + 1)])
masks = st.sampled_from([b""] * 9 + [b"mask"])


@given(
    pieces=st.lists(st.builds(frame, opcodes, payloads, flags=flags, mask=masks) | st.binary(max_size=9), max_size=6)
)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_comes_the_connection_ends_with_a_reason_and_nothing_else_is_raised(pieces: list[bytes]) -> None:
    async def script(peer: Peer) -> None:
        await peer.upgrade(tail=b"".join(pieces))
        with suppress(ConnectionError):
            peer.write_end()
        await peer.read_end()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bowstring.net.websocket.FrameListener", Watched)
        async with serving(script) as url:
            websocket = await connect(url, on_message=lambda _: None, max_message_bytes=LIMIT)
            with pytest.raises(Disconnected) as end:
                await websocket.closed()

    assert Watched.flaws == []
    assert str(end.value).startswith(f"{url}: ")
    assert end.value.code >= 1000


BREACHES = {
    "masked by the server": (frame(TEXT, b"m", mask=b"mask"), 1002),
    "unknown opcode": (frame(0x3, b"x"), 1002),
    "reserved bit 1": (frame(TEXT, b"x", flags=FIN | RSV1), 1002),
    "reserved bit 2": (frame(BINARY, b"x", flags=FIN | RSV2), 1002),
    "reserved bit 3": (frame(PING, b"x", flags=FIN | RSV3), 1002),
    "continuation of nothing": (frame(CONTINUATION, b"x"), 1002),
    "a message inside a message": (frame(TEXT, b"x", flags=0) + frame(TEXT, b"y"), 1002),
    "fragmented ping": (frame(PING, b"x", flags=0), 1002),
    "long ping": (frame(PING, bytes(126)), 1002),
    "text that is not UTF-8": (frame(TEXT, b"\xff\xfe"), 1007),
    "fragments that are not UTF-8": (frame(TEXT, b"\xe2\x82", flags=0) + frame(CONTINUATION, b"x"), 1007),
    "surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "frame too big": (frame(BINARY, bytes(LIMIT + 1)), 1009),
    "announced as 2**62 bytes": (b"\x82\x7f\x40" + bytes(7), 1009),
    "fragments too big": (frame(BINARY, bytes(LIMIT), flags=0) + frame(CONTINUATION, b"x", flags=0), 1009),
    "close code 999": (close_frame(999), 1002),
    "half a close code": (frame(CLOSE, b"\x03"), 1002),
    "close reason that is not UTF-8": (close_frame(1000, b"\xff"), 1007),
    "HTTP after the upgrade": (b"HTTP/1.1 500 Internal Server Error\r\n\r\n", 1002),
}


@pytest.mark.parametrize(("sent", "code"), BREACHES.values(), ids=BREACHES)
async def test_a_breach_ends_the_connection_with_its_code_and_a_reason(sent: bytes, code: int) -> None:
    messages, end = await listen(frame(TEXT, b"before"), sent + frame(TEXT, b"after"))

    assert end.code == code
    assert str(end).count(":") >= 3, "where: reason"
    assert messages == ["before"]


async def test_a_breach_is_answered_with_its_code() -> None:
    answers: list[tuple[int, bytes]] = []

    async def script(peer: Peer) -> None:
        await peer.upgrade(tail=frame(TEXT, b"\xff"))
        answers.append(await peer.read_frame())

    async with serving(script) as url:
        websocket = await connect(url, on_message=print)
        with pytest.raises(Disconnected):
            await websocket.closed()

    assert answers == [(CLOSE, (1007).to_bytes(2, "big") + b"a text is not UTF-8")]


async def test_a_breach_does_not_wait_for_the_peer_to_end_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(peer: Peer) -> None:
        await peer.upgrade()
        peer.stop_reading()
        peer.write(frame(TEXT, b"\xff"))
        await asyncio.Event().wait()

    monkeypatch.setattr(handshake, "TLS_SHUTDOWN_S", 0.05)
    async with serving(script, tls=server_context()) as url:
        websocket = await connect(url, on_message=print, ssl_context=trusting_context())
        async with asyncio.timeout(5):
            with pytest.raises(Disconnected, match="not UTF-8"):
                await websocket.closed()


async def test_a_message_of_the_greatest_size_passes() -> None:
    whole = bytes(LIMIT)
    parts = [frame(BINARY, whole, flags=0), frame(PING, b"no part of it"), frame(CONTINUATION)]

    messages, _ = await listen(frame(BINARY, whole), *parts, *parts, GOODBYE)

    assert messages == [whole, whole, whole]


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 4001])
async def test_the_peers_close_code_and_reason_are_told(code: int) -> None:
    _, end = await listen(close_frame(code, b"maintenance\n"))

    assert end.code == code
    assert f"the peer closed with {code} 'maintenance\\n'" in str(end)


async def test_a_close_frame_without_a_code_is_1005() -> None:
    _, end = await listen(frame(CLOSE))

    assert end.code == 1005


async def test_nothing_is_heard_after_the_close_frame() -> None:
    messages, end = await listen(close_frame(1001) + frame(TEXT, b"late") + close_frame(1000))

    assert (messages, end.code) == ([], 1001)


async def test_a_ping_is_answered_with_its_payload() -> None:
    answers: list[tuple[int, bytes]] = []

    async def script(peer: Peer) -> None:
        await peer.upgrade(tail=frame(PING, b"1700000000"))
        answers.append(await peer.read_frame())
        peer.write(GOODBYE)
        answers.append(await peer.read_frame())

    async with serving(script) as url:
        websocket = await connect(url, on_message=print)
        with pytest.raises(Disconnected):
            await websocket.closed()

    assert answers == [(PONG, b"1700000000"), (CLOSE, (1000).to_bytes(2, "big"))]


async def test_what_on_message_raises_is_counted_and_the_connection_lives_on(caplog: pytest.LogCaptureFixture) -> None:
    def parse(message: str | bytes) -> None:
        raise KeyError(message) if message == "missing" else ValueError(message)

    async def script(peer: Peer) -> None:
        texts = [b"bad", b"missing", b"bad", b"bad"]
        await peer.upgrade(tail=b"".join(frame(TEXT, text) for text in texts) + GOODBYE)
        await peer.read_end()

    with caplog.at_level(logging.ERROR):
        async with serving(script) as url:
            websocket = await connect(url, on_message=parse, name="BinanceTrades")
            with pytest.raises(Disconnected, match="1000"):
                await websocket.closed()

    assert websocket.failures == 4
    assert [record.getMessage() for record in caplog.records] == [
        "BinanceTrades: failure 1 in a callback of the websocket",
        "BinanceTrades: failure 2 in a callback of the websocket",
    ], "each type once"


async def test_a_failure_is_logged_again_after_a_minute(caplog: pytest.LogCaptureFixture, clock: SteppedLoop) -> None:
    listener = FrameListener(print, name="Feed", max_message_bytes=LIMIT, pong_answers=True)

    for seconds in (1, 59, 1, 59):
        listener.failed(ValueError())
        await clock.step(seconds)

    assert [record.getMessage()[:15] for record in caplog.records] == ["Feed: failure 1", "Feed: failure 3"]
