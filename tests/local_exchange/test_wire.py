"""A wire between a server that echoes what it hears and a client of plain TCP; the port that it came through."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.port import Port
from bowstring.local_exchange.wire import Wire, label

HERE = "127.0.0.1"


class Echo(asyncio.Protocol):
    def __init__(self) -> None:
        self.lost = asyncio.Event()
        self.paused: list[bool] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.wire = cast("Wire", transport)

    def data_received(self, data: bytes) -> None:
        self.wire.writelines([data[:1], data[1:]])

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    def pause_writing(self) -> None:
        self.paused.append(True)

    def resume_writing(self) -> None:
        self.paused.append(False)


class Client:
    def __init__(self, echo: Echo, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.echo, self.wire = echo, echo.wire
        self.reader, self.writer = reader, writer

    async def says(self, text: bytes) -> bytes:
        """What comes back."""
        self.writer.write(text)
        return await asyncio.wait_for(self.reader.readexactly(len(text)), 5)

    async def is_silent(self) -> bool:
        try:
            await asyncio.wait_for(self.reader.read(1), 0.05)
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def connected() -> AsyncGenerator[Client]:
    echo = Echo()
    port = Port(lambda: echo, host=HERE, number=0)
    await port.open()
    reader, writer = await asyncio.open_connection(HERE, port.number)
    try:
        writer.write(b"hello")
        await reader.readexactly(5)
        yield Client(echo, reader, writer)
    finally:
        port.close()
        port.close()
        for wire in port.wires:
            wire.reset()
        writer.close()


async def test_a_wire_is_a_transport() -> None:
    async with connected() as client:
        wire = client.wire
        assert wire.get_extra_info("peername") == client.writer.get_extra_info("sockname")
        assert (wire.get_protocol(), wire.can_write_eof(), wire.is_closing()) == (client.echo, False, False)
        wire.set_write_buffer_limits(1000, 10)
        wire.pause_reading()
        client.writer.write(b"text")
        assert not wire.is_reading()
        assert await client.is_silent()
        wire.resume_reading()
        assert await client.reader.readexactly(4) == b"text"
        wire.close()
        assert (wire.is_closing(), await client.reader.read()) == (True, b"")


async def test_an_aborted_wire_is_reset() -> None:
    async with connected() as client:
        client.wire.abort()

        with pytest.raises(ConnectionResetError):
            await client.reader.read()


async def test_a_mute_wire_cannot_be_ended_but_by_a_reset() -> None:
    async with connected() as client:
        client.wire.pause_reading()
        client.wire.mute()
        client.wire.mute()
        client.wire.write(b"text")
        client.wire.close()
        client.wire.abort()
        assert (client.wire.is_closing(), client.wire.is_open) == (True, True)
        client.writer.write(b"text")
        assert await client.is_silent()

        client.wire.reset()
        with pytest.raises(ConnectionResetError):
            await client.reader.read()
        await client.echo.lost.wait()


async def test_a_mute_wire_hears_that_its_client_is_gone() -> None:
    async with connected() as client:
        client.wire.pause_reading()
        client.wire.mute()
        client.writer.close()

        await asyncio.wait_for(client.echo.lost.wait(), 5)
        assert not client.wire.is_open
        client.wire.mute()
        client.wire.reset()


async def test_a_wire_drips_and_pours() -> None:
    async with connected() as client:
        client.wire.drip(1, every_s=3600, interface=None)
        client.writer.write(b"text")
        assert await client.reader.read(10) == b"t"
        assert client.wire.get_write_buffer_size() == 3
        client.wire.pour()
        client.wire.pour()

        assert await client.reader.readexactly(3) == b"ext"
        assert await client.says(b"more") == b"more"


async def test_what_drips_ends_once_it_is_sent() -> None:
    async with connected() as client:
        client.wire.drip(1, every_s=0.001, interface=None)
        client.wire.write(b"text")
        client.wire.close()
        assert await client.reader.read() == b"text"
    async with connected() as client:
        client.wire.drip(1, every_s=0.001, interface=None)
        client.wire.close()
        assert await client.reader.read() == b""


async def test_what_drips_is_thrown_away_when_the_client_leaves_or_the_wire_is_mute() -> None:
    async with connected() as client:
        client.wire.drip(1, every_s=0.01, interface=None)
        client.wire.write(b"text" * 30_000)
        assert client.echo.paused == [True]
        await client.reader.read(1)
        client.wire.mute()

        assert client.wire.get_write_buffer_size() == 0
        assert client.echo.paused == [True, False]
        assert await client.is_silent()
        client.wire.drip(1, every_s=0.01, interface=None)
        client.wire.pour()
    async with connected() as client:
        client.wire.drip(1, every_s=0.001, interface=None)
        client.wire.write(b"text" * 100)
        client.writer.close()
        await asyncio.wait_for(client.echo.lost.wait(), 5)


async def test_a_wire_drips_if_it_is_used_for_that() -> None:
    async with connected() as client:
        client.wire.drip(1, every_s=3600, interface="streams")
        assert await client.says(b"text") == b"text"
        label(client.wire, "streams")
        client.writer.write(b"text")

        assert await client.reader.read(10) == b"t"
        label(None, "streams")


async def test_a_port_that_is_taken_is_told() -> None:
    one = Port(Echo, host=HERE, number=0)
    await one.open()
    with pytest.raises(ConfigError, match=f"cannot serve on {HERE} port {one.number}"):
        await Port(Echo, host=HERE, number=one.number).open()
    one.close()
