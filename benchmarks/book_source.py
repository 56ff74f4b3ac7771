"""The source of `benchmarks.books`: a process that serves many books, whose truth anybody can compute.

The book of a symbol after its n-th update is `truth(symbol, n)`: fixed prices, and quantities that depend on the symbol
and on the update that changed them last. An update changes two of the ten levels of each side, now and then to nothing,
so a change that is missed stays wrong for several updates. It speaks Binance's combined streams and depth snapshots.
"""

import argparse
import asyncio
import contextlib
import json
from collections.abc import Iterator
from decimal import Decimal

import uvloop
from aiohttp import web

from benchmarks.figures import OTHER, pin

LEVELS = 20  # in the book, half of them a side
HALF = LEVELS // 2
SLICES = 10  # of the symbols; one after the other gets its updates


def changed(update: int) -> tuple[int, int]:
    """The levels of each side that an update changes."""
    return update % HALF, (update + HALF // 2) % HALF


def quantity(number: int, update: int, level: int) -> int:
    """The quantity of a symbol's level after an update, in thousandths; 0: the level is gone."""
    behind = min((update - level) % HALF, (update + HALF // 2 - level) % HALF)
    return ((update - behind) * 31 + level * 17 + number * 13) % 97


def truth(number: int, update: int) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
    """The bids and the asks of a symbol, best first, after an update."""
    quantities = [(level, Decimal(quantity(number, update, level)) / 1000) for level in range(HALF)]
    bids = [(Decimal(1000 - level), amount) for level, amount in quantities if amount]
    asks = [(Decimal(1001 + level), amount) for level, amount in quantities if amount]
    return bids, asks


def symbol(number: int) -> str:
    return f"C{number:04}"


class Source:
    def __init__(self, symbols: int, *, rate_hz: float, resets: int, seconds: float) -> None:
        self._symbols, self._rate_hz, self._resets, self._seconds = symbols, rate_hz, resets, seconds
        self._updates = [1] * symbols
        self._sockets: dict[web.WebSocketResponse, set[int]] = {}
        self._began = asyncio.Event()
        self._is_over = False

    async def run(self) -> None:
        app = web.Application()
        app.add_routes([web.get("/stream", self._stream), web.get("/api/v3/depth", self._snapshot)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await self._began.wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reset())
            await self._update()
        await asyncio.sleep(3600)  # the client ends it

    async def _update(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = 1 / self._rate_hz / SLICES
        due = loop.time()
        end = due + self._seconds
        while loop.time() < end:
            for part in range(SLICES):
                for number in range(part, self._symbols, SLICES):
                    self._updates[number] += 1
                    await self._send(number)
                due += pause_s
                await asyncio.sleep(max(0.0, due - loop.time()))
        self._is_over = True

    async def _send(self, number: int) -> None:
        for socket, numbers in list(self._sockets.items()):
            if number in numbers:
                with contextlib.suppress(ConnectionError):
                    await socket.send_str(_diff(number, self._updates[number]))

    async def _reset(self) -> None:
        """Break a connection off, again and again."""
        for count in range(self._resets):
            await asyncio.sleep(self._seconds * 0.9 / self._resets)
            sockets = list(self._sockets)
            if sockets:
                transport = sockets[count % len(sockets)]._req.transport  # type: ignore[union-attr]
                transport.abort()  # type: ignore[union-attr]  # a reset, with no close frame

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        self._sockets[socket] = {int(name[1:5]) for name in request.query["streams"].split("/")}
        self._began.set()
        try:
            async for message in socket:
                await socket.send_json({"result": None, "id": json.loads(message.data)["id"]})
        finally:
            del self._sockets[socket]
        return socket

    async def _snapshot(self, request: web.Request) -> web.Response:
        number = int(request.query["symbol"][1:])
        update = self._updates[number]
        bids, asks = truth(number, update)
        return web.json_response(
            {"lastUpdateId": update, "bids": _text(bids), "asks": _text(asks)},
            headers={"X-Over": str(int(self._is_over))},
        )


def _diff(number: int, update: int) -> str:
    name = symbol(number)
    amounts = [(level, quantity(number, update, level)) for level in changed(update)]
    bids = ",".join(f'["{1000 - level}.00000000","0.{amount:03}00000"]' for level, amount in amounts)
    asks = ",".join(f'["{1001 + level}.00000000","0.{amount:03}00000"]' for level, amount in amounts)
    return (
        f'{{"stream":"{name.lower()}@depth@100ms","data":{{"e":"depthUpdate","E":1700000000000,"s":"{name}",'
        f'"U":{update},"u":{update},"b":[{bids}],"a":[{asks}]}}}}'
    )


def _text(levels: list[tuple[Decimal, Decimal]]) -> list[tuple[str, str]]:
    return [(f"{price:f}", f"{amount:f}") for price, amount in levels]


def _arguments() -> Iterator[float]:
    parser = argparse.ArgumentParser()
    for name in ("symbols", "rate", "resets", "seconds"):
        parser.add_argument(name, type=float)
    yield from vars(parser.parse_args()).values()


if __name__ == "__main__":
    pin(OTHER)
    count, rate, resets, seconds = _arguments()
    uvloop.run(Source(int(count), rate_hz=rate, resets=int(resets), seconds=seconds).run())
