"""Market data of the local exchange to one subscriber in another process.

``orders``: each order is matched against a deep book, and told as a trade, an aggregate and a best price. Beside it
``frames``: aiohttp sends one and the same text over and over, awaiting each. ``participants``: at ten times their usual
number, how old a trade is when it arrives.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial

import uvloop
from aiohttp import web
from msgspec import Struct
from msgspec.json import decode
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,  # pyright: ignore[reportUnknownVariableType]  # its **kwargs are untyped
)

from benchmarks.feed import ROOT
from benchmarks.figures import OTHER, TESTED, Floor, Ratio, Sample, Table, alternate, cpu_s, latency, pin
from bowstring.local_exchange.clerk import Clerk
from bowstring.local_exchange.clock import Clock
from bowstring.local_exchange.feed import MARKETS
from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.matching.orders import NewOrder, Side
from bowstring.local_exchange.matching.rules import UNIT, Rules
from bowstring.local_exchange.participants import Participants
from bowstring.local_exchange.sockets import Sockets
from bowstring.local_exchange.streams.hub import Hub
from bowstring.local_exchange.streams.market_data import MarketData

LEAST_HZ = 20_000
STREAMS = "btcusdt@trade/btcusdt@aggTrade/btcusdt@bookTicker"
TEXT = '{"stream":"btcusdt@trade","data":{"e":"trade","E":1700000000000,"s":"BTCUSDT","t":1,"p":"65000.00000000"}}'
_WARM_S = 0.3
_IN_A_ROW = 20


def run(*, runs: int, seconds: float) -> Iterator[Table]:
    """Two tables: messages a second, and how old they are."""
    rates = {name: partial(_rate, name, seconds=seconds) for name in ("orders", "frames")}
    yield Table(
        title="market data to one subscriber",
        samples=alternate(rates, runs=runs),
        floors=[Floor(column="messages a second", variant="orders", at_least=LEAST_HZ)],
        ratios=[Ratio(column="messages a second", variant="orders", beside="frames")],
    )
    ages: dict[str, Callable[[], Sample]] = {"participants": partial(_age, seconds=seconds)}
    yield Table(title="how old a trade is when it arrives", samples=alternate(ages, runs=runs))


class _Client(WSListener):
    """Counts messages, and keeps the age of each trade if asked to."""

    def __init__(self, *, keeps_ages: bool) -> None:
        self.count = 0
        self.ages_ns: list[int] = []
        self._keeps_ages = keeps_ages

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        assert frame.msg_type == WSMsgType.TEXT, frame.get_close_message()
        self.count += 1
        if self._keeps_ages:
            now_ns = time.time_ns()
            message = decode(frame.get_payload_as_memoryview(), type=_Message)
            self.ages_ns.append(now_ns - message.data.E * 1000)


class _Trade(Struct):
    E: int


class _Message(Struct):
    data: _Trade


def _rate(kind: str, *, seconds: float) -> Sample:
    async def count(port: int, process: int) -> Sample:
        client = await _connected(port, STREAMS)
        await asyncio.sleep(_WARM_S)
        before, began, used_s = client.count, time.perf_counter(), cpu_s(process)
        await asyncio.sleep(seconds)
        received = client.count - before
        return {
            "messages a second": received / (time.perf_counter() - began),
            "a second of CPU": received / max(0.01, cpu_s(process) - used_s),
        }

    with _server(kind) as (port, process):
        return uvloop.run(count(port, process))


def _age(*, seconds: float) -> Sample:
    async def keep(port: int) -> list[int]:
        client = await _connected(port, "btcusdt@trade/ethusdt@trade", keeps_ages=True)
        await asyncio.sleep(seconds)
        return client.ages_ns

    with _server("participants") as (port, _):
        return latency(uvloop.run(keep(port)))


async def _connected(port: int, streams: str, *, keeps_ages: bool = False) -> _Client:
    url = f"ws://127.0.0.1:{port}/stream?streams={streams}&timeUnit=MICROSECOND"
    _, client = await ws_connect(partial(_Client, keeps_ages=keeps_ages), url)
    assert isinstance(client, _Client)
    return client


@contextmanager
def _server(kind: str) -> Generator[tuple[int, int], None, None]:
    """The port of a server in another process, and which process."""
    command = [sys.executable, "-m", "benchmarks.market_streams", kind]
    pin(OTHER)
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.terminate()


class _Exchange:
    """The server: an exchange, a hub and a port."""

    def __init__(self, *symbols: str) -> None:
        self.listings = [MARKETS[symbol] for symbol in symbols]
        self.clock, self.hub = Clock(), Hub()
        self.exchange = Exchange([Rules.of(one.instrument) for one in self.listings], now_us=self.clock)
        self.clerk = Clerk(self.exchange)

    async def listen(self) -> None:
        app = web.Application()
        Sockets(self.hub).add_routes(app)
        await _listen(app)

    def publish(self) -> MarketData:
        data = MarketData(self.exchange, self.hub, now_us=self.clock)
        self.clerk.listeners.append(data.take)
        return data


async def _orders() -> None:
    server = _Exchange("BTCUSDT")
    accounts = [server.exchange.open_account(name, balances=_rich()) for name in ("maker", "taker")]

    def place(side: Side, price: int, *, taker: bool, number: int) -> None:
        server.exchange.place(
            accounts[taker],
            NewOrder(
                symbol="BTCUSDT",
                side=side,
                type="LIMIT",
                client_order_id=str(number),
                quantity=UNIT // 1000 if taker else 1000 * UNIT,
                price=price * UNIT,
                time_in_force="IOC" if taker else "GTC",
            ),
        )
        server.clerk.settle()

    for price in range(64_900, 65_000):
        place("BUY", price, taker=False, number=price)
        place("SELL", price + 101, taker=False, number=-price)
    server.publish()
    await server.listen()
    for number in range(10**9):
        side: Side = "SELL" if number % 2 else "BUY"
        place(side, 64_990 if number % 2 else 65_010, taker=True, number=number)
        if number % _IN_A_ROW == 0:
            await asyncio.sleep(0)


def _rich() -> dict[str, int]:
    return {"BTC": 10**9 * UNIT, "USDT": 10**12 * UNIT}


async def _participants() -> None:
    server = _Exchange("BTCUSDT", "ETHUSDT")
    town = Participants(server.exchange, server.clerk, listings=server.listings, seed=1, speed=10)
    town.warm_up(5, clock=server.clock)
    data = server.publish()
    await server.listen()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(data.run())
        tasks.create_task(town.run())


async def _frames() -> None:
    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        while True:
            await socket.send_str(TEXT)

    app = web.Application()
    app.router.add_get("/stream", serve)
    await _listen(app)
    await asyncio.Event().wait()


async def _listen(app: web.Application) -> None:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)


SERVERS = {"orders": _orders, "participants": _participants, "frames": _frames}

if __name__ == "__main__":
    pin(TESTED)
    uvloop.run(SERVERS[sys.argv[1]]())
