"""Coverage-guided fuzzing of all that reads bytes from outside: nothing but the errors that it documents may come out.

``make fuzz ARGS="--seconds 60"`` runs every target for so long; ``ARGS="frames --seconds 600"`` one of them. What is
found is written to build/fuzz/TARGET/, and the exit code is 1. The module is long because it has all targets.
"""

import argparse
import asyncio
import base64
import contextlib
import hashlib
import logging
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path

import atheris
from msgspec import Struct, structs
from picows import WSFrame, WSProtocolError, WSTransport

with atheris.instrument_imports(include=["bowstring", "email"]):  # which reads the dates of Retry-After
    from bowstring.collectors.rest import RestPoll
    from bowstring.core.codec import decode
    from bowstring.core.errors import BadMessage, ConfigError, Disconnected
    from bowstring.core.messages import Event
    from bowstring.local_exchange.play import PlayServer
    from bowstring.local_exchange.recording import open_recording
    from bowstring.market.instrument import Instrument
    from bowstring.net.exchange import Response
    from bowstring.net.frames import FrameListener
    from bowstring.net.handshake import Handshake
    from bowstring.net.http import _retry_after_s, public_url
    from bowstring.net.websocket import WebSocket
    from bowstring.venues.binance.exchange_info import parse_exchange_info
    from bowstring.venues.binance.payloads import KINDS
    from bowstring.venues.binance.snapshot import parse_snapshot
    from bowstring.venues.binance.wire import Parser, Stream, parse_error, stream_of

FOLDER = Path("build/fuzz")

SPOT = Instrument(
    venue="binance",
    symbol="BTC/USDT",
    venue_symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.00001"),
)
PERPETUAL = structs.replace(SPOT, symbol="BTC/USDT:USDT")
PARSERS = [
    Parser([Stream(kind, instrument) for kind in KINDS], is_strict=is_strict)
    for instrument in (SPOT, PERPETUAL)
    for is_strict in (False, True)
]

SEEDS = {
    "frames": [
        b'{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"1.0","B":"2.0","a":"1.5","A":"0.0"}}',
        b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1,"s":"BTCUSDT","t":5,"p":"1","q":"2","T":1,"m":true,"M":true}}',
        b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"b":[["1","2"]],"a":[]}}',
        b'{"stream":"btcusdt@depth5","data":{"lastUpdateId":1,"bids":[["1","2"]],"asks":[["3","4"]]}}',
        b'{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1,"s":"BTCUSDT","k":{"t":1,"T":2,"s":"BTCUSDT","i":"1m",'
        b'"o":"1","c":"1","h":"2","l":"1","v":"1","n":1,"x":false,"q":"1"}}}',
        b'{"stream":"btcusdt@markPrice","data":{"e":"markPriceUpdate","E":1,"s":"BTCUSDT","p":"1","i":"1","r":"","T":0}}',
        b'{"stream":"btcusdt@forceOrder","data":{"e":"forceOrder","E":1,"o":{"s":"BTCUSDT","S":"SELL","ap":"1","z":"1","T":1}}}',
        b'{"error":{"code":2,"msg":"Invalid request"},"id":1}',
    ],
    "snapshot": [b'{"lastUpdateId":1,"bids":[["1","2"]],"asks":[["3","4"]]}'],
    "exchange-info": [
        b'{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","filters":'
        b'[{"filterType":"PRICE_FILTER","minPrice":"0.01","maxPrice":"10","tickSize":"0.01"}]}]}'
    ],
    "messages": [b"\x82\xaaevent_type\xa5Quote\xa3seq\x01"],
    "websocket": [
        b"\x81\x02hi\x89\x01?\x88\x04\x03\xe8ok",
        b"\x01\x03\xe2\x82\xac\x00\x01x\x80\x00\x82\x7e\x00\x80" + bytes(128),
        b"\x8a\x00\x88\x00",
    ],
    "handshake": [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: ACCEPT\r\n\r\n\x81\x02hi",
        b"HTTP/1.1 429 Slow down\r\nRetry-After: 9\r\nContent-Length: 2\r\n\r\n{}",
        b"wss://user:pass@host:80/ws/key?streams=a#b",
    ],
    "recording": [
        b'wwss://stream.binance.com/stream <-> 1.5\n2.25: {"stream":"a@trade","data":{"p":"1","q":"2"}}\n',
        b'hhttps://api.binance.com/api/v3/depth?symbol=A&limit=5 -> 1.5: {"bids":[["1","2"]],"asks":[]}\n',
        b'j{"time_ns":1,"connection":1,"url":"wss://h"}\n{"time_ns":2,"connection":1,"frame":"{\\"stream\\":\\"a@trade\\",'
        b'\\"data\\":{}}"}\n{"time_ns":3,"get":"http://h/api/v3/depth?symbol=A","body":"{}"}\n',
    ],
    "retry-after": [b"120", b"Wed, 21 Oct 2015 07:28:00 GMT", b"Wed, 21 Oct 2015 07:28:00 -0500"],
    "rest-poll": [b'{"data":[{"id":1,"price":"1.5"},{"id":1}]}', b'[{"id":2,"price":"NaN"}]', b'{"id":3}'],
}


def frames(data: bytes) -> None:
    for parser in PARSERS:
        try:
            parser.parse(data)
        except BadMessage:
            stream_of(data)
    parse_error(data)


def snapshot(data: bytes) -> None:
    parse_snapshot(data, limit=100)


def exchange_info(data: bytes) -> None:
    parse_exchange_info(data, venue="binance")


def messages(data: bytes) -> None:
    decode(data, Event)


# --- a server of bytes -----------------------------------------------------------------------------------------------


class Listener(FrameListener):
    """Notes what picows would swallow."""

    flaw: Exception | None = None

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        try:
            super().on_ws_frame(transport, frame)
        except WSProtocolError:
            raise
        except Exception as error:
            self.flaw = error
            raise


class Wire:
    """A server on loopback that answers every connection with ``answer``; its ACCEPT becomes what was asked for."""

    def __init__(self) -> None:
        self.answer = b""
        self.answered = 0
        self.unhandled: list[object] = []
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda _, context: self.unhandled.append(context))
        server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self._url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/feed"

    def dial(self, answer: bytes) -> None:
        """Connect, and hear what there is to hear. Raises `Disconnected`, which is how it has to end."""
        self.answer, before = answer, self.answered
        try:
            self.loop.run_until_complete(self._dial())
        finally:
            assert self.answered > before, "there are no more ports"

    async def _dial(self) -> None:
        listener = Listener(lambda _: None, name="fuzz", max_message_bytes=1024, pong_answers=True)
        try:
            handshake = Handshake(self._url, timeout_s=5, unacknowledged_s=5)
            transport = await handshake.run(listener, ssl_context=None, headers=None)
            await WebSocket(transport, listener, where="fuzz", answer_timeout_s=1).closed()
        finally:
            assert not self.unhandled, self.unhandled
            if listener.flaw is not None:
                raise listener.flaw

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            key = next(line[19:] for line in request.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key: "))
            accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            writer.write(self.answer.replace(b"ACCEPT", accept))
            self.answered += 1
            writer.write_eof()
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()


wire = cache(Wire)


def websocket(data: bytes) -> None:
    upgrade = SEEDS["handshake"][0].partition(b"\r\n\r\n")[0]
    with contextlib.suppress(Disconnected):
        wire().dial(upgrade + b"\r\n\r\n" + data)


def handshake(data: bytes) -> None:
    text = data.decode(errors="replace")
    with contextlib.suppress(ConfigError):
        Handshake(text, timeout_s=1, unacknowledged_s=1)
    with contextlib.suppress(ConfigError):
        public_url(text)
    with contextlib.suppress(Disconnected):
        wire().dial(data)


# --- what else is read -----------------------------------------------------------------------------------------------


def recording(data: bytes) -> None:
    """The first byte says which kind of file: JSON lines, replies, or frames."""
    kind, content = data[:1], data[1:]
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(ConfigError):
        frames = Path(folder, "A.jsonl" if kind == b"j" else "A.ws.1.0")
        frames.write_bytes(b'1: {"stream":"a@trade","data":{}}\n' if kind == b"h" else content)
        Path(folder, "A.http.0.0").write_bytes(content if kind == b"h" else b"")
        played = open_recording(frames)
        PlayServer(played)
        for _ in played.frames():
            pass


def retry_after(data: bytes) -> None:
    pause_s = _retry_after_s(data.decode("utf-8", "surrogateescape"), now_ns=1_700_000_000 * 10**9)
    assert pause_s is None or 0 <= pause_s < math.inf


class Item(Struct):
    id: int
    price: Decimal = Decimal(0)


class Told(Event, frozen=True):
    price: Decimal


def told(item: Item) -> Told | None:
    if not item.price.is_finite():
        raise BadMessage("no price")
    return Told(item.price) if item.price else None


class Sink:
    """An `Emit` that nobody listens to."""

    def __call__(self, event: Event, /) -> None:
        pass

    async def drained(self) -> None:
        pass


def by_id(item: Item) -> int:
    return item.id


def rest_poll(data: bytes) -> None:
    for within in ((), ("data",), ("data", "list")):
        poll = RestPoll("http://h/a", item=Item, event=told, key=by_id, every_s=1, within=within)
        telling = poll._tell(Response(200, {}, data), Sink())
        with contextlib.suppress(StopIteration):  # it never waits
            telling.send(None)
            raise AssertionError("it waits")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "frames": frames,
    "snapshot": snapshot,
    "exchange-info": exchange_info,
    "messages": messages,
    "websocket": websocket,
    "handshake": handshake,
    "recording": recording,
    "retry-after": retry_after,
    "rest-poll": rest_poll,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each (default: %(default)s)")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if unknown := set(arguments.targets) - TARGETS.keys():
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    if arguments.here:
        fuzz(arguments.targets[0], seconds=arguments.seconds)
    else:  # each in a process of its own: libFuzzer ends the one that it runs in
        found = [name for name in arguments.targets or TARGETS if not is_sound(name, seconds=arguments.seconds)]
        print(f"found something: {', '.join(found)}" if found else "nothing found")
        sys.exit(bool(found))


def is_sound(target: str, *, seconds: int) -> bool:
    print(f"--- {target}", flush=True)
    command = [sys.executable, __file__, target, "--seconds", str(seconds), "--here"]
    return subprocess.run(command, check=False).returncode == 0


def fuzz(target: str, *, seconds: int) -> None:
    logging.disable()
    folder = FOLDER / target
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[target]):
        (folder / f"seed-{number}").write_bytes(seed)

    def run(data: bytes) -> None:
        with contextlib.suppress(BadMessage):
            TARGETS[target](data)

    options = [
        f"-max_total_time={seconds}",
        "-max_len=4096",
        "-print_final_stats=1",
        f"-artifact_prefix={folder}/crash-",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder)], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
