"""An HTTP server on loopback that answers what a test says, byte by byte, and a clock that sleeps without waiting."""

import asyncio
import json
import socket
import ssl
import struct
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from random import Random
from types import MappingProxyType

from bowstring.core.clock import Clock

SILENCE, HANG_UP, RESET = b"<silence>", b"<hang up>", b"<reset>"
NONE: Mapping[str, str] = MappingProxyType({})


def answer(status: int = 200, body: object = b"{}", *, headers: Mapping[str, str] = NONE) -> bytes:
    """An answer as it stands on the wire; a body that is no bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    if status == 304:
        content = b""
    lines = [f"HTTP/1.1 {status} Some", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(content)}", "", ""]).encode() + content


class Request:
    """What came: the first line, the headers by their lower-case names, the body."""

    def __init__(self, head: bytes, body: bytes) -> None:
        first, *lines = head.decode().splitlines()
        self.method, self.target, _ = first.split()
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        self.body = body


class HttpServer:
    """Gives the ``answers`` in their order, then ``always``; keeps the ``requests``, and counts ``connections``.

    An answer is bytes to write; `SILENCE`, `RESET`, or, alone or as the end of an answer, `HANG_UP`.
    """

    def __init__(self) -> None:
        self.answers = deque[bytes]()
        self.always = answer()
        self.requests: list[Request] = []
        self.connections = 0
        self.url = ""
        self._changed = asyncio.Event()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until what came makes the condition true."""
        async with asyncio.timeout(20):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._answer_one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request = Request(await reader.readuntil(b"\r\n\r\n"), b"")
        request.body = await reader.readexactly(int(request.headers.get("content-length", 0)))
        self.requests.append(request)
        self._changed.set()
        reply = self.answers.popleft() if self.answers else self.always
        if reply == SILENCE:
            await reader.read()
        elif reply == RESET:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        else:
            writer.write(reply.removesuffix(HANG_UP))
            await writer.drain()
            return not reply.endswith(HANG_UP)
        return False


@asynccontextmanager
async def http_server(
    *answers: bytes, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncGenerator[HttpServer]:
    """Serve until the end of the block."""
    server = HttpServer()
    server.answers.extend(answers)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.get_running_loop().create_task(server.serve(reader, writer)))

    listening = await asyncio.start_server(accept, host, 0, ssl=tls)
    server.url = f"{'https' if tls else 'http'}://{host}:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def free_url() -> str:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


class Sleeper(Clock):
    """A clock that stands still but for its own ``sleep``, which takes no time; ``slept`` keeps how long each was."""

    def __init__(self) -> None:
        self.now = 1_700_000_000 * 10**9
        self.monotonic_ns = lambda: self.now
        self.epoch_ns = 0
        self.random = Random(0)
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += round(seconds * 1e9)
