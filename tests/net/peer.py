"""A websocket server that does exactly what a test's script says, byte by byte."""

import asyncio
import base64
import hashlib
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10


def frame(opcode: int, payload: bytes = b"", *, flags: int = FIN, mask: bytes = b"") -> bytes:
    """One frame as a server sends it: unmasked, unless a test wants it otherwise."""
    size, masked = len(payload), 0x80 if mask else 0
    if size < 126:
        head = struct.pack("!BB", flags | opcode, masked | size)
    elif size < 2**16:
        head = struct.pack("!BBH", flags | opcode, masked | 126, size)
    else:
        head = struct.pack("!BBQ", flags | opcode, masked | 127, size)
    return head + mask + payload


def close_frame(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


def switching_protocols(request: bytes) -> bytes:
    """The answer that accepts an upgrade request."""
    key = next(line[19:] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key: "))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"


class Peer:
    """The server's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def upgrade(self, *, tail: bytes = b"") -> None:
        """Accept the connection; ``tail`` is sent in the same segment."""
        self.write(switching_protocols(await self.read_request()) + tail)

    async def read_request(self) -> bytes:
        return await self._reader.readuntil(b"\r\n\r\n")

    async def read_some(self) -> bytes:
        return await self._reader.read(2**16)

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def flushed(self) -> None:
        await self._writer.drain()

    def write_end(self) -> None:
        self._writer.write_eof()

    async def read_frame(self) -> tuple[int, bytes]:
        """The next frame of the client: its opcode and its payload, unmasked."""
        first, size = await self._reader.readexactly(2)
        assert size & 0x80, "a client masks its frames"
        size &= 0x7F
        if size >= 126:
            size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
        mask, payload = await self._reader.readexactly(4), await self._reader.readexactly(size)
        return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))

    async def read_end(self) -> bytes:
        """All that comes until the client hangs up, be it by a reset."""
        data = bytearray()
        try:
            while chunk := await self._reader.read(2**16):
                data += chunk
        except ConnectionError:
            pass
        return bytes(data)

    def stop_reading(self) -> None:
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def resume_reading(self) -> None:
        self._writer.transport.resume_reading()  # type: ignore[attr-defined]

    def hang_up(self, *, reset: bool = False) -> None:
        if reset:
            linger = struct.pack("ii", 1, 0)
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()


@asynccontextmanager
async def bare_peer() -> AsyncGenerator[tuple[str, asyncio.Future[socket.socket]]]:
    """The URL of a server that accepts one connection, and the future of its socket, which runs no code of its own."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)

        async def accept() -> socket.socket:
            sock, _ = await loop.sock_accept(server)
            await loop.sock_sendall(sock, switching_protocols(await loop.sock_recv(sock, 2**16)))
            return sock

        accepting = loop.create_task(accept())
        host, port = server.getsockname()
        yield f"ws://{host}:{port}/feed", accepting
        (await accepting).close()


Script = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def serving(script: Script, *, tls: ssl.SSLContext | None = None) -> AsyncGenerator[str]:
    """A server on loopback that runs the script for each connection, and its URL. A script's error fails the test."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(Peer(reader, writer))
        finally:
            writer.transport.abort()

    async with asyncio.timeout(30), asyncio.TaskGroup() as scripts:
        running: list[asyncio.Task[None]] = []
        server = await asyncio.start_server(
            lambda reader, writer: running.append(scripts.create_task(serve(reader, writer))),
            "127.0.0.1",
            0,
            ssl=tls,
        )
        host, port = server.sockets[0].getsockname()
        try:
            yield f"{'wss' if tls else 'ws'}://{host}:{port}/feed"
        finally:
            server.close()
            for task in running:
                task.cancel()
