"""Clients on real sockets get market data as Binance would send it."""

import asyncio
from functools import partial
from itertools import pairwise

import pytest
from aiohttp import ClientWebSocketResponse, WSMessage, WSMsgType
from msgspec.json import decode

from bowstring.local_exchange import connection
from bowstring.local_exchange.streams.market_data import TICK_S
from tests.local_exchange.streams.live import DEADLINE_S, ask, live, message
from tests.local_exchange.streams.stage import Stage

TRADE = "btcusdt@trade"
LARGE = 50_000
REPLY = '{"result":null,"id":1}'
LISTEN_KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"


async def last(socket: ClientWebSocketResponse) -> WSMessage:
    """Read on until the server closes; its close frame."""
    async with asyncio.timeout(DEADLINE_S):
        while (got := await socket.receive()).type is not WSMsgType.CLOSE:
            assert got.type is WSMsgType.TEXT
    return got


@pytest.mark.parametrize("path", ["/ws/btcusdt@trade", "/ws/x@trade/btcusdt@trade", "/stream?streams=btcusdt@trade"])
async def test_a_trade_reaches_who_has_named_its_stream_in_the_address(path: str) -> None:
    async with live() as exchange, exchange.connect(path) as socket:
        exchange.stage.quote("BUY", 64_000)
        exchange.stage.take("SELL")
        got = decode(await socket.receive_str(), type=dict[str, object])

    if path.startswith("/stream"):
        assert got["stream"] == TRADE
        assert "e" not in got
    else:
        assert got["e"] == "trade"


async def test_microseconds_are_asked_for_in_the_address() -> None:
    for unit in ("MICROSECOND", "microsecond"):
        async with live() as exchange, exchange.connect(f"/stream?streams={TRADE}&timeUnit={unit}") as socket:
            exchange.stage.quote("BUY", 64_000)
            exchange.stage.take("SELL")

            assert (await message(socket)).fields["T"] == exchange.stage.now_us


async def test_the_reply_comes_before_the_data() -> None:
    async with live() as exchange, exchange.connect("/stream") as socket:
        stop = asyncio.create_task(busy(exchange.stage))
        await ask(socket, "SUBSCRIBE", "btcusdt@bookTicker")
        first = await socket.receive_str()
        second = await message(socket)
        stop.cancel()

    assert (first, second.stream) == (REPLY, "btcusdt@bookTicker")


async def busy(stage: Stage) -> None:
    """Change the book at every step of the loop."""
    for price in range(60_000, 65_000):
        stage.quote("BUY", price)
        await asyncio.sleep(0)


async def test_the_data_stops_with_the_reply() -> None:
    async with live() as exchange, exchange.connect("/stream?streams=btcusdt@bookTicker") as socket:
        stop = asyncio.create_task(busy(exchange.stage))
        await ask(socket, "UNSUBSCRIBE", "btcusdt@bookTicker")
        while await socket.receive_str() != REPLY:
            pass
        await ask(socket, "LIST_SUBSCRIPTIONS")
        after = await socket.receive_str()
        stop.cancel()

    assert after == '{"result":[],"id":1}'


async def test_run_publishes_every_100_ms() -> None:
    loop = asyncio.get_running_loop()
    async with live() as exchange, exchange.connect("/stream?streams=btcusdt@depth5@100ms") as socket:
        running = asyncio.create_task(exchange.stage.data.run())
        times: list[float] = []
        for _ in range(5):
            await socket.receive_str()
            times.append(loop.time())
        running.cancel()

    assert times[-1] - times[0] == pytest.approx(4 * TICK_S, abs=0.08)
    assert all(earlier < later for earlier, later in pairwise(times))


async def test_who_does_not_read_is_disconnected_and_nobody_else_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "WAITING_BYTES", 100_000)
    async with live() as exchange, exchange.connect(f"/ws/{TRADE}") as slow, exchange.connect(f"/ws/{TRADE}") as other:
        for _ in range(400):
            exchange.hub.publish(TRADE, large)
            assert len(await other.receive_str()) == LARGE
        assert len(exchange.sockets.connections) == 2
        closed = await last(slow)
        exchange.hub.publish(TRADE, large)
        assert len(await other.receive_str()) == LARGE

    assert (closed.data, closed.extra) == (1008, "Too slow")


async def test_who_never_reads_again_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "WAITING_BYTES", 100_000)
    monkeypatch.setattr(connection, "CLOSE_S", 0.1)
    async with live() as exchange, exchange.connect(f"/ws/{TRADE}"):
        (one,) = exchange.sockets.connections
        while not one.is_ending:
            exchange.hub.publish(TRADE, large)
            await asyncio.sleep(0)
        await exchange.feed.went.wait()

        assert not exchange.hub.wants(TRADE)


def large(_unit: int) -> bytes:
    return b"x" * LARGE


def numbered(number: int, _unit: int) -> bytes:
    return b"%d" % number


async def test_what_is_sent_in_one_step_of_the_loop_arrives_in_its_order() -> None:
    async with live() as exchange, exchange.connect(f"/ws/{TRADE}") as socket:
        for number in range(1000):
            exchange.hub.publish(TRADE, partial(numbered, number))
        got = [await socket.receive_str() for _ in range(1000)]

    assert got == [str(number) for number in range(1000)]


async def test_a_connection_lasts_no_longer_than_its_lifetime() -> None:
    async with live(life_s=0.1) as exchange, exchange.connect("/ws") as socket:
        closed = await last(socket)

    assert closed.data == 1001


async def test_more_than_5_messages_a_second_close_the_connection() -> None:
    async with live() as exchange, exchange.connect("/ws") as socket:
        for _ in range(6):
            await ask(socket, "LIST_SUBSCRIPTIONS")
        replies = [await socket.receive_str() for _ in range(5)]
        closed = await last(socket)

    assert (len(replies), closed.data, closed.extra) == (5, 1008, "Too many requests")


async def test_a_connection_has_at_most_1024_streams() -> None:
    async with live() as exchange, exchange.connect("/ws") as socket:
        await ask(socket, "SUBSCRIBE", *(f"s{number}@trade" for number in range(1024)))
        await ask(socket, "SUBSCRIBE", "more@trade")
        replies = [await socket.receive_str() for _ in range(2)]

    assert replies == [REPLY, '{"error":{"code":4,"msg":"Too many subscriptions"},"id":1}']


async def test_everybody_is_told_of_a_shutdown_before_it() -> None:
    async with (
        live() as exchange,
        exchange.connect("/ws") as idle,
        exchange.connect(f"/stream?streams={TRADE}") as other,
    ):
        exchange.stage.data.announce_shutdown()
        closing = asyncio.create_task(exchange.sockets.disconnect(code=1001))
        told = [await idle.receive_str(), (await message(other)).stream]
        closed = [await last(socket) for socket in (idle, other)]
        await closing

    assert told == ['{"e":"serverShutdown","E":1700000000123}', "!serverShutdown"]
    assert [frame.data for frame in closed] == [1001, 1001]


async def test_a_listen_key_is_a_stream_in_the_address_and_in_a_subscription() -> None:
    async with (
        live(is_listen_key=LISTEN_KEY.__eq__) as exchange,
        exchange.connect(f"/ws/{LISTEN_KEY}") as raw,
        exchange.connect("/stream") as combined,
    ):
        await ask(combined, "SUBSCRIBE", LISTEN_KEY)
        replies = [await combined.receive_str()]
        await ask(combined, "SUBSCRIBE", "another")
        replies.append(await combined.receive_str())
        exchange.hub.publish(LISTEN_KEY, lambda _: b'{"e":"outboundAccountPosition"}')
        got = [await raw.receive_str(), await combined.receive_str()]

    assert replies == [REPLY, '{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":1}']
    assert got == [
        '{"e":"outboundAccountPosition"}',
        f'{{"stream":"{LISTEN_KEY}","data":{{"e":"outboundAccountPosition"}}}}',
    ]


async def test_who_leaves_is_forgotten() -> None:
    async with live() as exchange:
        async with exchange.connect(f"/ws/{TRADE}"):
            assert exchange.hub.wants(TRADE)
        await exchange.feed.went.wait()

        assert not exchange.hub.wants(TRADE)
