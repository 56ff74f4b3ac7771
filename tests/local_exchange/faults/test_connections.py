"""Faults of connections, seen by clients of REST, of the WebSocket API and of market data."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientConnectionError, WSMsgType

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.faults.kinds import (
    IgnoreConnections,
    MuteConnections,
    ResetConnections,
    SlowDrip,
)
from tests.local_exchange.faults.client import SHORTLY_S, Client, nothing, order, trading, until

TRADES = "btcusdt@trade"
ENDED = (WSMsgType.CLOSED, WSMsgType.ERROR)


@asynccontextmanager
async def raw(client: Client) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A TCP connection that nothing has been sent over."""
    reader, writer = await asyncio.open_connection(client.server.host, client.server.port)
    try:
        yield reader, writer
    finally:
        writer.close()


PING = b"GET /api/v3/ping HTTP/1.1\r\nHost: here\r\n\r\n"


async def pinged(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The head of the response to a request."""
    writer.write(PING)
    return await reader.readuntil(b"\r\n\r\n{}")


async def test_connections_of_every_kind_are_reset() -> None:
    async with trading() as client, client.line() as line, client.stream(TRADES) as stream, raw(client) as (one, two):
        await pinged(one, two)
        client.faults.add(ResetConnections())

        with pytest.raises(ConnectionResetError):
            await one.read()
        assert (await line.socket.receive()).type in ENDED
        assert (await stream.receive()).type in ENDED
        assert client.faults.listed()[0].hits == 3
        assert (await client.ask("GET", "ping", None)).status == 200


async def test_connections_of_one_kind_are_reset() -> None:
    async with trading() as client, client.line() as line, client.stream(TRADES) as stream:
        client.faults.add(ResetConnections(interface="streams"))

        assert (await stream.receive()).type in ENDED
        assert (await line.ask("ping"))["status"] == 200


async def test_connections_of_one_account_are_reset() -> None:
    async with trading() as client, client.line() as alice, client.line() as bob:
        await alice.subscribe("alice")
        await bob.subscribe("bob")
        client.faults.add(ResetConnections(account="bob"))

        assert (await bob.socket.receive()).type in ENDED
        assert (await alice.ask("ping"))["status"] == 200


async def test_a_half_open_connection_is_silent_and_never_ends() -> None:
    async with trading() as client, client.line() as line, client.stream(TRADES) as stream:
        await line.subscribe()
        client.faults.add(MuteConnections())
        client.trade()
        await line.send("order.place", "alice", **order())
        await line.socket.ping()

        assert await nothing(line.socket)
        assert await nothing(stream)
        assert client.open_orders == []  # the connection is new, and has nothing to do with it
        assert (await client.buy(newClientOrderId="other")).status == 200


async def test_a_half_open_connection_is_reset_when_that_is_cleared() -> None:
    async with trading() as client, client.line() as line:
        client.faults.add(MuteConnections())
        assert await nothing(line.socket)
        client.faults.clear()

        assert (await line.socket.receive()).type in ENDED


async def test_a_client_that_leaves_a_half_open_connection_is_forgotten() -> None:
    async with trading() as client:
        async with raw(client) as (reader, writer):
            await pinged(reader, writer)
            client.faults.add(MuteConnections())
            assert len(client.server.entrance.wires) == 1

        await until(lambda: not client.server.entrance.wires)


async def test_a_connection_that_its_server_gives_up_is_silent_all_the_same() -> None:
    async with trading() as client, client.line() as line:
        client.faults.add(MuteConnections())
        await client.server.ws_api.close(code=1001)

        assert await nothing(line.socket)


async def test_new_connections_are_accepted_and_never_answered() -> None:
    async with trading() as client, client.line() as line:
        client.faults.add(IgnoreConnections(count=2))
        async with raw(client) as one, raw(client) as other:
            asking = [asyncio.create_task(pinged(*streams)) for streams in (one, other)]
            await until(lambda: client.faults.listed()[0].hits == 2)
            assert not (await asyncio.wait(asking, timeout=SHORTLY_S))[0]
            assert (await line.ask("ping"))["status"] == 200
            assert (await client.ask("GET", "ping", None)).status == 200
            client.faults.clear()

            for ignored in asking:
                with pytest.raises(ConnectionResetError):
                    await ignored


async def test_bytes_drip() -> None:
    async with trading(SlowDrip(bytes=5, every_s=0.001)) as client, raw(client) as (reader, writer):
        writer.write(PING)
        pieces = [await reader.read(1000)]
        while not b"".join(pieces).endswith(b"\r\n\r\n{}"):
            pieces.append(await reader.read(1000))

        assert len(pieces) > 5
        assert b"".join(pieces).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_frames_drip_and_come_whole() -> None:
    async with trading() as client, client.line() as line:
        await line.subscribe()
        client.faults.add(SlowDrip(bytes=50, every_s=0.0005, interface="ws-api"))
        for number in range(5):
            client.place(client_order_id=f"{number}")
        names = [event["c"] for event in [(await line.next())["event"] for _ in range(10)] if "c" in event]

        assert names == [f"{number}" for number in range(5)]
        assert (await line.ask("ping"))["status"] == 200


async def test_what_drips_pours_when_that_is_cleared() -> None:
    async with trading() as client, client.line() as line:
        client.faults.add(SlowDrip(every_s=3600))
        await line.send("ping")
        await line.send("time", number=2)
        assert await nothing(line.socket)
        client.faults.clear()

        assert [(await line.next())["id"] for _ in range(2)] == [1, 2]
        assert (await line.ask("ping"))["status"] == 200


async def test_other_connections_do_not_drip() -> None:
    async with trading(SlowDrip(every_s=3600, interface="streams")) as client, client.line() as line:
        assert (await line.ask("ping"))["status"] == 200
        assert (await client.ask("GET", "ping", None)).status == 200


async def test_a_response_that_drips_is_whole_before_its_connection_is_closed() -> None:
    async with trading(SlowDrip(bytes=10, every_s=0.001)) as client, raw(client) as (reader, writer):
        writer.write(PING.replace(b"Host", b"Connection: close\r\nHost"))

        assert (await reader.read()).endswith(b"\r\n\r\n{}")


async def test_who_writes_much_to_a_connection_that_drips_is_told_to_wait() -> None:
    async with trading() as client, client.line() as line:
        client.faults.add(SlowDrip(every_s=3600))
        for number in range(300):
            await line.send("exchangeInfo", number=number)
        await until(lambda: client.server.entrance.wires[0].get_write_buffer_size() > 256 * 1024)
        assert await nothing(line.socket)
        assert client.server.entrance.wires[0].get_write_buffer_size() < 400 * 1024
        client.faults.clear()

        assert [(await line.next())["id"] for _ in range(300)] == [*range(300)]


async def test_an_account_has_to_be_there() -> None:
    async with trading() as client:
        with pytest.raises(ConfigError, match="account of ResetConnections is 'carol': there are alice, bob"):
            client.faults.add(ResetConnections(account="carol"))


async def test_a_reset_is_seen_by_a_request_that_waits() -> None:
    async with trading() as client:
        client.faults.add(SlowDrip(every_s=3600))
        asking = asyncio.create_task(client.buy())
        await until(lambda: bool(client.open_orders))
        client.faults.add(ResetConnections(interface="rest"))

        with pytest.raises(ClientConnectionError):
            await asking
