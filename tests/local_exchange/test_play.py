"""Real clients on real sockets get the recorded frames, as Binance would send them."""

import asyncio
import math
import os
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import ClientWebSocketResponse, WSMessage, WSMsgType
from msgspec.json import encode
from picows import (
    WSFrame,
    WSListener,
    WSTransport,
    ws_connect,  # pyright: ignore[reportUnknownVariableType]  # its **kwargs are untyped
)
from picows import WSMsgType as PicowsType
from yarl import URL

from bowstring.core.errors import ConfigError
from bowstring.local_exchange import heartbeat, playback
from bowstring.local_exchange.feed import MARKETS
from bowstring.local_exchange.play import PlayServer
from bowstring.local_exchange.recording import RecordedFrame, Recording, open_recording
from tests.local_exchange.traffic import START_NS, depth, frame, json, json_lines, recording
from tests.venues.binance.recordings import stems

FRAMES = [
    frame(second, stream, number)
    for number, (second, stream) in enumerate(
        [
            (0, "a@trade"),
            (0, "a@bookTicker"),
            (0.1, "b@trade"),
            (0.2, "a@trade"),
            (0.3, "b@depth@100ms"),
            (0.4, "a@trade"),
        ]
    )
]
LARGE = RecordedFrame(time_ns=0, stream="a@trade", combined=b"", payload=b'{"x":"%b"}' % (b"x" * 100_000))
HANDSHAKE = (
    b"GET /ws/a@trade HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
INSTANTLY = 1e9
DEADLINE_S = 10


def texts(*streams: str, combined: bool = True) -> list[bytes]:
    """What a client of these streams must get."""
    return [one.combined if combined else one.payload for one in FRAMES if one.stream in streams]


class Client:
    """An aiohttp client with what it received."""

    def __init__(self, session: aiohttp.ClientSession, server: PlayServer) -> None:
        self.session = session
        self.address = f"{server.host}:{server.port}"

    @asynccontextmanager
    async def connect(self, path: str, *, autoping: bool = True) -> AsyncGenerator[ClientWebSocketResponse]:
        url = f"ws://{self.address}{path}"
        async with asyncio.timeout(DEADLINE_S), self.session.ws_connect(url, autoping=autoping) as socket:
            yield socket

    async def receive(self, path: str, *, count: int) -> list[bytes]:
        async with self.connect(path) as socket:
            return [(await socket.receive_str()).encode() for _ in range(count)]

    async def get(self, path: str) -> tuple[int, dict[str, object]]:
        async with self.session.get(URL(f"http://{self.address}{path}", encoded=True)) as response:
            return response.status, json(await response.read())


@asynccontextmanager
async def playing(
    played: Recording, *, speed: float = math.inf, loop: bool = False
) -> AsyncGenerator[tuple[PlayServer, Client]]:
    async with (
        PlayServer(played, speed=speed, loop=loop) as server,
        aiohttp.ClientSession() as session,
    ):
        yield server, Client(session, server)


async def last(socket: ClientWebSocketResponse) -> WSMessage:
    """Read on until the server closes; its close frame."""
    async with asyncio.timeout(DEADLINE_S):
        while (message := await socket.receive()).type is not WSMsgType.CLOSE:
            assert message.type in {WSMsgType.TEXT, WSMsgType.PING}
    return message


async def subscribe(socket: ClientWebSocketResponse, *streams: str) -> None:
    await socket.send_str(encode({"method": "SUBSCRIBE", "params": streams, "id": 1}).decode())


@pytest.mark.parametrize("speed", [math.inf, INSTANTLY])
@pytest.mark.parametrize(
    ("path", "streams", "combined"),
    [
        ("/stream?streams=a@trade", ["a@trade"], True),
        ("/stream?streams=b@depth@100ms/a@trade", ["a@trade", "b@depth@100ms"], True),
        ("/ws/a@trade", ["a@trade"], False),
        ("/ws/b@trade/a@bookTicker", ["b@trade", "a@bookTicker"], False),
    ],
)
async def test_the_address_tells_the_streams_and_their_form(
    path: str, streams: list[str], combined: bool, speed: float
) -> None:
    expected = texts(*streams, combined=combined)
    async with playing(recording(FRAMES), speed=speed) as (_, client):
        assert await client.receive(path, count=len(expected)) == expected


@pytest.mark.parametrize("root", ["/public", "/market"])
async def test_futures_are_served_at_their_two_paths_too_and_spot_is_not(root: str) -> None:
    async with playing(recording(FRAMES, futures=True)) as (_, client):
        for path, is_combined in ((f"{root}/stream?streams=a@trade", True), (f"{root}/ws/a@trade", False)):
            assert await client.receive(path, count=3) == texts("a@trade", combined=is_combined)
        async with client.connect(f"{root}/ws") as socket:
            await subscribe(socket, "a@trade")
            assert await socket.receive_str() == '{"result":null,"id":1}'
        assert (await client.get("/fapi/v1/exchangeInfo"))[0] == 200
    async with playing(recording(FRAMES)) as (_, client):
        assert (await client.get(f"{root}/stream?streams=a@trade"))[0] == 404


@pytest.mark.parametrize("speed", [math.inf, INSTANTLY])
@pytest.mark.parametrize(("path", "combined"), [("/stream", True), ("/ws", False), ("/ws/", False), ("/ws/0", False)])
async def test_an_empty_connection_subscribes_and_is_answered_before_data(
    path: str, combined: bool, speed: float
) -> None:
    async with playing(recording(FRAMES), speed=speed) as (_, client), client.connect(path) as socket:
        await subscribe(socket, "a@trade", "b@trade")
        received = [(await socket.receive_str()).encode() for _ in range(5)]

    assert received == [b'{"result":null,"id":1}', *texts("a@trade", "b@trade", combined=combined)]


async def test_nothing_is_sent_to_who_has_not_subscribed() -> None:
    async with playing(recording(FRAMES)) as (_, client), client.connect("/stream") as idle:
        await client.receive("/stream?streams=a@trade", count=3)
        await idle.send_str('{"method":"LIST_SUBSCRIPTIONS","id":2}')

        assert await idle.receive_str() == '{"result":[],"id":2}'


async def test_a_raw_connection_turns_combined_when_asked() -> None:
    async with playing(recording(FRAMES)) as (_, client), client.connect("/ws") as socket:
        await socket.send_str('{"method":"SET_PROPERTY","params":["combined",true],"id":1}')
        await socket.receive_str()
        await subscribe(socket, "b@trade")
        await socket.receive_str()

        assert (await socket.receive_str()).encode() == texts("b@trade")[0]


async def test_control_errors_leave_the_connection_open() -> None:
    async with playing(recording(FRAMES)) as (_, client), client.connect("/ws") as socket:
        await socket.send_str("hello")
        refused = json(await socket.receive_str())
        await subscribe(socket, "b@trade")

        assert refused == {"error": {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}, "id": None}
        assert await socket.receive_str() == '{"result":null,"id":1}'


async def test_at_full_speed_each_connection_gets_all_from_the_start() -> None:
    async with playing(recording(FRAMES)) as (_, client):
        for _ in range(2):
            assert await client.receive("/stream?streams=a@trade", count=3) == texts("a@trade")


async def test_in_a_loop_the_recording_starts_anew() -> None:
    async with playing(recording(FRAMES), loop=True) as (_, client):
        assert await client.receive("/stream?streams=a@trade", count=6) == texts("a@trade") * 2


async def test_at_pace_a_late_client_misses_what_was_before() -> None:
    parted = [frame(0, "a@trade", 1), frame(3600, "a@trade", 2)]
    async with playing(recording(parted), speed=1) as (_, client), client.connect("/stream?streams=a@trade") as first:
        assert (await first.receive_str()).encode() == parted[0].combined
        async with client.connect("/stream?streams=a@trade") as late:
            await late.send_str('{"method":"LIST_SUBSCRIPTIONS","id":1}')

            assert await late.receive_str() == '{"result":["a@trade"],"id":1}'


async def test_frames_stop_with_the_reply_to_an_unsubscription() -> None:
    async with playing(recording(FRAMES), loop=True) as (_, client), client.connect("/ws/a@trade/b@trade") as socket:
        await socket.send_str('{"method":"UNSUBSCRIBE","params":["a@trade"],"id":1}')
        async with asyncio.timeout(DEADLINE_S):
            while await socket.receive_str() != '{"result":null,"id":1}':
                pass
        after = {await socket.receive_str() for _ in range(20)}

    assert after == {text.decode() for text in texts("b@trade", combined=False)}


async def test_a_client_that_does_not_read_holds_up_no_other_and_no_memory() -> None:
    begun = asyncio.Event()
    passes: list[int] = []

    def frames() -> Iterator[RecordedFrame]:
        begun.set()
        number = len(passes)
        passes.append(0)
        for _ in range(2_000):
            passes[number] += 1
            yield LARGE

    played = Recording(frames=frames, instruments=(MARKETS["BTCUSDT"].instrument,))
    async with playing(played) as (_, client), client.connect("/ws/a@trade"):
        await begun.wait()
        await client.receive("/ws/a@trade", count=1_000)

    assert passes[0] < 500  # the operating system's socket buffers hold some


async def test_at_pace_a_client_that_is_far_behind_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playback, "BACKLOG", 5)
    played_out = asyncio.Event()

    def frames() -> Iterator[RecordedFrame]:
        yield from [LARGE] * 500
        played_out.set()

    played = Recording(frames=frames, instruments=(MARKETS["BTCUSDT"].instrument,))
    async with playing(played, speed=INSTANTLY) as (_, client), client.connect("/ws/a@trade") as socket:
        await played_out.wait()
        closed = await last(socket)

    assert (closed.data, str(closed.extra)[:9]) == (1008, "Too slow:")


async def test_a_client_that_answers_pings_stays_until_it_no_longer_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "PING_S", 0.25)
    monkeypatch.setattr(heartbeat, "PONG_TIMEOUT_S", 0.2)
    async with playing(recording(FRAMES)) as (_, client), client.connect("/ws", autoping=False) as socket:
        for _ in range(2):
            ping = await socket.receive()
            assert (ping.type, ping.data.isdigit()) == (WSMsgType.PING, True)
            await socket.pong(ping.data)
        closed = await last(socket)

    assert (closed.data, closed.extra) == (1008, "Pong timeout")


async def test_an_unsolicited_pong_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "PING_S", 0.25)
    monkeypatch.setattr(heartbeat, "PONG_TIMEOUT_S", 0.3)
    async with playing(recording(FRAMES)) as (_, client), client.connect("/ws", autoping=False) as socket:
        while (message := await socket.receive()).type is WSMsgType.PING:
            await socket.pong(b"unsolicited")

    assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 1008, "Pong timeout")


async def test_a_clients_ping_is_answered() -> None:
    async with playing(recording(FRAMES)) as (_, client), client.connect("/ws", autoping=False) as socket:
        await socket.ping(b"payload")
        pong = await socket.receive()

    assert (pong.type, pong.data) == (WSMsgType.PONG, b"payload")


async def test_more_than_5_messages_a_second_close_the_connection() -> None:
    async with playing(recording(FRAMES)) as (_, client), client.connect("/ws") as socket:
        for number in range(6):
            await socket.send_str(f'{{"method":"LIST_SUBSCRIPTIONS","id":{number}}}')
        replies = [json(await socket.receive_str())["id"] for _ in range(5)]
        closed = await last(socket)

    assert (replies, closed.data, closed.extra) == ([0, 1, 2, 3, 4], 1008, "Too many requests")


async def test_clients_are_told_when_the_server_goes_away() -> None:
    async with aiohttp.ClientSession() as session:
        async with PlayServer(recording(FRAMES)) as server:
            socket = await session.ws_connect(f"ws://{server.host}:{server.port}/ws/a@trade")
            closing = asyncio.create_task(last(socket))

        assert (await asyncio.wait_for(closing, DEADLINE_S)).data == 1001


async def test_a_client_that_vanishes_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async with playing(recording(FRAMES), loop=True) as (server, client):
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

        assert await client.receive("/ws/b@trade", count=1) == texts("b@trade", combined=False)
    assert caplog.records == []


async def test_rest_is_served_on_the_same_port() -> None:
    async with playing(recording(FRAMES, depth(0, "A"))) as (_, client):
        assert await client.get("/api/v3/time") == (200, {"serverTime": START_NS // 1_000_000})
        assert (await client.get("/api/v3/depth?symbol=A&limit=1"))[1]["bids"] == [["100.50000000", "1.20000000"]]
        assert await client.get("/api/v3/depth?symbol=NONE") == (400, {"code": -1121, "msg": "Invalid symbol."})
        assert (await client.get("/api/v3/exchangeInfo?symbols=%5B%22A%22%5D"))[0] == 200
        assert (await client.get("/sapi/v1/capital/config/getall"))[0] == 404


async def test_a_stream_address_asked_for_without_upgrade_is_a_bad_request() -> None:
    async with playing(recording(FRAMES)) as (_, client):
        address = f"http://{client.address}/ws/a@trade"
        async with client.session.get(address) as response:
            assert response.status == 400


async def test_replies_carry_binances_headers() -> None:
    async with playing(recording(FRAMES)) as (_, client):
        address = f"http://{client.address}/api/v3"
        async with client.session.get(f"{address}/exchangeInfo") as one, client.session.get(f"{address}/ping") as other:
            assert one.headers["Content-Type"] == other.headers["Content-Type"] == "application/json;charset=UTF-8"
            used = [int(reply.headers["X-MBX-USED-WEIGHT-1M"]) for reply in (one, other)]
            assert used in ([20, 21], [20, 1])  # a new minute may have begun in between
            assert other.headers["X-MBX-USED-WEIGHT"] == other.headers["X-MBX-USED-WEIGHT-1M"]


async def test_a_port_in_use_is_refused() -> None:
    async with PlayServer(recording(FRAMES)) as server:
        with pytest.raises(ConfigError, match=f"cannot serve on 127.0.0.1 port {server.port}: "):
            await PlayServer(recording(FRAMES), port=server.port).__aenter__()


async def test_playing_is_over_when_all_is_sent() -> None:
    async with playing(recording(FRAMES)) as (server, client):
        played = asyncio.create_task(server.played())
        assert await client.receive("/stream?streams=a@trade", count=3) == texts("a@trade")
        await asyncio.wait_for(played, DEADLINE_S)


async def test_at_pace_the_recording_is_played_on_when_its_clients_have_left() -> None:
    parted = [frame(0, "a@trade"), frame(0.2, "a@trade")]
    async with playing(recording(parted), speed=1) as (server, client):
        await client.receive("/ws/a@trade", count=1)

        await asyncio.wait_for(server.played(), DEADLINE_S)


async def test_playing_is_not_over_while_a_client_has_something_to_read() -> None:
    played_out = asyncio.Event()

    def frames() -> Iterator[RecordedFrame]:
        yield from [LARGE] * 300
        played_out.set()

    played = Recording(frames=frames, instruments=(MARKETS["BTCUSDT"].instrument,))
    async with playing(played, speed=INSTANTLY) as (server, client), client.connect("/ws/a@trade") as socket:
        over = asyncio.create_task(server.played())
        await played_out.wait()
        done, _ = await asyncio.wait([over], timeout=0.05)
        assert not done

        for _ in range(300):
            assert (await socket.receive_str()).encode() == LARGE.payload
        await over


class PicowsClient(WSListener):
    """Collects texts until it has ``count``."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.texts: list[bytes] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        assert frame.msg_type == PicowsType.TEXT
        self.texts.append(frame.get_payload_as_bytes())
        if len(self.texts) == self.count:
            transport.disconnect()


@pytest.mark.recorded
@pytest.mark.parametrize("stem", stems())
async def test_a_picows_client_gets_recorded_traffic_byte_for_byte(stem: str) -> None:
    file = Path(os.environ["BOWSTRING_RECORDINGS"]) / f"{stem}.ws.1.0"
    recorded = [text for _, text, _ in json_lines(file)]
    streams = Counter(str(message["stream"]) for _, _, message in json_lines(file))
    async with PlayServer(open_recording(file), speed=math.inf) as server:
        url = f"ws://{server.host}:{server.port}/stream?streams={'/'.join(streams)}"
        transport, client = await ws_connect(lambda: PicowsClient(len(recorded)), url)
        await asyncio.wait_for(transport.wait_disconnected(), DEADLINE_S)

    assert isinstance(client, PicowsClient)
    assert client.texts == [text.encode() for text in recorded]
    assert Counter(json(text)["stream"] for text in client.texts) == streams


@pytest.mark.recorded
@pytest.mark.parametrize("stem", stems())
async def test_a_raw_client_gets_the_data_of_its_stream(stem: str) -> None:
    file = Path(os.environ["BOWSTRING_RECORDINGS"]) / f"{stem}.ws.1.0"
    stream, _ = Counter(str(message["stream"]) for _, _, message in json_lines(file)).most_common(1)[0]
    expected = [message["data"] for _, _, message in json_lines(file) if message["stream"] == stream]
    async with playing(open_recording(file)) as (_, client):
        received = await client.receive(f"/ws/{stream}", count=len(expected))

    assert [json(text) for text in received] == expected
