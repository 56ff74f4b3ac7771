"""The other end of `benchmarks.tick_to_trade`: a venue that sends quotes, and times the orders that answer them.

It is part of the measure, so it does little: blocking sockets, no event loop, and while it waits for an order it polls
without sleeping, so that waking up is the client's alone. It speaks as much websocket as the clients need.
"""

import base64
import hashlib
import itertools
import random
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from subprocess import Popen
from typing import Self

RATE_HZ = 500
START_S = 60.0
PATIENCE_S = 10.0
SPIN_S = 0.0002  # the last bit of a pause is spent awake, so that every quote is sent by a warm core
TEXT, PING, PONG = 0x1, 0x9, 0xA


class Venue:
    """Takes one client at a time, which opens a connection for quotes and another, of the path /orders, for orders."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._listener.close()

    def measure(self, client: Popen[bytes], *, seconds: float) -> list[int]:
        """Send quotes for so many seconds, then end the client; returns ns from just before each to its order."""
        quotes, orders = sorted((self._accept(client) for _ in range(2)), key=lambda one: one.path == "/orders")
        with quotes, orders:
            try:
                quotes.await_subscription()
                return list(_serve(quotes, orders, seconds))
            finally:
                client.terminate()

    def _accept(self, client: Popen[bytes]) -> "Connection":
        end = time.monotonic() + START_S
        while client.poll() is None and time.monotonic() < end:
            with suppress(TimeoutError):
                return Connection(self._listener.accept()[0])
        client.kill()
        raise ConnectionError(f"the client did not connect; it ended with {client.wait()}")


class Connection:
    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = sock.recv(2**16).decode()
        self.path = request.split(" ", 2)[1]
        key = next(line.split(": ")[1] for line in request.splitlines() if line.lower().startswith("sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())
        sock.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        sock.send(b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        sock.setblocking(False)
        self._sock = sock
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._sock.close()

    def await_subscription(self) -> None:
        """Wait until quotes are asked for: by the URL, or by a SUBSCRIBE, which is granted."""
        while "streams=" not in self.path:
            if self.wait() and b"SUBSCRIBE" in self.read()[0]:
                self.send(b'{"result":null,"id":1}')
                return

    def send(self, text: bytes, kind: int = TEXT) -> None:
        size = bytes([len(text)]) if len(text) < 126 else struct.pack("!BH", 126, len(text))
        self._sock.send(bytes([0x80 | kind]) + size + text)

    def wait(self) -> int:
        """Poll until something is there; returns when that was, in ns."""
        end = time.perf_counter_ns() + int(PATIENCE_S * 1e9)
        while time.perf_counter_ns() < end:
            if self.has_received():
                return time.perf_counter_ns()
        raise TimeoutError(f"{self.path}: nothing within {PATIENCE_S:g} s")

    def has_received(self) -> bool:
        try:
            self._received += self._sock.recv(2**16)
        except BlockingIOError:
            return False
        return True

    def read(self) -> list[bytes]:
        """The texts that were received, whole. Pings are answered."""
        texts: list[bytes] = []
        while len(self._received) >= 2:
            head = 2 if self._received[1] & 0x7F < 126 else 4
            size = self._received[1] & 0x7F if head == 2 else int.from_bytes(self._received[2:4])
            kind, mask = self._received[0] & 0xF, self._received[head : head + 4]
            end = head + 4 + size
            masked, self._received = self._received[head + 4 : end], self._received[end:]
            payload = bytes(byte ^ key for byte, key in zip(masked, itertools.cycle(mask), strict=False))
            if kind == PING:
                self.send(payload, PONG)
            elif kind == TEXT:
                texts.append(payload)
        return texts


def _serve(quotes: Connection, orders: Connection, seconds: float) -> Iterator[int]:
    jitter = random.Random(1)
    end = time.perf_counter() + seconds
    for cents in itertools.cycle(range(6_500_000, 6_600_000)):
        _pause(jitter.uniform(0.5, 1.5) / RATE_HZ)
        if time.perf_counter() > end:
            return
        if quotes.has_received():
            quotes.read()
        bid = f"{cents / 100:.8f}"
        quote = _quote(bid)
        sent_ns = time.perf_counter_ns()
        quotes.send(quote)
        received_ns = orders.wait()
        (order,) = orders.read()
        assert bid.encode() in order, (bid, order)
        yield received_ns - sent_ns


def _pause(seconds: float) -> None:
    end = time.perf_counter() + seconds
    time.sleep(max(0.0, seconds - SPIN_S))
    while time.perf_counter() < end:
        pass


def _quote(bid: str) -> bytes:
    payload = f'{{"u":400900217,"s":"BTCUSDT","b":"{bid}","B":"31.21000000","a":"99999.00000000","A":"40.66000000"}}'
    return f'{{"stream":"btcusdt@bookTicker","data":{payload}}}'.encode()
