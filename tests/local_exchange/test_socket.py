"""Pings, the end of a life, and clients that do not read."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web

from bowstring.local_exchange import heartbeat, socket
from bowstring.local_exchange.socket import Socket


@asynccontextmanager
async def connected(
    *, life_s: float = 60.0, autoping: bool = True, serve: Callable[[Socket], None] | None = None
) -> AsyncGenerator[ClientWebSocketResponse, None]:
    """A client of a socket that echoes what it gets."""

    async def handle(request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse(autoping=False)
        await response.prepare(request)
        one = Socket(response, transport=request.transport, life_s=life_s)
        if serve is not None:
            serve(one)

        def echo(data: str | bytes) -> None:
            one.send(data.encode() if isinstance(data, str) else data)

        await one.run(echo)
        return response

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        async with ClientSession() as http, http.ws_connect(url, autoping=autoping) as client:
            yield client
    finally:
        await runner.cleanup()


async def test_what_is_sent_comes_back_in_order() -> None:
    async with connected() as client:
        for number in range(100):
            await client.send_str(str(number))
        assert [await client.receive_str() for _ in range(100)] == [str(number) for number in range(100)]


async def test_a_client_s_ping_is_answered_with_its_payload() -> None:
    async with connected(autoping=False) as client:
        await client.ping(b"hello")
        pong = await client.receive()

    assert (pong.type, pong.data) == (WSMsgType.PONG, b"hello")


async def test_a_client_that_answers_pings_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "PING_S", 0.05)
    monkeypatch.setattr(heartbeat, "PONG_TIMEOUT_S", 0.12)
    async with connected(autoping=False) as client:
        for _ in range(4):
            ping = await client.receive()
            assert ping.type is WSMsgType.PING
            await client.pong(ping.data)
        await client.send_str("here")
        assert (await client.receive()).data == "here"


async def test_a_client_that_answers_no_ping_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "PING_S", 0.05)
    monkeypatch.setattr(heartbeat, "PONG_TIMEOUT_S", 0.12)
    async with connected(autoping=False) as client:
        await client.pong(b"unasked for")
        types = [(message := await client.receive()).type for _ in range(4)]

    assert types == [WSMsgType.PING] * 3 + [WSMsgType.CLOSE]
    assert (message.data, message.extra) == (1008, "Pong timeout")


async def test_no_life_is_endless() -> None:
    async with connected(life_s=0.05) as client:
        closed = await client.receive()

    assert (closed.type, closed.data, closed.extra) == (WSMsgType.CLOSE, 1001, "24 hours are over")


async def test_a_client_that_does_not_read_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "BACKLOG", 10)
    monkeypatch.setattr(socket, "CLOSE_S", 0.05)
    flood: list[asyncio.Task[None]] = []

    def serve(one: Socket) -> None:
        async def send() -> None:
            for _ in range(2000):
                one.send(b"x" * 100_000)
                await asyncio.sleep(0)

        flood.append(asyncio.create_task(send()))

    async with connected(serve=serve) as client:
        await flood[0]
        while (message := await client.receive()).type is WSMsgType.TEXT:
            pass
        assert message.type in (WSMsgType.CLOSED, WSMsgType.ERROR)
